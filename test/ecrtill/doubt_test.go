package ecrtill

import (
	"errors"
	"testing"
	"time"
)

// TestNeverAcknowledged: three transmissions and no fourth. A till whose number never changes then
// believes no last result: it cannot know whose it is.
func TestNeverAcknowledged(t *testing.T) {
	onLine(t, Config{ECN: Constant}, func(t *testing.T, till *Till, term *terminal) {
		sale := sell(t, till, 100)
		req := term.want(Frame).Message
		for n := 1; n < transmissions; n++ {
			term.want(Frame)
		}
		if next := term.want(Frame).Message; next.Function != "56" {
			t.Fatalf("a fourth transmission: %+v", next)
		}
		term.write(ack)
		req.Function = "56"
		term.respond(req, "00", Amount(100), ref("7"))
		term.want(ACK)
		got := <-sale
		if !errors.Is(got.err, ErrNoACK) {
			t.Error(got.err)
		}
		believes(t, till, got, Uncertain, 0)
	})
}

// TestRepeatedResponseIsNoAnswer: the first response comes again while the next request, with the
// same number, waits for its ACK.
func TestRepeatedResponseIsNoAnswer(t *testing.T) {
	onLine(t, Config{ECN: Constant}, func(t *testing.T, till *Till, term *terminal) {
		sale := sell(t, till, 100)
		first := term.respond(term.request("Q1"), "51", Amount(100))
		term.want(ACK)
		believes(t, till, <-sale, NotPaid, 0)
		sale = sell(t, till, 100)
		req := term.want(Frame).Message
		term.write(first...) // its ACK was lost
		term.want(ACK)
		term.silent(time.Second)
		term.write(ack)
		term.respond(req, "00", Amount(100), ref("8"))
		term.want(ACK)
		believes(t, till, <-sale, Approved, 0)
	})
}

// TestWrongLengthSwallowsTheRest: what follows a wrong length is no ACK and no frame until the line
// was silent.
func TestWrongLengthSwallowsTheRest(t *testing.T) {
	for _, length := range [][]byte{{0x0a, 0x18}, {0x00, 0x17}, {0x99, 0x99}} {
		var p Parser
		for _, b := range append(append([]byte{stx}, length...), ack, nak, stx, ack) {
			if e, ok := p.Push(b); ok {
				t.Errorf("length %x: %+v", length, e)
			}
		}
		if e, ok := p.Gap(); !ok || e.Kind != Bad || p.Mid() {
			t.Errorf("length %x: after the gap %+v", length, e)
		}
	}
}

// TestBookIsFinal: a verdict stands, whatever comes later.
func TestBookIsFinal(t *testing.T) {
	var b Book
	e := b.open(exampleECN, "Q1", 100)
	b.decide(e, Result{Verdict: NotPaid, Code: "51"})
	b.decide(e, Result{Verdict: Approved, Code: "00"})
	b.end(e, Uncertain)
	if got := b.Entries()[0]; got.Verdict != NotPaid || got.Code != "51" {
		t.Errorf("%+v", got)
	}
	if b.Reconcile(Result{Verdict: Approved, ECN: exampleECN, Amount: 100}) {
		t.Error("a decided sale was reconciled")
	}
}
