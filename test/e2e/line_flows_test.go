package e2e_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/ecrtill"
)

// paid runs a sale of 10.23 to its approval and returns both sides of it.
func (r *rig) paid(f *foreign, function string) (ecrtill.Result, payment.Payment) {
	r.t.Helper()
	sale := f.sell(function, 1023)
	p := r.begun()
	if p.Money.Amount != 1023 || p.Money.Currency != payment.SGD {
		r.t.Errorf("the till asked for 10.23, the journal has %s", p.Money)
	}
	scan(r.t, p.QRPayload).press("pay", schemeOf(function))
	got := f.heard(sale, ecrtill.Approved)
	p = r.settled(p.ID)
	if p.Status != payment.StatusApproved {
		r.t.Errorf("the journal has %s", p.Status)
	}
	sameReference(r.t, got, p)
	return got, p
}

// schemeOf is what the customer pays a sale with.
func schemeOf(function string) string {
	if function == "C1" || function == "I0" {
		return "VISA"
	}
	return "PAYNOW"
}

// sameReference compares the references of a response with the gateway's.
func sameReference(t testing.TB, got ecrtill.Result, p payment.Payment) {
	t.Helper()
	whole := p.ProviderRef
	if tail, ok := got.Message.Get("D3"); len(whole) < 12 || !ok || tail != whole[len(whole)-12:] {
		t.Errorf("D3 is %q, the transaction %q", tail, whole)
	}
	if a1, ok := got.Message.Get("A1"); ok && a1 != whole {
		t.Errorf("A1 is %q, the transaction %q", a1, whole)
	}
}

// failed lets a customer's card be declined.
func (r *rig) failed(p payment.Payment) {
	r.t.Helper()
	scan(r.t, p.QRPayload).press("decline", "VISA")
}

// bookOf checks that the till's book and the journal tell the same of the line's newest sale, and
// that nothing strayed.
func (r *rig) bookOf(f *foreign, want ecrtill.Verdict, status payment.Status) {
	r.t.Helper()
	entries, all := f.Book().Entries(), r.payments()
	e, p := entries[len(entries)-1], all[len(all)-1]
	if e.Verdict != want || p.Status != status || e.Amount != p.Money.Amount {
		r.t.Errorf("book %+v, journal %s %s", e, p.Status, p.Money)
	}
	for _, s := range f.Book().Strays() {
		r.t.Errorf("stray: %s: %+v", s.Why, s.Message)
	}
}

// TestLineAnswersWithoutSale: what needs no payment.
func TestLineAnswersWithoutSale(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{})
	zero, short := ecrtill.Amount(0), ecrtill.Field{Code: "40", Data: "1023"}
	for _, tc := range []struct {
		golden, function string
		fields           []ecrtill.Field
	}{
		{"paycube-status-ready", "A1", nil},
		{"paycube-cancel-idle", "A5", nil},
		{"paycube-void-refused", "C2", nil},
		{"paycube-bad-function", "Z9", nil},
		{"paycube-bad-field", "Q1", []ecrtill.Field{zero}},
		{"paycube-bad-field", "Q1", []ecrtill.Field{short}},
		{"paycube-bad-field", "Q1", []ecrtill.Field{{Code: "40", Data: "00000000102x"}}},
		{"paycube-bad-field", "Q1", nil},
	} {
		f := r.turnOn(ecrtill.Config{})
		matches(t, tc.golden, f.ask(tc.function, tc.fields...))
		f.plug(nil)
	}
	if all := r.payments(); len(all) > 0 {
		t.Errorf("payments came to be: %+v", all)
	}
}

// lineSales is status, approved, last result and a cancel that comes too late, over the line that
// port is the till's end of.
func lineSales(t *testing.T, r *rig, port ecrtill.Port) {
	t.Helper()
	f := turnOn(t, ecrtill.Config{}, port)
	got, p := r.paid(f, "Q1")
	matches(t, "paycube-qr-approved", got)
	last := f.ask("56")
	matches(t, "paycube-last-approved", last)
	sameReference(t, last, p)
	r.bookOf(f, ecrtill.Approved, payment.StatusApproved)
	f.plug(nil)

	// the same number again: acknowledged, so it is a new sale
	f = turnOn(t, ecrtill.Config{}, port)
	got, _ = r.paid(f, "C1")
	matches(t, "paycube-card-approved", got)
	f.plug(nil)

	f = turnOn(t, ecrtill.Config{}, port)
	sale := f.sell("C1", 1023)
	p = r.begun()
	r.failed(p)
	matches(t, "paycube-card-declined", f.heard(sale, ecrtill.NotPaid))
	matches(t, "paycube-last-declined", f.ask("56"))
	r.settled(p.ID)
	r.bookOf(f, ecrtill.NotPaid, payment.StatusDeclined)
	if n := len(r.payments()); n != 3 {
		t.Errorf("%d payments for three sales", n)
	}
}

func TestLineSales(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{})
	lineSales(t, r, r.master)
}

// TestLineCancelTooLate: the till cancels while the customer pays: the sale is approved, and only
// then the cancel is refused.
func TestLineCancelTooLate(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{})
	f := r.turnOn(ecrtill.Config{})
	sale := f.sell("Q1", 1023)
	p := r.begun()
	customer := scan(t, p.QRPayload)
	cancel := f.asking("A5")
	r.until(p.ID, payment.KindWithdrawn)
	customer.press("pay", "PAYNOW")
	matches(t, "paycube-qr-approved", f.heard(sale, ecrtill.Approved))
	answer := <-cancel
	if answer.err != nil {
		t.Fatal(answer.err)
	}
	matches(t, "paycube-cancel-too-late", answer.Result)
	r.settled(p.ID)
	r.bookOf(f, ecrtill.Approved, payment.StatusApproved)
}

// TestLineSalesOverSocat: the same over a pair of ptys that a real tool made.
func TestLineSalesOverSocat(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{noAgent: true})
	r.pullCable()
	port := r.socat()
	r.startAgent("")
	r.ready(lineOptions{})
	lineSales(t, r, port)
}

// TestLineDuringSale: status, last result and cancel while a sale runs. The sale's own response
// goes before the cancel's. No query is there to confirm that nobody paid: the till is told that it
// is uncertain, and no cancel is claimed.
func TestLineDuringSale(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{})
	for _, tc := range []struct{ golden, function string }{
		{"paycube-status-during-sale", "A1"}, {"paycube-last-running", "56"},
		{"paycube-cancel-too-late", "A5"},
	} {
		f := r.turnOn(ecrtill.Config{NoLastResult: true})
		sale := f.sell("Q1", 1023)
		p := r.begun()
		matches(t, tc.golden, f.ask(tc.function))
		if tc.function != "A5" {
			f.ask("A5")
		}
		matches(t, "paycube-qr-unknown", f.heard(sale, ecrtill.Uncertain))
		f.inOrder("Q1", "A5")
		if p = r.settled(p.ID); p.Status != payment.StatusCancelled {
			t.Errorf("the journal has %s", p.Status)
		}
		f.plug(nil)
	}
	if n := len(r.payments()); n != 3 {
		t.Errorf("%d payments for three sales", n)
	}
}

// TestLineBusy: another sale while one runs is refused and changes nothing about the first, whose
// outcome the till learns.
func TestLineBusy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		dialect, golden, function string
		cfg                       ecrtill.Config
	}{
		{"paycube", "paycube-busy", "Q1", ecrtill.Config{}},
		{"nets", "nets-busy", "30", netsTill()},
	} {
		t.Run(tc.dialect, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, lineOptions{dialect: tc.dialect})
			tc.cfg.Timers = impatient()
			f := r.turnOn(tc.cfg)
			sale := f.sell(tc.function, 1023)
			p := r.begun()
			matches(t, tc.golden, f.heard(f.sell(tc.function, 500), ecrtill.NotPaid))
			pay(t, p.QRPayload)
			f.heard(sale, ecrtill.Approved)
			if n := len(r.payments()); n != 1 {
				t.Errorf("%d payments", n)
			}
			if n, cents := f.Book().Approved(); n != 1 || cents != 1023 {
				t.Errorf("the till's book has %d sales of %d cents", n, cents)
			}
			if p = r.payment(p.ID); p.Status != payment.StatusApproved {
				t.Errorf("the journal has %s", p.Status)
			}
		})
	}
}

// netsTill is a till of the second dialect that sends a reference of its own.
func netsTill() ecrtill.Config {
	return ecrtill.Config{Dialect: ecrtill.Nets(),
		Reference: func(string) string { return "INV-1" }}
}

// inOrder checks in which order the newest responses to two functions came.
func (f *foreign) inOrder(first, second string) {
	f.t.Helper()
	var p ecrtill.Parser
	at := map[string]int{}
	for i, traffic := range f.Trace() {
		if traffic.Sent {
			continue
		}
		for _, b := range traffic.Bytes {
			if e, ok := p.Push(b); ok && e.Kind == ecrtill.Frame {
				at[e.Message.Function] = i + 1
			}
		}
	}
	if at[first] == 0 || at[first] >= at[second] {
		f.t.Errorf("%s was answered at %d, %s at %d", first, at[first], second, at[second])
	}
}

// TestLineExpired: nobody pays for 30 s, and no query is there to confirm it.
func TestLineExpired(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{})
	f := r.turnOn(ecrtill.Config{NoLastResult: true})
	sale := f.sell("Q1", 1023)
	p := r.begun()
	matches(t, "paycube-qr-unknown", f.heard(sale, ecrtill.Uncertain))
	if p = r.settled(p.ID); p.Status != payment.StatusExpired {
		t.Errorf("the journal has %s", p.Status)
	}
}

// TestLineDeclined: a wallet's attempt that failed ends a sale that any scheme may pay.
func TestLineDeclined(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{noAgent: true})
	r.write("wide.toml", "base = \"paycube\"\nname = \"wide\"\n[functions]\nQ1 = { kind = "+
		"\"sale\", schemes = [] }\n")
	r.replaceInConfig(`dialect = "paycube"`,
		fmt.Sprintf("dialect = %q", filepath.Join(r.dir, "wide.toml")))
	r.startAgent("")
	r.ready(lineOptions{})
	f := r.turnOn(ecrtill.Config{})
	sale := f.sell("Q1", 1023)
	p := r.begun()
	r.failed(p)
	matches(t, "paycube-qr-declined", f.heard(sale, ecrtill.NotPaid))
	r.settled(p.ID)
	r.bookOf(f, ecrtill.NotPaid, payment.StatusDeclined)
}

// TestLineUnknown: the gateway reports another amount: the till is told TO, also as the last
// result, and staff have it.
func TestLineUnknown(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{})
	for _, kind := range []sandbox.FaultKind{sandbox.FaultWrongAmount, sandbox.FaultQueryAmount} {
		if _, err := r.sandbox.AddFault(sandbox.Fault{Kind: kind}); err != nil {
			t.Fatal(err)
		}
	}
	f := r.turnOn(ecrtill.Config{})
	sale := f.sell("Q1", 1023)
	p := r.begun()
	pay(t, p.QRPayload)
	got := <-sale
	if got.Verdict != ecrtill.Uncertain || got.err != nil {
		t.Fatalf("%+v", got)
	}
	r.bookOf(f, ecrtill.Uncertain, payment.StatusUnknown)
	f.plug(nil)
	if p = r.payment(p.ID); p.Status != payment.StatusUnknown || len(p.Flags) == 0 {
		t.Errorf("the journal has %s %v", p.Status, p.Flags)
	}
}

// TestLineNotReady: no display, then no way to hear the answer: nothing starts, and the codes
// differ.
func TestLineNotReady(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{noShow: true})
	r.ws.awaitReason("no_display")
	// Another amount each time: the same request again is told what it was told.
	cents := int64(1022)
	ask := func(status, refused string) {
		cents++
		for name, question := range map[string]func(f *foreign) ecrtill.Result{
			status: func(f *foreign) ecrtill.Result { return f.ask("A1") },
			refused: func(f *foreign) ecrtill.Result {
				return f.heard(f.sell("Q1", cents), ecrtill.NotPaid)
			},
		} {
			f := r.turnOn(ecrtill.Config{})
			matches(t, name, question(f))
			f.plug(nil)
		}
	}
	// The path proves itself while there is no display yet.
	eventually(t, "only the display is missing", func() error {
		if _, reasons := r.ws.status(); len(reasons) != 1 {
			return errors.New("other reasons")
		}
		return nil
	})
	ask("paycube-status-not-ready", "paycube-not-ready")
	r.showScreen()
	r.ws.ready()
	r.relay.kill()
	r.notReady()
	ask("paycube-status-path-down", "paycube-path-down")
	if all := r.payments(); len(all) > 0 {
		t.Errorf("payments came to be: %+v", all)
	}
}

// TestLineNets: the second dialect's words.
func TestLineNets(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{dialect: "nets"})
	cfg := netsTill()
	for name, question := range map[string]func(f *foreign) ecrtill.Result{
		"nets-status-ready": func(f *foreign) ecrtill.Result { return f.ask("55") },
		"nets-logon":        func(f *foreign) ecrtill.Result { return f.ask("80") },
		"nets-settlement":   func(f *foreign) ecrtill.Result { return f.ask("81") },
		"nets-bad-function": func(f *foreign) ecrtill.Result { return f.ask("Z9") },
		"nets-bad-field": func(f *foreign) ecrtill.Result {
			return f.ask("30", ecrtill.Field{Code: "T2", Data: "04"},
				ecrtill.Field{Code: "HD", Data: "INV-1"})
		},
	} {
		f := r.turnOn(cfg)
		matches(t, name, question(f))
		f.plug(nil)
	}
	for _, tc := range []struct{ function, golden string }{{"30", "nets-qr-approved"},
		{"I0", "nets-card-approved"}} {
		f := r.turnOn(cfg)
		got, _ := r.paid(f, tc.function)
		matches(t, tc.golden, got)
		if tc.function == "30" {
			matches(t, "nets-last-approved", f.ask("56"))
		}
		f.plug(nil)
	}
	f := r.turnOn(cfg)
	sale := f.sell("I0", 1023)
	p := r.begun()
	r.failed(p)
	matches(t, "nets-card-declined", f.heard(sale, ecrtill.NotPaid))
}
