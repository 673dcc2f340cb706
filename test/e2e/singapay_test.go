package e2e_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/demo"
	"kiosk-agent/internal/app/doctor"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox/singapay"
	"kiosk-agent/test/browser"
)

// withSingaPay is a house whose gateway is SingaPay, with links; withQRIS is one with QRIS codes.
func withSingaPay(o *demo.Options) { o.Gateway = demo.SingaPay() }

func withQRIS(o *demo.Options) { o.Gateway, o.Mode = demo.SingaPay(), "qr" }

// button uses a button of SingaPay's page.
func (p *phone) button(action, method string) {
	p.t.Helper()
	if status, page := p.fetch(http.MethodPost, p.link+"/act",
		url.Values{"action": {action}, "method": {method}}); status != http.StatusOK {
		p.t.Fatalf("the button %s answers %d: %.600s", action, status, page)
	}
}

// TestSingaPaySale: IDR 15 000.00, from the till's question to its acknowledgement; the webhook
// alone tells of the payment.
func TestSingaPaySale(t *testing.T) {
	t.Parallel()
	const amount = 1_500_000
	for mode, change := range map[string]func(*demo.Options){"link": withSingaPay,
		"qris": withQRIS} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s, x := open(t, change)
			p := x.start("SALE", amount)
			if screen := s.display.shows("pay", p.ID); !strings.Contains(screen.Amount, "15,000") &&
				!strings.Contains(screen.Amount, "15000") {
				t.Errorf("the display shows %+v", screen)
			}
			s.until(p.ID, payment.KindShown)
			if mode == "link" {
				scan(t, p.QRPayload).button("pay", "QRIS")
			} else if _, err := s.h.SingaPay().Act(p.QRPayload,
				singapay.Action{Do: singapay.Pay}); err != nil {
				t.Fatal(err)
			}
			done := x.approved(p.ID)
			if done.Currency != payment.IDR || done.Amount != amount || done.ProviderRef == "" ||
				done.QRPayload != "" {
				t.Errorf("the till heard %+v", done)
			}
			x.acknowledge(done)
			s.display.shows("approved", p.ID)
			if got := s.h.SingaPay().Collected()[p.MerchantRef]; got.Paid != amount ||
				got.Currency != "IDR" {
				t.Errorf("SingaPay has collected %+v", got)
			}
			checkOrder(t, s.facts(p.ID), payment.KindRequested, payment.KindMintSent,
				payment.KindMinted, payment.KindShown, payment.KindNotified,
				payment.KindOffered, payment.KindAcknowledged)
			s.till().owedNothing()
			for _, hidden := range []string{readFile(t, s.dir, "singapay.secret"), "eyJ"} {
				if strings.Contains(s.log.String(), hidden) {
					t.Errorf("the log has %.20q", hidden)
				}
			}
		})
	}
}

// TestSingaPayAmounts: SingaPay takes whole rupiah, for a link ten thousand of them or more.
// Another amount is refused before anything is begun, in words that a cashier understands, and its
// reference can be used again.
func TestSingaPayAmounts(t *testing.T) {
	t.Parallel()
	for mode, change := range map[string]func(*demo.Options){"link": withSingaPay,
		"qris": withQRIS} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s, x := open(t, change)
			for _, tc := range []struct {
				ask  object
				want string
			}{
				{object{"amount": 1_500_001}, "the amount is not whole rupiah"},
				{object{"amount": 1_500_050}, "the amount is not whole rupiah"},
				{object{"amount": map[string]int{"link": 999_900, "qris": 99}[mode]},
					map[string]string{"link": "the amount is below SingaPay's minimum of IDR 10000",
						"qris": "the amount is not whole rupiah"}[mode]},
				{object{"amount": 1_500_000, "currency": "SGD"}, "is not this terminal's"},
			} {
				tc.ask["reference"] = "ROUND"
				e := x.refused(device.CodeAmountInvalid, "amount_invalid", "payment.start", tc.ask)
				if !strings.Contains(e.Error(), tc.want) || e.Data.Hint == "" {
					t.Errorf("%v: %v, hint %q", tc.ask, e, e.Data.Hint)
				}
			}
			if n := count(s.journal(), payment.KindRequested) +
				len(s.h.SingaPay().Payments()); n != 0 {
				t.Errorf("%d payments were begun", n)
			}
			x.start("ROUND", map[string]int64{"link": 1_500_100, "qris": 10_000}[mode])
		})
	}
}

// TestSingaPayOneURL: SingaPay has one notification URL for all kiosks of a credential, so that
// each hears of the others' payments too. They are authentic, and none of its business: nothing of
// them is kept.
func TestSingaPayOneURL(t *testing.T) {
	t.Parallel()
	s, x := open(t, withSingaPay, func(o *demo.Options) { o.Merchant = "Kopi & Toast" })
	p := x.start("OTHER", 1_500_000)
	s.until(p.ID, payment.KindShown)
	const others = "OTHERKSK-01M51GE570ABCDEFGHJKMNPQRS"
	s.faultOfSingaPay(singapay.Fault{Kind: singapay.FaultUnknownRef, Value: others, Times: 1})
	scan(t, p.QRPayload).button("pay", "QRIS")
	eventually(t, "the other kiosk's notification is read", func() error {
		if !strings.Contains(s.log.String(),
			"a verified record of another terminal was passed over") {
			return errors.New("nothing is logged")
		}
		return nil
	})
	if now := x.get(p.ID); now.Status != payment.StatusAwaiting {
		t.Errorf("the till sees %s", now.Status)
	}
	x.acknowledge(x.cancelling(p.ID)()) // the question finds what was paid
	p = x.start("OWN", 1_500_000)
	s.until(p.ID, payment.KindShown)
	scan(t, p.QRPayload).button("pay", "QRIS")
	x.acknowledge(x.approved(p.ID))
	for _, f := range s.journal() {
		switch d := f.Data.(type) {
		case payment.Parked, payment.Unmatched:
			t.Errorf("kept: %+v", d)
		case payment.Notified:
			if d.Record.MerchantRef == others {
				t.Errorf("booked: %+v", d)
			}
		}
	}
}

// TestSingaPayOnARealScreen: what the camera reads is what SingaPay made, to the byte, and it is
// paid.
func TestSingaPayOnARealScreen(t *testing.T) {
	t.Parallel()
	for mode, change := range map[string]func(*demo.Options){"link": withSingaPay,
		"qris": withQRIS} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, change)
			screen := browser.Open(t, 800, 480, 1)
			screen.Go(s.h.Agent.DisplayLogin())
			x := s.till()
			x.ready()
			p := x.start("SALE", 1_500_000)
			s.until(p.ID, payment.KindShown)
			screen.Until(`document.querySelector('#paper svg') !== null`)
			made := s.h.SingaPay().Payments()
			if len(made) != 1 || made[0].MerchantRef != p.MerchantRef {
				t.Fatalf("SingaPay has made %+v", made)
			}
			if read := browser.Read(t, screen.Picture()); read != made[0].URL+made[0].QR ||
				read != p.QRPayload {
				t.Fatalf("the camera reads %q, SingaPay made %q", read, made[0].URL+made[0].QR)
			}
			if text := screen.Text(); !strings.Contains(text, "15,000") &&
				!strings.Contains(text, "15000") {
				t.Errorf("the screen says %q", text)
			}
			s.customer().scan(p)
			s.customer().pay(p)
			x.acknowledge(x.approved(p.ID))
			screen.Until(`document.querySelector('#notice').dataset.kind === 'approved' && ` +
				`!document.querySelector('#notice').classList.contains('off')`)
		})
	}
}

// TestSingaPayDoctor: whether the secret is right, only SingaPay can say; doctor claims no more.
func TestSingaPayDoctor(t *testing.T) {
	t.Parallel()
	s := newStage(t, withSingaPay)
	found := map[string][]doctor.Finding{}
	for _, f := range doctor.Run(t.Context(), s.doctors(nil)).Findings {
		found[f.Check] = append(found[f.Check], f)
	}
	finds(t, found, "secrets", doctor.OK, "whether it is the right one shows")
	finds(t, found, "gateway", doctor.OK, "answers HTTP")
}
