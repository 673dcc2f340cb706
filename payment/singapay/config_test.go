package singapay

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/secret"
)

func TestNewRefuses(t *testing.T) {
	text := func(n int) string { return strings.Repeat("a", n) }
	for _, tc := range []struct {
		name   string
		change func(*Config)
		key    string // "" = accepted
		words  string
	}{
		{"production", func(c *Config) { c.BaseURL = "https://payment-b2b.singapay.id" }, "", ""},
		{"a slash at the end", func(c *Config) { c.BaseURL = "https://payment-b2b.singapay.id/" },
			"", ""},
		{"our own sandbox", func(c *Config) { c.BaseURL = "http://127.0.0.1:8080" }, "", ""},
		{"our own sandbox by name", func(c *Config) { c.BaseURL = "http://localhost:8080" }, "",
			""},
		{"no host", func(c *Config) { c.BaseURL = "" }, "singapay.base_url", "empty"},
		{"plain http", func(c *Config) { c.BaseURL = "http://payment-b2b.singapay.id" },
			"singapay.base_url", "not https"},
		{"a host that starts like loopback",
			func(c *Config) { c.BaseURL = "http://127.0.0.1.evil.example" }, "singapay.base_url",
			"not https"},
		{"a path", func(c *Config) { c.BaseURL += "/api" }, "singapay.base_url", "path"},
		{"a query", func(c *Config) { c.BaseURL += "?x" }, "singapay.base_url", "query"},
		{"a user", func(c *Config) { c.BaseURL = "https://u:p@host.example" }, "singapay.base_url",
			"user name"},
		{"no scheme", func(c *Config) { c.BaseURL = "payment-b2b.singapay.id" },
			"singapay.base_url", "absolute"},
		{"no client", func(c *Config) { c.ClientID = "" }, "singapay.client_id", "empty"},
		{"client with a space", func(c *Config) { c.ClientID = "a b" }, "singapay.client_id",
			"spaces"},
		{"client too long", func(c *Config) { c.ClientID = text(maxID + 1) }, "singapay.client_id",
			"too long"},
		{"no key", func(c *Config) { c.APIKey = "" }, "singapay.api_key", "empty"},
		{"key with a line break", func(c *Config) { c.APIKey = "a\nb" }, "singapay.api_key",
			"unprintable"},
		{"no secret", func(c *Config) { c.ClientSecret = secret.Value{} }, "singapay.client_secret",
			"0 bytes"},
		{"secret of 19", func(c *Config) { c.ClientSecret = secret.New([]byte(canary[:19])) },
			"singapay.client_secret", "19 bytes"},
		{"secret of 20", func(c *Config) { c.ClientSecret = secret.New([]byte(canary[:20])) }, "",
			""},
		{"secret with a line break", func(c *Config) {
			c.ClientSecret = secret.New([]byte(canary + "\n" + canary))
		}, "singapay.client_secret", "line breaks"},
		{"secret with a space", func(c *Config) {
			c.ClientSecret = secret.New([]byte(canary + " "))
		}, "singapay.client_secret", "spaces"},
		{"secret not text", func(c *Config) {
			c.ClientSecret = secret.New(bytes.Repeat([]byte{0xff}, 32))
		}, "singapay.client_secret", "no text"},
		{"previous of 19", func(c *Config) { c.PreviousSecret = secret.New([]byte(canary[:19])) },
			"singapay.previous_secret", "19 bytes"},
		{"the same secret twice", func(c *Config) { c.PreviousSecret = c.ClientSecret }, "", ""},
		{"no account", func(c *Config) { c.AccountID = "" }, "singapay.account_id", "ULID"},
		{"account in lower case", func(c *Config) { c.AccountID = strings.ToLower(accountID) },
			"singapay.account_id", "ULID"},
		{"account number", func(c *Config) { c.AccountID = "35" }, "singapay.account_id", "ULID"},
		{"account with a slash", func(c *Config) { c.AccountID = accountID[:25] + "/" },
			"singapay.account_id", "ULID"},
		{"no webhook path", func(c *Config) { c.WebhookPath = "" }, "singapay.webhook_path",
			"not a path"},
		{"only a slash", func(c *Config) { c.WebhookPath = "/" }, "singapay.webhook_path",
			"not a path"},
		{"the whole URL", func(c *Config) { c.WebhookPath = "https://relay.example/hook/x" },
			"singapay.webhook_path", "not a path"},
		{"a host without a scheme", func(c *Config) { c.WebhookPath = "//relay.example/hook" },
			"singapay.webhook_path", "not a path"},
		{"a slash at its end", func(c *Config) { c.WebhookPath = "/hook/x/" }, "", ""},
		{"a fragment", func(c *Config) { c.WebhookPath = "/hook/x#y" }, "singapay.webhook_path",
			"not a path"},
		{"a query string in it", func(c *Config) { c.WebhookPath = "/hook/x?source=id" }, "", ""},
		{"mode", func(c *Config) { c.Mode = "card" }, "payment.mode", "neither"},
		{"methods", func(c *Config) {
			c.Methods = []string{"QRIS", "VA_BCA", "EWALLET_DANA",
				"ALFAMART"}
		}, "", ""},
		{"a method in lower case", func(c *Config) { c.Methods = []string{"qris"} },
			"singapay.methods", "no payment method code"},
		{"a method twice", func(c *Config) { c.Methods = []string{"QRIS", "QRIS"} },
			"singapay.methods", "twice"},
		{"a virtual account in mode qr",
			func(c *Config) { c.Mode, c.Methods = ModeQR, []string{"VA_BCA"} }, "singapay.methods",
			"QRIS"},
		{"QRIS in mode qr", func(c *Config) { c.Mode, c.Methods = ModeQR, []string{"QRIS"} }, "",
			""},
		{"description", func(c *Config) { c.Description = strings.Repeat("é", maxText) }, "", ""},
		{"a long description", func(c *Config) { c.Description = text(maxText + 1) },
			"singapay.description", "too long"},
		{"description of two lines", func(c *Config) { c.Description = "a\nb" },
			"singapay.description", "control"},
		{"customer", func(c *Config) {
			c.CustomerName, c.CustomerEmail = "Kiosk",
				"kiosk@shop.example"
		}, "", ""},
		{"customer without an address", func(c *Config) { c.CustomerName = "Kiosk" },
			"singapay.customer_name", "together"},
		{"customer without a name", func(c *Config) { c.CustomerEmail = "kiosk@shop.example" },
			"singapay.customer_name", "together"},
		{"no address", func(c *Config) { c.CustomerName, c.CustomerEmail = "Kiosk", "kiosk" },
			"singapay.customer_email", "not an e-mail"},
		{"half an address", func(c *Config) { c.CustomerName, c.CustomerEmail = "Kiosk", "kiosk@" },
			"singapay.customer_email", "not an e-mail"},
		{"success URL", func(c *Config) { c.SuccessURL = "http://shop.example/" },
			"singapay.success_url", "not https"},
		{"expired URL", func(c *Config) { c.ExpiredURL = "shop" }, "singapay.expired_url",
			"absolute"},
		{"create timeout", func(c *Config) { c.CreateTimeout = 31 * time.Second },
			"singapay.create_timeout", "30 s"},
		{"query timeout", func(c *Config) { c.QueryTimeout = -1 }, "singapay.query_timeout",
			"negative"},
		{"replay window", func(c *Config) { c.ReplayWindow = 16 * time.Minute },
			"singapay.replay_window", "15 minutes"},
		{"grace", func(c *Config) { c.ExpiryGrace = 2 * time.Hour }, "singapay.expiry_grace",
			"hour"},
		{"limit below the minimum", func(c *Config) { c.MaxAmount = MinAmount - 1 },
			"terminal.max_amount", "out of range"},
		{"limit", func(c *Config) { c.MaxAmount = ceilingAmount + 1 }, "terminal.max_amount",
			"out of range"},
		{"no clock", func(c *Config) { c.Now = nil }, "singapay", "clock"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := testConfig()
			tc.change(&cfg)
			_, err := New(cfg)
			if tc.key == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			fault, ok := errors.AsType[*ConfigError](err)
			if !ok || fault.Key != tc.key || !strings.Contains(fault.Problem, tc.words) ||
				fault.Hint == "" {
				t.Errorf("error = %v", err)
			}
		})
	}
	_, err := New(Config{})
	for _, key := range []string{"base_url", "client_id", "client_secret", "api_key", "account_id",
		"webhook_path"} {
		if !strings.Contains(err.Error(), "singapay."+key+" ") {
			t.Errorf("an empty configuration does not report %s", key)
		}
	}
}

func TestConfigIsCopied(t *testing.T) {
	methods := []string{"QRIS"}
	g := newGateway(t, func(c *Config) { c.Methods = methods })
	methods[0] = "VA_BCA"
	if got, err := g.methods(nil); err != nil || got[0] != "QRIS" {
		t.Errorf("%v, %v", got, err)
	}
	if !g.cfg.ClientSecret.IsZero() || len(g.openKeys) != 1 {
		t.Error("the secret lies in the configuration")
	}
}

// TestEndpoint: it changes with what a question goes to, and tells nothing of it.
func TestEndpoint(t *testing.T) {
	base := newGateway(t).Endpoint()
	if len(base) != 16 || base != newGateway(t, inModeQR,
		func(c *Config) {
			c.ClientSecret, c.Methods = secret.New([]byte(oldCanary)),
				nil
		}).Endpoint() {
		t.Errorf("endpoint %q", base)
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.BaseURL = "https://other.example" },
		func(c *Config) { c.AccountID = "01K8N5ZNJH8MPGAK9QM080CXW8" },
		func(c *Config) { c.ClientID = "client-2" },
	} {
		if newGateway(t, change).Endpoint() == base {
			t.Error("another question has the same endpoint")
		}
	}
}
