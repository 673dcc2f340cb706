package relayd

import (
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"kiosk-agent/relay"
)

// TestTwoRelaysOneStore runs two relays on one external NATS server: hooks taken by one reach
// terminals of the other at once, and terminals, connections and revocations are known to both.
func TestTwoRelaysOneStore(t *testing.T) {
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true,
		StoreDir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(patience) {
		t.Fatal("no NATS server")
	}
	external := func(c *Config) { c.Store = StoreConfig{URL: ns.ClientURL(), MaxBytes: 64 << 20} }
	one, two := startRelay(t, "", external), startRelay(t, "", external)
	c := one.add("K001")
	seen := func(r *rig, revoked bool) {
		t.Helper()
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
			if e := r.terminals.get("K001"); e != nil && (e.RevokedAt != nil) == revoked {
				return
			}
		}
		t.Fatal("the other relay does not learn of the terminal")
	}
	seen(two, false)
	a := startAgent(t, two, c, newMemory("j"), nil)
	a.want("mark")
	await[relay.CaughtUp](a, nil)
	start := time.Now()
	mustPost(t, c.HookURL, "taken by the first, delivered by the second")
	a.want("taken by the first, delivered by the second")
	if d := time.Since(start); d > two.cfg.Ping/2 {
		t.Errorf("took %v: the wake-up was lost", d)
	}
	p := dial(t, one, c)
	p.hello(relay.Head{JournalID: "j"}, nil)
	await(a, func(e relay.Disconnected) bool { return true })
	a.stop()
	if err := two.RevokeTerminal(t.Context(), "K001"); err != nil {
		t.Fatal(err)
	}
	p.closed()
	seen(one, true)
}
