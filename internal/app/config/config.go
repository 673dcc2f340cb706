// Package config reads kiosk-agent's configuration file: strictly, with the line and a hint for
// every mistake.
//
// It decides nothing and opens nothing but the file itself: secrets are resolved by the program
// that starts. Values are plain data, to be changed by nobody after Load.
package config

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"

	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/conf"
)

// The values of the file that TOML has no type for.
type (
	Duration = conf.Duration
	Size     = conf.Size
)

// Config is the whole file. The tags are the source of docs/CONFIGURATION.md: doc says what a key
// means, with its unit.
type Config struct {
	Terminal Terminal `toml:"terminal" doc:"This terminal."`
	Payment  Payment  `toml:"payment" doc:"How payments run."`
	Relay    Relay    `toml:"relay" doc:"The way by which the gateway's word reaches this terminal."`
	Till     Till     `toml:"till" doc:"Who may ask for payments."`
	Display  Display  `toml:"display" doc:"The customer display."`
	Journal  Journal  `toml:"journal" doc:"The durable record of every payment."`
	Metrics  Metrics  `toml:"metrics" doc:"Metrics and health, for monitoring, and a status page for people."`
	Admin    Admin    `toml:"admin" doc:"The operator commands' way to the running program."`

	path  string
	text  []byte
	lines map[string]int

	gateways gateways.Table
	sections map[string]any // of each gateway, by its name: a pointer
}

// Terminal is [terminal].
type Terminal struct {
	ID        string `toml:"id" doc:"Name of this terminal, at most 32 characters, shown in the AXS portal. Required."`
	Tag       string `toml:"tag" doc:"8 characters A-Z and 0-9: the start of each merchantRef; unique per merchant. Empty: derived from id."`
	Currency  string `toml:"currency" doc:"ISO 4217 code of all amounts."`
	MaxAmount int64  `toml:"max_amount" doc:"Largest amount of one payment, in minor units (cents)."`
}

// Payment is [payment].
type Payment struct {
	Provider       string   `toml:"provider" doc:"The gateway: axs or singapay."`
	Mode           string   `toml:"mode" doc:"link: the QR code holds the gateway's checkout link. qr: the gateway makes a code for one wallet (PayNow, Alipay, WeChat Pay), which the customer's app scans; needs qr_url."`
	Timeout        Duration `toml:"timeout" doc:"The customer's time to pay, 30s to 900s."`
	Settle         Duration `toml:"settle" doc:"After a cancel or the deadline, how long a payment made in the last moment has to be reported."`
	AnswerWithin   Duration `toml:"answer_within" doc:"After a cancel or the deadline, the till is answered within this time: at the latest unknown."`
	AfterDeclined  string   `toml:"after_declined" doc:"wait: a declined attempt leaves the code on the screen; finish: it ends the payment. Empty: wait in mode link, finish in mode qr."`
	Watch          Duration `toml:"watch" doc:"How long late money is asked for; webhooks are matched for ever."`
	ReuseWindow    Duration `toml:"reuse_window" doc:"How long a repeated request is answered with its final, unacknowledged payment."`
	RequireCanary  Duration `toml:"require_canary" doc:"Sales are refused unless a test message came back through the relay this recently; 0s turns that off."`
	RequireDisplay bool     `toml:"require_display" doc:"Sales are refused unless a customer display shows what it is told."`
	OfflineLink    bool     `toml:"offline_link" doc:"Mode qr only: show the link when the request for a code provably never left. The portal's payment link must be of the type Redirect to Payment Page for that."`
}

// Relay is [relay].
type Relay struct {
	URL     string `toml:"url" doc:"The relay: wss://HOST (ws:// only for a loopback address). Required."`
	Token   string `toml:"token" doc:"Where this terminal's relay token is: file:PATH or credential:NAME. Required."`
	HookURL string `toml:"hook_url" doc:"The webhook address that the gateway calls: https://HOST/hook/ROUTE. Required. Whoever knows it can send us rubbish: keep it to yourself."`
}

// Till is [till].
type Till struct {
	WebSocket WebSocket `toml:"websocket" doc:"Tills on the local WebSocket."`
	Serial    []Serial  `toml:"serial" doc:"Tills on a serial or TCP line: none, one or several."`
}

// WebSocket is [till.websocket].
type WebSocket struct {
	Listen         string      `toml:"listen" doc:"Address and port; empty: off. An address that is not loopback needs tls_cert and tls_key."`
	Tills          []NamedTill `toml:"tills" doc:"The tills, each with a name and a token of its own."`
	AllowedOrigins []string    `toml:"allowed_origins" doc:"Origins of pages that may connect, exactly as browsers send them."`
	Hosts          []string    `toml:"hosts" doc:"Host names, besides loopback ones, under which the listener is reached."`
	TLSCert        string      `toml:"tls_cert" doc:"PEM file of the listener's certificate."`
	TLSKey         string      `toml:"tls_key" doc:"PEM file of the certificate's key."`
}

// NamedTill is one entry of till.websocket.tills.
type NamedTill struct {
	Name    string `toml:"name" doc:"The till's name, shown to staff; references are per till."`
	Token   string `toml:"token" doc:"Where the till's token is: file:PATH or credential:NAME."`
	Display bool   `toml:"display" doc:"The till shows the code itself and says so with payment.shown."`
}

// Serial is one entry of [[till.serial]].
type Serial struct {
	Name      string   `toml:"name" doc:"The till's name."`
	Device    string   `toml:"device" doc:"A serial device by a stable name (/dev/serial/by-id/…, /dev/kiosk-till, usb:VID:PID), tcp-listen:ADDRESS:PORT or tcp-connect:HOST:PORT."`
	AllowFrom []string `toml:"allow_from" doc:"CIDRs that may connect to a tcp-listen address that is not loopback."`
	Token     string   `toml:"token" doc:"TCP with jsonrpc: where the till's token is."`
	Protocol  string   `toml:"protocol" doc:"ecr or jsonrpc."`
	Dialect   string   `toml:"dialect" doc:"ECR dialect: paycube, nets, or the absolute path of a dialect file (docs/ECR-DIALECTS.md)."`
	Baud      int      `toml:"baud" doc:"Bits per second."`
	DataBits  int      `toml:"data_bits" doc:"Bits per character."`
	Parity    string   `toml:"parity" doc:"none, odd or even."`
	StopBits  int      `toml:"stop_bits" doc:"1 or 2."`
	Flow      string   `toml:"flow" doc:"none or rtscts."`
}

// Display is [display].
type Display struct {
	Listen       string   `toml:"listen" doc:"Address and port of the display's page; loopback."`
	Token        string   `toml:"token" doc:"Where the display's token is: file:PATH (made at first start) or credential:NAME."`
	MerchantName string   `toml:"merchant_name" doc:"Shown to the customer."`
	Logo         string   `toml:"logo" doc:"An SVG or PNG file shown to the customer; empty: none."`
	Languages    []string `toml:"languages" doc:"Of en, zh, ms, ta; the first is the largest on the screen."`
	Touch        bool     `toml:"touch" doc:"The customer can touch the display: in mode qr, where axs.schemes names several wallets and the till none, it asks for one. false: the first is taken."`
}

// Journal is [journal].
type Journal struct {
	Path      string   `toml:"path" doc:"The journal's file."`
	Retention Duration `toml:"retention" doc:"How long links and opened deliveries are kept; references, amounts and outcomes are kept for ever."`
	MinFree   Size     `toml:"min_free" doc:"New sales are refused below this much free disk, so that running ones can finish."`
}

// Metrics is [metrics].
type Metrics struct {
	Listen string `toml:"listen" doc:"Address and port of the status page (/), /metrics, /healthz and /readyz; empty: off."`
}

// Admin is [admin].
type Admin struct {
	Socket string `toml:"socket" doc:"The Unix socket of the operator commands."`
}

// StateDir is where the defaults put what the program makes itself.
const StateDir = "/var/lib/kiosk-agent/"

// Default is the configuration of an empty file.
func Default() Config { return Reader{}.Default() }

// defaults are those of what no gateway's row says.
func defaults() Config {
	return Config{
		Terminal: Terminal{Currency: "SGD", MaxAmount: 999_999_900},
		Payment: Payment{
			Mode: gateways.ModeLink, Timeout: seconds(180), Settle: seconds(5),
			AnswerWithin: seconds(25),
			Watch:        seconds(24 * 3600), ReuseWindow: seconds(600), RequireCanary: seconds(60),
			RequireDisplay: true,
		},
		Till: Till{WebSocket: WebSocket{Listen: "127.0.0.1:7654", Tills: []NamedTill{},
			AllowedOrigins: []string{}, Hosts: []string{}}},
		Display: Display{Listen: "127.0.0.1:7655", Token: "file:" + StateDir + "display.token",
			Languages: []string{"en", "zh", "ms", "ta"}, Touch: true},
		Journal: Journal{Path: StateDir + "journal.db", Retention: seconds(400 * 24 * 3600),
			MinFree: 64 << 20},
		Metrics: Metrics{Listen: "127.0.0.1:7656"},
		Admin:   Admin{Socket: "/run/kiosk-agent/admin.sock"},
	}
}

// defaultSerial is what an entry of [[till.serial]] starts from.
func defaultSerial() Serial {
	return Serial{Protocol: "ecr", Dialect: "paycube", Baud: 9600, DataBits: 8, Parity: "none",
		StopBits: 1, Flow: "none", AllowFrom: []string{}}
}

// fill gives an entry the defaults of the keys that it does not name: in a list of tables the
// decoder starts from nothing.
func (s *Serial) fill(lines map[string]int, i int) {
	d := defaultSerial()
	for _, f := range []struct {
		key string
		set func()
	}{
		{"protocol", func() { s.Protocol = d.Protocol }},
		{"dialect", func() { s.Dialect = d.Dialect }}, {"baud", func() { s.Baud = d.Baud }},
		{"data_bits", func() { s.DataBits = d.DataBits }},
		{"parity", func() { s.Parity = d.Parity }},
		{"stop_bits", func() { s.StopBits = d.StopBits }}, {"flow", func() { s.Flow = d.Flow }},
		{"allow_from", func() { s.AllowFrom = d.AllowFrom }},
	} {
		if lines[fmt.Sprintf("till.serial[%d].%s", i, f.key)] == 0 {
			f.set()
		}
	}
}

func seconds(n int) Duration { return Duration(int64(n) * 1e9) }

// TerminalTag is the tag in force: the configured one, or 40 bits of the id's SHA-256 in base32.
func (c *Config) TerminalTag() string {
	if c.Terminal.Tag != "" {
		return c.Terminal.Tag
	}
	sum := sha256.Sum256([]byte("kiosk-agent terminal tag\n" + c.Terminal.ID))
	return base32.StdEncoding.EncodeToString(sum[:5])
}
