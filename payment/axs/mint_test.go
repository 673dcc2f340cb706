package axs

import (
	"encoding/base64"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/internal/strictjson"
	"kiosk-agent/payment"
)

func request() payment.MintRequest {
	return payment.MintRequest{MerchantRef: "K001AAAA-01JKX0Z0V8M5Q2T4W6Y8ZABCDE",
		Money: payment.Money{Amount: 1023, Currency: payment.SGD}, Timeout: 180 * time.Second}
}

func mint(t testing.TB, g *Gateway, r payment.MintRequest) (linkText string) {
	t.Helper()
	m, err := g.Mint(r)
	if err != nil {
		t.Fatal(err)
	}
	return m.Payload
}

func tokenOf(t testing.TB, linkText string) string {
	t.Helper()
	token, ok := strings.CutPrefix(linkText, pageLink+"?data=")
	if !ok {
		t.Fatalf("link %q does not start with the payment link", linkText)
	}
	return token
}

func TestMintPayload(t *testing.T) {
	all := func(c *Config) {
		c.TerminalID, c.WebhookURL = "K001", "https://relay.example/hook/AbC-_1"
		c.SuccessURL, c.FailURL, c.CancelURL = "https://shop.example/ok?a=1&b=<2>",
			"https://shop.example/fail", "https://shop.example/cancel"
		c.Schemes = []string{"credit_card", "paynow"}
	}
	const ref = `"merchantRef":"K001AAAA-01JKX0Z0V8M5Q2T4W6Y8ZABCDE"`
	for _, tc := range []struct {
		name   string
		config func(*Config)
		req    func(*payment.MintRequest)
		want   string
	}{
		{"least", func(c *Config) { c.SendExpiry = false }, nil,
			`{"clientId":"example-client-id","amount":"1023","currency":"SGD",` + ref + `}`},
		{"everything", all, nil,
			`{"clientId":"example-client-id","amount":"1023","currency":"SGD",` + ref +
				`,"scheme":"credit_card,paynow","expiry":210,"terminalId":"K001",` +
				`"webhookUrl":"https://relay.example/hook/AbC-_1",` +
				`"successUrl":"https://shop.example/ok?a=1&` +
				`b=<2>","failUrl":"https://shop.example/fail",` +
				`"cancelUrl":"https://shop.example/cancel"}`},
		{"amount as a number", func(c *Config) { c.AmountAs = AmountNumber }, nil,
			`{"clientId":"example-client-id","amount":1023,"currency":"SGD",` + ref +
				`,"expiry":210}`},
		{"largest amount", nil, func(r *payment.MintRequest) { r.Money.Amount = MaxAmount },
			`{"clientId":"example-client-id","amount":"999999900","currency":"SGD",` + ref +
				`,"expiry":210}`},
		{"expiry rounds up", func(c *Config) { c.ExpiryGrace = time.Second },
			func(r *payment.MintRequest) { r.Timeout = 30*time.Second + 1 },
			`{"clientId":"example-client-id","amount":"1023","currency":"SGD",` + ref +
				`,"expiry":32}`},
		{"schemes of the request", all,
			func(r *payment.MintRequest) { r.Schemes = []string{"paynow", "paynow"} },
			`{"clientId":"example-client-id","amount":"1023","currency":"SGD",` + ref +
				`,"scheme":"paynow","expiry":210,"terminalId":"K001",` +
				`"webhookUrl":"https://relay.example/hook/AbC-_1",` +
				`"successUrl":"https://shop.example/ok?a=1&` +
				`b=<2>","failUrl":"https://shop.example/fail",` +
				`"cancelUrl":"https://shop.example/cancel"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var change []func(*Config)
			if tc.config != nil {
				change = append(change, tc.config)
			}
			g, r := newGateway(t, change...), request()
			if tc.req != nil {
				tc.req(&r)
			}
			plaintext, refused := g.open(tokenOf(t, mint(t, g, r)))
			if refused != nil {
				t.Fatal(refused)
			}
			if string(plaintext) != tc.want {
				t.Errorf("payload\n%s\nwant\n%s", plaintext, tc.want)
			}
		})
	}
}

// TestMintHeader: exactly five members, and a salt and a key that are never used twice.
func TestMintHeader(t *testing.T) {
	g := newGateway(t)
	salts, wrapped := map[string]bool{}, map[string]bool{}
	for range 20 {
		parts := strings.Split(tokenOf(t, mint(t, g, request())), ".")
		raw, err := base64.RawURLEncoding.DecodeString(parts[0])
		if err != nil {
			t.Fatal(err)
		}
		h, err := strictjson.Object(raw, maxDepth)
		if err != nil {
			t.Fatal(err)
		}
		p2s, _ := text(h["p2s"])
		salt, err := base64.RawURLEncoding.DecodeString(p2s)
		if err != nil || len(salt) != 16 || salts[p2s] || wrapped[parts[1]] {
			t.Fatalf("salt %x (%v) is short or was used before", salt, err)
		}
		salts[p2s], wrapped[parts[1]] = true, true
		want := `{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","kid":"example-client-id",` +
			`"p2c":1000,"p2s":"` + p2s + `"}`
		if string(raw) != want {
			t.Fatalf("header %s, want %s", raw, want)
		}
	}
}

func TestMintRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*payment.MintRequest)
		want   payment.Code
	}{
		{"zero", func(r *payment.MintRequest) { r.Money.Amount = 0 }, payment.CodeAmountInvalid},
		{"negative", func(r *payment.MintRequest) { r.Money.Amount = -1 },
			payment.CodeAmountInvalid},
		{"over the limit", func(r *payment.MintRequest) { r.Money.Amount = 5001 },
			payment.CodeAmountInvalid},
		{"rupiah", func(r *payment.MintRequest) { r.Money.Currency = payment.IDR },
			payment.CodeAmountInvalid},
		{"no currency", func(r *payment.MintRequest) { r.Money.Currency = "" },
			payment.CodeAmountInvalid},
		{"no reference", func(r *payment.MintRequest) { r.MerchantRef = "" }, payment.CodeInvalid},
		{"reference too long", func(r *payment.MintRequest) {
			r.MerchantRef = strings.Repeat("R", 41)
		}, payment.CodeInvalid},
		{"reference unprintable", func(r *payment.MintRequest) { r.MerchantRef = "Ref\n1" },
			payment.CodeInvalid},
		{"unknown scheme", func(r *payment.MintRequest) { r.Schemes = []string{"cash"} },
			payment.CodeInvalid},
		{"scheme not offered", func(r *payment.MintRequest) { r.Schemes = []string{"alipay"} },
			payment.CodeInvalid},
		{"no timeout", func(r *payment.MintRequest) { r.Timeout = 0 }, payment.CodeInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGateway(t, func(c *Config) {
				c.MaxAmount, c.Schemes = 5000,
					[]string{"paynow", "credit_card"}
			})
			r := request()
			tc.change(&r)
			m, err := g.Mint(r)
			if err == nil || payment.CodeOf(err) != tc.want || m.Payload != "" {
				t.Errorf("Mint = %v, %v; want %s", m, err, tc.want)
			}
		})
	}
	longest := request()
	longest.MerchantRef = strings.Repeat("R", MaxRef)
	mint(t, newGateway(t), longest)
}

// A link's key is derived while nobody waits, and serves one link; a link that comes sooner derives
// its own.
func TestASpareKeyServesOneLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		salts := map[string]bool{}
		for i, spares := range []int{0, 0, 1, 0, 1} {
			if spares == 1 {
				time.Sleep(spareAfter)
				synctest.Wait()
			}
			if len(g.spare) != spares {
				t.Fatalf("link %d: %d spare keys, want %d", i, len(g.spare), spares)
			}
			token := tokenOf(t, mint(t, g, request()))
			if len(g.spare) != 0 {
				t.Fatalf("link %d has not taken the spare key", i)
			}
			salts[string(headerOf(token)["p2s"])] = true
			if _, err := unseal(token, secret.New([]byte(canary))); err != nil {
				t.Errorf("link %d does not open: %v", i, err)
			}
		}
		if len(salts) != 5 {
			t.Errorf("5 links have %d salts", len(salts))
		}
	})
}
