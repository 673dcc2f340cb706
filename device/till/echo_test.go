package till

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"kiosk-agent/device/ecr"
	"kiosk-agent/payment"
)

// The approved answer of docs/ECR.md on an idle line, from wherever: it starts nothing, and nobody
// answers it.
func TestATerminalsAnswerIsNoRequest(t *testing.T) {
	for dialect, function := range map[string]string{"paycube": "Q1", "nets": "30"} {
		r := newRig(t, dialect)
		for _, code := range []string{"00", "01", "51", "TO"} {
			r.send(frame(ecn, function, code, "02="+pad("APPROVED", 40), "03=261105", "04=173000",
				"16=K001", "40=000000001023", "D3=000000000042"))
			r.want()
		}
		if len(r.desk.order) != 0 || r.events[CounterAnswer] != 4 {
			t.Errorf("%s: %d sales, %v", dialect, len(r.desk.order), r.events)
		}
		if r.m.Trouble(r.now.Up) != TroubleAnswer {
			t.Errorf("%s: not named", dialect)
		}
		if r.m.Trouble(r.now.Up+11*time.Minute) != "" {
			t.Errorf("%s: named for ever", dialect)
		}
	}
}

// echoing are a line whose every byte comes back, in each dialect; in the third nothing but the
// bytes tells a status' answer from a request.
func echoing(t *testing.T) map[string]*rig {
	all := map[string]*rig{"paycube": newRig(t, "paycube"), "nets": newRig(t, "nets")}
	d, err := ecr.Parse("plain.toml", []byte("base = \"paycube\"\nname = \"plain\"\n"+
		"[header]\nversions = [\"00\"]\n[functions]\nA5 = { kind = \"off\" }\n"+
		"[[response.fields]]\ncode = \"02\"\nsource = \"text\"\nwidth = 40\n"+
		"kinds = [\"sale\", \"void\", \"last\", \"unknown\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, "paycube")
	r.dialect = d
	r.restart()
	all["plain"] = r
	for _, r := range all {
		r.echo = true
	}
	return all
}

func TestALineThatEchoes(t *testing.T) {
	for name, r := range echoing(t) {
		status := "A1"
		if name == "nets" {
			status = "55"
		}
		r.send(frame(ecn, status, "01"))
		w := r.take()
		if len(w) != 2 || !bytes.Equal(w[0], []byte{ack}) || parse(t, w[1]).function != status {
			t.Fatalf("%s: written:\n%s", name, dump(w))
		}
		r.pass(time.Hour) // nobody ACKs: three transmissions of it
		if w := r.take(); len(w) != 2 {
			t.Fatalf("%s: written:\n%s", name, dump(w))
		}
		if r.m.Trouble(r.now.Up) != TroubleEcho || len(r.desk.order) != 0 {
			t.Errorf("%s: %q, %d sales", name, r.m.Trouble(r.now.Up), len(r.desk.order))
		}
		for _, x := range []Trouble{TroubleEcho, TroubleAnswer} {
			if x.Text() == "" || !strings.Contains(x.Cure(), "TX and RX") {
				t.Errorf("%s: %q %q", x, x.Text(), x.Cure())
			}
		}
	}
}

// A sale on such a line: the echo of its answer starts no second one, and the agent's own ACK is
// not the till's.
func TestASaleOnALineThatEchoes(t *testing.T) {
	for name, r := range echoing(t) {
		sale, status := saleOn(ecn, 1023), "A1"
		if name == "nets" {
			sale, status = purchase(ecn, receipt, 1023), "55"
		}
		r.send(sale)
		r.want([]byte{ack})
		p := r.desk.get(r.desk.order[0])
		r.pass(3 * time.Second) // no customer is faster
		r.finish(p, payment.StatusApproved)
		r.pass(time.Second)
		r.send(frame(ecn, status, "01")) // its ACK comes back, too
		if p := r.desk.get(p.ID); p.AckedRev != 0 {
			t.Fatalf("%s: the agent's own ACK has acknowledged the outcome", name)
		}
		r.pass(time.Second)
		r.send([]byte{ack})
		if p := r.desk.get(p.ID); !p.Acknowledged || len(r.desk.order) != 1 {
			t.Errorf("%s: %d sales, %+v", name, len(r.desk.order), p.AckedRev)
		}
		r.pass(time.Minute)
		r.send([]byte{ack})
		for _, w := range r.take() {
			if w[0] == nak {
				t.Errorf("%s: an echo got a NAK", name)
			}
		}
		if len(r.desk.order) != 1 {
			t.Errorf("%s: %d sales", name, len(r.desk.order))
		}
	}
}

// An echo that a collision has garbled gets no NAK: that would come back, too. Mended, the line is
// not named any more.
func TestALineThatEchoedIsMended(t *testing.T) {
	r := newRig(t, "paycube")
	r.echo = true
	r.send(frame(ecn, "A1", "01"))
	r.send([]byte{ack})
	r.take()
	broken := frame(ecn, "A1", "00")
	broken[len(broken)-1] ^= 1
	r.send(broken)
	r.pass(time.Second)
	r.want()
	r.echo = false
	r.pass(time.Minute)
	r.send(frame(ecn, "A1", "01"))
	r.send([]byte{ack}) // it may be the agent's own
	r.pass(2 * time.Second)
	r.send([]byte{ack})
	if got := r.m.Trouble(r.now.Up); got != "" {
		t.Errorf("still named: %s", got)
	}
	r.take()
	r.pass(time.Minute)
	r.send(broken)
	r.pass(time.Second)
	r.want([]byte{nak})
}

// What went out long ago is no echo: a till may send the same bytes as a request.
func TestTheEchoWindowEnds(t *testing.T) {
	r := echoing(t)["plain"]
	r.echo = false
	for range 3 {
		r.send(frame(ecn, "A1", "00"))
		r.want([]byte{ack}, frame(ecn, "A1", "00"))
		r.send([]byte{ack})
		r.pass(3 * time.Second)
	}
	if r.m.Trouble(r.now.Up) != "" || r.events[CounterEcho] != 0 {
		t.Error(r.events)
	}
}
