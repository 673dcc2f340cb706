package relayd

import (
	"sync"
	"time"

	"kiosk-agent/relay/relayd/rules"
)

// hub knows the connections of this process: one per terminal, woken by the sources that they read.
type hub struct {
	mu        sync.Mutex
	stopped   bool
	terminals map[string]*session
	sources   map[rules.Source]map[*session]struct{}
	entered   map[string]int // connections of a terminal that begin, live or end
	wg        sync.WaitGroup
}

// maxEntered is how many connections of one terminal there may be at a time: the live one, and
// others that were replaced and are not gone yet.
const maxEntered = 4

func newHub() *hub {
	return &hub{terminals: map[string]*session{}, entered: map[string]int{},
		sources: map[rules.Source]map[*session]struct{}{}}
}

// enter counts a connection of a terminal, unless there are too many. Who has entered must exit.
func (h *hub) enter(terminal string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.entered[terminal] >= maxEntered {
		return false
	}
	h.entered[terminal]++
	return true
}

func (h *hub) exit(terminal string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.entered[terminal]--; h.entered[terminal] == 0 {
		delete(h.entered, terminal)
	}
}

// join makes s the connection of its terminal; an older one is told to go. It reports false during
// shutdown. Who has joined must leave.
func (h *hub) join(s *session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return false
	}
	if old := h.terminals[s.term.ID]; old != nil {
		h.forget(old)
		old.close(closeReplaced, "a newer connection has taken over")
	}
	h.terminals[s.term.ID] = s
	for _, src := range s.sources {
		if h.sources[src] == nil {
			h.sources[src] = map[*session]struct{}{}
		}
		h.sources[src][s] = struct{}{}
	}
	h.wg.Add(1)
	return true
}

func (h *hub) leave(s *session) {
	h.mu.Lock()
	h.forget(s)
	h.mu.Unlock()
	h.wg.Done()
}

func (h *hub) forget(s *session) {
	if h.terminals[s.term.ID] == s {
		delete(h.terminals, s.term.ID)
	}
	for _, src := range s.sources {
		delete(h.sources[src], s)
		if len(h.sources[src]) == 0 {
			delete(h.sources, src)
		}
	}
}

func (h *hub) wake(src rules.Source) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.sources[src] {
		s.wakeUp()
	}
}

// replaceOthers closes the connection of a terminal if it is older than the one named. Names are
// ULIDs, so they tell: an announcement that comes late must not end the connection that has
// replaced its own.
func (h *hub) replaceOthers(terminal, conn string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.terminals[terminal]; s != nil && s.id < conn {
		s.close(closeReplaced, "a newer connection has taken over")
	}
}

// changed closes a terminal's connection when its record no longer allows it.
func (h *hub) changed(t *terminal, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.terminals[t.ID]
	if s == nil {
		return
	}
	if !t.allows(s.token, now) {
		s.close(closeRevoked, "the token is no longer valid")
	}
}

func (h *hub) connected(terminal string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.terminals[terminal] != nil
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.terminals)
}

// closeEach asks every connection to go; new ones may come.
func (h *hub) closeEach(code int, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.terminals {
		s.close(code, why)
	}
}

// closeAll asks every connection to go and lets none in any more.
func (h *hub) closeAll(code int, why string) {
	h.mu.Lock()
	h.stopped = true
	h.mu.Unlock()
	h.closeEach(code, why)
}

func (h *hub) wait() { h.wg.Wait() }
