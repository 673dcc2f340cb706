package relayd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

// meet connects an agent with m until it has caught up, and returns what it committed.
func meet(t *testing.T, r *rig, c Credentials, m *memory) []string {
	t.Helper()
	a := startAgent(t, r, c, m, nil)
	await[relay.CaughtUp](a, nil)
	a.stop()
	close(a.got)
	var out []string
	for what := range a.got {
		out = append(out, what)
	}
	return out
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("committed %q, want %q", got, want)
	}
}

func TestEpochChanged(t *testing.T) {
	dir := t.TempDir()
	r := startRelay(t, dir, nil)
	c := r.add("K001")
	mustPost(t, c.HookURL, "old")
	m := newMemory("j")
	expect(t, meet(t, r, c, m), "old", "mark")
	epoch := m.position.Epoch

	if err := r.store.js.DeleteStream(t.Context(), streamName); err != nil {
		t.Fatal(err)
	}
	r.stop()
	r = startRelay(t, dir, func(cfg *Config) { cfg.PublicListen = "127.0.0.1:0" })
	c.HookURL = rebase(r, c)
	mustPost(t, c.HookURL, "new")
	expect(t, meet(t, r, c, m), "gap:"+relay.GapEpochChanged, "new", "mark")
	if m.position.Epoch == epoch {
		t.Error("the epoch is the old one")
	}
	expect(t, meet(t, r, c, m)) // and it is over
}

func TestStoreDeletedWhileRunning(t *testing.T) {
	r := startRelay(t, t.TempDir(), func(c *Config) { c.Ping = 100 * time.Millisecond })
	c := r.add("K001")
	a := startAgent(t, r, c, newMemory("j"), nil)
	a.want("mark")
	await[relay.CaughtUp](a, nil)
	if err := r.store.js.DeleteStream(t.Context(), streamName); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.openHooks(t.Context()); err != nil {
		// as another relay would, at its start
		t.Fatal(err)
	}
	a.want("gap:"+relay.GapEpochChanged, "mark")
}

// rebase gives the hook URL at the present listener of r.
func rebase(r *rig, c Credentials) string {
	return r.PublicURL() + hookPrefix + filepath.Base(c.HookURL)
}

func TestStoreRestoredFromCopy(t *testing.T) {
	dir, backup := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "copy")
	r := startRelay(t, dir, nil)
	c, other := r.add("K001"), r.add("K002")
	m, m2 := newMemory("j"), newMemory("j2")
	mustPost(t, c.HookURL, "before")
	expect(t, meet(t, r, c, m), "before", "mark")
	expect(t, meet(t, r, other, m2), "mark")
	r.stop()
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}

	r = startRelay(t, dir, nil)
	c.HookURL, other.HookURL = rebase(r, c), rebase(r, other)
	mustPost(t, c.HookURL, "lost with the disk")
	mustPost(t, other.HookURL, "lost as well")
	expect(t, meet(t, r, c, m), "lost with the disk")
	expect(t, meet(t, r, other, m2), "lost as well")
	r.stop()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}

	r = startRelay(t, dir, nil)
	c.HookURL, other.HookURL = rebase(r, c), rebase(r, other)
	expect(t, meet(t, r, other, m2), "gap:"+relay.GapOutOfRange, "mark")
	mustPost(t, c.HookURL, "after") // takes the very sequence of a lost one
	expect(t, meet(t, r, c, m), "gap:"+relay.GapIDMismatch, "before", "mark", "after")
	expect(t, meet(t, r, c, m))
	r.stop()

	r = startRelay(t, dir, func(cfg *Config) { cfg.Store.NewEpoch = true }) // serve --restored
	expect(t, meet(t, r, c, m), "gap:"+relay.GapEpochChanged, "before", "mark", "after")
}

func TestAnotherTerminalsPosition(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c, other := r.add("K001"), r.add("K002")
	mustPost(t, other.HookURL, "of K002")
	m := newMemory("j")
	meet(t, r, other, m)
	m.head.JournalID = "j2"
	expect(t, meet(t, r, c, m), "gap:"+relay.GapIDMismatch, "mark")
}

func TestMarksKeepQuietPositionsAlive(t *testing.T) {
	var ahead atomic.Int64
	r := startRelay(t, t.TempDir(), func(c *Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		c.Ping = 20 * time.Millisecond
	})
	c := r.add("K001")
	m := newMemory("j")
	expect(t, meet(t, r, c, m), "mark")
	expect(t, meet(t, r, c, m)) // young: none
	ahead.Store(int64(41 * time.Hour))
	expect(t, meet(t, r, c, m)) // 41 of 168 hours: none
	busy := r.add("K002")       // whose position is a young hook, however old its mark
	ahead.Store(0)
	m2 := newMemory("j2")
	expect(t, meet(t, r, busy, m2), "mark")
	ahead.Store(int64(41 * time.Hour))
	mustPost(t, busy.HookURL, "sale")
	expect(t, meet(t, r, busy, m2), "sale")
	ahead.Store(int64(43 * time.Hour))
	expect(t, meet(t, r, busy, m2))

	a := startAgent(t, r, c, m, nil)
	a.want("mark") // at the hello
	ahead.Store(int64(43*time.Hour + 43*time.Hour))
	a.want("mark") // on the open connection
	await[relay.CaughtUp](a, nil)
	a.nothing()
}

func TestForeignMessageIsPassedOver(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	mustPost(t, c.HookURL, "one")
	for _, text := range []string{"not JSON", "{}",
		`{"id":"x","kind":"later","received_at":"2026-11-20T12:00:00Z"}`} {
		if _, err := r.store.js.Publish(t.Context(), rules.TerminalSource("K001").Hooks(),
			[]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	mustPost(t, c.HookURL, "two")
	expect(t, meet(t, r, c, newMemory("j")), "one", "two", "mark")
}

func TestPositionAgedOut(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	m := newMemory("j")
	mustPost(t, c.HookURL, "one")
	expect(t, meet(t, r, c, m), "one", "mark")
	if err := r.store.hooks.DeleteMsg(t.Context(), m.position.Seq); err != nil { // as age does
		t.Fatal(err)
	}
	mustPost(t, c.HookURL, "two")
	expect(t, meet(t, r, c, m), "gap:"+relay.GapOutOfRange, "one", "two", "mark")
}

func TestNoPosition(t *testing.T) {
	var ahead atomic.Int64
	r := startRelay(t, t.TempDir(), func(c *Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	c := r.add("K001")
	expect(t, meet(t, r, c, newMemory("j")), "mark") // brand-new: nothing can have been missed
	again := newMemory("j")
	again.head.Seq = 5
	expect(t, meet(t, r, c, again), "mark") // the same journal, grown, which never took a delivery
	expect(t, meet(t, r, c, newMemory("another")), "gap:"+relay.GapNoPosition, "mark")
	expect(t, meet(t, r, c, newMemory("j")), "gap:"+relay.GapNoPosition, "mark") // rolled back

	old := r.add("K002")
	ahead.Store(int64(169 * time.Hour))
	// hooks may have aged out
	expect(t, meet(t, r, old, newMemory("j2")), "gap:"+relay.GapNoPosition, "mark")

	young := r.add("K003")
	mustPost(t, young.HookURL, "lost with the store")
	if err := r.store.js.DeleteStream(t.Context(), streamName); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.openHooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	// added in another store
	expect(t, meet(t, r, young, newMemory("j3")), "gap:"+relay.GapNoPosition, "mark")
}

// TestOneSequenceOverTwoSources reads a terminal's and its merchant's messages in the order of
// their storing.
func TestOneSequenceOverTwoSources(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	if _, err := r.AddMerchant(t.Context(), "M1"); err != nil {
		t.Fatal(err)
	}
	c, err := r.AddTerminal(t.Context(), "K001", "M1")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	publish := func(to rules.Source, text string) {
		e := rules.Envelope{ID: ulid.Make().String(), Kind: relay.KindHook,
			ReceivedAt: relay.Time{Time: time.Now()}, Body: []byte(text)}
		if err := r.store.Put(context.Background(), to, e); err != nil {
			t.Error(err)
		}
	}
	for i := range 30 {
		to := rules.TerminalSource("K001")
		if i%3 == 0 {
			to = rules.MerchantSource("M1")
		}
		publish(to, fmt.Sprint(i))
		publish(rules.MerchantSource("M2"), "somebody else's")
		want = append(want, fmt.Sprint(i))
	}
	m := newMemory("j")
	expect(t, meet(t, r, c, m), append(want, "mark")...)

	// Both at once, while the agent reads: each in its order, none left out.
	a := startAgent(t, r, c, m, nil)
	const each = 200
	done := make(chan struct{}, 2)
	for _, to := range []rules.Source{rules.TerminalSource("K001"), rules.MerchantSource("M1")} {
		go func() {
			for i := range each {
				publish(to, fmt.Sprintf("%s %03d", to, i))
			}
			done <- struct{}{}
		}()
	}
	<-done
	<-done
	last := map[string]string{}
	for range 2 * each {
		got := <-a.got
		who := got[:len(got)-4]
		if got <= last[who] {
			t.Fatalf("%q after %q", got, last[who])
		}
		last[who] = got
	}
	a.nothing()
}
