package relayd

import (
	"crypto/sha256"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

type hash = [sha256.Size]byte

// recordVersion is written into each record. Unknown fields of newer programs are not kept: bump it
// with such a change.
const recordVersion = 2

// record is a terminal as it is stored.
type record struct {
	Version   int         `json:"v"`
	ID        string      `json:"id"`
	Merchant  string      `json:"merchant,omitempty"`
	Token     []byte      `json:"token_sha256"`
	Route     []byte      `json:"route_sha256"`
	CreatedAt relay.Time  `json:"created_at"`
	Epoch     string      `json:"epoch"` // of the store when the terminal was added
	RevokedAt *relay.Time `json:"revoked_at,omitempty"`
	// the one in use, until the new one is first used
	OldToken *passing `json:"old_token,omitempty"`
	OldRoute *passing `json:"old_route,omitempty"` // the one before the enrolment
	Code     *passing `json:"code,omitempty"`      // for one enrolment
}

// passing is the hash of something that ends by itself.
type passing struct {
	Hash  []byte     `json:"sha256"`
	Until relay.Time `json:"until"`
}

func newPassing(hash []byte, until time.Time) *passing {
	return &passing{hash, relay.Time{Time: until}}
}

func (p *passing) valid(now time.Time) bool { return p != nil && now.Before(p.Until.Time) }

func (p *passing) is(h hash, now time.Time) bool { return p.valid(now) && hash(p.Hash) == h }

func (p *passing) sound() bool { return p == nil || len(p.Hash) == sha256.Size }

// sound reports whether a record from the store can be used.
func (r record) sound() bool {
	return len(r.Token) == sha256.Size && len(r.Route) == sha256.Size && r.OldToken.sound() &&
		r.OldRoute.sound() && r.Code.sound()
}

// forRules is what the rules need to know of the terminal.
func (r record) forRules() rules.Terminal {
	return rules.Terminal{ID: r.ID, Merchant: r.Merchant, CreatedAt: r.CreatedAt.Time,
		Epoch: r.Epoch}
}

// allows says whether a token of this hash opens a connection now.
func (r record) allows(token hash, now time.Time) bool {
	return r.RevokedAt == nil && (hash(r.Token) == token || r.OldToken.is(token, now))
}

// renew gives the terminal another token. The one in use stays good for grace; after a rotation
// that nobody has made use of, that is the one before.
func (r *record) renew(token secret.Value, now time.Time, grace time.Duration) {
	inUse := r.Token
	if r.OldToken.valid(now) {
		inUse = r.OldToken.Hash
	}
	r.OldToken = nil
	if grace > 0 {
		r.OldToken = newPassing(inUse, now.Add(grace))
	}
	r.Token = sum(token.Reveal())
}

// terminal is a record in the index. It is never changed; a new one takes its place.
type terminal struct {
	record
	revision uint64
	limits   *routeLimits  // of its own route
	canaries *rate.Limiter // of its canaries
}

// merchantRecord is a merchant as it is stored: a route that leads to all its terminals.
type merchantRecord struct {
	Version   int         `json:"v"`
	Name      string      `json:"name"`
	Route     []byte      `json:"route_sha256"`
	CreatedAt relay.Time  `json:"created_at"`
	RevokedAt *relay.Time `json:"revoked_at,omitempty"`
}

// merchant is a merchantRecord in the index.
type merchant struct {
	merchantRecord
	revision uint64
	limits   *routeLimits
}

// routeLimits bound what a route takes.
type routeLimits struct {
	hooks, rest *rate.Limiter // rest nil: everything may be a notification
	reading     atomic.Int32  // bodies that are being read
}

// maxReading bounds the bodies that are read of one route at a time, for the memory that they need.
const maxReading = 64

func newRouteLimits(limit rate.Limit, burst int, shapes rules.Shapes) *routeLimits {
	l := &routeLimits{hooks: rate.NewLimiter(limit, burst)}
	if shapes != (rules.Shapes{}) {
		l.rest = rate.NewLimiter(limit/rules.RestShare, max(burst/rules.RestShare, 1))
	}
	return l
}

// read counts a body that is being read; false = there are too many.
func (l *routeLimits) read() bool {
	if l.reading.Add(1) > maxReading {
		l.reading.Add(-1)
		return false
	}
	return true
}

// route is where a hook URL leads.
type route struct {
	rules.Route
	limits   *routeLimits
	terminal string    // "" = a merchant's route
	until    time.Time // zero: for good
}

// owner names the route's owner for the log: the route itself is a capability.
func (r route) owner() []any {
	if r.Merchant != "" {
		return []any{"merchant", r.Merchant}
	}
	return []any{"terminal", r.terminal}
}

// keys are the hashes under which the index holds a terminal.
func (t *terminal) keys() (tokens, routes, codes []hash) {
	tokens, routes = []hash{hash(t.Token)}, []hash{hash(t.Route)}
	if t.OldToken != nil {
		tokens = append(tokens, hash(t.OldToken.Hash))
	}
	if t.OldRoute != nil {
		routes = append(routes, hash(t.OldRoute.Hash))
	}
	if t.Code != nil {
		codes = append(codes, hash(t.Code.Hash))
	}
	return tokens, routes, codes
}

// index is what hooks, tokens, codes and names are looked up in. Its owner guards it.
type index struct {
	terminals map[string]*terminal
	merchants map[string]*merchant
	routes    map[hash]route
	tokens    map[hash]*terminal
	codes     map[hash]*terminal
}

func newIndex() index {
	return index{map[string]*terminal{}, map[string]*merchant{}, map[hash]route{},
		map[hash]*terminal{}, map[hash]*terminal{}}
}

// putTerminal puts t in the place of old, which may be nil.
func (x *index) putTerminal(t, old *terminal) {
	if old != nil {
		tokens, routes, codes := old.keys()
		for _, k := range tokens {
			delete(x.tokens, k)
		}
		for _, k := range routes {
			delete(x.routes, k)
		}
		for _, k := range codes {
			delete(x.codes, k)
		}
	}
	x.terminals[t.ID] = t
	if t.RevokedAt != nil {
		return
	}
	tokens, _, codes := t.keys()
	for _, k := range tokens {
		x.tokens[k] = t
	}
	for _, k := range codes {
		x.codes[k] = t
	}
	own := route{terminal: t.ID, limits: t.limits,
		Route: rules.Route{To: rules.TerminalSource(t.ID), Limiter: t.limits.hooks,
			Rest: t.limits.rest, Canaries: t.canaries}}
	x.routes[hash(t.Route)] = own
	if t.OldRoute != nil {
		own.until = t.OldRoute.Until.Time
		x.routes[hash(t.OldRoute.Hash)] = own
	}
}

// putMerchant puts m in the place of old, which may be nil.
func (x *index) putMerchant(m, old *merchant) {
	if old != nil {
		delete(x.routes, hash(old.Route))
	}
	x.merchants[m.Name] = m
	if m.RevokedAt == nil {
		x.routes[hash(m.Route)] = route{limits: m.limits,
			Route: rules.Route{To: rules.MerchantSource(m.Name), Merchant: m.Name,
				Limiter: m.limits.hooks, Rest: m.limits.rest}}
	}
}

// members is how many terminals read the merchant's hooks.
func (x *index) members(name string) (n int) {
	for _, t := range x.terminals {
		if t.Merchant == name && t.RevokedAt == nil {
			n++
		}
	}
	return n
}

// sorted returns what pick makes of each entry, by its key.
func sorted[E, R any](entries map[string]E, pick func(E) R) []R {
	keys := make([]string, 0, len(entries))
	for k := range entries {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	out := make([]R, 0, len(keys))
	for _, k := range keys {
		out = append(out, pick(entries[k]))
	}
	return out
}
