package e2e_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/bundle"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/demo"
	"kiosk-agent/internal/app/doctor"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/app/setup"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

// withPaper is a table that has the tests' own gateway too.
func withPaper() gateways.Table { return append(gateways.All(), paperRow()) }

// TestAnotherGatewaySells: a gateway that no program knows by name sells, once it has a row here
// and one of the demo's.
func TestAnotherGatewaySells(t *testing.T) {
	t.Parallel()
	s, x := open(t, func(o *demo.Options) { o.Gateway = paperGateway() })
	var info device.Info
	x.do("terminal.info", object{}, &info)
	if info.Provider != "paper" || info.Currency != payment.IDR ||
		strings.Join(info.Schemes, " ") != "note coin" {
		t.Errorf("the till is told %+v", info)
	}
	p := x.start("SALE", 1_500_000)
	if screen := s.display.shows("pay", p.ID); strings.Join(screen.Schemes, " ") !=
		"banknote coin" {
		t.Errorf("the screen has %v", screen.Schemes)
	}
	s.until(p.ID, payment.KindShown)
	s.customer().scan(p)
	s.customer().pay(p)
	done := x.approved(p.ID)
	if done.Provider != "paper" || done.Scheme != "NOTE" || done.ProviderRef == "" {
		t.Errorf("the till heard %+v", done)
	}
	x.acknowledge(done)
	s.till().owedNothing()
	if got := s.h.Gateway.Collected(p.MerchantRef); got != 1_500_000 {
		t.Errorf("Paper has collected %d", got)
	}
}

// TestAnotherGatewayIsTaken: what reads a configuration reads that of a gateway with a row of its
// own, and says of it what the row says.
func TestAnotherGatewayIsTaken(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(o *demo.Options) { o.Gateway = paperGateway() })
	reader := config.Reader{Gateways: withPaper()}
	c, err := reader.Load(s.h.ConfigPath)
	if err != nil {
		t.Fatal(err)
	}
	quiet := agent.Options{Log: slog.New(slog.DiscardHandler)}
	if err := errors.Join(agent.Check(c, quiet), agent.TryGateway(c, "")); err != nil {
		t.Error(err)
	}
	text, err := bundle.Config(c)
	if err != nil || !strings.Contains(string(text), "[paper]") ||
		strings.Contains(string(text), "shop-4711") {
		t.Errorf("the bundle has %s, %v", text, err)
	}
	key := config.SecretRef{Name: "paper", Key: "paper.key",
		Ref: "file:" + filepath.Join(s.dir, "paper.secret")}
	if refs := c.Secrets(); refs[len(gateways.All())*2] != key {
		t.Errorf("the secrets are %+v", refs)
	}
	for _, tc := range []struct{ name, old, new, want string }{
		{"a key that the row refuses", `"shop-4711"`, `""`, "paper.shop: is required"},
		{"a key of nobody's", "shop =", "shopp =", "paper.shopp: no such key"},
		{"no secret", `key = "file:`, `old_key = "file:`, "paper.key: is required"},
		{"another currency", `currency = "IDR"`, `currency = "SGD"`, "terminal.currency: "},
		{"too little", `currency = "IDR"`, "currency = \"IDR\"\nmax_amount = 499999",
			"is IDR 5000.00, the least that Paper takes"},
		{"another mode", `mode = "link"`, `mode = "qr"`, `payment.mode: "qr" is not possible`},
	} {
		_, err := reader.Parse("f.toml", []byte(strings.Replace(string(c.Text()), tc.old, tc.new,
			1)))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	report := doctor.Run(t.Context(), s.doctors(withPaper()))
	found := map[string][]doctor.Finding{}
	for _, f := range report.Findings {
		found[f.Check] = append(found[f.Check], f)
	}
	finds(t, found, "config", doctor.OK, "paper")
	finds(t, found, "secrets", doctor.OK, "the seal is whole")
	finds(t, found, "gateway", doctor.OK, "answers HTTP 404")
	faulty := agent.Reasons(c, paperError{"paper.key"})
	if len(faulty) != 1 || faulty[0].Code != "secret_invalid" {
		t.Errorf("a secret that cannot be used is %+v", faulty)
	}
}

// doctors looks at the stage's agent from outside, with these gateways.
func (s *stage) doctors(table gateways.Table) doctor.Options {
	return doctor.Options{
		Config: s.h.ConfigPath, Version: "test", Gateways: table,
		Ask: func(context.Context, string, string, any) error { return errors.New("not asked") },
		Head: func(context.Context, *config.Config) error {
			return nil
		},
	}
}

// TestAnUnknownGatewayIsRefused: without its row, the same configuration is refused by everybody,
// and each says which gateway there is not.
func TestAnUnknownGatewayIsRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t, func(o *demo.Options) { o.Gateway = paperGateway() })
	known := strings.Join(gateways.All().Names(), ", ")
	want := `payment.provider: "paper" is not possible (one of: ` + known + ")"
	if _, err := config.Load(s.h.ConfigPath); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("config: %v", err)
	}
	report := doctor.Run(t.Context(), s.doctors(nil))
	if f := report.Findings[len(report.Findings)-1]; f.Check != "config" ||
		f.State != doctor.Wrong || !strings.Contains(f.Found, want) {
		t.Errorf("doctor: %+v", f)
	}
	c := config.Default()
	c.Payment.Provider = "paper"
	log := slog.New(slog.DiscardHandler)
	_, opened := agent.New(&c, agent.Options{Log: log})
	_, closed := agent.NewClosed(&c, agent.Options{Log: log}, []payment.Reason{{Code: "x"}})
	_, made := setup.Run(t.Context(), paperKiosk(t, "ws://127.0.0.1:1", nil))
	for what, err := range map[string]error{
		"agent": opened, "a closed agent": closed,
		"the secrets": agent.Check(&c, agent.Options{Log: log}),
		"a trial":     agent.TryGateway(&c, ""), "setup": made,
	} {
		if err == nil || !strings.Contains(err.Error(),
			`there is no gateway "paper"; there are: `+known) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, ok := demo.FindWay("paper"); ok {
		t.Error("the demo knows it")
	}
}

// paperKiosk is a new kiosk whose gateway is the tests' own.
func paperKiosk(t *testing.T, relay string, table gateways.Table) setup.Kiosk {
	t.Helper()
	dir := t.TempDir()
	k := setup.Kiosk{Dir: filepath.Join(dir, "etc"), State: filepath.Join(dir, "var"),
		Code: "0123-4567-89AB-cdef-0123-4567-89ab-cdef", Values: setup.Values{}, Gateways: table}
	for key, value := range map[string]any{"relay.url": relay, "payment.provider": "paper",
		"paper.shop": "shop-4711"} {
		k.Values.Set(key, value)
	}
	return k
}

// TestAnotherGatewaysKiosk: init makes a kiosk for it, with the currency and the secret that its
// row has.
func TestAnotherGatewaysKiosk(t *testing.T) {
	t.Parallel()
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id": "K001", "token": `+
			`"a-token-of-the-relay-with-43-characters-123", "hook_url": `+
			`"https://relay.example/hook/ROUTE"}`)
	}))
	defer relay.Close()
	k := paperKiosk(t, "ws"+strings.TrimPrefix(relay.URL, "http"), withPaper())
	if key, needed, err := k.NeedsSecret(); key != "paper.key" || !needed || err != nil {
		t.Errorf("the secret %s is needed: %v, %v", key, needed, err)
	}
	k.Secret = secret.Generate()
	made, err := setup.Run(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	if made.Config.Terminal.Currency != "IDR" || len(made.Missing) != 0 {
		t.Errorf("made %+v", made)
	}
	quiet := agent.Options{Log: slog.New(slog.DiscardHandler)}
	if err := agent.Check(made.Config, quiet); err != nil {
		t.Error(err)
	}
	if there, err := secret.ReadFile(filepath.Join(k.Dir, "paper.secret")); err != nil ||
		!there.Matches(k.Secret.Reveal()) {
		t.Errorf("the secret's file: %v", err)
	}
}
