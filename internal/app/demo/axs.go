package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
)

// LinkID is that of the merchant's payment link at AXS.
const LinkID = "demo-link"

// AXSOptions are Options.Simulation of AXS.
type AXSOptions struct {
	Faults []sandbox.Fault
	// a reference that it does not know is answered with 404, instead of an empty list
	Unknown404 bool
	Client     *http.Client // sends its webhooks; nil = the sandbox's own
}

// AXS is the simulated AXS: checkout links, and codes for one wallet.
func AXS() Gateway {
	return Gateway{
		Row: gateways.AXSRow(), Open: openAXS, Section: sectionOfAXS,
		Deviations: deviationsOfAXS(),
		Ways: []Way{
			{Name: "axs", Mode: gateways.ModeLink, Amount: "10.23", Phone: scanOrOpen,
				Failed: payment.StatusDeclined},
			{Name: "axs-qr", Mode: gateways.ModeQR, Amount: "10.23",
				Wallets: []string{"paynow", "alipay", "wechatpay"},
				Phone: "touch a wallet on the display; then open the payment on the page of the " +
					"simulated AXS, and pay it there: no real wallet can",
				Failed: payment.StatusExpired},
		},
	}
}

func deviationsOfAXS() (all []Deviation) {
	for _, d := range sandbox.Deviations() {
		all = append(all, Deviation{d.Name, d.Says, d.Paper, d.Keys})
	}
	return all
}

// scanOrOpen is what to do with a link.
const scanOrOpen = "scan the code, or open the link that is printed below it"

func sectionOfAXS(s Site) string {
	query := ""
	if s.Query {
		query = s.URL + "/api/hpp/v2/transaction"
	}
	path := "/hpp/checkout/"
	if as, err := sandbox.FindDeviation(s.As); err == nil && as.LinkPath() != "" {
		path = as.LinkPath()
	}
	return fmt.Sprintf(`[axs]
payment_link = "%s%s%s"
client_id = %q
secret = "file:%s"
success_url = %q
query_url = %q
qr_url = "%s/api/hpp/v1/qrcode"
schemes = [%s]
`, s.URL, path, LinkID, ClientID, s.SecretFile, s.SuccessURL, query, s.CodesURL(),
		quoted(s.Schemes))
}

// simulatedAXS is the simulated AXS with its customers: a phone for links, a wallet for codes.
type simulatedAXS struct {
	*sandbox.Server
	codes bool
	phone phone
}

func openAXS(s Site) (Simulation, error) {
	o, err := told[AXSOptions](s)
	if err != nil {
		return nil, err
	}
	unknown := sandbox.UnknownEmpty
	if o.Unknown404 {
		unknown = sandbox.Unknown404
	}
	a := simulatedAXS{codes: s.Mode == gateways.ModeQR}
	if a.phone, err = newPhone(); err != nil {
		return nil, err
	}
	a.Server, err = sandbox.New(sandbox.Config{
		Unknown: unknown,
		Merchants: []sandbox.Merchant{{Name: s.MerchantName, ClientID: ClientID, Secret: s.Secret,
			LinkIDs: []string{LinkID}}},
		Faults: o.Faults, Book: s.Book, As: s.As, Client: o.Client,
	}, s.Log)
	return a, err
}

// Sandbox is the simulated AXS; nil where the gateway is another.
func (h *House) Sandbox() *sandbox.Server {
	a, _ := h.Gateway.(simulatedAXS)
	return a.Server
}

func (a simulatedAXS) Scan(ctx context.Context, p device.Payment) (string, error) {
	if a.codes {
		paid, err := a.Server.Scan(p.QRPayload)
		return fmt.Sprintf("scanned the code for %s",
			payment.Money{Amount: paid.Amount, Currency: payment.SGD}), err
	}
	return "opened the checkout page", a.phone.open(ctx, p.QRPayload)
}

// Pay touches the wallet's button, or that of the page.
func (a simulatedAXS) Pay(ctx context.Context, p device.Payment) (string, error) {
	if a.codes {
		paid, err := a.Server.Act(p.MerchantRef, sandbox.Action{Do: sandbox.Pay})
		if err != nil {
			return "", err
		}
		return "paid with " + paid.Schemes[0].Title(), nil
	}
	u, err := url.Parse(p.QRPayload)
	if err != nil {
		return "", err
	}
	form := url.Values{"data": {u.Query().Get("data")}, "action": {"pay"}, "scheme": {"PAYNOW"}}
	u.Path, u.RawQuery = u.Path+"/act", ""
	return "paid with PayNow", a.phone.press(ctx, u.String(), form)
}

func (a simulatedAXS) act(p device.Payment, do sandbox.Verb) error {
	_, err := a.Server.Act(p.MerchantRef, sandbox.Action{Do: do})
	return err
}

// Fail declines; a wallet's code is never declined, it ends.
func (a simulatedAXS) Fail(_ context.Context, p device.Payment) error {
	if a.codes {
		return a.act(p, sandbox.Expire)
	}
	return a.act(p, sandbox.Decline)
}

func (a simulatedAXS) Again(_ context.Context, p device.Payment) error {
	return a.act(p, sandbox.PayAgain)
}

func (a simulatedAXS) Collected(merchantRef string) int64 {
	return a.Server.Collected()[merchantRef].Paid
}

func (a simulatedAXS) Happens(m Misfortune, merchantRef string) error {
	_, err := a.AddFault(sandbox.Fault{Kind: sandbox.FaultKind(m), MerchantRef: merchantRef})
	return err
}

func (a simulatedAXS) Webhooks() (all []Webhook) {
	for _, w := range a.Server.Webhooks() {
		all = append(all, Webhook{w.SentAt, string(w.State), w.HTTPStatus})
	}
	return all
}
