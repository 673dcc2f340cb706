package demo

import (
	"context"
	"fmt"
	"net/url"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/sandbox/singapay"
)

// The names used with SingaPay.
const (
	APIKey    = "demo-api-key"
	AccountID = "01K946KF851RK7FX075GJHBVKF"
)

// SingaPayOptions are Options.Simulation of SingaPay.
type SingaPayOptions struct {
	Customer singapay.Customer // who pays; zero = nobody is named
	Clock    sandbox.Clock     // that links end by; nil = the machine's
	NoDate   bool              // answers do not say what it says
}

// SingaPay is the simulated SingaPay: payment links, and QRIS codes.
func SingaPay() Gateway {
	return Gateway{
		Row: gateways.SingaPayRow(), Open: openSingaPay, Section: sectionOfSingaPay,
		Deviations: deviationsOfSingaPay(),
		Ways: []Way{
			{Name: "singapay", Mode: gateways.ModeLink, Amount: "15000", Phone: scanOrOpen,
				Failed: payment.StatusDeclined},
			{Name: "singapay-qr", Mode: gateways.ModeQR, Amount: "15000",
				Phone: "open the payment on the page of the simulated SingaPay, and pay it " +
					"there: no real wallet can",
				Failed: payment.StatusExpired, Once: true},
		},
	}
}

func deviationsOfSingaPay() (all []Deviation) {
	for _, d := range singapay.Deviations() {
		all = append(all, Deviation{Name: d.Name, Says: d.Says, Keys: d.Keys})
	}
	return all
}

func sectionOfSingaPay(s Site) string {
	return fmt.Sprintf(`[singapay]
base_url = %q
client_id = %q
client_secret = "file:%s"
api_key = %q
account_id = %q
success_url = %q
methods = [%s]
`, s.CodesURL(), ClientID, s.SecretFile, APIKey, AccountID, s.SuccessURL, quoted(s.Schemes))
}

// simulatedSingaPay is the simulated SingaPay with its customers.
type simulatedSingaPay struct {
	*singapay.Server
	codes bool
	phone phone
}

func openSingaPay(s Site) (Simulation, error) {
	o, err := told[SingaPayOptions](s)
	if err != nil {
		return nil, err
	}
	g := simulatedSingaPay{codes: s.Mode == gateways.ModeQR}
	if g.phone, err = newPhone(); err != nil {
		return nil, err
	}
	g.Server, err = singapay.New(singapay.Config{
		Credentials: []singapay.Credential{{
			Name: s.MerchantName, ClientID: ClientID, APIKey: APIKey, Secret: s.Secret,
			Accounts:       []string{AccountID},
			TransactionURL: s.HookURL, InquiryURL: s.HookURL, ExpirationURL: s.HookURL,
		}},
		Book: s.Book, Customer: o.Customer, Clock: o.Clock, NoDate: o.NoDate, As: s.As,
	}, s.Log)
	return g, err
}

// SingaPay is the simulated SingaPay; nil where the gateway is another.
func (h *House) SingaPay() *singapay.Server {
	g, _ := h.Gateway.(simulatedSingaPay)
	return g.Server
}

// Scan picks QRIS on the page: what is shown to the customer then stays payable, whatever becomes
// of the link.
func (g simulatedSingaPay) Scan(ctx context.Context, p device.Payment) (string, error) {
	if g.codes {
		return "", nil
	}
	if err := g.phone.open(ctx, p.QRPayload); err != nil {
		return "", err
	}
	return "opened the checkout page", g.phone.press(ctx, p.QRPayload+"/act",
		url.Values{"action": {"pick"}, "method": {"QRIS"}})
}

func (g simulatedSingaPay) act(p device.Payment, do singapay.Verb) error {
	_, err := g.Server.Act(p.MerchantRef, singapay.Action{Do: do})
	return err
}

func (g simulatedSingaPay) Pay(_ context.Context, p device.Payment) (string, error) {
	return "paid with QRIS", g.act(p, singapay.PayLate)
}

// Fail declines; a code does not fail, it ends.
func (g simulatedSingaPay) Fail(_ context.Context, p device.Payment) error {
	if g.codes {
		return g.act(p, singapay.Expire)
	}
	return g.act(p, singapay.Fail)
}

func (g simulatedSingaPay) Again(_ context.Context, p device.Payment) error {
	return g.act(p, singapay.PayAgain)
}

func (g simulatedSingaPay) Collected(merchantRef string) int64 {
	return g.Server.Collected()[merchantRef].Paid
}

func (g simulatedSingaPay) Happens(m Misfortune, merchantRef string) error {
	_, err := g.AddFault(singapay.Fault{Kind: singapay.FaultKind(m), MerchantRef: merchantRef})
	return err
}

func (g simulatedSingaPay) Webhooks() (all []Webhook) {
	for _, w := range g.Server.Webhooks() {
		all = append(all, Webhook{w.SentAt, string(w.State), w.HTTPStatus})
	}
	return all
}
