package engine_test

import (
	"slices"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// chooser is a terminal with three wallets, a gateway that makes the codes, and a display that the
// customer can touch.
func chooser(t *testing.T, change ...func(*engine.Config)) *rig {
	t.Helper()
	r := newRig(t, append([]func(*engine.Config){remote, func(c *engine.Config) {
		c.Wallets, c.Schemes = []string{"paynow", "alipay", "wechatpay"},
			[]string{"paynow", "alipay", "wechatpay"}
	}}, change...)...)
	r.touches()
	return r
}

func (r *rig) touches() {
	r.step(engine.DisplayChanged{Connected: true, Touch: true})
	r.confirmIdle()
}

// offers asks for a sale, which the till hears is created, and confirms the choice on the screen.
func (r *rig) offers(reference string, schemes ...string) payment.Payment {
	r.t.Helper()
	q := request(reference)
	q.Schemes = schemes
	p, err := r.tryStart(till1, q)
	if err != nil || p.Status != payment.StatusCreated {
		r.t.Fatalf("start: %s %v", p.Status, err)
	}
	r.wantScreen(payment.ScreenChoose)
	r.step(engine.DisplayShows{Kind: payment.ScreenChoose, Payment: p.ID, Revision: p.Revision})
	return p
}

func (r *rig) chooses(id, wallet string) {
	r.t.Helper()
	r.step(engine.WalletChosen{Payment: id, Wallet: wallet})
}

func TestTheCustomerChooses(t *testing.T) {
	r := chooser(t)
	p := r.offers("R1")
	r.wantFacts(p.ID, "requested")
	if !slices.Equal(r.screen.Schemes, r.cfg.Wallets) || r.screen.Left != 160*time.Second ||
		len(r.mints) != 0 {
		t.Fatalf("shown %+v, minted %v", r.screen, r.mints)
	}
	r.pass(40*time.Second + 300*time.Millisecond)
	if len(r.asked) != 0 {
		t.Error("the gateway is asked for what it cannot know")
	}
	r.chooses(p.ID, "alipay")
	r.wantFacts(p.ID, "requested mint_sent")
	r.wantScreen(payment.ScreenPreparing)
	if m := r.mints[0].Request; !slices.Equal(m.Schemes, []string{"alipay"}) ||
		m.Timeout != 139*time.Second {
		t.Errorf("minted %+v", m)
	}
	r.chooses(p.ID, "paynow") // a second finger
	r.mintReturns(p.ID, code)
	if got := r.told(); got.ID != p.ID || got.Status != payment.StatusAwaiting ||
		got.QRPayload != "00020101" {
		t.Errorf("the till is told %+v", got)
	}
	r.chooses(p.ID, "paynow") // the customer has changed her mind: there is a code already
	if r.screen.Kind != payment.ScreenPay || r.screen.Wallet != "alipay" || len(r.mints) != 1 {
		t.Fatalf("shown %+v, minted %d times", r.screen, len(r.mints))
	}
	r.confirm(r.payment(p.ID))
	r.mustDeliver(paid(r.payment(p.ID)))
	r.wantStatus(p.ID, payment.StatusApproved)
	r.chooses(p.ID, "paynow")
	r.wantFacts(p.ID, "requested mint_sent minted shown notified offered")
}

// TestWhoIsNotAsked: where the customer cannot choose, or has nothing to choose from, the code is
// made at once.
func TestWhoIsNotAsked(t *testing.T) {
	for name, tc := range map[string]struct {
		till   string
		asked  []string
		before func(*rig)
		want   string
	}{
		"the till has chosen":          {till1, []string{"alipay"}, nil, "alipay"},
		"one of the till's is offered": {till1, []string{"wechatpay"}, nil, "wechatpay"},
		"a till that shows the code":   {tillOwn, nil, nil, "paynow"},
		"nobody can touch the display": {till1, nil,
			func(r *rig) { r.step(engine.DisplayChanged{Connected: true}) }, "paynow"},
	} {
		t.Run(name, func(t *testing.T) {
			r := chooser(t)
			if tc.before != nil {
				tc.before(r)
			}
			q := request("R1")
			q.Schemes = tc.asked
			r.ask(func(to engine.Ticket) engine.Event {
				return engine.StartAsked{Till: tc.till, Request: q, To: to}
			})
			if len(r.mints) != 1 || !slices.Equal(r.mints[0].Request.Schemes, []string{tc.want}) {
				t.Errorf("minted %+v", r.mints)
			}
			r.wantScreen(payment.ScreenPreparing)
		})
	}
	t.Run("no display is needed, and none is there", func(t *testing.T) {
		r := chooser(t, func(c *engine.Config) { c.RequireScreen = false })
		r.step(engine.DisplayChanged{})
		r.begins("R1")
	})
}

func TestTheTillNarrowsTheChoice(t *testing.T) {
	r := chooser(t)
	p := r.offers("R1", "wechatpay", "alipay")
	if !slices.Equal(r.screen.Schemes, []string{"alipay", "wechatpay"}) {
		t.Errorf("offered %v", r.screen.Schemes)
	}
	r.chooses(p.ID, "paynow")
	r.chooses(p.ID, "visa")
	r.chooses(p.ID, "")
	r.chooses("another", "alipay")
	r.wantFacts(p.ID, "requested")
	r.chooses(p.ID, "wechatpay")
	r.wantFacts(p.ID, "requested mint_sent")
}

// TestNobodyChose: before a wallet is chosen nothing has left this machine, so that the end needs
// no evidence.
func TestNobodyChose(t *testing.T) {
	for name, tc := range map[string]struct {
		end   func(*rig, string)
		facts string
		code  string
	}{
		"time": {func(r *rig, _ string) { r.pass(160 * time.Second) },
			"requested deadline_passed mint_failed offered", "not_chosen"},
		"the till": {func(r *rig, id string) { r.cancel(till1, id) },
			"requested cancel_requested mint_failed offered", "cancelled"},
		"the screen": {func(r *rig, id string) {
			r.step(engine.DisplayRefused{Payment: id, Reason: "torn"})
		}, "requested display_lost mint_failed offered", "display_lost"},
		"a restart": {func(r *rig, _ string) { r.crash(); r.attach(till1) },
			"requested mint_failed offered", "mint_failed"},
		"a reboot": {func(r *rig, _ string) { r.reboot(); r.attach(till1) },
			"requested mint_failed offered", "mint_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := chooser(t)
			p := r.offers("R1")
			tc.end(r, p.ID)
			r.wantFacts(p.ID, tc.facts)
			got := r.wantStatus(p.ID, payment.StatusCancelled)
			if got.Reason.Code != tc.code || r.told().Status != payment.StatusCancelled {
				t.Errorf("%+v, told %+v", got.Reason, r.told())
			}
			r.chooses(p.ID, "paynow")
			if len(r.mints)+len(r.asked)+len(r.closes) != 0 {
				t.Errorf("minted %v, asked %v, closed %v", r.mints, r.asked, r.closes)
			}
			r.makeReady()
			r.touches()
			r.offers("R2")
		})
	}
}

func TestAChoiceThatIsNotShown(t *testing.T) {
	r := chooser(t)
	p, err := r.tryStart(till1, request("R1"))
	if err != nil {
		t.Fatal(err)
	}
	r.pass(5 * time.Second)
	if got := r.wantStatus(p.ID, payment.StatusCancelled); got.Reason.Code != "display_lost" {
		t.Errorf("%+v", got.Reason)
	}
	p = r.offers("R2")
	r.step(engine.DisplayChanged{Cause: "silent"}) // it comes back, or the time runs out
	r.pass(10 * time.Second)
	r.wantStatus(p.ID, payment.StatusCreated)
}

// TestAChoiceThatCannotBeBooked is made again: nothing was sent.
func TestAChoiceThatCannotBeBooked(t *testing.T) {
	r := chooser(t)
	p := r.offers("R1")
	r.j.refuse = on(payment.KindMintSent)
	r.chooses(p.ID, "alipay")
	if len(r.mints) != 0 || r.screen.Kind != payment.ScreenChoose {
		t.Fatalf("minted %v, shown %s", r.mints, r.screen.Kind)
	}
	r.j.refuse = nil
	r.chooses(p.ID, "paynow")
	r.wantFacts(p.ID, "requested mint_sent")
	if !slices.Equal(r.mints[0].Request.Schemes, []string{"paynow"}) {
		t.Errorf("minted %+v", r.mints[0])
	}
}

// TestARepeatedRequestDuringTheChoice hears of the same payment.
func TestARepeatedRequestDuringTheChoice(t *testing.T) {
	r := chooser(t)
	p := r.offers("R1")
	again, err := r.tryStart(till1, request("R1"))
	if err != nil || again.ID != p.ID || again.Status != payment.StatusCreated {
		t.Errorf("%+v %v", again, err)
	}
	if _, err := r.tryStart(till1, request("R2")); payment.CodeOf(err) != payment.CodeBusy {
		t.Errorf("another sale: %v", err)
	}
}

// TestNoCodeWithoutAPath: when the till asked, somebody would have heard of the payment; at the
// touch nobody would.
func TestNoCodeWithoutAPath(t *testing.T) {
	for name, breaks := range map[string]func(*rig){
		"the relay is gone":     func(r *rig) { r.step(engine.RelayChanged{Cause: "EOF"}) },
		"no canary for minutes": func(r *rig) { r.pass(2 * time.Minute) },
		"another journal": func(r *rig) {
			r.step(engine.RelayRemembered{Known: lost})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := chooser(t)
			p := r.offers("R1")
			breaks(r)
			if r.inspect().Ready {
				t.Fatal("the terminal calls itself ready")
			}
			r.chooses(p.ID, "alipay")
			r.wantFacts(p.ID, "requested mint_failed offered")
			if got := r.wantStatus(p.ID, payment.StatusCancelled); got.Reason.Code != "not_ready" ||
				len(r.mints) != 0 {
				t.Errorf("%+v, minted %v", got.Reason, r.mints)
			}
		})
	}
}

// TestATouchInDoubt: the disk took the cancel and said that it had not, and the journal cannot be
// asked.
func TestATouchInDoubt(t *testing.T) {
	r := chooser(t)
	p := r.offers("R1")
	r.j.lie = true
	r.cancel(till1, p.ID)
	r.j.lie, r.j.unread = false, true
	r.chooses(p.ID, "alipay")
	if len(r.mints) != 0 {
		t.Errorf("a code is asked for, and the journal says: %s", r.facts(p.ID))
	}
}

// TestACodeInDoubt: the same while the gateway makes the code: it is booked, and not shown.
func TestACodeInDoubt(t *testing.T) {
	r := newRig(t, remote)
	id, _ := r.begins("R1")
	r.j.lie = true
	r.cancel(till1, id)
	r.j.lie, r.j.unread = false, true
	r.mintReturns(id, code)
	r.wantScreen(payment.ScreenChecking)
}

func TestACancelThatCannotBeBookedTakesTheChoiceAway(t *testing.T) {
	r := chooser(t)
	p := r.offers("R1")
	r.j.refuse = on(payment.KindCancelRequested)
	r.cancel(till1, p.ID)
	r.j.refuse = nil
	r.wantScreen(payment.ScreenChecking)
	r.chooses(p.ID, "alipay")
	if len(r.mints) != 0 {
		t.Error("a code is asked for after the till's cancel")
	}
}

// TestARestoredChoiceIsAskedFor: the copy was made while the customer chose; the sale went on, was
// paid, and the disk is lost.
func TestARestoredChoiceIsAskedFor(t *testing.T) {
	r := chooser(t)
	p := r.offers("R1")
	r.crash()
	r.pass(time.Minute)
	r.wantFacts(p.ID, "requested mint_failed")
	r.answerNext(found(paid(p)))
	r.wantStatus(p.ID, payment.StatusApproved)
}

// TestThePreparingScreenEnds: nothing is on its way any more.
func TestThePreparingScreenEnds(t *testing.T) {
	for name, end := range map[string]func(*rig, string){
		"cancel":   func(r *rig, id string) { r.cancel(till1, id) },
		"deadline": func(r *rig, _ string) { r.now.Up += 3 * time.Minute; r.step(engine.Ticked{}) },
		"restart":  func(r *rig, _ string) { r.crash() },
		"doubt":    func(r *rig, _ string) { r.pass(21 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			r := chooser(t)
			p := r.offers("R1")
			r.chooses(p.ID, "alipay")
			r.wantScreen(payment.ScreenPreparing)
			end(r, p.ID)
			r.wantScreen(payment.ScreenChecking)
		})
	}
}

// TestTheChoiceIsConfirmedLate: the writer was busy, so that the end of its time comes in the same
// step.
func TestTheChoiceIsConfirmedLate(t *testing.T) {
	r := chooser(t)
	p, err := r.tryStart(till1, request("R1"))
	if err != nil {
		t.Fatal(err)
	}
	r.now.Up += 5 * time.Second
	r.step(engine.DisplayShows{Kind: payment.ScreenChoose, Payment: p.ID, Revision: p.Revision})
	r.wantStatus(p.ID, payment.StatusCreated)
}

// TestATouchThatComesTooLate: there must be time to make the code, and to pay it.
func TestATouchThatComesTooLate(t *testing.T) {
	r := chooser(t)
	p := r.offers("R1")
	r.now.Up += 160 * time.Second
	r.prove()
	r.chooses(p.ID, "alipay")
	if got := r.wantStatus(p.ID, payment.StatusCancelled); got.Reason.Code != "not_chosen" ||
		len(r.mints) != 0 {
		t.Errorf("%+v, minted %v", got.Reason, r.mints)
	}
}

// TestADisplayWithoutTouchTakesThePlace: nobody can choose any more; the usual wallet's code is
// made.
func TestADisplayWithoutTouchTakesThePlace(t *testing.T) {
	r := chooser(t)
	p := r.offers("R1")
	r.step(engine.DisplayChanged{Cause: "moved"})
	r.wantFacts(p.ID, "requested")
	r.step(engine.DisplayChanged{Connected: true})
	r.wantFacts(p.ID, "requested mint_sent")
	if !slices.Equal(r.mints[0].Request.Schemes, []string{"paynow"}) {
		t.Errorf("minted %+v", r.mints[0])
	}
}

// TestTheDiskIsFullWhileTheCustomerChooses: unknown promises nothing, and says what is certain.
func TestTheDiskIsFullWhileTheCustomerChooses(t *testing.T) {
	r := chooser(t)
	p := r.offers("R1")
	r.j.refuse = always
	r.pass(4 * time.Minute)
	if got := r.told(); got.Status != payment.StatusUnknown ||
		got.Reason.Message != "the journal takes no entries; no code was made for this sale" {
		t.Errorf("told %s %+v", got.Status, got.Reason)
	}
	r.j.refuse = nil
	r.pass(time.Second)
	r.wantStatus(p.ID, payment.StatusCancelled)
}
