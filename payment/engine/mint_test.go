package engine_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// remote configures a gateway that makes the codes itself.
func remote(c *engine.Config) { c.Remote, c.Mode, c.QueryEndpoint = true, "qr", "endpoint-1" }

// begins asks for a sale whose code the gateway makes; the till still waits.
func (r *rig) begins(reference string) (id string, to engine.Ticket) {
	r.t.Helper()
	n := len(r.mints)
	_, to = r.ask(func(t engine.Ticket) engine.Event {
		return engine.StartAsked{Till: till1, Request: request(reference), To: t}
	})
	if len(r.mints) != n+1 {
		r.t.Fatalf("no mint was sent: %+v", r.answers[to])
	}
	return r.mints[n].Payment, to
}

func (r *rig) mintReturns(id string, a payment.MintAnswer) {
	r.t.Helper()
	r.step(engine.MintReturned{Payment: id, Answer: a})
}

var code = payment.MintAnswer{Minted: payment.Minted{Payload: "00020101", ProviderRef: "77"}}

func TestARemoteMint(t *testing.T) {
	r := newRig(t, remote)
	id, to := r.begins("R1")
	r.wantFacts(id, "requested mint_sent")
	if r.answered(to) || len(r.gw.minted) != 0 {
		t.Fatal("answered before there is anything to pay")
	}
	r.mintReturns(id, code)
	if a := r.answers[to]; a.Err != nil || a.Payment.Status != payment.StatusAwaiting ||
		a.Payment.QRPayload != "00020101" || a.Payment.ProviderRef != "77" {
		t.Fatalf("answered %+v", a)
	}
	r.confirm(r.payment(id))
	r.mustDeliver(paid(r.payment(id)))
	r.wantStatus(id, payment.StatusApproved)
	r.mintReturns(id, code) // twice
	r.wantFacts(id, "requested mint_sent minted shown notified offered")
}

// TestWhatIsToldAsNotPaidIsClosed: also where the first attempt ended the sale, and no cancel.
func TestWhatIsToldAsNotPaidIsClosed(t *testing.T) {
	for _, word := range []string{payment.RecordDeclined, payment.RecordExpired} {
		r := newRig(t, remote, func(c *engine.Config) { c.Policy.FinishDeclined = true })
		id, _ := r.begins("R1")
		r.mintReturns(id, code)
		p := r.payment(id)
		r.confirm(p)
		r.mustDeliver(paid(p, status(word, "1")))
		if len(r.closes) != 1 || r.closes[0].ProviderRef != "77" {
			t.Errorf("%s: closed %+v", word, r.closes)
		}
		r.mustDeliver(paid(p, status(word, "2")))
		if len(r.closes) != 1 {
			t.Errorf("%s: closed again: %+v", word, r.closes)
		}
	}
}

// TestWhatIsOddIsSaidOnce: what no money hangs on is shown all the same.
func TestWhatIsOddIsSaidOnce(t *testing.T) {
	r := newRig(t, remote)
	odd := code
	odd.Odd = "expired_at is missing"
	for _, reference := range []string{"R1", "R2"} {
		id, _ := r.begins(reference)
		r.mintReturns(id, odd)
		r.wantStatus(id, payment.StatusAwaiting)
		r.confirm(r.payment(id))
		r.mustDeliver(paid(r.payment(id)))
	}
	n := 0
	for _, said := range r.notes {
		if slices.Contains(said.Args, any(odd.Odd)) {
			n++
		}
	}
	if n != 1 {
		t.Errorf("it is said %d times", n)
	}
}

// TestTheWallet: a code is for one wallet, which is booked before it is asked for and shown with
// the code.
func TestTheWallet(t *testing.T) {
	wallets := func(c *engine.Config) { c.Wallets = []string{"paynow", "alipay"} }
	for name, tc := range map[string]struct {
		change func(*engine.Config)
		asked  []string
		want   []string
	}{
		"the usual one": {wallets, nil, []string{"paynow"}},
		"the till's":    {wallets, []string{"alipay"}, []string{"alipay"}},
		"another of the terminal's": {func(c *engine.Config) { c.Wallets = []string{"paynow"} },
			[]string{"alipay"}, []string{"alipay"}},
		"the till's several":   {wallets, []string{"alipay", "paynow"}, []string{"paynow"}},
		"the gateway's choice": {func(*engine.Config) {}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, remote, tc.change,
				func(c *engine.Config) { c.Schemes = []string{"paynow", "alipay"} })
			q := request("R1")
			q.Schemes = tc.asked
			r.ask(func(to engine.Ticket) engine.Event {
				return engine.StartAsked{Till: till1, Request: q, To: to}
			})
			id := r.mints[0].Payment
			facts, err := r.j.Journal.Facts(id)
			if err != nil || len(facts) != 2 {
				t.Fatal(facts, err)
			}
			sent, _ := facts[1].Data.(payment.MintSent)
			if !slices.Equal(r.mints[0].Request.Schemes, tc.want) || tc.want != nil &&
				sent.Scheme != tc.want[0] {
				t.Fatalf("minted %+v, booked %+v", r.mints[0].Request, sent)
			}
			r.mintReturns(id, code)
			if !slices.Equal(r.screen.Schemes, tc.want) || r.screen.Kind != payment.ScreenPay ||
				r.screen.Wallet != sent.Scheme {
				t.Errorf("shown %+v", r.screen)
			}
		})
	}
}

func TestTheGatewaysValidityShortensTheTime(t *testing.T) {
	r := newRig(t, remote)
	id, _ := r.begins("R1")
	r.pass(3 * time.Second)
	short := code
	short.ValidFor = time.Minute
	r.mintReturns(id, short)
	r.confirm(r.payment(id))
	r.pass(56 * time.Second)
	r.wantStatus(id, payment.StatusAwaiting)
	r.pass(time.Second)
	if got := r.payment(id); got.EndedBy != payment.KindDeadlinePassed {
		t.Errorf("a minute after the mint was sent: %+v", got.EndedBy)
	}
	if len(r.closes) != 1 || r.closes[0].ProviderRef != "77" {
		t.Errorf("closed %+v", r.closes)
	}
}

// TestAMintThatFailed tells the till, and nothing is ever minted again for the sale.
func TestAMintThatFailed(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(*engine.Config)
		answer  payment.MintAnswer
		queried bool // one question is asked first
	}{
		"never sent": {remote,
			payment.MintAnswer{Failure: "cannot resolve host", NeverSent: true}, false},
		"answer lost": {remote, payment.MintAnswer{Failure: "timeout after 10s"}, true},
		"answer lost, no query": {func(c *engine.Config) { remote(c); c.QueryEndpoint = "" },
			payment.MintAnswer{Failure: "timeout after 10s"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tc.change)
			id, to := r.begins("R1")
			r.mintReturns(id, tc.answer)
			r.pass(0)
			if tc.queried {
				if r.answered(to) || len(r.asked) != 1 {
					t.Fatalf("answered %v, asked %v", r.answered(to), r.asked)
				}
				r.answerNext(nothing())
			}
			if a := r.answers[to]; a.Payment.Status != payment.StatusCancelled ||
				a.Payment.Reason.Code != "mint_failed" {
				t.Fatalf("answered %+v", a)
			}
			if len(r.mints) != 1 || len(r.asked) != 0 {
				t.Errorf("minted %d times", len(r.mints))
			}
			r.begins("R2") // the next sale is free to begin
		})
	}
}

// TestALostAnswerIsAskedFor: whatever the one question finds decides; a code that nobody saw is
// paid by nobody.
func TestALostAnswerIsAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(payment.Payment) payment.QueryAnswer
		want   payment.Status
	}{
		"sent": {func(p payment.Payment) payment.QueryAnswer {
			return found(paid(p, status(payment.RecordSent, "1")))
		}, payment.StatusCancelled},
		"paid": {func(p payment.Payment) payment.QueryAnswer { return found(paid(p)) },
			payment.StatusApproved},
		"deaf": {func(payment.Payment) payment.QueryAnswer { return broken() },
			payment.StatusCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, remote)
			id, to := r.begins("R1")
			r.pass(21 * time.Second) // no answer at all
			r.answerNext(tc.answer(r.payment(id)))
			r.wantStatus(id, tc.want)
			if a := r.answers[to]; a.Payment.Status != tc.want {
				t.Errorf("answered %+v", a)
			}
			r.mintReturns(id, code) // it comes after all: too late to show
			if got := r.payment(id); got.Status != tc.want || got.QRPayload != "" {
				t.Errorf("%+v", got)
			}
			r.wantScreen(payment.Screen(tc.want))
		})
	}
}

func TestALinkInPlaceOfACode(t *testing.T) {
	r := newRig(t, remote, func(c *engine.Config) {
		c.FallbackLink, c.Wallets = true,
			[]string{"paynow"}
	})
	id, to := r.begins("R1")
	r.pass(2 * time.Second)
	r.mintReturns(id, payment.MintAnswer{Failure: "cannot resolve host", NeverSent: true})
	if a := r.answers[to]; a.Payment.Status != payment.StatusAwaiting ||
		a.Payment.QRPayload != "https://pay.test/"+a.Payment.MerchantRef {
		t.Fatalf("answered %+v", a)
	}
	if len(r.screen.Schemes) != 0 || r.screen.Wallet != "" { // a link is for every scheme
		t.Errorf("shown for %v", r.screen.Schemes)
	}
	if len(r.gw.minted) != 1 || r.gw.minted[0].Timeout != 178*time.Second {
		t.Errorf("minted %+v", r.gw.minted)
	}
	id, _ = func() (string, engine.Ticket) {
		r.cancel(till1, id)
		r.pass(40 * time.Second)
		return r.begins("R2")
	}()
	r.mintReturns(id, payment.MintAnswer{Failure: "timeout after 10s"}) // it may have left: no link
	if len(r.gw.minted) != 1 {
		t.Error("a second way to pay, although the first may be there")
	}
}

func TestARestartWhileMinting(t *testing.T) {
	r := newRig(t, remote)
	id, _ := r.begins("R1")
	r.crash()
	r.pass(time.Second)
	r.wantStatus(id, payment.StatusCreated)
	r.answerNext(nothing())
	got := r.wantStatus(id, payment.StatusCancelled)
	if got.Reason.Code != "mint_failed" || len(r.mints) != 1 {
		t.Errorf("%+v, minted %d times", got.Reason, len(r.mints))
	}
}

func TestCancelWhileMinting(t *testing.T) {
	r := newRig(t, remote)
	id, to := r.begins("R1")
	_, waiter := r.cancel(till1, id)
	r.mintReturns(id, code)
	if len(r.closes) != 1 || r.screen.Kind == payment.ScreenPay {
		t.Fatalf("closed %+v, screen %s", r.closes, r.screen.Kind)
	}
	for range 2 {
		r.pass(5 * time.Second)
		r.answerNext(nothing())
	}
	r.wantStatus(id, payment.StatusCancelled)
	if !r.answered(to) || !r.answered(waiter) {
		t.Error("somebody still waits")
	}
}

// choosy is a gateway that takes no small amounts.
type choosy struct{ *gateway }

func (choosy) Check(r payment.MintRequest) error {
	if r.Money.Amount < 5000 {
		return &payment.Error{Code: payment.CodeAmountInvalid, Op: "mint", Message: "too small",
			Hint: "ask for more"}
	}
	return nil
}

func TestWhatTheGatewayWouldRefuseIsNotBegun(t *testing.T) {
	r := bareRig(t, remote)
	r.checks = true
	r.begin()
	r.makeReady()
	_, err := r.tryStart(till1, request("R1"))
	if e, ok := errors.AsType[*payment.Error](err); !ok || e.Code != payment.CodeAmountInvalid ||
		e.Op != "start" {
		t.Fatalf("%v", err)
	}
	if len(all[payment.Requested](r)) != 0 {
		t.Error("a refused sale has used up its reference")
	}
	q := request("R1")
	q.Money.Amount = 6000
	if _, to := r.ask(func(t engine.Ticket) engine.Event {
		return engine.StartAsked{Till: till1,
			Request: q, To: t}
	}); r.answered(to) || len(r.mints) != 1 {
		t.Error("the right amount is not minted")
	}
}

func TestAMintThatCannotBeBooked(t *testing.T) {
	r := newRig(t, remote)
	r.j.refuse = on(payment.KindMintSent)
	_, err := r.tryStart(till1, request("R1"))
	if payment.CodeOf(err) != payment.CodeJournalUnavailable || len(r.mints) != 0 {
		t.Fatalf("%v, minted %d times", err, len(r.mints))
	}
	r.j.refuse = nil
	id, to := r.begins("R1")
	r.disp.tooSmall = errors.New("240 pixels")
	r.mintReturns(id, code)
	if got := r.payment(id); got.EndedBy != payment.KindDisplayLost || !r.answered(to) {
		t.Errorf("a code that no display can draw: %+v", got)
	}
}
