package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// journalFiles are the files that are the journal.
var journalFiles = []string{"journal.db", "journal.db-wal", "journal.db.id"}

// keepJournal copies the journal of an agent that does not run; useJournal puts the copy back, and
// with name "" leaves nothing: the disk was replaced.
func (w *world) keepJournal(name string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Join(w.dir, name), 0o700); err != nil {
		w.t.Fatal(err)
	}
	for _, file := range journalFiles {
		b, err := os.ReadFile(filepath.Join(w.dir, file))
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(w.dir, name, file), b, 0o600)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) useJournal(name string) {
	w.t.Helper()
	for _, file := range append(journalFiles, "journal.db-shm") {
		if err := os.RemoveAll(filepath.Join(w.dir, file)); err != nil {
			w.t.Fatal(err)
		}
		if name == "" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(w.dir, name, file))
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(w.dir, file), b, 0o600)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// anchored waits until the relay has been told of the newest fact.
func (w *world) anchored() {
	w.t.Helper()
	eventually(w.t, "the relay knows the newest fact", func() error {
		facts := readJournal(w.t, w.dir)
		newest := fmt.Sprintf("The relay knows fact %d of journal ", facts[len(facts)-1].Seq)
		if said := w.command(0, "journal", "verify", "--relay"); !strings.Contains(said, newest) {
			return fmt.Errorf("want %q of:\n%s", newest, said)
		}
		return nil
	})
}

// TestRecover: the journal is older than what the relay remembers of it. The terminal sells nothing
// until staff have said why; the relay's backlog brings the lost payment back as unmatched, and
// staff resolve it.
func TestRecover(t *testing.T) {
	t.Parallel()
	for name, copied := range map[string]string{"restored from a backup": "backup", "lost": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, x := w.opens()
			w.sale(x, "KEPT", 1000)
			w.agent.stop()
			w.keepJournal("backup")
			x = w.sells()
			lost := w.sale(x, "LOST", 2000)
			w.agent.stop()
			w.startAgent("") // its first canary takes the journal's head to the relay
			w.connect().ready()
			w.anchored()
			w.agent.stop()
			w.useJournal(copied)

			w.startAgent("")
			x = w.connect()
			x.awaitReason("journal_rollback")
			x.refused(device.CodeNotReady, "not_ready", "payment.start",
				object{"reference": "NO", "amount": 100})
			if said := w.command(1, "recover"); !strings.Contains(said, "--reason") {
				t.Errorf("recover without a reason says:\n%s", said)
			}
			eventually(t, "the lost payment is on the worklist",
				func() error { return lacks(readJournal(t, w.dir), payment.KindUnmatched) })
			said := w.command(0, "recover", "--reason", "the disk was replaced", "--by", "ann")
			if !strings.Contains(said, "What cannot be known here") ||
				!strings.Contains(said, "kiosk-agent worklist") {
				t.Errorf("recover says:\n%s", said)
			}
			x.ready()
			work := w.command(0, "worklist")
			if !strings.Contains(work, lost.MerchantRef) {
				t.Errorf("the worklist says:\n%s", work)
			}
			for _, f := range readJournal(t, w.dir) {
				if u, ok := f.Data.(payment.Unmatched); ok {
					w.command(0, "resolve", "#"+strconv.FormatInt(f.Seq, 10), "approved",
						"--reason", "found "+u.Record.MerchantRef+" in the till's book",
						"--portal-ref", "S-1")
				}
			}
			if work := w.command(0, "worklist"); strings.Contains(work, lost.MerchantRef) {
				t.Errorf("after it was resolved the worklist says:\n%s", work)
			}
			w.sale(x, "AFTER", 3000)
			w.agent.stop()
			w.verify()

			w.startAgent("") // the relay knows: no second recovery
			w.connect().ready()
		})
	}
}

// TestResolve: an outcome that nobody knows is found out by staff, and contradicted by the gateway
// later.
func TestResolve(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, x := w.opens()
	p := x.start("R1", 1000)
	w.until(p.ID, payment.KindShown)
	if said := w.command(1, "resolve", p.ID, "not-paid", "--reason",
		"not in the portal"); !strings.Contains(said,
		"may still be paid") {
		t.Errorf("resolve of a running payment says:\n%s", said)
	}
	x.cancelling(p.ID)()
	x.acknowledge(x.outcome(p.ID))
	if said := w.command(1, "resolve", p.ID, "not-paid", "--reason", "not in the portal"); !strings.
		Contains(said, "not on the worklist") {
		t.Errorf("resolve of a healthy payment says:\n%s", said)
	}
	w.command(0, "claim", "R1", "--amount", "10.00", "--number", "2026112800123", "--by", "ann")
	if work := w.command(0, "worklist"); !strings.Contains(work, "number 2026112800123") ||
		!strings.Contains(work, "--finding paid --portal-ref REF") {
		t.Errorf("the worklist says:\n%s", work)
	}
	said := w.command(0, "resolve", p.MerchantRef, "not-paid", "--reason", "not in the portal",
		"--by", "ann")
	if !strings.Contains(said, "resolved as not-paid (not-paid) by ann (") {
		t.Errorf("resolve says:\n%s", said)
	}
	eventually(t, "the till hears of it", func() error {
		if got := x.get(p.ID); got.Resolution == nil || got.Resolution.Outcome != "not-paid" {
			return errors.New("not yet")
		}
		return nil
	})
	pay(t, p.QRPayload) // the page is still open on the phone
	late := x.hear("approved after all", p.ID,
		func(p device.Payment) bool { return p.Status == payment.StatusApproved })
	if !late.Resolution.Contradicted {
		t.Errorf("resolution %+v", late.Resolution)
	}
	if work := w.command(0, "worklist"); !strings.Contains(work, p.ID) ||
		!strings.Contains(work, "and since then: a payment of SGD 10.00") {
		t.Errorf("the worklist says:\n%s", work)
	}
	if said := w.command(1, "resolve", p.ID, "not-paid", "--reason", "not in the portal",
		"--finding", "not-paid"); !strings.Contains(said, "which finding?") {
		t.Errorf("a resolution against the evidence says:\n%s", said)
	}
	w.command(0, "resolve", "R1", "approved", "--reason", "booked by hand")
	x.acknowledge(x.get(p.ID))
	if work := w.command(0, "worklist"); strings.Contains(work, p.ID) {
		t.Errorf("the worklist says:\n%s", work)
	}
}
