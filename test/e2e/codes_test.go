package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/demo"
	"kiosk-agent/internal/app/displayclient"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/browser"
	"kiosk-agent/test/ecrtill"
)

// withCodes is a house whose gateway makes the codes.
func withCodes(o *demo.Options) { o.Mode, o.Query = "qr", true }

// scanned scans a code and does something with it, as a customer's app.
func scanned(t testing.TB, gateway *sandbox.Server, code string, do sandbox.Verb) sandbox.Payment {
	t.Helper()
	p, err := gateway.Scan(code)
	if err != nil {
		t.Fatalf("no wallet knows this code: %v", err)
	}
	if p, err = gateway.Act(p.MerchantRef, sandbox.Action{Do: do}); err != nil {
		t.Fatal(err)
	}
	return p
}

// asks starts a sale whatever becomes of it.
func (x *till) asks(reference string, amount int64) (p device.Payment) {
	x.t.Helper()
	x.do("payment.start", object{"reference": reference, "amount": amount}, &p)
	return p
}

func TestCodeSale(t *testing.T) {
	t.Parallel()
	for asked, named := range map[string]string{"": "PayNow", "alipay": "Alipay",
		"wechatpay": "WeChat Pay"} {
		t.Run(named, func(t *testing.T) {
			t.Parallel()
			s, x := open(t, withCodes)
			var p device.Payment
			q := object{"reference": "CODE", "amount": 1023}
			if asked != "" {
				q["schemes"] = []string{asked}
			}
			x.do("payment.start", q, &p)
			screen := s.display.shows("pay", p.ID)
			if !slices.Equal(screen.Schemes, []string{named}) {
				t.Errorf("the display shows the code for %v", screen.Schemes)
			}
			s.until(p.ID, payment.KindShown)
			if paid := scanned(t, s.h.Sandbox(), p.QRPayload,
				sandbox.Pay); paid.MerchantRef != p.MerchantRef || paid.Amount != 1023 {
				t.Errorf("the customer paid %+v", paid)
			}
			done := x.approved(p.ID)
			if done.ProviderRef == "" || done.Scheme == "" {
				t.Errorf("the till heard %+v", done)
			}
			x.acknowledge(done)
			for _, hidden := range []string{p.QRPayload, s.axsSecret(), "eyJ"} {
				if strings.Contains(s.log.String(), hidden) {
					t.Errorf("the log has %.20q", hidden)
				}
			}
			checkOrder(t, s.facts(p.ID), payment.KindRequested, payment.KindMintSent,
				payment.KindMinted, payment.KindShown, payment.KindNotified)
		})
	}
}

// TestCodeOnARealScreen: what the camera reads is what the gateway made, to the byte.
func TestCodeOnARealScreen(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int64{{1080, 1920}, {800, 480}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, withCodes)
			screen := browser.Open(t, size[0], size[1], 1)
			screen.Go(s.h.Agent.DisplayLogin())
			x := s.till()
			x.ready()
			wallet, other := "PayNow", "Alipay"
			if size[0] == 800 { // a wallet whose code is an address: its app reads it all the same
				wallet, other = other, wallet
			}
			var p device.Payment
			x.do("payment.start", object{"reference": "CODE", "amount": 1023,
				"schemes": []string{strings.ToLower(wallet)}}, &p)
			s.until(p.ID, payment.KindShown)
			screen.Until(`document.querySelector('#paper svg') !== null`)
			made, err := s.h.Sandbox().Payment(p.MerchantRef)
			if err != nil || made.QRString == "" {
				t.Fatal(made, err)
			}
			if read := browser.Read(t, screen.Picture()); read != made.QRString ||
				read != p.QRPayload {
				t.Fatalf("the camera reads %q, the gateway made %q", read, made.QRString)
			}
			if text := screen.Text(); !strings.Contains(text, "10.23") ||
				!strings.Contains(text, wallet) || strings.Contains(text, other) ||
				!strings.Contains(text, "wallet app") {
				t.Errorf("the screen says %q", text)
			}
			scanned(t, s.h.Sandbox(), p.QRPayload, sandbox.Pay)
			x.acknowledge(x.approved(p.ID))
			screen.Until(`document.querySelector('#notice').dataset.kind === 'approved' && ` +
				`!document.querySelector('#notice').classList.contains('off')`)
		})
	}
}

// withWallets is a house whose customers choose.
func withWallets(o *demo.Options) {
	withCodes(o)
	o.Schemes = []string{"paynow", "alipay", "wechatpay"}
}

// TestTheCustomerChoosesTheWallet: on a real screen, by a touch; a screen that cannot be touched,
// and a till that names one, are not asked.
func TestTheCustomerChoosesTheWallet(t *testing.T) {
	t.Parallel()
	s := newStage(t, withWallets)
	screen := browser.Open(t, 1024, 600, 1)
	screen.Go(s.h.Agent.DisplayLogin())
	x := s.till()
	x.ready()
	p := x.asks("CHOOSE", 1023)
	if p.Status != payment.StatusCreated || p.Final || p.QRPayload != "" {
		t.Fatalf("the till hears %+v", p)
	}
	screen.Until(`document.querySelectorAll('#choices button').length === 3`)
	if all := s.h.Sandbox().Payments(); len(all) != 0 {
		t.Errorf("the gateway was asked before anybody chose: %+v", all)
	}
	screen.Click(`button[data-brand="Alipay"]`)
	made := x.hear("awaiting", p.ID,
		func(p device.Payment) bool { return p.Status == payment.StatusAwaiting })
	s.until(p.ID, payment.KindShown)
	screen.Until(`document.querySelector('#paper svg') !== null`)
	if read := browser.Read(t, screen.Picture()); read != made.QRPayload || read == "" {
		t.Errorf("the camera reads %q, the till was told %q", read, made.QRPayload)
	}
	if text := screen.Text(); !strings.Contains(text, "Alipay") ||
		strings.Contains(text, "PayNow") {
		t.Errorf("the screen says %q", text)
	}
	if paid := scanned(t, s.h.Sandbox(), made.QRPayload,
		sandbox.Pay); paid.MerchantRef != p.MerchantRef {
		t.Errorf("the customer paid %+v", paid)
	}
	x.acknowledge(x.approved(p.ID))
	checkOrder(t, s.facts(p.ID), payment.KindRequested, payment.KindMintSent, payment.KindMinted,
		payment.KindShown, payment.KindNotified)

	p = x.asks("CHANGED HER MIND", 500)
	screen.Until(`document.querySelectorAll('#choices button').length === 3`)
	cancelled := x.cancelling(p.ID)()
	checkOutcome(t, "nothing was chosen", cancelled, payment.StatusCancelled, nil, "cancelled")
	if all := s.h.Sandbox().Payments(); len(all) != 1 {
		t.Errorf("the gateway knows of %+v", all)
	}
	x.do("payment.start", object{"reference": "NAMED", "amount": 500,
		"schemes": []string{"wechatpay"}}, &p)
	if p.Status != payment.StatusAwaiting {
		t.Errorf("a till that names the wallet hears %+v", p)
	}
}

func TestADisplayWithoutTouch(t *testing.T) {
	t.Parallel()
	s := newStage(t, withWallets, func(o *demo.Options) { o.NoTouch = true })
	s.display = openDisplay(t, s.h.Agent.DisplayURL(), s.h.Agent.DisplayToken(),
		displayclient.Options{
			Choose: func(displayclient.Screen) string { return "alipay" },
		})
	x := s.till()
	x.ready()
	p := x.start("FIRST", 500)
	if screen := s.display.shows("pay", p.ID); !slices.Equal(screen.Schemes, []string{"PayNow"}) {
		t.Errorf("the display shows a code for %v", screen.Schemes)
	}
}

// TestALostCodeIsNeverMadeAgain: a code was made, and its answer says nothing. One question, and
// the sale has ended.
func TestALostCodeIsNeverMadeAgain(t *testing.T) {
	t.Parallel()
	for _, kind := range []sandbox.FaultKind{sandbox.FaultQRNonsense, sandbox.FaultQROtherRef,
		sandbox.FaultQR500} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s, x := open(t, withCodes, func(o *demo.Options) {
				o.OfflineLink = true // the request has left: no link either
				o.Simulation = demo.AXSOptions{
					Faults: []sandbox.Fault{{Kind: kind, Times: 1}}}
			})
			p := x.asks("LOST", 500)
			checkOutcome(t, "no code", p, payment.StatusCancelled, nil, "mint_failed")
			made := 1
			if kind == sandbox.FaultQR500 {
				made = 0
			}
			if all := s.h.Sandbox().Payments(); len(all) != made {
				t.Errorf("the gateway knows of %+v", all)
			}
			if got := kinds(s.facts(p.ID)); count(s.facts(p.ID), payment.KindMintSent) != 1 ||
				count(s.facts(p.ID), payment.KindMinted) != 0 {
				t.Errorf("%v", got)
			}
			x.start("NEXT", 500) // the till goes on
		})
	}
}

func TestALinkWhereNoGatewayIs(t *testing.T) {
	t.Parallel()
	s, x := open(t, withCodes, func(o *demo.Options) { o.NoGateway, o.OfflineLink = true, true })
	p := x.start("LINK", 700)
	if !strings.HasPrefix(p.QRPayload, s.h.SandboxURL+"/hpp/checkout/"+demo.LinkID+"?data=") {
		t.Errorf("shown is %q", p.QRPayload)
	}
	s.display.shows("pay", p.ID)
	pay(t, p.QRPayload)
	x.acknowledge(x.approved(p.ID))

	_, x = open(t, withCodes, func(o *demo.Options) { o.NoGateway = true })
	checkOutcome(t, "no link allowed", x.asks("NONE", 700), payment.StatusCancelled, nil,
		"mint_failed")
}

// TestAnExpiredCodeEndsTheSale: a code has one attempt.
func TestAnExpiredCodeEndsTheSale(t *testing.T) {
	t.Parallel()
	s, x := open(t, withCodes)
	p := x.start("EXPIRES", 800)
	s.display.shows("pay", p.ID)
	scanned(t, s.h.Sandbox(), p.QRPayload, sandbox.Expire)
	checkOutcome(t, "the code expired", x.outcome(p.ID), payment.StatusExpired, nil, "")
	s.display.shows("expired", p.ID)
}

// withCodes changes the agent's configuration to codes that the gateway makes.
func (w *world) withCodes() {
	w.t.Helper()
	axs := fmt.Sprintf("[axs]\nqr_url = \"%[1]s/api/hpp/v1/qrcode\"\n"+
		"query_url = \"%[1]s/api/hpp/v2/transaction\"\n", w.sandboxURL)
	with := strings.NewReplacer("[payment]\n", "[payment]\nmode = \"qr\"\n", "[axs]\n", axs)
	w.write("config.toml", with.Replace(readText(w.t, w.config())))
}

// TestCodeOnALine: a till on a line asks for any wallet and gets the terminal's first; a card has
// no code; a code that does not come is a sale that was not paid, and the line goes on.
func TestCodeOnALine(t *testing.T) {
	t.Parallel()
	r := newRig(t, lineOptions{noAgent: true})
	r.withCodes()
	r.startAgent("")
	r.ready(lineOptions{})
	f := r.turnOn(ecrtill.Config{})
	sale := f.sell("Q1", 1023)
	p := r.begun()
	if p.Wallet != "paynow" {
		t.Errorf("the code is for %q", p.Wallet)
	}
	scanned(t, r.sandbox, p.QRPayload, sandbox.Pay)
	matches(t, "paycube-qr-approved", f.heard(sale, ecrtill.Approved))
	sameReference(t, f.ask("56"), r.settled(p.ID))

	if got := <-f.sell("C1", 1023); got.Verdict != ecrtill.NotPaid || len(r.payments()) != 1 {
		t.Errorf("a card's code: %s, %d payments", got.Verdict, len(r.payments()))
	}
	if _, err := r.sandbox.AddFault(
		sandbox.Fault{Kind: sandbox.FaultQRNonsense, Times: 1}); err != nil {
		t.Fatal(err)
	}
	f.heard(f.sell("Q1", 700), ecrtill.NotPaid)
	if all := r.payments(); all[len(all)-1].Reason == nil ||
		all[len(all)-1].Reason.Code != "mint_failed" {
		t.Errorf("%+v", all[len(all)-1])
	}
	sale = f.sell("Q1", 800)
	r.last = r.payments()[1].ID
	scanned(t, r.sandbox, r.begun().QRPayload, sandbox.Pay)
	f.heard(sale, ecrtill.Approved)
}

// TestKilledWhileMinting: whether or not the request left, the next process asks once what became
// of it, and never mints again.
func TestKilledWhileMinting(t *testing.T) {
	t.Parallel()
	for _, left := range []bool{false, true} {
		t.Run(fmt.Sprint("left ", left), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.withCodes()
			w.showScreen()
			if left {
				if _, err := w.sandbox.AddFault(
					sandbox.Fault{Kind: sandbox.FaultQRTimeout,
						Delay: sandbox.Duration(time.Hour)}); err != nil {
					t.Fatal(err)
				}
				w.startAgent("")
			} else {
				w.startAgent(payment.KindMintSent)
			}
			x := w.connect()
			x.ready()
			// lost with the agent
			go func() {
				_ = x.Call(t.Context(), "payment.start",
					object{"reference": "STEP", "amount": 1700}, nil)
			}()
			if left {
				eventually(t, "the gateway makes the code", func() error {
					if n := len(w.sandbox.Payments()); n != 1 {
						return fmt.Errorf("it has made %d", n)
					}
					return nil
				})
				w.agent.kill()
			} else {
				w.agent.crashed()
			}
			w.startAgent("")
			x = w.connect()
			var p device.Payment
			x.do("payment.get", object{"reference": "STEP"}, &p)
			if !p.Final {
				p = x.outcome(p.ID)
			}
			checkOutcome(t, "after the restart", p, payment.StatusCancelled, nil, "mint_failed")
			made := 0
			if left {
				made = 1
			}
			if n := len(w.sandbox.Payments()); n != made {
				t.Errorf("the gateway has made %d codes", n)
			}
			x.acknowledge(p)
			w.never(p.ID)
		})
	}
}
