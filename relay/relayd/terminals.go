package relayd

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/time/rate"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay"
)

// Errors of the terminal list; their text is safe to show.
var (
	ErrTerminalID      = errors.New("a terminal's id is 1 to 32 characters, none of them a control character")
	ErrTerminalExists  = errors.New("there is such a terminal already: use rotate for a new token, or revoke it first")
	ErrTerminalUnknown = errors.New("no such terminal")
	ErrTerminalRevoked = errors.New("the terminal is revoked: add it again for a new token and hook URL")
)

const (
	maxIDChars = 32
	routeLen   = 22 // base64url characters of 128 bits
)

type hash = [sha256.Size]byte

// record is a terminal as it is stored. Unknown fields of newer programs are not kept: bump Version with such a change.
type record struct {
	Version   int         `json:"v"`
	ID        string      `json:"id"`
	Merchant  string      `json:"merchant,omitempty"`
	Token     []byte      `json:"token_sha256"`
	Route     []byte      `json:"route_sha256"`
	CreatedAt relay.Time  `json:"created_at"`
	Epoch     string      `json:"epoch"` // of the store when the route was made
	RevokedAt *relay.Time `json:"revoked_at,omitempty"`
}

func (r record) sources() []source {
	out := []source{terminalSource(r.ID)}
	if r.Merchant != "" {
		out = append(out, merchantSource(r.Merchant))
	}
	return out
}

// terminal is a record in the index. It is never changed; a new one takes its place.
type terminal struct {
	record
	revision uint64
	limiter  *rate.Limiter
}

// terminals is the list, kept in the store, with an index in memory that a watcher feeds with what other relays write.
type terminals struct {
	kv      jetstream.KeyValue
	names   *names
	limit   rate.Limit
	burst   int
	changed func(*terminal)
	watcher jetstream.KeyWatcher
	cancel  context.CancelFunc
	done    sync.WaitGroup

	mu      sync.RWMutex
	byID    map[string]*terminal
	byRoute map[hash]*terminal
	byToken map[hash]*terminal
}

// openTerminals reads the list and follows it until close. changed is called after each change of the index.
func openTerminals(ctx context.Context, s *store, limit float64, burst int, changed func(*terminal)) (*terminals, error) {
	t := &terminals{
		kv: s.terminals, names: s.names, limit: rate.Limit(limit), burst: burst, changed: changed,
		byID: map[string]*terminal{}, byRoute: map[hash]*terminal{}, byToken: map[hash]*terminal{},
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
	var r record
	if e.Operation() != jetstream.KeyValuePut || json.Unmarshal(e.Value(), &r) != nil || len(r.Token) != len(hash{}) || len(r.Route) != len(hash{}) {
		return
	}
	t.index(r, e.Revision())
}

// index puts r in unless something newer is there.
func (t *terminals) index(r record, revision uint64) {
	next := &terminal{record: r, revision: revision}
	t.mu.Lock()
	old := t.byID[r.ID]
	if old != nil && old.revision >= revision {
		t.mu.Unlock()
		return
	}
	if old != nil {
		delete(t.byRoute, hash(old.Route))
		delete(t.byToken, hash(old.Token))
		next.limiter = old.limiter
	} else {
		next.limiter = rate.NewLimiter(t.limit, t.burst)
	}
	t.byID[r.ID] = next
	if r.RevokedAt == nil {
		t.byRoute[hash(r.Route)] = next
		t.byToken[hash(r.Token)] = next
	}
	t.mu.Unlock()
	t.changed(next)
}

// byRouteText and byTokenText look up by hash: how long that takes tells nothing about routes and tokens that exist.
func (t *terminals) byRouteText(route string) *terminal {
	if len(route) != routeLen {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byRoute[sha256.Sum256([]byte(route))]
}

func (t *terminals) byTokenText(token string) *terminal {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byToken[sha256.Sum256([]byte(token))]
}

func (t *terminals) get(id string) *terminal {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byID[id]
}

func (t *terminals) list() []record {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := make([]record, 0, len(t.byID))
	for _, e := range t.byID {
		out = append(out, e.record)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// add stores a new terminal, or a revoked one anew, with a fresh token and route.
func (t *terminals) add(ctx context.Context, id, merchant, epoch string, now time.Time) (token secret.Value, route string, err error) {
	if !validID(id) || merchant != "" && !validID(merchant) {
		return secret.Value{}, "", ErrTerminalID
	}
	old := t.get(id)
	if old != nil && old.RevokedAt == nil {
		return secret.Value{}, "", ErrTerminalExists
	}
	token, route = secret.Generate(), newRoute()
	r := record{Version: 1, ID: id, Merchant: merchant, CreatedAt: relay.Time{Time: now}, Epoch: epoch}
	r.Token, r.Route = sum(token.Reveal()), sum([]byte(route))
	if err := t.put(ctx, r, old); err != nil {
		return secret.Value{}, "", err
	}
	return token, route, nil
}

// rotate gives a terminal a new token, and a new route if asked to ("" otherwise); the old ones end at once.
func (t *terminals) rotate(ctx context.Context, id string, withRoute bool) (token secret.Value, route string, err error) {
	old := t.get(id)
	switch {
	case old == nil:
		return secret.Value{}, "", ErrTerminalUnknown
	case old.RevokedAt != nil:
		return secret.Value{}, "", ErrTerminalRevoked
	}
	r := old.record
	token = secret.Generate()
	r.Token = sum(token.Reveal())
	if withRoute {
		route = newRoute()
		r.Route = sum([]byte(route))
	}
	if err := t.put(ctx, r, old); err != nil {
		return secret.Value{}, "", err
	}
	return token, route, nil
}

// revoke ends a terminal's token and route. What it was sent stays until it ages out.
func (t *terminals) revoke(ctx context.Context, id string, now time.Time) error {
	old := t.get(id)
	if old == nil {
		return ErrTerminalUnknown
	}
	if old.RevokedAt != nil {
		return nil
	}
	r := old.record
	r.RevokedAt = &relay.Time{Time: now}
	return t.put(ctx, r, old)
}

// put writes r where old stands, or where nothing stands, and indexes it at once.
func (t *terminals) put(ctx context.Context, r record, old *terminal) error {
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var revision uint64
	if old == nil {
		revision, err = t.kv.Create(ctx, encode(r.ID), value)
	} else {
		revision, err = t.kv.Update(ctx, encode(r.ID), value, old.revision)
	}
	if errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("%w (changed elsewhere at this moment; try again)", ErrTerminalExists)
	}
	if err == nil {
		err = t.names.sync(terminalsStream)
	}
	if err != nil {
		return err
	}
	t.index(r, revision)
	return nil
}

func sum(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

func newRoute() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program rather than returning weak bytes
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func validID(id string) bool {
	if id == "" || !utf8.ValidString(id) || utf8.RuneCountInString(id) > maxIDChars {
		return false
	}
	for _, r := range id {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}
