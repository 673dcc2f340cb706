package axs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Config)
		key    string // "" = accepted
		words  string
	}{
		{"production-like",
			func(c *Config) {
				c.PaymentLink = "https://checkout.example/hpp/checkout/abc_DEF-1.2~3"
			}, "", ""},
		{"sandbox", func(c *Config) { c.PaymentLink = "http://127.0.0.1:8080/hpp/checkout/x" }, "",
			""},
		{"sandbox on IPv6", func(c *Config) { c.PaymentLink = "http://[::1]:8080/hpp/checkout/x" },
			"", ""},
		{"sandbox by name", func(c *Config) { c.PaymentLink = "http://localhost/hpp/checkout/x" },
			"", ""},
		{"no link", func(c *Config) { c.PaymentLink = "" }, "axs.payment_link", "is missing"},
		{"plain http", func(c *Config) { c.PaymentLink = "http://checkout.example/hpp/checkout/x" },
			"axs.payment_link", "not https"},
		{"a host that starts like loopback",
			func(c *Config) { c.PaymentLink = "http://127.0.0.1.evil.example/hpp/checkout/x" },
			"axs.payment_link", "not https"},
		{"other scheme",
			func(c *Config) { c.PaymentLink = "ftp://checkout.example/hpp/checkout/x" },
			"axs.payment_link", "not https"},
		{"no host", func(c *Config) { c.PaymentLink = "https:///hpp/checkout/x" },
			"axs.payment_link", "absolute"},
		{"no scheme", func(c *Config) { c.PaymentLink = "checkout.example/hpp/checkout/x" },
			"axs.payment_link", "absolute"},
		{"query", func(c *Config) { c.PaymentLink += "?data=1" }, "axs.payment_link", "query"},
		{"empty query", func(c *Config) { c.PaymentLink += "?" }, "axs.payment_link", "query"},
		{"fragment", func(c *Config) { c.PaymentLink += "#x" }, "axs.payment_link", "fragment"},
		{"user", func(c *Config) { c.PaymentLink = "https://u:p@checkout.example/hpp/checkout/x" },
			"axs.payment_link", "user name"},
		{"no merchantLinkId",
			func(c *Config) { c.PaymentLink = "https://checkout.example/hpp/checkout/" },
			"axs.payment_link", "path"},
		{"placeholder",
			func(c *Config) {
				c.PaymentLink = "https://checkout.example/hpp/checkout/<merchantLinkId>"
			}, "axs.payment_link", "path"},
		{"escaped",
			func(c *Config) { c.PaymentLink = "https://checkout.example/hpp/checkout/a%2Fb" },
			"axs.payment_link", "path"},
		{"more path", func(c *Config) { c.PaymentLink += "/more" }, "axs.payment_link", "path"},
		{"path above",
			func(c *Config) { c.PaymentLink = "https://checkout.example/hpp/checkout/.." },
			"axs.payment_link", "path"},
		{"QR string link",
			func(c *Config) { c.PaymentLink = "https://checkout.example/api/hpp/v1/qrcode/x" },
			"axs.payment_link", "path"},
		{"space behind", func(c *Config) { c.PaymentLink += " " }, "axs.payment_link", ""},
		{"line break behind", func(c *Config) { c.PaymentLink += "\n" }, "axs.payment_link",
			"printable"},
		{"no client", func(c *Config) { c.ClientID = "" }, "axs.client_id", "Merchant Portal"},
		{"client with space", func(c *Config) { c.ClientID = "a b" }, "axs.client_id", ""},
		{"client too long", func(c *Config) { c.ClientID = strings.Repeat("a", maxClientID+1) },
			"axs.client_id", ""},
		{"no secret", func(c *Config) { c.Secret = secret.Value{} }, "axs.secret", "0 bytes"},
		{"secret of 19", func(c *Config) { c.Secret = secret.New([]byte(canary[:19])) },
			"axs.secret", "19 bytes"},
		{"secret of 20", func(c *Config) { c.Secret = secret.New([]byte(canary[:20])) }, "", ""},
		{"secret with a line break", func(c *Config) {
			c.Secret = secret.New([]byte(canary + "\n" + canary))
		}, "axs.secret", "line breaks"},
		{"secret with a space", func(c *Config) { c.Secret = secret.New([]byte(canary + " ")) },
			"axs.secret", "spaces"},
		{"secret not text", func(c *Config) {
			c.Secret = secret.New(bytes.Repeat([]byte{0xff}, 32))
		}, "axs.secret", "no text"},
		{"previous of 19", func(c *Config) { c.PreviousSecret = secret.New([]byte(canary[:19])) },
			"axs.previous_secret", "19 bytes"},
		{"webhook with query",
			func(c *Config) { c.WebhookURL = "https://relay.example/hook/x?a=1" }, "relay.hook_url",
			"query"},
		{"webhook with empty query", func(c *Config) {
			c.WebhookURL = "https://relay.example/hook/x?"
		}, "relay.hook_url", "query"},
		{"webhook plain http", func(c *Config) { c.WebhookURL = "http://relay.example/hook/x" },
			"relay.hook_url", "not https"},
		{"webhook of the demo", func(c *Config) { c.WebhookURL = "http://127.0.0.1:9000/hook/x" },
			"", ""},
		{"success URL with query", func(c *Config) { c.SuccessURL = "https://shop.example/ok?a=1" },
			"", ""},
		{"success URL relative", func(c *Config) { c.SuccessURL = "/ok" }, "axs.success_url",
			"absolute"},
		{"fail URL script", func(c *Config) { c.FailURL = "javascript:alert(1)" }, "axs.fail_url",
			"absolute"},
		{"cancel URL too long", func(c *Config) {
			c.CancelURL = "https://shop.example/" +
				strings.Repeat("x", maxURL)
		}, "axs.cancel_url", "longer"},
		{"query",
			func(c *Config) {
				c.QueryURL = "https://member.uat.pay.axs.com.sg/api/hpp/v2/transaction"
			}, "", ""},
		{"query of the sandbox", func(c *Config) {
			c.QueryURL = "http://127.0.0.1:9000/axs/api/hpp/v2/transaction/"
		}, "", ""},
		{"query plain http", func(c *Config) { c.QueryURL = "http://member.example/transaction" },
			"axs.query_url", "not https"},
		{"query relative", func(c *Config) { c.QueryURL = "/api/hpp/v2/transaction" },
			"axs.query_url", "absolute"},
		{"query with a password", func(c *Config) {
			c.QueryURL = "https://u:" + canary +
				"@member.example/transaction"
		}, "axs.query_url", "user name"},
		{"query with a query",
			func(c *Config) { c.QueryURL = "https://member.example/transaction?data=1" },
			"axs.query_url", "query string"},
		{"query with an empty query", func(c *Config) {
			c.QueryURL = "https://member.example/transaction?"
		}, "axs.query_url", "query string"},
		{"query with a fragment", func(c *Config) {
			c.QueryURL = "https://member.example/transaction#x"
		}, "axs.query_url", "query string"},
		{"query with the link's id", func(c *Config) {
			c.QueryURL = "https://member.example/transaction/lnk-123/"
		}, "axs.query_url", "appends"},
		{"query too long", func(c *Config) {
			c.QueryURL = "https://member.example/" +
				strings.Repeat("x", maxURL)
		}, "axs.query_url", "longer"},
		{"query with a line break", func(c *Config) { c.QueryURL = "https://member.example/x\n" },
			"axs.query_url", "printable"},
		{"codes",
			func(c *Config) { c.QRURL = "https://payment.uat.pay.axs.com.sg/api/hpp/v1/qrcode/" },
			"", ""},
		{"codes plain http", func(c *Config) { c.QRURL = "http://payment.example/qrcode" },
			"axs.qr_url", "not https"},
		{"codes with the link's id", func(c *Config) {
			c.QRURL = "https://payment.example/qrcode/lnk-123"
		}, "axs.qr_url", "appends"},
		{"query timeout negative", func(c *Config) { c.QueryTimeout = -1 }, "axs.query_url",
			"timeout"},
		{"query timeout 30 s", func(c *Config) { c.QueryTimeout = 30 * time.Second }, "", ""},
		{"query timeout over that", func(c *Config) { c.QueryTimeout = 30*time.Second + 1 },
			"axs.query_url", "timeout"},
		{"terminal too long", func(c *Config) { c.TerminalID = strings.Repeat("K", maxTerminal+1) },
			"terminal.id", ""},
		{"amount_as", func(c *Config) { c.AmountAs = "float" }, "axs.amount_as", ""},
		{"scheme", func(c *Config) { c.Schemes = []string{"paynow", "cash"} }, "axs.schemes",
			"credit_card"},
		{"scheme twice", func(c *Config) { c.Schemes = []string{"paynow", "paynow"} },
			"axs.schemes", "twice"},
		{"p2c 999", func(c *Config) { c.MaxP2C = 999 }, "axs.max_p2c", ""},
		{"p2c negative", func(c *Config) { c.MaxP2C = -1 }, "axs.max_p2c", ""},
		{"p2c ceiling", func(c *Config) { c.MaxP2C = 10_000 }, "", ""},
		{"p2c over the ceiling", func(c *Config) { c.MaxP2C = 10_001 }, "axs.max_p2c", ""},
		{"amount over AXS's", func(c *Config) { c.MaxAmount = MaxAmount + 1 },
			"terminal.max_amount", ""},
		{"amount negative", func(c *Config) { c.MaxAmount = -1 }, "terminal.max_amount", ""},
		{"grace negative", func(c *Config) { c.ExpiryGrace = -time.Second }, "axs.send_expiry", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := testConfig()
			tc.change(&cfg)
			_, err := New(cfg)
			if tc.key == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			e, ok := errors.AsType[*ConfigError](err)
			if !ok || e.Key != tc.key || e.Hint == "" || !strings.Contains(e.Error(), tc.words) {
				t.Fatalf("error = %v, want one about %s with %q", err, tc.key, tc.words)
			}
			if strings.Contains(err.Error(), canary[:19]) {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestNewReportsEveryFault(t *testing.T) {
	_, err := New(Config{AmountAs: "x", MaxP2C: 1})
	for _, key := range []string{"axs.payment_link", "axs.client_id", "axs.secret", "axs.amount_as",
		"axs.max_p2c"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("no word about %s in: %v", key, err)
		}
	}
}

// TestNewKeepsNothingOfTheCaller: a change of the caller's list later changes nothing.
func TestNewKeepsNothingOfTheCaller(t *testing.T) {
	cfg := testConfig()
	cfg.Schemes = []string{"paynow"}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Schemes[0] = "alipay"
	if got, err := g.scheme(nil); err != nil || got != "paynow" {
		t.Errorf("scheme = %q, %v", got, err)
	}
}

// TestCanary plants a secret and looks for it, for the token and for its content in everything that
// can be printed.
func TestCanary(t *testing.T) {
	cfg := testConfig()
	cfg.PreviousSecret = secret.New([]byte(oldCanary))
	g := newGateway(t, func(c *Config) { *c = cfg })
	type holder struct {
		Config  Config
		Gateway *Gateway
		hidden  *Gateway
	}
	h := holder{cfg, g, g}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, v := range []any{cfg, &cfg, g, *g, h, &h, g.cfg, struct{ g Gateway }{*g}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	js, err := json.Marshal([]any{cfg, g})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(js)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "g", g, "cfg", cfg)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "g", g, "v", *g, "h", h)

	const content = "content-canary-77"
	bad := sealed(t, strings.Replace(sample, `"SUCCESS"`, `["`+content+`"]`, 1))
	other, err := seal([]byte(`{"x":"`+content+`"}`), secret.New([]byte(strings.Repeat("x", 32))),
		content)
	if err != nil {
		t.Fatal(err)
	}
	tokens := []string{bad, bad[:len(bad)-3], other, sealed(t, content),
		sealed(t, `{"`+content+`":1}`),
		craft(t, `{"alg":"`+content+`"}`, []byte("salt"), 1, sample)}
	for _, token := range tokens {
		for _, c := range carriages(token) {
			if _, err := g.Open(c.e); err == nil {
				t.Errorf("%s: opened", c.name)
			} else {
				fmt.Fprintf(&out, "%v %+v %#v\n", err, err, err)
			}
		}
	}
	r := request()
	r.MerchantRef = canary + "\x00"
	_, err = g.Mint(r)
	fmt.Fprintln(&out, err, payment.CodeOf(err))
	_, err = New(Config{PaymentLink: canary, ClientID: canary + " ",
		TerminalID: canary + canary + canary, WebhookURL: canary, QueryURL: canary,
		AmountAs: canary, Schemes: []string{canary}})
	fmt.Fprintln(&out, err)

	text := strings.ToLower(out.String())
	for _, s := range []string{canary, oldCanary} {
		for _, form := range []string{s, fmt.Sprintf("%x", s),
			strings.Trim(fmt.Sprintf("%d", []byte(s)), "[]"),
			base64.RawStdEncoding.EncodeToString([]byte(s)), fmt.Sprintf("%#v", []byte(s))[7:60]} {
			if strings.Contains(text, strings.ToLower(form)) {
				t.Errorf("the secret was printed as %.20q…", form)
			}
		}
	}
	if strings.Contains(text, content) {
		t.Error("a notification's content was printed")
	}
	for _, token := range tokens {
		for i := 0; i+12 <= len(token); i++ {
			if strings.Contains(out.String(), token[i:i+12]) {
				t.Fatalf("a part of a token was printed: %q", token[i:i+12])
			}
		}
	}
}

func TestReasonsAreDistinct(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		if r == "" || seen[r] {
			t.Errorf("reason %q is empty or listed twice", r)
		}
		if cure := refuse(r).Cure(); !strings.HasSuffix(cure, ".") {
			t.Errorf("what mends %q: %q", r, cure)
		}
		seen[r] = true
	}
}
