package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/conf"
)

func allKeys() conf.Keys { return Keys(gateways.All()) }

// defaultTables are the tables of an empty file.
func defaultTables() any {
	c := Default()
	return c.Tables().Interface()
}

// fullText is the complete example of the reference.
func fullText(t testing.TB) string {
	t.Helper()
	b, err := allKeys().Example(defaultTables(), conf.NoComments)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestKeys: each key has its text, and each text its key; each duration and size has bounds, and
// its default lies within them.
func TestKeys(t *testing.T) {
	for _, fault := range allKeys().Faults(defaultTables()) {
		t.Error(fault)
	}
}

// TestExample: the example names every key, and every value in it that is not an example's own is
// the default.
func TestExample(t *testing.T) {
	c, err := Parse("full.toml", []byte(fullText(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Terminal.ID = "K001"
	axs, got := want.Section("axs").(*gateways.AXS), c.Section("axs").(*gateways.AXS)
	axs.PaymentLink, axs.ClientID = got.PaymentLink, "..."
	axs.Secret = "file:/etc/kiosk-agent/axs.secret"
	axs.QueryURL = "https://member.uat.pay.axs.com.sg/api/hpp/v2/transaction"
	axs.QRURL = "https://payment.uat.pay.axs.com.sg/api/hpp/v1/qrcode"
	want.Relay = Relay{URL: "wss://relay.example.com", Token: "file:/etc/kiosk-agent/relay.token",
		HookURL: "https://relay.example.com/hook/route"}
	want.Till.WebSocket.Tills = []NamedTill{
		{Name: "till-1", Token: "file:/etc/kiosk-agent/till.token"}}
	want.Till.Serial = []Serial{{}}
	want.Till.Serial[0].SetDefaults()
	want.Till.Serial[0].Name, want.Till.Serial[0].Device = "till-2", "/dev/kiosk-till"
	want.Section("axs").(*gateways.AXS).Previous = []gateways.PastAXS{{
		PaymentLink: "https://checkout.svc.uat.pay.axs.com.sg/hpp/checkout/linkIdBefore",
		ClientID:    "...", Secret: "file:/etc/kiosk-agent/axs-before.secret",
		QueryURL: "https://member.uat.pay.axs.com.sg/api/hpp/v2/transaction",
	}}
	want.Section("singapay").(*gateways.SingaPay).Previous = []gateways.PastSingaPay{{
		BaseURL: "https://payment-b2b.singapay.id", ClientID: "...", APIKey: "...",
		ClientSecret: "file:/etc/kiosk-agent/singapay-before.secret",
		AccountID:    "01JGYPXJ6QK4RVYSSE8W4HQDPX",
	}}
	want.Display.MerchantName = "..."
	if d := cmp.Diff(want.Tables().Interface(), c.Tables().Interface()); d != "" {
		t.Error(d)
	}
	for name := range allKeys() {
		entry := strings.ReplaceAll(name, "[]", "[0]")
		if name != "till" && !c.file.Has(entry) && !c.file.Has(entry+"[0]") {
			t.Errorf("the example does not name %s", name)
		}
	}
}

func TestProblemsNameTheLine(t *testing.T) {
	full := fullText(t)
	for _, tc := range []struct{ name, old, new, want string }{
		{"unknown key", `amount_as = "string"`, "amount_az = \"string\"\n#",
			"f.toml:LINE: axs.amount_az: no such key (docs/CONFIGURATION.md lists them all)"},
		{"unknown table", "[metrics]", "[metrix]", "f.toml:LINE: metrix: no such key"},
		{"syntax", `id = "K001"`, `id = "K001`, "f.toml:LINE: "},
		{"wrong type", `max_amount = 999999900`, `max_amount = "1"`,
			"f.toml:LINE: terminal.max_amount: "},
		{"bad duration", `timeout = "180s"`, `timeout = "3 minutes"`, "f.toml:LINE: "},
		{"too short a time", `timeout = "180s"`, `timeout = "29s"`,
			"f.toml:LINE: payment.timeout: 29s is not between 30s and 15m"},
		{"no id", "[terminal]\nid = \"K001\"", "[terminal]",
			"f.toml:LINE: terminal.id: is required"},
		{"tag", `tag = ""`, `tag = "k001"`, "f.toml:LINE: terminal.tag: must be 8 characters"},
		{"currency", `currency = "SGD"`, `currency = "USD"`, "f.toml:LINE: terminal.currency: "},
		{"amount", `max_amount = 999999900`, `max_amount = 999999901`,
			"f.toml:LINE: terminal.max_amount: "},
		{"secret's value", `secret = "file:/etc/kiosk-agent/axs.secret"`,
			`secret = "hunter2-hunter2-hunter2"`,
			"f.toml:LINE: axs.secret: the value itself must not stand here"},
		{"relative secret", `"file:/etc/kiosk-agent/relay.token"`, `"file:relay.token"`,
			"f.toml:LINE: relay.token: the file's path must be absolute"},
		{"plain relay", `wss://relay.example.com`, `ws://relay.example.com`,
			"f.toml:LINE: relay.url: must start with wss://"},
		{"plain hook", `hook_url = "https:`, `hook_url = "http:`,
			"f.toml:LINE: relay.hook_url: must start with https://"},
		{"open till port", `listen = "127.0.0.1:7654"`, `listen = "0.0.0.0:7654"`,
			"f.toml:LINE: till.websocket.listen: an address that is not loopback needs a " +
				"certificate"},
		{"open display port", `listen = "127.0.0.1:7655"`, `listen = "0.0.0.0:7655"`,
			"f.toml:LINE: display.listen: must be a loopback address"},
		{"two tills of one name", `name = "till-2"`, `name = "till-1"`,
			"f.toml:LINE: till.serial[0].name: two tills are named"},
		{"two tills of one name in one list", `display = false`,
			"[[till.websocket.tills]]\nname = \"till-1\"\ntoken = \"file:/x\"",
			"f.toml:LINE2: till.websocket.tills[1].name: two tills are named"},
		{"till token's value", `token = "file:/etc/kiosk-agent/till.token"`, `token = "abc"`,
			"f.toml:LINE: till.websocket.tills[0].token: the value itself must not stand here"},
		{"origin", `allowed_origins = []`, `allowed_origins = ["till.example"]`,
			`f.toml:LINE: till.websocket.allowed_origins: "till.example" is not an origin`},
		{"hook without a route", `https://relay.example.com/hook/route`,
			`https://relay.example.com/`, "f.toml:LINE: relay.hook_url: must end in /hook/ROUTE"},
		{"one address twice", `listen = "127.0.0.1:7656"`, `listen = "127.0.0.1:7655"`,
			"f.toml:LINE: metrics.listen: 127.0.0.1:7655 is taken by display.listen"},
		{"duration without a unit", `timeout = "180s"`, `timeout = 180`,
			`f.toml:LINE: payment.timeout: 180 has no unit (write "180s")`},
		{"small duration without a unit", `reuse_window = "10m"`, `reuse_window = 10`,
			`f.toml:LINE: payment.reuse_window: 10 has no unit`},
		{"a text for a number", `max_amount = 999999900`, `max_amount = "10.00"`,
			"f.toml:LINE: terminal.max_amount: is a string and must be a whole number"},
		{"language", `["en", "zh", "ms", "ta"]`, `["en", "fr"]`,
			"f.toml:LINE: display.languages: "},
		{"size", `"64MiB"`, `"64 MB"`, "f.toml:LINE: "},
		{"serial without a device", "[metrics]", "[[till.serial]]\nname = \"a\"\n[metrics]",
			"f.toml:LINE: till.serial[1].device: is required"},
		{"serial's name taken", "[metrics]", "[[till.serial]]\nname = \"till-1\"\n[metrics]",
			"f.toml:LINE2: till.serial[1].name: two tills are named"},
		{"open line", "[metrics]",
			"[[till.serial]]\nname = \"a\"\ndevice = \"tcp-listen:0.0.0.0:8800\"\n[metrics]",
			"till.serial[1].allow_from: an address that is not loopback needs it"},
		{"dialect", "[metrics]", "[[till.serial]]\nname = \"a\"\ndevice = \"/dev/x\"\ndialect " +
			"= \"verifone\"\n[metrics]", "till.serial[1].dialect: \"verifone\" is neither a " +
			"built-in dialect (paycube, nets, linkpos, uob) nor a file"},
		{"token of a serial line", "[metrics]",
			"[[till.serial]]\nname = \"a\"\ndevice = \"/dev/x\"\ntoken = \"file:/x\"\n[metrics]",
			"till.serial[1].token: must be empty (only jsonrpc over TCP has one)"},
		{"baud", "[metrics]",
			"[[till.serial]]\nname = \"a\"\ndevice = \"/dev/x\"\nbaud = 0\n[metrics]",
			"till.serial[1].baud: 0 is not possible"},
		{"no such mode", `mode = "link"`, `mode = "card"`,
			`f.toml:LINE: payment.mode: "card" is not possible`},
		{"fall back from a link", `offline_link = false`, `offline_link = true`,
			"f.toml:LINE: payment.offline_link: is for mode qr"},
		{"provider", `provider = "axs"`, `provider = "stripe"`,
			`f.toml:LINE: payment.provider: "stripe" is not possible`},
		{"no provider", `provider = "axs"`, `provider = ""`,
			`f.toml:LINE: payment.provider: "" is not possible`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := strings.Replace(full, tc.old, tc.new, 1)
			if text == full {
				t.Fatal("the case changes nothing")
			}
			_, err := Parse("f.toml", []byte(text))
			if _, ok := errors.AsType[conf.Problems](err); !ok {
				t.Fatalf("error is %T: %v", err, err)
			}
			line := 1 + strings.Count(full[:strings.Index(full, tc.old)], "\n")
			want := strings.Replace(tc.want, "LINE2", strconv.Itoa(line+1), 1)
			if want = strings.Replace(want, "LINE", strconv.Itoa(line),
				1); !strings.Contains(err.Error(), want) {
				t.Errorf("got:\n%s\nwant it to contain:\n%s", err, want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the error tells a secret")
			}
		})
	}
}

// TestSingaPay: a configuration for SingaPay is checked whole and asks for nothing of AXS.
func TestSingaPay(t *testing.T) {
	full := strings.NewReplacer(`currency = "SGD"`, `currency = "IDR"`,
		`provider = "axs"`, `provider = "singapay"`,
		`base_url = ""`, `base_url = "https://payment-b2b.singapay.id"`,
		"[singapay]", "[singapay]\nclient_id = \"c\"", "\nclient_id = \"\"\n", "\n",
		`client_secret = ""`, `client_secret = "file:/etc/kiosk-agent/singapay.secret"`,
		`api_key = ""`, `api_key = "k"`,
		`account_id = ""`, `account_id = "01K946KF851RK7FX075GJHBVKF"`,
		`payment_link = "https://checkout.svc.uat.pay.axs.com.sg/hpp/checkout/merchantLinkId"`,
		`payment_link = ""`,
		`secret = "file:/etc/kiosk-agent/axs.secret"`, `secret = ""`).Replace(fullText(t))
	problems := func(text string) conf.Problems {
		t.Helper()
		_, err := Parse("f.toml", []byte(text))
		ps, ok := errors.AsType[conf.Problems](err)
		if !ok && err != nil {
			t.Fatalf("error is %v", err)
		}
		return ps
	}
	if ps := problems(full); len(ps) != 0 {
		t.Errorf("problems:\n%s", ps)
	}
	for _, tc := range []struct{ old, new, key string }{
		{`currency = "IDR"`, `currency = "SGD"`, "terminal.currency"},
		{`max_amount = 999999900`, `max_amount = 999999`, "terminal.max_amount"},
		{`base_url = "https:`, `base_url = "http:`, "singapay.base_url"},
		{`base_url = "https://payment-b2b.singapay.id"`, `base_url = ""`, "singapay.base_url"},
		{`client_id = "c"`, `client_id = ""`, "singapay.client_id"},
		{`api_key = "k"`, `api_key = ""`, "singapay.api_key"},
		{`account_id = "01K946KF851RK7FX075GJHBVKF"`, `account_id = ""`, "singapay.account_id"},
		{`client_secret = "file:/etc/kiosk-agent/singapay.secret"`, `client_secret = ""`,
			"singapay.client_secret"},
		{`client_secret = "file:/etc/kiosk-agent/singapay.secret"`, `client_secret = "hunter2"`,
			"singapay.client_secret"},
		{`expiry_grace = "30s"`, `expiry_grace = "2h"`, "singapay.expiry_grace"},
		{`create_timeout = "10s"`, `create_timeout = "31s"`, "singapay.create_timeout"},
		{`query_timeout = "10s"`, `query_timeout = "0s"`, "singapay.query_timeout"},
		{`replay_window = "300s"`, `replay_window = "16m"`, "singapay.replay_window"},
	} {
		text := strings.Replace(full, tc.old, tc.new, 1)
		if ps := problems(text); text == full || len(ps) != 1 ||
			!slices.ContainsFunc(ps, func(p conf.Problem) bool { return p.Key == tc.key }) {
			t.Errorf("%s: problems:\n%s", tc.key, ps)
		}
	}
}

func TestModeQR(t *testing.T) {
	full := strings.Replace(fullText(t), `mode = "link"`, `mode = "qr"`, 1)
	for _, tc := range []struct{ name, old, new, want string }{
		{"as in the example", "", "", ""},
		{"with a link to fall back to", "offline_link = false", "offline_link = true", ""},
		{"wallets", "schemes = []", `schemes = ["wechatpay", "paynow"]`, ""},
		{"codes from nowhere", `qr_url = "https://payment.uat.pay.axs.com.sg/api/hpp/v1/qrcode"`,
			`qr_url = ""`, "axs.qr_url: is required in mode qr"},
		{"a card's code", "schemes = []", `schemes = ["paynow", "credit_card"]`,
			"axs.schemes: credit_card has no QR code"},
	} {
		_, err := Parse("f.toml", []byte(strings.Replace(full, tc.old, tc.new, 1)))
		if tc.want == "" && err != nil || tc.want != "" &&
			(err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestSerialDefaults(t *testing.T) {
	text := strings.Replace(fullText(t), "[metrics]", "[[till.serial]]\nname = \"a\"\ndevice = "+
		"\"/dev/x\"\n[[till.serial]]\nname = \"b\"\ndevice = \"usb:067b:2303\"\nbaud = "+
		"19200\n[metrics]", 1)
	c, err := Parse("f.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var a, b Serial
	a.SetDefaults()
	b.SetDefaults()
	a.Name, a.Device = "a", "/dev/x"
	b.Name, b.Device, b.Baud = "b", "usb:067b:2303", 19200
	if d := cmp.Diff([]Serial{a, b}, c.Till.Serial[1:]); d != "" {
		t.Error(d)
	}
}

// TestAllProblemsAtOnce: an unknown key hides no other mistake.
func TestAllProblemsAtOnce(t *testing.T) {
	text := strings.NewReplacer("client_id", "client_idd", `"wss://`, `"https://`,
		`dialect = "paycube"`, `dialect = "netz"`).Replace(fullText(t))
	_, err := Parse("f.toml", []byte(text))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"axs.client_idd: no such key", "axs.client_id: is required",
		"relay.url: must start with wss://", `"netz" is neither`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not told: %s\n%s", want, err)
		}
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	if _, err := Load("testdata/none.toml"); err == nil ||
		!strings.Contains(err.Error(), "testdata/none.toml: no such file") {
		t.Errorf("error = %v", err)
	}
}

func TestTag(t *testing.T) {
	c := Default()
	c.Terminal.ID = "K001"
	first := c.TerminalTag()
	if len(first) != 8 || strings.Trim(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		t.Errorf("tag %q", first)
	}
	c.Terminal.ID = "K002"
	if c.TerminalTag() == first {
		t.Error("two terminals have one tag")
	}
	c.Terminal.Tag = "ABCDEF12"
	if c.TerminalTag() != "ABCDEF12" {
		t.Error("the configured tag is not used")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(fullText(f))
	f.Add("[terminal]\nid = 'x'\n[[till.serial]]\nname = 1\n")
	f.Add("a.b.c = [{x = 1}]\n\"\" = 2\n[[a]]\n[a.b]")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Parse("f.toml", []byte(s))
		if (c == nil) == (err == nil) {
			t.Fatal("neither or both of configuration and error")
		}
		if _, ok := errors.AsType[conf.Problems](err); err != nil && !ok {
			t.Fatalf("error is %T", err)
		}
	})
}

// TestSalvage: a configuration is worth something without the files that it names, and nothing when
// it says what it does not mean.
func TestSalvage(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		name, old, new string
		usable         bool
		want           string // in the error
	}{
		{"all is well", "", "", true, ""},
		{"no logo", `logo = ""`, `logo = "/nowhere/logo.png"`, true,
			"display.logo: cannot be read"},
		{"no dialect", `dialect = "paycube"`, `dialect = "/nowhere/dialect.toml"`, true,
			"till.serial[0].dialect: "},
		{"a typing error", "merchant_name", "merchant_nane", false, "no such key"},
		{"a value that is not possible", `currency = "SGD"`, `currency = "QQQ"`, false,
			"terminal.currency"},
		{"no TOML", "[terminal]", "[terminal", false, ":1: "},
	} {
		text := strings.Replace(fullText(t), tc.old, tc.new, 1)
		path := filepath.Join(dir, "config.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Salvage(path)
		if (c != nil) != tc.usable || (err == nil) != (tc.want == "") || err != nil &&
			!strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, %v", tc.name, c != nil, err)
		}
		if c != nil && string(c.Text()) != text {
			t.Errorf("%s: the text is another one", tc.name)
		}
		if c, loadErr := Load(path); (c == nil) != (err != nil) ||
			(loadErr == nil) != (err == nil) {
			t.Errorf("%s: Load: %v, %v", tc.name, c != nil, loadErr)
		}
	}
}
