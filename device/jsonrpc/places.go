package jsonrpc

import (
	"cmp"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// places are the WebSockets that tills have. One of a till that has as many as it may takes the
// place of that one of its own from which nothing has come for longest: a network that went away
// leaves connections behind that nobody will ever end. No till takes another one's.
type places struct {
	began   time.Time
	held    map[string][]*place // by till, in the order of their coming
	leaving map[string]int      // those that have lost their place and are not closed yet
	total   int                 // places that are held
}

func newPlaces() places {
	return places{began: time.Now(), held: make(map[string][]*place),
		leaving: make(map[string]int)}
}

// place is one connection's. The fields without a word are the server's, under its lock.
type place struct {
	till    string
	began   time.Time
	heard   atomic.Int64 // when something came from its peer, after began; set by its connection
	session *session     // nil before the handshake is over
	lost    bool
}

func (p *place) hear() { p.heard.Store(int64(time.Since(p.began))) }

// enter gives a connection its place, or says why it gets none. One that has not brought its till's
// token yet takes none from others: replaces is false.
func (s *Server) enter(till string, replaces bool) (*place, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pl := &s.places
	own, full := pl.held[till], pl.total >= s.cfg.MaxConns
	switch {
	case s.closing:
		return nil, errors.New("the terminal's agent stops")
	case full && len(own) == 0:
		return nil, errors.New("too many connections")
	case !full && len(own) < s.cfg.MaxConnsPerTill:
	case !replaces, pl.leaving[till] >= s.cfg.MaxConnsPerTill: // each takes a moment to close
		return nil, errors.New("too many connections of this till")
	default:
		pl.lose(slices.MinFunc(own, func(a, b *place) int {
			return cmp.Compare(a.heard.Load(), b.heard.Load())
		}))
		s.log.Info("till connection replaced by a newer one", "till", till)
	}
	p := &place{till: till, began: pl.began}
	p.hear()
	pl.held[till] = append(pl.held[till], p)
	pl.total++
	s.wg.Add(1)
	return p, nil
}

// lose takes a connection's place, and ends it.
func (pl *places) lose(p *place) {
	pl.remove(p)
	p.lost = true
	pl.leaving[p.till]++
	if p.session != nil {
		p.session.end(EndReplaced)
	}
}

func (pl *places) remove(p *place) {
	pl.held[p.till] = slices.DeleteFunc(pl.held[p.till], func(x *place) bool { return x == p })
	pl.total--
}

// seat says which session is at a place; it ends at once where the place is lost already.
func (s *Server) seat(p *place, session *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.session = session
	if p.lost {
		session.end(EndReplaced)
	}
}

func (s *Server) exit(p *place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.lost {
		s.places.leaving[p.till]--
	} else {
		s.places.remove(p)
	}
	s.wg.Done()
}
