package rules_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

// anchor is the head that the store has.
func (r *rig) anchor() *relay.Head {
	h, _, err := r.store.Head(r.t.Context(), "K001")
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

func (r *rig) anchorIs(what string, want *relay.Head) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.anchor()); diff != "" {
		r.t.Errorf("%s: the anchor (-want +got):\n%s", what, diff)
	}
}

// hear lets the session take a message and, when it wants that, store the head.
func (r *rig) hear(m relay.Message) (a rules.Anchored, err error) {
	saveIn, err := r.session.Hear(r.now, m)
	if saveIn != rules.NoSave && err == nil {
		return r.session.SaveHead(r.t.Context())
	}
	return a, err
}

// greeted says hello and returns the welcome.
func (r *rig) greeted(h relay.Hello) relay.Welcome {
	r.t.Helper()
	r.told = nil
	if _, err := r.hello(h); err != nil {
		r.t.Fatal(err)
	}
	w, ok := r.told[0].(relay.Welcome)
	if !ok {
		r.t.Fatalf("%T in place of a welcome", r.told[0])
	}
	return w
}

// acksAll acknowledges what was handed out, with a head that grows.
func (r *rig) acksAll(journal string, from uint64) {
	r.t.Helper()
	for more := true; more; {
		var err error
		if more, err = r.session.Pump(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		told := r.told
		r.told = nil
		for _, m := range told {
			if d, ok := m.(relay.Delivery); ok && d.Kind != relay.KindCanary {
				from++
				more = true
				if _, err := r.hear(relay.Ack{Position: d.Position,
					Journal: at(journal, from)}); err != nil {
					r.t.Fatal(err)
				}
			}
		}
	}
}

// TestAnchorMovesByHeadAlone: from an agent that accepts head, neither its hellos nor its acks move
// the anchor, and so nothing that is posted to a hook URL does.
func TestAnchorMovesByHeadAlone(t *testing.T) {
	r := newRig(t)
	r.store.Quota = 1000
	growing := func(journal string, seq uint64, supersedes *relay.Head) relay.Hello {
		return relay.Hello{Journal: at(journal, seq), Supersedes: supersedes,
			Accepts: []string{"a later name", relay.AcceptHead}}
	}
	w := r.greeted(growing("j", 7, nil))
	if diff := cmp.Diff([]string{relay.AcceptHead}, w.Accepts); diff != "" {
		t.Errorf("welcome accepts (-want +got):\n%s", diff)
	}
	r.anchorIs("hello", nil)
	for range 8 {
		r.post(r.own, "rubbish", "")
		r.post(r.route, "rubbish", "")
	}
	r.acksAll("j", 7)
	r.anchorIs("rubbish and acks", nil)
	if _, err := r.hear(relay.HeadMessage{Journal: at("j", 30)}); err != nil {
		t.Fatal(err)
	}
	r.anchorIs("a head", ptr(at("j", 30)))

	// The journal is rolled back. Whatever it grows to, its hellos and acks change nothing.
	for range 3 {
		if w := r.greeted(growing("j", 20, nil)); *w.Head != at("j", 30) {
			t.Errorf("welcome names %+v", w.Head)
		}
		for range 8 {
			r.post(r.own, "rubbish", "")
		}
		r.acksAll("j", 40)
		r.anchorIs("rolled back", ptr(at("j", 30)))
	}
	if a, err := r.hear(relay.HeadMessage{Journal: at("j", 29)}); err != nil || !a.Doubtful {
		t.Errorf("an older head: %+v, %v", a, err)
	}
	if a, err := r.hear(relay.HeadMessage{Journal: at("k", 99)}); err != nil || !a.Doubtful {
		t.Errorf("another journal's head: %+v, %v", a, err)
	}
	r.anchorIs("older heads and other journals", ptr(at("j", 30)))

	// Staff recover: their word is said at hello, and counts when a head is told.
	r.greeted(growing("k", 3, ptr(at("j", 30))))
	r.anchorIs("the hello of a recovered journal", ptr(at("j", 30)))
	a, err := r.hear(relay.HeadMessage{Journal: at("k", 4)})
	if err != nil || a.Doubtful || a.Replaced == nil || *a.Replaced != at("j", 30) {
		t.Errorf("the recovered journal's head: %+v, %v", a, err)
	}
	r.anchorIs("the recovered journal's head", ptr(at("k", 4)))
	if a, _ := r.hear(relay.HeadMessage{Journal: at("k", 5)}); a.Replaced != nil || a.Doubtful {
		t.Errorf("the head after it: %+v", a)
	}
	r.anchorIs("the head after it", ptr(at("k", 5)))
}

// TestAnchorOfTheFirstV1: an agent that names nothing is served as ever: its hello and its acks
// tell the head.
func TestAnchorOfTheFirstV1(t *testing.T) {
	r := newRig(t)
	if w := r.greeted(relay.Hello{Journal: at("j", 7)}); w.Accepts != nil {
		t.Errorf("welcome accepts %v", w.Accepts)
	}
	r.anchorIs("hello", ptr(at("j", 7)))
	r.post(r.own, "a hook", "")
	r.acksAll("j", 7)
	r.anchorIs("acks", ptr(at("j", 9)))
	var broken rules.Violation
	if _, err := r.hear(relay.HeadMessage{Journal: at("j", 10)}); !errors.As(err, &broken) {
		t.Errorf("a head from who has not offered one: %v", err)
	}
	r.anchorIs("a head that was not offered", ptr(at("j", 9)))
}

// TestHeadThatWasNotStored: the next head that is told asks for it again, be it the same.
func TestHeadThatWasNotStored(t *testing.T) {
	for _, next := range []relay.Head{at("j", 2), at("j", 3)} {
		r := newRig(t)
		r.greeted(relay.Hello{Journal: at("j", 1), Accepts: []string{relay.AcceptHead}})
		r.failing("put head", 0)
		if _, err := r.hear(relay.HeadMessage{Journal: at("j", 2)}); !errors.Is(err, errDisk) {
			t.Errorf("no error: %v", err)
		}
		r.store.Fails = nil
		if _, err := r.hear(relay.HeadMessage{Journal: next}); err != nil {
			t.Error(err)
		}
		r.anchorIs("tried again", &next)
	}
}

// TestHeadsAreFew: one write for many acks, and no more than one a second whatever an agent tells.
func TestHeadsAreFew(t *testing.T) {
	r := newRig(t)
	r.greeted(relay.Hello{Journal: at("j", 1), Accepts: []string{relay.AcceptHead}})
	told := uint64(1)
	tell := func(after, want time.Duration) {
		t.Helper()
		r.now = r.now.Add(after)
		told++
		saveIn, err := r.session.Hear(r.now, relay.HeadMessage{Journal: at("j", told)})
		if saveIn != want || err != nil {
			t.Errorf("head %d is to be stored in %s, %v, want %s", told, saveIn, err, want)
		}
	}
	save := func() {
		if _, err := r.session.SaveHead(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tell(0, 0)
	save()
	tell(400*time.Millisecond, 600*time.Millisecond)
	tell(100*time.Millisecond, rules.NoSave) // it is asked for already
	r.now = r.now.Add(500 * time.Millisecond)
	save()
	r.anchorIs("the newest of them", ptr(at("j", 4)))
	tell(999*time.Millisecond, time.Millisecond)
	r.now = r.now.Add(time.Millisecond)
	save()
	tell(time.Second, 0)
	save()
	if saveIn, _ := r.session.Hear(r.now, relay.HeadMessage{
		Journal: at("j", told)}); saveIn != rules.NoSave {
		t.Errorf("a head that is stored is to be stored in %s", saveIn)
	}

	r = newRig(t)
	r.greeted(relay.Hello{Journal: at("j", 1)})
	r.post(r.own, "a hook", "")
	r.told = nil
	if _, err := r.session.Pump(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []time.Duration{rules.HeadWait, rules.NoSave} // an ack waits for the others
	for _, m := range r.told {
		if d, ok := m.(relay.Delivery); ok {
			told++
			saveIn, err := r.session.Hear(r.now, relay.Ack{Position: d.Position,
				Journal: at("j", told)})
			if saveIn != want[0] || err != nil {
				t.Errorf("an ack's head is to be stored in %s, %v, want %s", saveIn, err, want[0])
			}
			want = want[1:]
		}
	}
}

// TestNothingBeforeHello: a connection that ends before its hello stores no head.
func TestNothingBeforeHello(t *testing.T) {
	r := newRig(t)
	s := rules.NewSession(rules.Limits{}, r.of, rules.Ports{Store: r.store, Heads: r.store})
	s.Overhear(relay.Ack{Journal: at("j", 1)})
	s.Overhear(relay.HeadMessage{Journal: at("j", 1)})
	if _, err := s.SaveHead(t.Context()); err != nil {
		t.Error(err)
	}
	r.anchorIs("no hello", nil)
}

func ptr[T any](v T) *T { return &v }
