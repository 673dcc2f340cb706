package e2e_test

import (
	"testing"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

// TestWrongSecretCorrected: the agent is started with a wrong secret while a payment is open. Its
// notification does not open; it is kept, and opens once the file is right again.
func TestWrongSecretCorrected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, x := w.opens()
	p := x.start("SECRET", 1900)
	w.until(p.ID, payment.KindShown)
	w.agent.stop()

	w.write("axs.secret", string(secret.Generate().Reveal())+"\n")
	w.startAgent("")
	x = w.connect()
	pay(t, p.QRPayload)
	w.delivered()
	eventually(t, "the delivery is parked",
		func() error { return lacks(readJournal(t, w.dir), payment.KindParked) })
	if now := x.get(p.ID); now.Status != payment.StatusAwaiting || now.Final {
		t.Errorf("with a wrong secret: %+v", now)
	}
	w.agent.stop()

	w.write("axs.secret", string(w.secret.Reveal())+"\n")
	w.startAgent("")
	x = w.connect()
	x.acknowledge(x.approved(p.ID))
	var from int64
	for _, f := range readJournal(t, w.dir) {
		switch d := f.Data.(type) {
		case payment.Parked:
			from = f.Seq
		case payment.Notified:
			if d.FromParked != from || from == 0 {
				t.Errorf("the statement names parked fact %d, want %d", d.FromParked, from)
			}
		}
	}
	w.never(p.ID)
	w.startAgent("")
	w.connect().owedNothing()
	if n := count(w.facts(p.ID), payment.KindNotified); n != 1 {
		t.Errorf("%d statements of the gateway in the journal", n)
	}
}
