package engine_test

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// desk is the gateway that makes the codes, as the world outside knows it: what it was asked, what
// it made, what it said.
type desk struct {
	seen  int                // of rig.mints
	open  []engine.SendMint  // not answered yet; a process that ends hears nothing of them
	codes map[string]*coding // by payment
}

// coding is one request for a code.
type coding struct {
	payload string        // what there is to pay; "" = nothing was made
	until   time.Duration // boot clock: the end that was stated; 0 = none
	never   bool          // the engine was told that the request never left
}

// drawGateway decides who makes what customers scan.
func (w *world) drawGateway() {
	w.desk.codes = map[string]*coding{}
	if !rapid.Bool().Draw(w.rt, "the gateway makes the codes") {
		return
	}
	w.cfg.Remote, w.cfg.Mode = true, "qr"
	w.cfg.FallbackLink = rapid.Bool().Draw(w.rt, "a link may take a code's place")
	w.cfg.Wallets = w.cfg.Schemes[:rapid.IntRange(0, 2).Draw(w.rt, "wallets")]
}

// noteMints takes the requests that have just left.
func (w *world) noteMints() {
	for _, m := range w.mints[w.desk.seen:] {
		if w.desk.codes[m.Payment] != nil {
			w.rt.Fatalf("a second code is asked for: %s", m.Payment)
		}
		if p := w.payment(m.Payment); !p.MintSent || p.Minted || p.Final ||
			m.Request.MerchantRef != p.MerchantRef || m.Request.Money != p.Money {
			w.rt.Fatalf("asked for %+v, the journal says %+v", m, p)
		}
		w.desk.codes[m.Payment] = &coding{}
		w.desk.open = append(w.desk.open, m)
	}
	w.desk.seen = len(w.mints)
}

// makes lets the gateway answer what it was asked first, or the network lose one thing or the
// other.
func (w *world) makes() {
	if len(w.desk.open) == 0 {
		return
	}
	m := w.desk.open[0]
	c := w.desk.codes[m.Payment]
	made := func() payment.MintAnswer {
		c.payload = "code of " + m.Request.MerchantRef
		return payment.MintAnswer{Minted: payment.Minted{Payload: c.payload,
			ProviderRef: "P-" + m.Payment}}
	}
	var a payment.MintAnswer
	switch rapid.SampledFrom([]string{"right", "right", "right", "right", "short", "never left",
		"lost", "unanswered", "error", "silence"}).Draw(w.rt, "the mint is") {
	case "right":
		a = made()
	case "short":
		a = made()
		a.ValidFor = rapid.SampledFrom(
			[]time.Duration{time.Second, time.Minute, 170 * time.Second, time.Hour}).Draw(w.rt,
			"valid for")
		if sent := w.sentOf(m.Payment); sent.Boot == w.now.Boot {
			c.until = sent.Up + a.ValidFor
		}
	case "never left":
		a, c.never = payment.MintAnswer{Failure: "cannot resolve host", NeverSent: true}, true
	case "lost":
		a = payment.MintAnswer{Failure: "timeout after 10s"}
	case "unanswered":
		made()
		a = payment.MintAnswer{Failure: "timeout after 10s"}
	case "error":
		if rapid.Bool().Draw(w.rt, "made all the same") {
			made()
		}
		a = payment.MintAnswer{Failure: "HTTP 500"}
	default:
		made()
		w.desk.open = w.desk.open[1:]
		return
	}
	w.desk.open = w.desk.open[1:]
	w.step(engine.MintReturned{Payment: m.Payment, Answer: a})
}

// sentOf is the fact of the one mint.
func (w *world) sentOf(id string) (sent payment.Fact) {
	facts, err := w.j.Journal.Facts(id)
	if err != nil {
		w.rt.Fatal(err)
	}
	for _, f := range facts {
		if f.Kind() == payment.KindMintSent {
			sent = f
		}
	}
	return sent
}

// chooses touches a wallet on the display, mostly of the payment that asks for one.
func (w *world) chooses() {
	id := w.screen.Payment
	if rapid.IntRange(0, 5).Draw(w.rt, "an old finger") == 0 {
		id = w.anyone()
	}
	w.step(engine.WalletChosen{Payment: id,
		Wallet: rapid.SampledFrom([]string{"paynow", "credit_card", "visa"}).Draw(w.rt, "touches")})
	w.noteMints()
}

// exposed reports whether a customer can have seen something to pay.
func (w *world) exposed(id string) bool {
	return slices.ContainsFunc(w.screens,
		func(v engine.View) bool { return v.Payment == id && v.Payload != "" })
}

// oneCode holds what the journal says against what the gateway gave.
func (w *world) oneCode() {
	if !w.cfg.Remote {
		return
	}
	for _, r := range w.gw.minted {
		if c := w.desk.codes[r.MerchantRef[len(tag)+1:]]; c == nil || !c.never || c.payload != "" {
			w.rt.Fatalf("a link is made, and there may be a code: %s", r.MerchantRef)
		}
	}
	for id := range w.oracle.sales {
		p, ok, err := w.j.Payment(id)
		if err != nil {
			w.rt.Fatal(err)
		}
		c := w.desk.codes[id]
		if !ok || p.QRPayload == "" {
			continue
		}
		switch {
		case c == nil:
			w.rt.Fatalf("%s can be paid, and nobody was asked for a code", id)
		case p.QRPayload != c.payload &&
			!(c.never && p.QRPayload == "https://pay.test/"+p.MerchantRef):
			w.rt.Fatalf("%s has the code %q, the gateway gave %q", id, p.QRPayload, c.payload)
		case c.until != 0 && p.Boot == w.now.Boot && p.Deadline > c.until:
			w.rt.Fatalf("%s ends at %s, and the gateway's code at %s", id, p.Deadline, c.until)
		}
	}
}

// unminted checks the end of what provably never could be paid.
func (w *world) unminted() {
	if !w.cfg.Remote {
		return
	}
	for id := range w.oracle.sales {
		c, p := w.desk.codes[id], w.payment(id)
		if c != nil && c.payload != "" || p.Minted {
			continue
		}
		if p.Status == payment.StatusApproved || p.EndedBy == "" &&
			(p.Status != payment.StatusCancelled || p.Reason.Code != "mint_failed") {
			w.rt.Fatalf("%s was never minted and ends as %s: %s", id, p.Status,
				fmt.Sprint(p.Reason))
		}
	}
}
