package relayd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay"
)

// peer is a bare WebSocket connection, for what the client would never do.
type peer struct {
	t    *testing.T
	conn *websocket.Conn
}

func dial(t *testing.T, r *rig, c Credentials) *peer {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{relay.Subprotocol}}
	header := http.Header{"Authorization": {"Bearer " + string(c.Token.Reveal())}}
	conn, _, err := d.Dial(strings.Replace(r.PublicURL(), "http", "ws", 1)+"/v1/stream", header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &peer{t, conn}
}

func (p *peer) send(m relay.Message) {
	p.t.Helper()
	data, err := relay.Encode(m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.raw(string(data))
}

func (p *peer) raw(text string) {
	p.t.Helper()
	if err := p.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

// next returns the next message of type M, which must be the next message at all.
func next[M relay.Message](p *peer) M {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	_, data, err := p.conn.ReadMessage()
	if err != nil {
		p.t.Fatal(err)
	}
	m, err := relay.Decode(data)
	if err != nil {
		p.t.Fatal(err)
	}
	want, ok := m.(M)
	if !ok {
		p.t.Fatalf("got %#v, want %T", m, want)
	}
	return want
}

// closed reads until the connection is closed, and returns the code.
func (p *peer) closed() int {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, _, err := p.conn.ReadMessage(); err != nil {
			var ce *websocket.CloseError
			if !errors.As(err, &ce) {
				p.t.Fatalf("not closed properly: %v", err)
			}
			return ce.Code
		}
	}
}

// hello greets with a journal head and without a position, as a new terminal does, and returns the
// welcome.
func (p *peer) hello(head relay.Head, supersedes *relay.Head) relay.Welcome {
	p.t.Helper()
	p.send(relay.Hello{Journal: head, Supersedes: supersedes})
	return next[relay.Welcome](p)
}

func TestReplacedRevokedRotatedShutdown(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	head := relay.Head{JournalID: "j"}
	first := dial(t, r, c)
	first.hello(head, nil)
	second := dial(t, r, c)
	second.hello(head, nil)
	if code := first.closed(); code != relay.CloseReplaced {
		t.Errorf("replaced: code %d", code)
	}
	renewed, err := r.RotateTerminal(t.Context(), "K001", false, 0)
	if err != nil || renewed.HookURL != "" {
		t.Fatalf("rotate: %q, %v", renewed.HookURL, err)
	}
	if code := second.closed(); code != relay.CloseRevoked {
		t.Errorf("rotated: code %d", code)
	}
	mustPost(t, c.HookURL, "the route is still the old one")
	third := dial(t, r, renewed)
	third.hello(head, nil)
	if err := r.RevokeTerminal(t.Context(), "K001"); err != nil {
		t.Fatal(err)
	}
	if code := third.closed(); code != relay.CloseRevoked {
		t.Errorf("revoked: code %d", code)
	}
	again := r.add("K001") // a revoked terminal can be added anew
	fourth := dial(t, r, again)
	fourth.hello(head, nil)
	r.stop()
	if code := fourth.closed(); code != websocket.CloseGoingAway {
		t.Errorf("shutdown: code %d", code)
	}
}

func TestJournalHead(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	at := func(id string, seq uint64) relay.Head {
		return relay.Head{JournalID: id, Seq: seq, Hash: fmt.Sprint(id, seq)}
	}
	forked := at("j", 9)
	forked.Hash = "another"
	for _, step := range []struct {
		name       string
		head       relay.Head
		supersedes *relay.Head
		wantBefore *relay.Head
	}{
		{"first", at("j", 3), nil, nil},
		{"grown", at("j", 9), nil, ptr(at("j", 3))},
		{"rolled back", at("j", 5), nil, ptr(at("j", 9))},
		{"forked", forked, nil, ptr(at("j", 9))},
		{"cloned or lost", at("k", 100), nil, ptr(at("j", 9))},
		{"recovered from what is not known here", at("k", 100), ptr(at("j", 8)), ptr(at("j", 9))},
		{"recovered", at("k", 1), ptr(at("j", 9)), ptr(at("j", 9))},
		{"still says so", at("k", 2), ptr(at("j", 9)), ptr(at("k", 1))},
		{"after", at("k", 2), nil, ptr(at("k", 2))},
	} {
		p := dial(t, r, c)
		w := p.hello(step.head, step.supersedes)
		if (w.Head == nil) != (step.wantBefore == nil) || w.Head != nil &&
			*w.Head != *step.wantBefore {
			t.Errorf("%s: welcome names %+v, want %+v", step.name, w.Head, step.wantBefore)
		}
		for { // what follows the welcome shows that the hello's head has been dealt with
			if _, data, err := p.conn.ReadMessage(); err != nil ||
				bytes.Contains(data, []byte("caught_up")) {
				break
			}
		}
		_ = p.conn.Close()
	}
	const said = `place of the one that was known here" terminal=K001 was=j was_seq=9 is=k is_seq=1`
	if n := strings.Count(r.log.String(), "has taken the place"); n != 1 ||
		!strings.Contains(r.log.String(), said) {
		t.Errorf("the log tells of %d journals that took another's place, want one: …%s", n, said)
	}
}

func ptr[T any](v T) *T { return &v }

// TestAckCarriesHead: heads told by acks are kept when the connection ends, and survive a restart.
func TestAckCarriesHead(t *testing.T) {
	dir := t.TempDir()
	r := startRelay(t, dir, nil)
	c := r.add("K001")
	m := newMemory("j")
	mustPost(t, c.HookURL, "one")
	expect(t, meet(t, r, c, m), "one", "mark")
	for deadline := time.Now().Add(patience); ; {
		known, _, err := r.heads.Head(t.Context(), "K001")
		if err == nil && known != nil && *known == m.head {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("known head %+v, want %+v: %v", known, m.head, err)
		}
	}
	r.stop()
	r = startRelay(t, dir, nil)
	a := startAgent(t, r, c, m, nil)
	known := await[relay.HeadKnown](a, nil)
	if known.Head == nil || *known.Head != m.head {
		t.Errorf("known head %+v, want %+v", known.Head, m.head)
	}
}

func TestWindow(t *testing.T) {
	r := startRelay(t, t.TempDir(), func(c *Config) { c.InFlight = 3 })
	c := r.add("K001")
	for i := range 10 {
		mustPost(t, c.HookURL, fmt.Sprint(i))
	}
	p := dial(t, r, c)
	head := relay.Head{JournalID: "j"}
	p.hello(head, nil)
	var got []relay.Delivery
	for range 3 {
		got = append(got, next[relay.Delivery](p))
	}
	p.send(relay.Ack{Position: got[1].Position, Journal: head}) // cumulative: two places free
	got = append(got, next[relay.Delivery](p), next[relay.Delivery](p))
	for i, d := range got {
		if string(d.Hook.Body) != fmt.Sprint(i) {
			t.Errorf("delivery %d is %q", i, d.Hook.Body)
		}
	}
	p.send(relay.Ack{Position: got[1].Position, Journal: head})
	if code := p.closed(); code != websocket.ClosePolicyViolation {
		t.Errorf("ack of what is not in flight: code %d", code)
	}
}

// TestFullWindowSendsNothing: three pings later, each of which reads the store too, nothing more
// has come.
func TestFullWindowSendsNothing(t *testing.T) {
	r := startRelay(t, t.TempDir(), func(c *Config) { c.InFlight, c.Ping = 3, 50*time.Millisecond })
	c := r.add("K001")
	for i := range 10 {
		mustPost(t, c.HookURL, fmt.Sprint(i))
	}
	p := dial(t, r, c)
	p.hello(relay.Head{JournalID: "j"}, nil)
	for range 3 {
		next[relay.Delivery](p)
	}
	pings, enough := 0, errors.New("enough")
	p.conn.SetPingHandler(func(string) error {
		if pings++; pings == 3 {
			return enough
		}
		return p.conn.WriteControl(websocket.PongMessage, nil, time.Now().Add(patience))
	})
	if _, data, err := p.conn.ReadMessage(); !errors.Is(err, enough) {
		t.Errorf("got %.80s, %v", data, err)
	}
}

func TestProtocolViolations(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	for name, tc := range map[string]struct {
		text string
		want int
	}{
		"not JSON":     {"hello", websocket.CloseUnsupportedData},
		"unknown type": {`{"type":"steal"}`, websocket.CloseUnsupportedData},
		"ack before hello": {`{"type":"ack","position":{"epoch":"e","seq":1,` +
			`"id":"i"},"journal":{"id":"j","seq":1,"hash":""}}`, websocket.ClosePolicyViolation},
		"hello, no journal": {`{"type":"hello","position":null}`, websocket.CloseUnsupportedData},
		"too long": {`{"type":"hello","agent":"` + strings.Repeat("x", relay.MaxToRelay) +
			`"}`, websocket.CloseMessageTooBig},
	} {
		p := dial(t, r, c)
		p.raw(tc.text)
		if code := p.closed(); code != tc.want {
			t.Errorf("%s: code %d, want %d", name, code, tc.want)
		}
	}
}

func TestForgedAndOldCanaries(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	if status := canaryStatus(t, c.HookURL); status != http.StatusOK { // older than the connection
		t.Fatalf("status %d", status)
	}
	p := dial(t, r, c)
	p.hello(relay.Head{JournalID: "j"}, nil)
	if d := next[relay.Delivery](p); d.Kind != relay.KindMark {
		t.Errorf("got %+v, want the mark only", d)
	}
	next[relay.CaughtUpMessage](p)
	canaryStatus(t, c.HookURL)
	if d := next[relay.Delivery](p); d.Kind != relay.KindCanary ||
		d.Nonce != "forged-nonce-0123456789" {
		t.Errorf("got %+v, want the canary", d)
	}

	m := newMemory("j")
	a := startAgent(t, r, c, m, func(cfg *relay.Config) { cfg.CanaryEvery = time.Hour })
	own := await[relay.CanaryReturned](a, nil)
	canaryStatus(t, c.HookURL) // forged
	mustPost(t, c.HookURL, "after the forged one")
	a.want("mark", "after the forged one")
	if last := a.client.State().LastCanary; last != own.SentAt {
		t.Error("a forged canary counted")
	}
}

// TestManyIdleTerminals: connections cost the store nothing.
func TestManyIdleTerminals(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	var peers []*peer
	for i := range 50 {
		p := dial(t, r, r.add(fmt.Sprintf("kiosk %d/ü", i)))
		p.hello(relay.Head{JournalID: "j"}, nil)
		next[relay.Delivery](p)
		next[relay.CaughtUpMessage](p)
		peers = append(peers, p)
	}
	info, err := r.store.hooks.Info(t.Context())
	if err != nil || info.State.Consumers != 0 {
		t.Errorf("%d consumers on the hooks, %v", info.State.Consumers, err)
	}
	kv, err := r.store.js.Stream(context.Background(), "KV_TERMINALS")
	if err != nil || kv.CachedInfo().State.Consumers != 1 {
		t.Errorf("%d consumers on the terminals, want the watcher: %v",
			kv.CachedInfo().State.Consumers, err)
	}
	if n := r.store.nc.NumSubscriptions(); n > 5 {
		t.Errorf("%d subscriptions", n)
	}
	if got := r.hub.count(); got != len(peers) {
		t.Errorf("%d connected", got)
	}
}

// TestOlderNewsOfATerminal: what another relay wrote arrives late, and brings no revoked token
// back.
func TestOlderNewsOfATerminal(t *testing.T) {
	list := &terminals{index: newIndex(), changed: func(*terminal) {}}
	token := secret.Generate()
	r := record{ID: "K001", Token: sum(token.Reveal()), Route: sum([]byte("r"))}
	revoked := r
	revoked.RevokedAt = &relay.Time{Time: time.Now()}
	list.putTerminal(revoked, 5)
	list.putTerminal(r, 4)
	if got := list.byToken(hash(r.Token), time.Now()); got != nil {
		t.Errorf("the revoked token opens a connection: %+v", got.record)
	}
}
