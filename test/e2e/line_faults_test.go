package e2e_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/test/ecrtill"
)

// collected is what customers really paid.
func (w *world) collected() (cents int64, payments int) {
	for _, p := range w.sandbox.Payments() {
		for _, r := range p.Records {
			if r.Type == payment.TypePay && string(r.Status) == payment.RecordSuccess {
				cents += r.Amount
				payments++
			}
		}
	}
	return cents, payments
}

// impatient is a till that waits less long for a response that was lost for good, so that the test
// ends.
func impatient() ecrtill.Timers {
	timers := ecrtill.DefaultTimers()
	timers.Response = 12 * time.Second
	return timers
}

// TestLineFaults: one sale of 10.23 under each fault of the till's end of the line: it is paid once
// and the till knows.
func TestLineFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{})
	last := len(requestFrame(t)) - 1
	for i, tc := range []struct {
		name string
		m    ecrtill.Misbehaviour
	}{
		{"split into single bytes", ecrtill.Misbehaviour{Split: true}},
		{"noise before each frame", ecrtill.Misbehaviour{
			Noise: []byte{0xff, 0x03, 0x06, 0x15, 0x1c, 0x00}}},
		{"a frame that begins before the frame",
			ecrtill.Misbehaviour{Transmit: ecrtill.Before(1, []byte{0x02})}},
		{"the first frame is cut", ecrtill.Misbehaviour{Transmit: ecrtill.Cut(1, 20)}},
		{"two frames are cut", ecrtill.Misbehaviour{Transmit: ecrtill.Cut(2, last)}},
		{"wrong LRC twice", ecrtill.Misbehaviour{Transmit: ecrtill.Garble(2, last, 1)}},
		{"wrong length", ecrtill.Misbehaviour{Transmit: ecrtill.Garble(1, 2, 1)}},
		{"length that is no number", ecrtill.Misbehaviour{Transmit: ecrtill.Garble(1, 1, 0xf0)}},
		{"a byte lost", ecrtill.Misbehaviour{Transmit: ecrtill.Lose(1, 10)}},
		{"a byte twice", ecrtill.Misbehaviour{Transmit: ecrtill.Double(1, 10)}},
		{"the request twice in one go", ecrtill.Misbehaviour{Transmit: ecrtill.Repeat(1)}},
		{"the terminal's ACK lost", ecrtill.Misbehaviour{Hear: ecrtill.Deaf(1, ecrtill.ACK)}},
		{"the terminal's ACK lost twice", ecrtill.Misbehaviour{Hear: ecrtill.Deaf(2, ecrtill.ACK)}},
		{"the response lost", ecrtill.Misbehaviour{Hear: ecrtill.Deaf(1, ecrtill.Frame)}},
		{"the response damaged twice", ecrtill.Misbehaviour{Hear: ecrtill.Spoil(2)}},
		{"the response lost for good", ecrtill.Misbehaviour{Hear: ecrtill.Deaf(3, ecrtill.Frame)}},
		{"the response damaged for good", ecrtill.Misbehaviour{Hear: ecrtill.Spoil(3)}},
		{"ACK twice", ecrtill.Misbehaviour{TwiceACK: true}},
		{"ACK late", ecrtill.Misbehaviour{LateACK: 3 * time.Second}},
		{"no ACK ever", ecrtill.Misbehaviour{NeverACK: true}},
	} {
		f := r.turnOn(ecrtill.Config{Timers: impatient(), FirstECN: int64(1000 + 10*i)})
		f.misbehave(tc.m)
		sale := f.sell("Q1", 1023)
		p := r.begun()
		pay(t, p.QRPayload)
		got := <-sale
		if got.Verdict != ecrtill.Approved {
			t.Errorf("%s: the till believes %s (%s, %v)\n%s", tc.name, got.Verdict, got.Code,
				got.err, f.line())
		}
		if cents, n := r.collected(); n != i+1 || cents != int64(i+1)*1023 ||
			len(r.payments()) != i+1 {
			t.Fatalf("%s: %d payments of %d cents for %d sales; the journal has %d", tc.name, n,
				cents, i+1, len(r.payments()))
		}
		r.bookOf(f, ecrtill.Approved, payment.StatusApproved)
		r.rested(f, tc.m.NeverACK)
		f.plug(nil)
	}
}

// rested waits until the terminal has nothing more to say about the newest sale, so that the next
// till finds a quiet line.
func (r *rig) rested(f *foreign, never bool) {
	r.t.Helper()
	f.misbehave(ecrtill.Misbehaviour{NeverACK: never})
	eventually(r.t, "the outcome was acknowledged, or sent as often as it may be", func() error {
		if p := r.payment(r.last); !p.Acknowledged && len(p.Sent) < 3 {
			return fmt.Errorf("sent %d times", len(p.Sent))
		}
		return nil
	})
}

// requestFrame is the request of a sale of 10.23.
func requestFrame(t testing.TB) []byte {
	t.Helper()
	b, err := ecrtill.Paycube().Sale("251210091401", "Q1", 1023, "").Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLineNothingArrives: three transmissions with a wrong LRC start nothing, and the till learns
// that from the last result.
func TestLineNothingArrives(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{})
	f := r.turnOn(ecrtill.Config{})
	f.misbehave(ecrtill.Misbehaviour{Transmit: func(try int, frame []byte) []byte {
		if frame[15] == 'Q' {
			frame[len(frame)-1] ^= 0x40
		}
		return frame
	}})
	got := <-f.sell("Q1", 1023)
	if got.Verdict != ecrtill.NotStarted || !errors.Is(got.err, ecrtill.ErrNoACK) {
		t.Errorf("the till believes %s, %v", got.Verdict, got.err)
	}
	if all := r.payments(); len(all) > 0 {
		t.Errorf("payments came to be: %+v", all)
	}
}

// TestLineGlued: the till's ACK leaves in one write with its next request.
func TestLineGlued(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{})
	f := r.turnOn(ecrtill.Config{})
	f.misbehave(ecrtill.Misbehaviour{GlueACK: true})
	for range 3 {
		if got := f.ask("A1"); got.Code != "00" {
			t.Errorf("status %s %q", got.Code, got.Text)
		}
	}
	sale := f.sell("Q1", 1023)
	p := r.begun()
	f.misbehave(ecrtill.Misbehaviour{})
	pay(t, p.QRPayload)
	f.heard(sale, ecrtill.Approved)
	r.settled(p.ID)
	r.bookOf(f, ecrtill.Approved, payment.StatusApproved)
}

// TestLineEveryBitFlip: no flipped bit of a sale's frame starts a sale; each is NAKed or ignored.
// The frames follow each other after a gap, as a till's would, and the line still works afterwards.
func TestLineEveryBitFlip(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{})
	f := r.turnOn(ecrtill.Config{})
	good := requestFrame(t)
	gap := time.NewTicker(600 * time.Millisecond)
	defer gap.Stop()
	for at := range good {
		// every byte, and every bit of many; device/ecr has its own test of all of them
		bit := at % 8
		b := append([]byte(nil), good...)
		b[at] ^= 1 << bit
		if err := f.Send(soon(t), b); err != nil {
			t.Fatal(err)
		}
		<-gap.C
	}
	if all := r.payments(); len(all) > 0 {
		t.Errorf("payments came to be: %+v", all)
	}
	got, _ := r.paid(f, "Q1")
	matches(t, "paycube-qr-approved", got)
}

// TestLineTillReboots: the till forgets a sale that waits; the last result tells it what became of
// it, and nothing is paid twice.
func TestLineTillReboots(t *testing.T) {
	t.Parallel()
	for _, policy := range []ecrtill.Policy{ecrtill.Counting, ecrtill.Constant,
		ecrtill.Restarting} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, lineOptions{})
			f := r.turnOn(ecrtill.Config{ECN: policy})
			sale := f.sell("Q1", 1023)
			p := r.begun()
			if err := f.Reboot(soon(t)); err != nil {
				t.Fatal(err)
			}
			if got := <-sale; !errors.Is(got.err, ecrtill.ErrRebooted) {
				t.Fatal(got.err)
			}
			if last := f.ask("56"); last.Code != "E6" || last.Amount != 1023 {
				t.Errorf("the last result says %s %d while the sale runs", last.Code, last.Amount)
			}
			pay(t, p.QRPayload)
			// the line was there, so the response was acknowledged, by a till that no longer knew
			// why
			r.settled(p.ID)
			last := f.ask("56")
			sameReference(t, last, r.payment(p.ID))
			if !f.Book().Reconcile(last) {
				t.Errorf("the last result %+v settles nothing", last)
			}
			if n, cents := f.Book().Approved(); n != 1 || cents != 1023 || len(r.payments()) != 1 {
				t.Errorf("book: %d sales of %d cents; journal: %d payments", n, cents,
					len(r.payments()))
			}
		})
	}
}

// TestLineCablePulled: the customer pays while the cable is out. Put back, the till learns of it.
func TestLineCablePulled(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{})
	f := r.turnOn(ecrtill.Config{Timers: impatient()})
	sale := f.sell("Q1", 1023)
	p := r.begun()
	f.plug(nil)
	r.pullCable()
	pay(t, p.QRPayload)
	r.until(p.ID, payment.KindNotified)
	r.putCable()
	f.plug(r.master)
	f.heard(sale, ecrtill.Approved)
	r.bookOf(f, ecrtill.Approved, payment.StatusApproved)
	if _, n := r.collected(); n != 1 || len(r.payments()) != 1 {
		t.Errorf("%d payments, %d in the journal", n, len(r.payments()))
	}
	got, _ := r.paid(f, "Q1") // and the line is as good as before
	if got.ByLast {
		t.Error("the next sale's response did not come")
	}
}
