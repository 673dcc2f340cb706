package e2e_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/demo"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/conf"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

// Paper is a payment service that exists in these tests alone: the agent makes its links, and its
// webhooks are signed. Nothing of it is in the programs.

// paperSection is [paper].
type paperSection struct {
	Host   string `toml:"host"`
	Key    string `toml:"key"`
	OldKey string `toml:"old_key"`
	Shop   string `toml:"shop"`
}

func paperRow() gateways.Row {
	of := func(s gateways.Settings) *paperSection { return s.Section.(*paperSection) }
	link := func(s gateways.Settings, ref string) string { return of(s).Host + "/pay/" + ref }
	return gateways.Row{
		Name: "paper", Title: "Paper", Currency: payment.IDR, Least: 500_000,
		Modes:   []gateways.Mode{{Name: gateways.ModeLink, Schemes: []string{"note", "coin"}}},
		Section: paperSection{Host: "https://paper.example"},
		Keys: conf.Keys{
			"host": {Text: "Where Paper's pages are."}, "key": {Text: "Where the key is."},
			"old_key": {Text: "Where the key before it is."},
			"shop":    {Text: "The shop's number, which is nobody's business."},
		},
		Doc:    "Paper, which exists in tests alone.",
		Secret: "key", PreviousSecret: "old_key", Private: []string{"shop"},
		Check: func(s gateways.Settings, k gateways.Checks) {
			k.Need(of(s).Shop != "", "shop", "it is on the till roll", "is required")
			k.WebURL("host", of(s).Host, "https", "http")
		},
		New: func(s gateways.Settings, keys gateways.Keys, _ gateways.Clock) (gateways.Gateway,
			error) {
			if keys.Secret.Len() < 20 {
				return nil, paperError{"paper.key"}
			}
			return paper{keys.Secret, func(ref string) string { return link(s, ref) }}, nil
		},
		Account: func(s gateways.Settings) string { return "paper/" + of(s).Shop },
		Tried:   "sealed a note", Proved: "the seal is whole",
		Brands: map[string][]string{"note": {"banknote"}},
		Sample: func(s gateways.Settings, r payment.MintRequest) string {
			return link(s, r.MerchantRef)
		},
		Shorter: "a shorter name for the host (paper.host)",
		Hosts:   func(s gateways.Settings) []string { return []string{of(s).Host} },
		Questions: []gateways.Question{
			{Flag: "shop", Key: "shop", Usage: "Paper's `NUMBER` of the shop", Ask: "Shop"}},
		After: "Paper must know relay.hook_url.",
	}
}

// paperError is about one key.
type paperError struct{ key string }

func (e paperError) Error() string     { return e.key + " is too short for Paper" }
func (e paperError) ConfigKey() string { return e.key }

// paper is the adapter.
type paper struct {
	key  secret.Value
	link func(ref string) string
}

// paperNote is a webhook's body; Seal is over the rest.
type paperNote struct {
	Ref    string
	Amount int64
	Seal   string
}

func (n paperNote) sealed(key secret.Value) string {
	h := hmac.New(sha256.New, key.Reveal())
	fmt.Fprintf(h, "%s\n%d", n.Ref, n.Amount)
	return hex.EncodeToString(h.Sum(nil))
}

func (p paper) Mint(r payment.MintRequest) (payment.Minted, error) {
	return payment.Minted{Payload: p.link(r.MerchantRef)}, nil
}

func (p paper) Open(e payment.Envelope) ([]payment.Record, error) {
	var n paperNote
	if err := json.Unmarshal(e.Body, &n); err != nil || n.Seal != n.sealed(p.key) {
		return nil, fmt.Errorf("paper: %w", payment.ErrUnopened)
	}
	return []payment.Record{{MerchantRef: n.Ref, TransactionRef: "P-" + n.Ref,
		Type: payment.TypePay, Status: payment.RecordSuccess, Amount: n.Amount,
		Currency: string(payment.IDR), Scheme: "NOTE"}}, nil
}

func (paper) Endpoint() string { return "" }

func (paper) Query(context.Context, string) payment.QueryAnswer {
	return payment.QueryAnswer{Failure: "Paper is not asked"}
}

func (paper) Make(context.Context, payment.MintRequest) payment.MintAnswer {
	return payment.MintAnswer{Failure: "Paper makes nothing", NeverSent: true}
}

func (paper) Close(context.Context, string) error { return nil }

func (p paper) Try(r payment.MintRequest) error {
	n := paperNote{Ref: r.MerchantRef, Amount: r.Money.Amount}
	if n.Seal = n.sealed(p.key); n.Seal == "" {
		return fmt.Errorf("nothing is sealed")
	}
	return nil
}

// paperShop is the simulation.
type paperShop struct {
	demo.Site
	mu   sync.Mutex
	paid map[string]int64
	sent []demo.Webhook
}

func paperGateway() demo.Gateway {
	return demo.Gateway{
		Row: paperRow(),
		Open: func(s demo.Site) (demo.Simulation, error) {
			return &paperShop{Site: s, paid: map[string]int64{}}, nil
		},
		Section: func(s demo.Site) string {
			return fmt.Sprintf("[paper]\nhost = %q\nkey = \"file:%s\"\nshop = %q\n", s.URL,
				s.SecretFile, "shop-4711")
		},
		Ways: []demo.Way{{Name: "paper", Mode: gateways.ModeLink, Amount: "15000"}},
	}
}

func (*paperShop) Handler() http.Handler { return http.NotFoundHandler() }

func (*paperShop) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (s *paperShop) Scan(_ context.Context, p device.Payment) (string, error) {
	if !strings.HasPrefix(p.QRPayload, s.URL+"/pay/") {
		return "", fmt.Errorf("the code is %q", p.QRPayload)
	}
	return "read the link", nil
}

func (s *paperShop) Pay(ctx context.Context, p device.Payment) (string, error) {
	n := paperNote{Ref: p.MerchantRef, Amount: p.Amount}
	n.Seal = n.sealed(s.Secret)
	body, err := json.Marshal(n)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.HookURL, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paid[p.MerchantRef] += p.Amount
	s.sent = append(s.sent, demo.Webhook{SentAt: time.Now(), State: "done",
		Answer: resp.StatusCode})
	return "paid with a note", resp.Body.Close()
}

func (*paperShop) Fail(context.Context, device.Payment) error { return nil }

func (s *paperShop) Again(ctx context.Context, p device.Payment) error {
	_, err := s.Pay(ctx, p)
	return err
}

func (s *paperShop) Collected(ref string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paid[ref]
}

func (*paperShop) Happens(demo.Misfortune, string) error { return nil }

func (s *paperShop) Webhooks() []demo.Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]demo.Webhook(nil), s.sent...)
}
