package relayd

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"kiosk-agent/relay"
)

// anchor reads the head that the relay has stored.
func (r *rig) anchor() *relay.Head {
	r.t.Helper()
	h, _, err := r.heads.Head(r.t.Context(), "K001")
	if err != nil {
		r.t.Fatal(err)
	}
	return h
}

// anchored waits until the relay has stored this head.
func (r *rig) anchored(want relay.Head) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		h := r.anchor()
		if h != nil && *h == want {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("the relay's head is %+v, want %+v", h, want)
		}
	}
}

// keeper is the Anchor of a journal whose owner has doubts, or none.
type keeper struct {
	*agent
	ready  chan struct{} // closed when agent is set
	after  chan struct{} // where not nil: no head is told before it is closed
	doubt  atomic.Bool
	judged chan relay.KnownHead // 16
	asked  chan struct{}        // 16
}

func (k *keeper) Judge(_ context.Context, known relay.KnownHead) error {
	k.judged <- known
	return nil
}

func (k *keeper) Tell(ctx context.Context) (relay.Head, bool, error) {
	<-k.ready
	if k.after != nil {
		<-k.after
	}
	h, err := k.Head(ctx)
	k.asked <- struct{}{}
	return h, !k.doubt.Load(), err
}

// startKept connects an agent with an Anchor; change may adjust its configuration.
func startKept(t *testing.T, r *rig, c Credentials, m *memory,
	change func(*relay.Config)) *keeper {
	k := &keeper{ready: make(chan struct{}), judged: make(chan relay.KnownHead, 16),
		asked: make(chan struct{}, 16)}
	k.agent = startAgent(t, r, c, m, func(cfg *relay.Config) {
		cfg.CanaryEvery, cfg.Anchor = time.Hour, k
		if change != nil {
			change(cfg)
		}
	})
	close(k.ready)
	return k
}

func startDoubtful(t *testing.T, r *rig, c Credentials, m *memory) *keeper {
	return startKept(t, r, c, m, func(cfg *relay.Config) { cfg.Anchor.(*keeper).doubt.Store(true) })
}

// canary waits until one has come back and the journal's head was asked for.
func (k *keeper) canary() {
	k.t.Helper()
	await[relay.CanaryReturned](k.agent, nil)
	select {
	case <-k.asked:
	case <-time.After(patience):
		k.t.Fatal("no head was asked for after a canary")
	}
}

// TestAnchor: an agent and a relay that both accept heads. Neither what is posted nor what is
// acknowledged moves the anchor, a canary's head does; a journal in doubt leaves it; and staff's
// word lets another journal take its place.
func TestAnchor(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	m := newMemory("j")
	marked := make(chan struct{}) // the first canary may be back before the mark is committed
	a := startKept(t, r, c, m, func(cfg *relay.Config) { cfg.Anchor.(*keeper).after = marked })
	if k := <-a.judged; k.Head != nil || k.Unsupported {
		t.Errorf("judged %+v before the first hello", k)
	}
	a.want("mark")
	close(marked)
	a.canary()
	first := m.headNow(a)
	r.anchored(first)
	for range 8 {
		mustPost(t, c.HookURL, "rubbish")
		a.want("rubbish")
	}
	a.stop() // the relay has heard every ack
	kept := *m
	a = startDoubtful(t, r, c, m)
	if k := <-a.judged; k.Head == nil || *k.Head != first {
		t.Errorf("judged %+v, want %+v", k.Head, first)
	}
	known := await[relay.HeadKnown](a.agent, nil)
	if known.Head == nil || *known.Head != first {
		t.Errorf("acks and a hello have moved the anchor to %+v", known.Head)
	}
	a.canary()
	mustPost(t, c.HookURL, "one more")
	a.want("one more")
	a.client.SendCanary()
	a.canary()
	a.doubt.Store(false)
	if h := r.anchor(); *h != first {
		t.Errorf("a journal in doubt has moved the anchor to %+v", h)
	}
	a.client.SendCanary()
	a.canary()
	grown := m.headNow(a)
	r.anchored(grown)
	a.stop()

	// A restored journal: whatever it says, the anchor stays, until staff have recovered it.
	*m = kept
	m.head.Hash = "another"
	a = startDoubtful(t, r, c, m)
	<-a.judged
	a.canary()
	a.stop()
	if h := r.anchor(); *h != grown {
		t.Errorf("a restored journal has moved the anchor to %+v", h)
	}
	a = startKept(t, r, c, m, func(cfg *relay.Config) { cfg.Supersedes = &grown })
	if k := <-a.judged; k.Head == nil || *k.Head != grown {
		t.Errorf("judged %+v, want %+v", k.Head, grown)
	}
	a.canary()
	r.anchored(m.headNow(a))
}

func (m *memory) headNow(k *keeper) relay.Head {
	k.mu.Lock()
	defer k.mu.Unlock()
	return m.head
}
