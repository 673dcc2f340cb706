package relayd

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/time/rate"

	"kiosk-agent/relay/relayd/rules"
)

// Errors of the terminal list; their text is safe to show.
var (
	ErrTerminalID = errors.New(
		"a terminal's id is 1 to 32 characters, none of them a control character")
	ErrTerminalExists = errors.New(
		"there is such a terminal already: use rotate for a new token, or revoke it first")
	ErrOtherTerminal   = errors.New("this code is another terminal's; it was not used")
	ErrTerminalUnknown = errors.New("no such terminal")
	ErrTerminalRevoked = errors.New(
		"the terminal is revoked: add it again for a new token and hook URL")
	ErrMerchantName = errors.New(
		"a merchant's name is 1 to 32 characters, none of them a control character")
	ErrMerchantExists = errors.New(
		"there is such a merchant already: revoke it first for a new hook URL")
	ErrMerchantUnknown = errors.New(
		"no such merchant, or it is revoked: add it first with kiosk-relay merchant add")
	ErrGrace = errors.New("the old token may stay good for at most 24 h")
	ErrCode  = errors.New(
		"the code is unknown, used or expired: make a new one with kiosk-relay terminal code")
	ErrChanged = errors.New("changed elsewhere at this moment; try again")
)

const (
	maxIDChars = 32
	routeLen   = 22 // base64url characters of 128 bits

	merchantPrefix = "m." // of merchants' keys; a terminal's key has no dot
)

// terminals is the list, kept in the store, with an index in memory that a watcher feeds with what
// other relays write.
type terminals struct {
	kv      jetstream.KeyValue
	names   *names
	limit   rate.Limit
	burst   int
	shapes  rules.Shapes
	changed func(*terminal)
	watcher jetstream.KeyWatcher
	cancel  context.CancelFunc
	done    sync.WaitGroup

	writing sync.Mutex // one change at a time; other relays' are told by the revision
	mu      sync.RWMutex
	index   index
}

// openTerminals reads the list and follows it until close. changed is called after each change of a
// terminal in the index.
func openTerminals(ctx context.Context, s *store, limit float64, burst int,
	shapes rules.Shapes,
	changed func(*terminal)) (*terminals, error) {
	t := &terminals{
		kv: s.terminals, names: s.names, limit: rate.Limit(limit), burst: burst, shapes: shapes,
		changed: changed,
		index:   newIndex(),
	}
	// The watcher outlives ctx, which bounds only the opening.
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w, err := t.kv.WatchAll(watching)
	if err != nil {
		cancel()
		return nil, err
	}
	t.watcher, t.cancel = w, cancel
	for {
		select {
		case e := <-w.Updates():
			if e == nil { // the list is complete
				t.done.Go(t.follow)
				return t, nil
			}
			t.apply(e)
		case <-ctx.Done():
			t.close()
			return nil, ctx.Err()
		}
	}
}

func (t *terminals) follow() {
	for e := range t.watcher.Updates() {
		if e != nil {
			t.apply(e)
		}
	}
}

func (t *terminals) close() {
	_ = t.watcher.Stop()
	t.cancel()
	t.done.Wait()
}

func (t *terminals) apply(e jetstream.KeyValueEntry) {
	if e.Operation() != jetstream.KeyValuePut {
		return
	}
	if strings.HasPrefix(e.Key(), merchantPrefix) {
		var m merchantRecord
		if json.Unmarshal(e.Value(), &m) == nil && merchantKey(m.Name) == e.Key() &&
			len(m.Route) == sha256.Size {
			t.putMerchant(m, e.Revision())
		}
		return
	}
	var r record
	if json.Unmarshal(e.Value(), &r) == nil && r.sound() {
		t.putTerminal(r, e.Revision())
	}
}

// putTerminal indexes r unless something newer is there.
func (t *terminals) putTerminal(r record, revision uint64) {
	next := &terminal{record: r, revision: revision}
	t.mu.Lock()
	old := t.index.terminals[r.ID]
	if old != nil && old.revision >= revision {
		t.mu.Unlock()
		return
	}
	if old != nil {
		next.limits, next.canaries = old.limits, old.canaries
	} else {
		next.limits, next.canaries = newRouteLimits(t.limit, t.burst, t.shapes),
			rate.NewLimiter(rules.CanaryRate, rules.CanaryBurst)
	}
	t.index.putTerminal(next, old)
	t.mu.Unlock()
	t.changed(next)
}

// putMerchant indexes m unless something newer is there.
func (t *terminals) putMerchant(m merchantRecord, revision uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next, old := &merchant{merchantRecord: m, revision: revision}, t.index.merchants[m.Name]
	switch {
	case old == nil:
		next.limits = newRouteLimits(t.limit, t.burst, t.shapes)
	case old.revision >= revision:
		return
	default:
		next.limits = old.limits
	}
	t.index.putMerchant(next, old)
}

// byRouteText, byToken and byCode look up by hash: how long that takes tells nothing about what
// exists.
func (t *terminals) byRouteText(text string, now time.Time) (route, bool) {
	if len(text) != routeLen {
		return route{}, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	r, ok := t.index.routes[sha256.Sum256([]byte(text))]
	if ok && !r.until.IsZero() && !now.Before(r.until) {
		return route{}, false
	}
	return r, ok
}

func (t *terminals) byToken(token hash, now time.Time) *terminal {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e := t.index.tokens[token]; e != nil && e.allows(token, now) {
		return e
	}
	return nil
}

func (t *terminals) byCode(code hash) *terminal {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.index.codes[code]
}

func (t *terminals) get(id string) *terminal {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.index.terminals[id]
}

func (t *terminals) merchant(name string) *merchant {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.index.merchants[name]
}

// member returns the merchant's terminal that a canary's header names, nil for none.
func (t *terminals) member(merchant, handle string) *terminal {
	if id, ok := rules.FromHandle(handle); ok {
		if e := t.get(id); e != nil && e.RevokedAt == nil && e.Merchant == merchant {
			return e
		}
	}
	return nil
}

func (t *terminals) list() []record {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return sorted(t.index.terminals, func(e *terminal) record { return e.record })
}

func (t *terminals) listMerchants() []MerchantInfo {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return sorted(t.index.merchants, func(m *merchant) MerchantInfo {
		return MerchantInfo{m.Name, m.CreatedAt, m.RevokedAt, t.index.members(m.Name)}
	})
}
