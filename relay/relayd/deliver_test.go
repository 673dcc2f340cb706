package relayd

import (
	"fmt"
	"testing"
	"time"

	"kiosk-agent/relay"
)

func TestDeliverAndResume(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	mustPost(t, c.HookURL, "before the first connection")
	m := newMemory("j1")
	a := startAgent(t, r, c, m, nil)
	a.want("before the first connection", "mark")
	await[relay.CaughtUp](a, nil)
	mustPost(t, c.HookURL+"/below?x=1", "live")
	a.want("live")
	a.stop()
	for i := range 200 {
		mustPost(t, c.HookURL, fmt.Sprint(i))
	}
	b := startAgent(t, r, c, m, nil)
	for i := range 200 {
		b.want(fmt.Sprint(i))
	}
	await[relay.CaughtUp](b, nil)
	b.nothing()
}

func TestHandlerErrorIsDeliveredAgain(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	a := startAgent(t, r, c, newMemory("j1"), nil)
	a.want("mark")
	a.mu.Lock()
	a.refuse = errRefused
	a.mu.Unlock()
	mustPost(t, c.HookURL, "one")
	mustPost(t, c.HookURL, "two")
	await(a, func(e relay.Disconnected) bool { return e.Err != nil })
	a.nothing()
	a.mu.Lock()
	a.refuse = nil
	a.mu.Unlock()
	a.want("one", "two")
}

func TestCanaryReturns(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	a := startAgent(t, r, c, newMemory("j1"),
		func(cfg *relay.Config) { cfg.CanaryEvery = time.Hour })
	first := await[relay.CanaryReturned](a, nil)
	a.client.SendCanary()
	second := await[relay.CanaryReturned](a, nil)
	if second.SentAt <= first.SentAt || second.RTT <= 0 {
		t.Errorf("canaries %+v, %+v", first, second)
	}
	if st := a.client.State(); !st.Connected || st.LastCanary != second.SentAt ||
		st.LastError != "" {
		t.Errorf("state %+v", st)
	}
}
