package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/payment"
	"kiosk-agent/relay"
)

// TestKillRelayAfter200: the relay has answered 200 and dies; nobody else has the notification. It
// still arrives.
func TestKillRelayAfter200(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.showScreen()
	w.startAgent("")
	x := w.connect()
	for i, alone := range []bool{false, false, true} {
		// alone: the agent is dead meanwhile, the relay's disk is all there is
		x.ready()
		p := x.start(fmt.Sprintf("RELAY-%d", i), int64(2000+i))
		w.until(p.ID, payment.KindShown)
		if alone {
			w.agent.kill()
		}
		pay(t, p.QRPayload)
		w.delivered()
		w.relay.kill()
		w.startRelay()
		if alone {
			w.startAgent("")
			x = w.connect()
		}
		x.acknowledge(x.approved(p.ID))
	}
	w.agent.stop()
	w.verify()
}

// TestRelayDownNoSale: guarantee 4, over the whole life of a connection.
func TestRelayDownNoSale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	screen, x := w.opens()
	w.relay.kill()
	x.awaitReason("relay_down")
	screen.shows("out_of_service", "")
	refusedFor(t, x, w.dir, "relay_down")
	w.startRelay()
	x.ready()
	screen.shows("idle", "")
	p := x.start("REFUSED", 100)
	w.until(p.ID, payment.KindShown)
	pay(t, p.QRPayload)
	x.acknowledge(x.approved(p.ID))
}

func (w *world) store() string { return filepath.Join(w.dir, "store") }

// copyStore keeps a copy of the relay's store, as a backup would, of a relay that does not run.
func (w *world) copyStore(name string) {
	w.t.Helper()
	if err := os.CopyFS(filepath.Join(w.dir, name), os.DirFS(w.store())); err != nil {
		w.t.Fatal(err)
	}
}

// restoreStore puts a copy back in place of the store.
func (w *world) restoreStore(name string) {
	w.t.Helper()
	if err := os.RemoveAll(w.store()); err != nil {
		w.t.Fatal(err)
	}
	if err := os.CopyFS(w.store(), os.DirFS(filepath.Join(w.dir, name))); err != nil {
		w.t.Fatal(err)
	}
}

// sale plays one whole sale.
func (w *world) sale(x *till, reference string, amount int64) device.Payment {
	w.t.Helper()
	p := x.start(reference, amount)
	w.until(p.ID, payment.KindShown)
	pay(w.t, p.QRPayload)
	p = x.approved(p.ID)
	x.acknowledge(p)
	return p
}

// gaps are the reasons of the gaps in the journal.
func (w *world) gaps() (reasons []string) {
	w.t.Helper()
	for _, f := range readJournal(w.t, w.dir) {
		if g, ok := f.Data.(payment.Gap); ok {
			reasons = append(reasons, g.Reason)
		}
	}
	return reasons
}

// gap waits until a gap of this reason is journaled after those that were there before.
func (w *world) gap(reason string, before []string) {
	w.t.Helper()
	eventually(w.t, "the gap", func() error {
		if now := w.gaps(); len(now) != len(before)+1 || now[len(before)] != reason {
			return fmt.Errorf("gaps %q after %q, want %s", now, before, reason)
		}
		return nil
	})
}

// othersNews fills the relay with genuine notifications that are another terminal's: the agent
// passes them over.
func (w *world) othersNews(n int) {
	w.t.Helper()
	client := &http.Client{}
	w.t.Cleanup(client.CloseIdleConnections)
	for i := range n {
		of := device.Payment{MerchantRef: fmt.Sprintf("ELSEWHER-%026d", i), Amount: 100}
		token := mintByNode(w.t, string(w.secret.Reveal()), "world-client", statement(of, nil), nil)
		if status, text := fetch(w.t, client, http.MethodPost, w.hookURL,
			url.Values{"data": {token}}); status != http.StatusOK {
			w.t.Fatalf("the relay answers %d %s", status, text)
		}
	}
}

// replayed checks that a replay has added nothing to payments that were over: no second statement,
// no flag, nothing owed.
func (w *world) replayed(x *till, done ...device.Payment) {
	w.t.Helper()
	for _, p := range done {
		if n := count(w.facts(p.ID), payment.KindNotified); n != 1 {
			w.t.Errorf("%s: %d statements of the gateway in the journal", p.Reference, n)
		}
		if now := x.get(p.ID); len(now.Flags) > 0 || now.Status != payment.StatusApproved ||
			!now.Acknowledged || now.Revision != p.Revision {
			w.t.Errorf("%s changed: %+v", p.Reference, now)
		}
	}
	if n := count(readJournal(w.t, w.dir), payment.KindUnmatched) +
		count(readJournal(w.t, w.dir), payment.KindParked); n > 0 {
		w.t.Errorf("%d deliveries unmatched or parked", n)
	}
}

// TestRelayStoreRestored: the relay comes back with an older copy of its store, whose numbers go on
// where the copy ended. What was paid meanwhile stands at a number that the agent has passed
// already; it is approved all the same.
func TestRelayStoreRestored(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		flags []string
		gap   string
	}{{"silently", nil, relay.GapIDMismatch},
		{"as documented", []string{"--restored"}, relay.GapEpochChanged}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, x := w.opens()
			done := []device.Payment{w.sale(x, "BEFORE", 100)}
			w.relay.stop()
			w.copyStore("backup")
			w.startRelay()
			x.ready()
			for i := range 3 {
				done = append(done, w.sale(x, fmt.Sprintf("FORGOTTEN-%d", i), int64(200+i)))
			}
			open := x.start("MEANWHILE", 300)
			w.until(open.ID, payment.KindShown)
			gaps := w.gaps()

			w.agent.kill() // so that the payment is made while nobody listens
			w.relay.stop()
			w.restoreStore("backup")
			w.startRelay(tc.flags...)
			pay(t, open.QRPayload)
			w.delivered()
			w.othersNews(30) // at the agent's number stands a notification again, but another one
			w.startAgent("")
			x = w.connect()
			w.gap(tc.gap, gaps)
			p := x.approved(open.ID)
			x.acknowledge(p)
			x.ready()
			w.replayed(x, append(done, p)...)
			w.sale(x, "AFTER", 400)
			w.agent.stop()
			w.verify()
		})
	}
}

// TestRelayHooksLost: the relay's stream of hooks is gone, its terminals are not: numbers begin
// again at 1, under another epoch. The agent stays connected over it, as far as it can.
func TestRelayHooksLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, x := w.opens()
	done := []device.Payment{w.sale(x, "LOST-1", 100), w.sale(x, "LOST-2", 101)}
	open := x.start("MEANWHILE", 300)
	w.until(open.ID, payment.KindShown)
	gaps := w.gaps()
	w.loseHooks()
	w.startRelay()
	pay(t, open.QRPayload)
	w.delivered()
	w.gap(relay.GapEpochChanged, gaps)
	p := x.approved(open.ID)
	x.acknowledge(p)
	w.replayed(x, append(done, p)...)
	x.ready()
	w.sale(x, "AFTER", 400)
}

// TestMoneyThatTheRelayLost: the customer has paid, the relay has answered 200, and loses its hooks
// before the agent has heard. There is no query: a canary that comes back proves no silence, and
// nobody is told that nobody paid.
func TestMoneyThatTheRelayLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, x := w.opens()
	open := x.start("LOST", 300)
	w.until(open.ID, payment.KindShown)
	gaps := w.gaps()
	w.agent.kill()
	pay(t, open.QRPayload)
	w.delivered()
	w.loseHooks()
	w.startRelay()
	w.startAgent("")
	x = w.connect()
	w.gap(relay.GapEpochChanged, gaps)
	if p := x.cancelling(open.ID)(); p.Status != payment.StatusUnknown {
		t.Errorf("the till is told %s %v", p.Status, p.Flags)
	}
}

// loseHooks ends the relay and removes its stream of hooks.
func (w *world) loseHooks() {
	w.t.Helper()
	w.relay.kill()
	streams, err := filepath.Glob(filepath.Join(w.store(), "jetstream", "*", "streams", "HOOKS"))
	if err != nil || len(streams) != 1 {
		w.t.Fatalf("the stream of hooks is at %v, %v", streams, err)
	}
	if err := os.RemoveAll(streams[0]); err != nil {
		w.t.Fatal(err)
	}
}

// TestRelayStoreDeleted: everything is gone, the terminal too. It is added again, and the agent
// gets the new token and hook URL.
func TestRelayStoreDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, x := w.opens()
	done := []device.Payment{w.sale(x, "GONE-1", 100), w.sale(x, "GONE-2", 101)}
	gaps := w.gaps()
	w.relay.kill()
	if err := os.RemoveAll(w.store()); err != nil {
		t.Fatal(err)
	}
	w.startRelay()
	x.awaitReason("relay_down") // its token is a stranger's now
	w.enrol()
	w.agent.stop()
	w.startAgent("")
	x = w.connect()
	w.gap(relay.GapEpochChanged, gaps)
	x.ready()
	w.replayed(x, done...)
	w.sale(x, "AFTER", 400)
	x = w.connect()
	x.owedNothing()
	w.agent.stop()
	w.verify()
}
