package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"kiosk-agent/relay"
)

// message is one entry of the relay's store.
type message struct {
	id       string
	kind     string // "" = of another terminal
	nonce    string
	body     []byte
	received time.Duration // true time
}

// relayServer is the relay as docs/RELAY-PROTOCOL.md has it: a store with an epoch, one terminal
// that is of interest, and heads. Sequence i+1 is store[i].
type relayServer struct {
	w         *World
	epochs    int // ever made
	epoch     string
	store     []message
	ids       int
	head      *relay.Head // durable
	told      *relay.Head // as told by acks, not durable yet
	session   *relaySession
	downUntil time.Duration
	copied    *storeCopy
	everGap   bool
}

// storeCopy is a backup of the relay's store.
type storeCopy struct {
	epoch string
	store []message
	head  *relay.Head
}

// relaySession is the relay's side of one connection.
type relaySession struct {
	conn     *conn
	cursor   int // newest sequence that was read
	helloSeq int
	inFlight []relay.Position
	caughtUp bool
	greeted  bool
}

const window = 8 // hooks and marks without an ack

func newRelayServer(w *World) *relayServer {
	r := &relayServer{w: w}
	r.makeStore()
	return r
}

func (r *relayServer) makeStore() {
	r.epochs++
	r.epoch, r.store = fmt.Sprintf("epoch-%d", r.epochs), nil
	for range r.w.rng.IntN(4) {
		r.add(message{})
	}
}

func (r *relayServer) add(m message) {
	r.ids++
	m.id, m.received = fmt.Sprintf("MSG%d", r.ids), r.w.t
	r.store = append(r.store, m)
}

// hook takes a request at the hook URL; done hears of the answer.
func (r *relayServer) hook(m message, d time.Duration, done func(error)) {
	w := r.w
	w.after(d, func() {
		if w.t < r.downUntil || m.kind == relay.KindHook && w.hit(hookRefused) {
			done(errors.New("HTTP status 503"))
			return
		}
		r.add(m)
		if m.kind == relay.KindHook {
			w.say("relay", "stores hook %s/%d", r.epoch, len(r.store))
		}
		done(nil)
		if w.chance(0.2) {
			r.add(message{}) // somebody else's
		}
		r.pump()
	})
}

// hears takes a message of the agent.
func (r *relayServer) hears(k *conn, m relay.Message) {
	if r.w.t < r.downUntil {
		k.cut("the relay is down")
		return
	}
	switch m := m.(type) {
	case relay.Hello:
		r.greet(k, m)
	case relay.Ack:
		if k.session == nil || !k.session.greeted {
			r.w.fail("the client acknowledges before its hello")
		}
		r.onAck(k.session, m)
	default:
		r.w.fail("the client sends %T", m)
	}
}

func (r *relayServer) greet(k *conn, h relay.Hello) {
	if old := r.session; old != nil && old.conn != k {
		old.conn.end(&relay.CloseError{Code: relay.CloseReplaced})
	}
	s := &relaySession{conn: k, greeted: true, helloSeq: len(r.store)}
	k.session, r.session = s, s
	r.saveHead()
	known := r.head
	reason := r.position(s, h, known)
	if r.follows(known, h.Journal, h.Supersedes) {
		head := h.Journal
		r.head = &head
	}
	r.w.say("relay", "welcome, gap %q", reason)
	k.toAgent(relay.Welcome{
		Epoch: r.epoch, First: min(1, uint64(len(r.store))), Last: uint64(len(r.store)),
		Head: known,
		Now:  relay.Time{Time: r.w.trueWall()}, RetentionS: 604800, InFlight: window, PingS: 15,
	})
	if reason != "" {
		r.everGap = true
		k.toAgent(relay.Gap{Reason: reason, Position: h.Position})
	}
	if s.cursor == 0 && !slices.ContainsFunc(r.store,
		func(m message) bool { return m.kind == relay.KindMark }) {
		r.add(message{kind: relay.KindMark})
	}
	r.pump()
}

// position judges a hello and sets where reading begins.
func (r *relayServer) position(s *relaySession, h relay.Hello, known *relay.Head) (gap string) {
	p := h.Position
	switch {
	case p == nil && r.epochs == 1 &&
		(known == nil || known.JournalID == h.Journal.JournalID && h.Journal.Seq >= known.Seq):
		return ""
	case p == nil:
		return relay.GapNoPosition
	case p.Epoch != r.epoch:
		return relay.GapEpochChanged
	case p.Seq > uint64(len(r.store)):
		return relay.GapOutOfRange
	}
	if m := r.store[p.Seq-1]; m.id != p.ID || m.kind == "" || m.kind == relay.KindCanary {
		return relay.GapIDMismatch
	}
	s.cursor = int(p.Seq)
	return ""
}

// follows says whether a head may take the place of the known one.
func (r *relayServer) follows(known *relay.Head, next relay.Head, supersedes *relay.Head) bool {
	switch {
	case known == nil, supersedes != nil && *supersedes == *known:
		return true
	default:
		return next.JournalID == known.JournalID && next.Seq > known.Seq
	}
}

func (r *relayServer) onAck(s *relaySession, a relay.Ack) {
	head := a.Journal
	if r.told == nil {
		r.w.after(time.Second, r.saveHead)
	}
	r.told = &head
	i := slices.Index(s.inFlight, a.Position)
	if i < 0 {
		r.w.fail("the client acknowledges %s/%d, which is not in flight", a.Position.Epoch,
			a.Position.Seq)
	}
	s.inFlight = s.inFlight[i+1:]
	r.pump()
}

// saveHead makes durable what acks have told, at most a second later.
func (r *relayServer) saveHead() {
	if r.told != nil && r.follows(r.head, *r.told, nil) {
		r.head = r.told
	}
	r.told = nil
}

// pump sends what the store holds after the cursor, as far as the window allows.
func (r *relayServer) pump() {
	s := r.session
	if s == nil || !s.conn.up {
		return
	}
	for s.cursor < len(r.store) && len(s.inFlight) < window && s.conn.up {
		m := r.store[s.cursor]
		s.cursor++
		if m.kind == "" || m.kind == relay.KindCanary && s.cursor <= s.helloSeq {
			continue
		}
		d := relay.Delivery{
			Position: relay.Position{Epoch: r.epoch, Seq: uint64(s.cursor), ID: m.id}, Kind: m.kind,
			Nonce:      m.nonce,
			ReceivedAt: wallStart.Add(m.received).Truncate(time.Millisecond),
		}
		if m.kind == relay.KindHook {
			d.Hook = relay.Hook{Method: "POST", Body: m.body}
		}
		if m.kind != relay.KindCanary {
			s.inFlight = append(s.inFlight, d.Position)
		}
		s.conn.toAgent(d)
	}
	if s.cursor >= len(r.store) && !s.caughtUp && s.conn.up {
		s.caughtUp = true
		s.conn.toAgent(relay.CaughtUpMessage{})
	}
}

// gone: a connection has ended.
func (r *relayServer) gone(k *conn) {
	if r.session != nil && r.session.conn == k {
		r.session = nil
	}
}

// restarts is a crash of the relay: heads told in the last second are forgotten. What it answered
// 200 to is there.
func (r *relayServer) restarts() {
	r.w.say("relay", "crashes")
	r.told = nil
	r.dropSession("the relay crashed")
	r.downUntil = r.w.t + r.w.between(100*time.Millisecond, 60*time.Second)
}

func (r *relayServer) dropSession(why string) {
	if r.session != nil {
		r.session.conn.cut(why)
	}
	r.session = nil
}

// copies takes a backup of the store.
func (r *relayServer) copies() {
	r.copied = &storeCopy{r.epoch, slices.Clone(r.store), r.head}
}

// restored puts the backup in place. The operator says so, or forgets to.
func (r *relayServer) restored(saidSo bool) {
	c := r.copied
	r.w.say("relay", "restores its store: %d messages of %d, --restored %t", len(c.store),
		len(r.store), saidSo)
	r.dropSession("the relay is restored")
	r.epoch, r.store, r.head, r.told = c.epoch, slices.Clone(c.store), c.head, nil
	if saidSo {
		r.epochs++
		r.epoch = fmt.Sprintf("epoch-%d", r.epochs)
	}
	r.downUntil = r.w.t + r.w.between(0, 30*time.Second)
}

// madeAnew is a store that is lost with everything in it.
func (r *relayServer) madeAnew() {
	r.w.say("relay", "loses its store and makes a new one")
	r.dropSession("the relay's store was made anew")
	r.head, r.told = nil, nil
	r.makeStore()
}

// flood stores deliveries that are none of ours, or that do not open.
func (r *relayServer) flood(n int) {
	for range n {
		r.add(message{kind: relay.KindHook, body: fmt.Appendf(nil, `junk %d`, r.ids)})
	}
	r.w.say("relay", "is flooded with %d deliveries", n)
	r.pump()
}
