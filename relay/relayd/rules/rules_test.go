package rules_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

// TestJudge: docs/RELAY-PROTOCOL.md, "How a hello's position is judged", case by case.
func TestJudge(t *testing.T) {
	own := rules.TerminalSource("K001")
	for name, tc := range map[string]struct {
		prepare func(r *rig, h *relay.Hello)
		gap     string
	}{
		"new": {func(_ *rig, h *relay.Hello) { h.Journal = at("j", 0) }, ""},
		"not known, and it has facts": {func(*rig, *relay.Hello) {},
			relay.GapNoPosition},
		"added under another epoch": {func(r *rig, _ *relay.Hello) { r.of.Epoch = "e0" },
			relay.GapNoPosition},
		"added longer ago than is held": {func(r *rig, _ *relay.Hello) { r.now = r.now.Add(week) },
			relay.GapNoPosition},
		"another journal is known": {func(r *rig, _ *relay.Hello) { r.known(at("other", 1)) },
			relay.GapNoPosition},
		"a newer head is known": {func(r *rig, _ *relay.Hello) { r.known(at("j", 8)) },
			relay.GapNoPosition},
		"an older head is known": {func(r *rig, _ *relay.Hello) { r.known(at("j", 6)) }, ""},
		"its own hook":           {func(r *rig, h *relay.Hello) { r.stands(h, own, "hook") }, ""},
		"its own mark":           {func(r *rig, h *relay.Hello) { r.stands(h, own, "mark") }, ""},
		"its merchant's hook": {func(r *rig, h *relay.Hello) {
			r.stands(h, rules.MerchantSource("M1"), "hook")
		}, ""},
		"a canary": {func(r *rig, h *relay.Hello) { r.stands(h, own, "canary") },
			relay.GapIDMismatch},
		"another terminal's": {func(r *rig, h *relay.Hello) {
			r.stands(h, rules.TerminalSource("K002"), "hook")
		}, relay.GapIDMismatch},
		"another merchant's": {func(r *rig, h *relay.Hello) {
			r.stands(h, rules.MerchantSource("K001"), "hook")
		}, relay.GapIDMismatch},
		"another id": {func(r *rig, h *relay.Hello) {
			r.stands(h, own, "hook")
			h.Position.ID += "x"
		}, relay.GapIDMismatch},
		"another epoch": {func(r *rig, h *relay.Hello) {
			r.stands(h, own, "hook")
			h.Position.Epoch = "e0"
		}, relay.GapEpochChanged},
		"aged out": {func(r *rig, h *relay.Hello) {
			r.stands(h, own, "hook")
			r.now = r.now.Add(week)
		}, relay.GapOutOfRange},
		"not there yet": {func(r *rig, h *relay.Hello) {
			r.stands(h, own, "hook")
			h.Position.Seq++
		}, relay.GapOutOfRange},
	} {
		t.Run(name, func(t *testing.T) {
			r, h := newRig(t), relay.Hello{Journal: at("j", 7)}
			tc.prepare(r, &h)
			g, err := r.hello(h)
			if err != nil || g.Gap != tc.gap {
				t.Errorf("gap %q, %v, want %q", g.Gap, err, tc.gap)
			}
			said := strings.Join(r.pump(), "; ")
			if strings.HasPrefix(said, "gap ") != (tc.gap != "") {
				t.Errorf("a gap %q is told as: %s", tc.gap, said)
			}
		})
	}
}

func (r *rig) known(h relay.Head) {
	if err := r.store.PutHead(context.Background(), "K001", h, 0); err != nil {
		r.t.Fatal(err)
	}
}

// stands stores a message, at which the hello's position then is.
func (r *rig) stands(h *relay.Hello, of rules.Source, kind string) {
	e := rules.Envelope{ID: r.id(), Kind: kind, ReceivedAt: relay.Time{Time: r.now}}
	if kind == relay.KindCanary {
		e.Nonce = "nonce-0123456789"
	}
	if err := r.store.Put(context.Background(), of, e); err != nil {
		r.t.Fatal(err)
	}
	h.Position = &relay.Position{Epoch: "e1", Seq: r.store.Last(), ID: e.ID}
}

// TestHandsOut: the order, the window, what is passed over, and where the next connection begins.
func TestHandsOut(t *testing.T) {
	r := newRig(t)
	old := "old-canary-0123456"
	r.post(r.route, "of the merchant", "")
	r.post(r.own, "own", "")
	r.post(r.route, "", old)
	if err := r.store.PutRaw(r.own.To.Hooks(), []byte(`{"kind":"later"}`)); err != nil {
		t.Fatal(err)
	}
	_, _ = r.hello(relay.Hello{Journal: at("j", 0)})
	r.want(r.pump(), "hook 1 of the merchant", "hook 2 own", "mark 5 ")
	first := relay.Position{Epoch: "e1", Seq: 1, ID: "ID1"}
	fresh := "new-canary-0123456"
	r.post(r.route, "after", "")
	r.post(r.route, "", fresh)
	r.want(r.pump()) // the window is full
	if _, err := r.session.Hear(r.now,
		relay.Ack{Position: first, Journal: at("j", 2)}); err != nil {
		t.Fatal(err)
	}
	r.want(r.pump(), "hook 6 after") // the canary waits behind the full window
	second := relay.Position{Epoch: "e1", Seq: 2, ID: "ID2"}
	mark := relay.Position{Epoch: "e1", Seq: 5, ID: "ID4"} // and with it what came before
	if _, err := r.session.Hear(r.now,
		relay.Ack{Position: mark, Journal: at("j", 3)}); err != nil {
		t.Fatal(err)
	}
	r.want(r.pump(), "canary 7 "+fresh, "caught up")
	var broken rules.Violation
	if _, err := r.session.Hear(r.now, relay.Ack{Position: second,
		Journal: at("j", 3)}); !errors.As(err, &broken) {
		t.Errorf("an ack of what is not in flight: %v", err)
	}
	if g, err := r.hello(relay.Hello{Position: &second, Journal: at("j", 3)}); g.Gap != "" ||
		err != nil {
		t.Errorf("gap %q, %v", g.Gap, err)
	}
	r.want(r.pump(), "mark 5 ", "hook 6 after", "caught up") // no canary older than the connection
}

func (r *rig) want(got []string, want ...string) {
	r.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.t.Errorf("(-want +got):\n%s", diff)
	}
}

// lateStore stores something on the terminal's own source, and something behind it on the
// merchant's, right after the first was found empty.
type lateStore struct {
	rules.Store
	late func()
}

func (s *lateStore) Next(ctx context.Context, of rules.Source,
	after uint64) (*rules.Stored, error) {
	m, err := s.Store.Next(ctx, of, after)
	if late := s.late; m == nil && late != nil {
		s.late = nil
		late()
	}
	return m, err
}

// TestLooksBack: a message that is stored on the first source while the second is asked comes
// first.
func TestLooksBack(t *testing.T) {
	r := newRig(t)
	var got []string
	s := rules.NewSession(rules.Limits{Retention: week, InFlight: 64}, r.of, rules.Ports{
		Store: &lateStore{r.store, func() {
			r.post(r.own, "own", "")
			r.post(r.route, "of the merchant", "")
		}}, Heads: r.store, NewID: r.id,
		Send: func(m relay.Message) error {
			if d, ok := m.(relay.Delivery); ok {
				got = append(got, string(d.Hook.Body))
			}
			return nil
		}})
	if _, err := s.Greet(t.Context(), r.now, relay.Hello{Journal: at("j", 1)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Pump(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.want(got, "own", "of the merchant")
}

// TestMarks: an agent's position, or the mark behind it, is never older than a quarter of the
// retention and one look.
func TestMarks(t *testing.T) {
	r := newRig(t)
	quarter, look := week/4, week/8
	_, _ = r.hello(relay.Hello{Journal: at("j", 0)})
	r.want(r.pump(), "mark 1 ", "caught up")
	mark := &relay.Position{Epoch: "e1", Seq: 1, ID: "ID1"}
	keeps := func() []string {
		markErr, err := r.session.KeepPosition(t.Context(), r.now)
		if markErr != nil || err != nil {
			t.Fatal(markErr, err)
		}
		return r.pump()
	}
	_, _ = r.hello(relay.Hello{Journal: at("j", 1), Position: mark}) // young
	r.want(r.pump(), "caught up")
	r.now = r.now.Add(quarter)
	r.want(keeps(), "mark 2 ")
	r.want(keeps()) // not twice: it is under way
	r.now = r.now.Add(look)
	r.want(keeps()) // the one under way is young enough

	r = newRig(t)
	_, _ = r.hello(relay.Hello{Journal: at("j", 1)})
	r.pump()
	r.now = r.now.Add(quarter)
	r.post(r.own, "a sale", "")
	_, _ = r.hello(relay.Hello{Journal: at("j", 1), Position: &relay.Position{Epoch: "e1", Seq: 2,
		ID: "ID2"}}) // a young hook, however old the mark
	r.want(r.pump(), "caught up")
	for range r.store.Quota {
		r.post(r.own, "more", "")
	}
	r.now = r.now.Add(quarter)
	r.want(keeps()[:1], "hook 3 more") // a full route still gets its mark
	if last, _ := r.store.LastMark(t.Context(), r.own.To); last == nil || last.Seq != 7 {
		t.Errorf("the newest mark is %+v", last)
	}
	r.failing("put", 0)
	r.now = r.now.Add(2 * quarter)
	if markErr, err := r.session.KeepPosition(t.Context(), r.now); !errors.Is(markErr, errDisk) ||
		err != nil {
		t.Errorf("a mark that cannot be stored: %v, %v", markErr, err)
	}
}

// TestStoreThatDoesNotAnswer: whichever call fails, the step says so, and the next connection hears
// everything in its order.
func TestStoreThatDoesNotAnswer(t *testing.T) {
	for _, op := range []string{"head", "span", "at", "put head", "mark", "put", "next"} {
		for n := range 3 {
			r := newRig(t)
			r.post(r.own, "one", "")
			r.post(r.route, "two", "")
			h := relay.Hello{Journal: at("j", 1), Position: &relay.Position{Epoch: "e1", Seq: 1,
				ID: "ID1"}}
			r.now = r.now.Add(week / 2) // a mark is due
			r.failing(op, n)
			_, err := r.hello(h)
			if err == nil {
				_, err = r.session.Pump(t.Context())
			}
			var down *rules.StoreError
			if err != nil && (!errors.As(err, &down) || !errors.Is(err, errDisk)) {
				t.Errorf("%s %d: %v", op, n, err)
			}
			r.told, r.store.Fails = nil, nil
			if _, err := r.hello(h); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(r.pump(), "; "); !strings.HasPrefix(got, "hook 2 two; mark 3") {
				t.Errorf("%s %d: then %s", op, n, got)
			}
		}
	}
}

// TestIntake: what a request at a hook URL is answered, and what it takes of whom.
func TestIntake(t *testing.T) {
	canary := func(i int) string { return fmt.Sprintf("canary-%010d", i) }
	for name, tc := range map[string]struct {
		run  func(r *rig) []int
		want []int
	}{
		"quota, by hooks": {func(r *rig) (got []int) {
			for range 6 {
				got = append(got, r.post(r.own, "x", ""))
			}
			// a canary fails when a hook would; other routes do not
			return append(got, r.post(r.own, "", canary(0)), r.post(r.route, "x", ""),
				r.post(r.route, "", canary(0)))
		}, []int{200, 200, 200, 200, 200, 429, 429, 200, 429}},
		"quota, of the merchant": {func(r *rig) (got []int) {
			for range 5 {
				r.post(r.route, "x", "")
			}
			return append(got, r.post(r.route, "", canary(0)), r.post(r.own, "", canary(0)))
		}, []int{429, 200}},
		"canaries age": {func(r *rig) (got []int) {
			for i := range 5 {
				r.post(r.own, "", canary(i))
			}
			got = append(got, r.post(r.own, "x", ""))
			r.now = r.now.Add(rules.CanaryTTL)
			return append(got, r.post(r.own, "x", ""))
		}, []int{429, 200}},
		"rate": {func(r *rig) (got []int) {
			r.store.Quota = 1000
			for range 100 {
				r.post(r.route, "x", "")
			}
			got = append(got, r.post(r.route, "x", ""), r.post(r.route, "", canary(0)))
			r.now = r.now.Add(time.Second)
			for range 10 {
				r.post(r.route, "", canary(0)) // takes nothing of the hooks' rate
			}
			got = append(got, r.post(r.route, "", canary(0)), r.post(r.route, "x", ""))
			return got
		}, []int{429, 429, 429, 200}},
		"rate of a terminal's own route": {func(r *rig) (got []int) {
			r.store.Quota = 1000
			for range 10 {
				r.post(r.own, "", canary(0))
			}
			got = append(got, r.post(r.own, "", canary(0)))
			for range 99 {
				r.post(r.own, "x", "")
			}
			got = append(got, r.post(r.own, "x", ""), r.post(r.own, "x", ""))
			r.now = r.now.Add(time.Minute)
			return append(got, r.post(r.own, "", canary(0)))
		}, []int{429, 200, 429, 200}},
		"too long": {func(r *rig) []int {
			return []int{r.post(r.own, strings.Repeat("x", relay.MaxHookBody), ""),
				r.post(r.own, strings.Repeat("x", relay.MaxHookBody+1), "")}
		}, []int{200, 413}},
		"another merchant's terminal": {func(r *rig) []int {
			other := r.route
			other.Merchant = "M2"
			return []int{r.post(other, "", canary(0)), r.post(other, "a hook", "")}
		}, []int{404, 200}},
		"the store": {func(r *rig) []int {
			r.failing("put", 0)
			down := r.post(r.own, "x", "")
			r.failing("held", 0)
			unknown := r.post(r.route, "", canary(0))
			r.store.Fails = func(op string) error {
				if op == "put" {
					return rules.ErrLimit // for another limit than the quota
				}
				return nil
			}
			return []int{down, unknown, r.post(r.own, "x", "")}
		}, []int{503, 503, 503}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.run(newRig(t))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
