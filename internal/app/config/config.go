// Package config is kiosk-agent's configuration file: its keys (config.go), what each means and may
// be (keys.go), and what must hold between them (check.go). The sections of the gateways are in
// their rows; [kiosk-agent/internal/conf] reads it all.
//
// To add a key: its field and default, its text and bounds in keys.go, and where it is used. A test
// with -update writes docs/CONFIGURATION.md.
//
// It decides nothing and opens nothing but the file itself: secrets are resolved by the program
// that starts. Values are plain data, to be changed by nobody after Load.
package config

import (
	"crypto/sha256"
	"encoding/base32"

	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/conf"
)

// Config is the whole file.
type Config struct {
	Terminal Terminal `toml:"terminal"`
	Payment  Payment  `toml:"payment"`
	Relay    Relay    `toml:"relay"`
	Till     Till     `toml:"till"`
	Display  Display  `toml:"display"`
	Journal  Journal  `toml:"journal"`
	Metrics  Metrics  `toml:"metrics"`
	Admin    Admin    `toml:"admin"`

	file *conf.File // nil for one that no file gave

	gateways gateways.Table
	sections map[string]any // of each gateway, by its name: a pointer
}

// Terminal is [terminal].
type Terminal struct {
	ID        string `toml:"id"`
	Tag       string `toml:"tag"`
	Currency  string `toml:"currency"`
	MaxAmount int64  `toml:"max_amount"`
}

// Payment is [payment].
type Payment struct {
	Provider       string        `toml:"provider"`
	Mode           string        `toml:"mode"`
	Timeout        conf.Duration `toml:"timeout"`
	Settle         conf.Duration `toml:"settle"`
	AnswerWithin   conf.Duration `toml:"answer_within"`
	AfterDeclined  string        `toml:"after_declined"`
	Watch          conf.Duration `toml:"watch"`
	ReuseWindow    conf.Duration `toml:"reuse_window"`
	RequireCanary  conf.Duration `toml:"require_canary"`
	RequireDisplay bool          `toml:"require_display"`
	// a webhook's SUCCESS needs the query's beside it
	ApproveNeedsQuery bool `toml:"approve_needs_query"`
	OfflineLink       bool `toml:"offline_link"`
}

// Relay is [relay].
type Relay struct {
	URL     string `toml:"url"`
	Token   string `toml:"token"`
	HookURL string `toml:"hook_url"`
}

// Till is [till].
type Till struct {
	WebSocket WebSocket `toml:"websocket"`
	Serial    []Serial  `toml:"serial"`
}

// WebSocket is [till.websocket].
type WebSocket struct {
	Listen         string      `toml:"listen"`
	Tills          []NamedTill `toml:"tills"`
	AllowedOrigins []string    `toml:"allowed_origins"`
	Hosts          []string    `toml:"hosts"`
	TLSCert        string      `toml:"tls_cert"`
	TLSKey         string      `toml:"tls_key"`
}

// NamedTill is one entry of till.websocket.tills.
type NamedTill struct {
	Name    string `toml:"name"`
	Token   string `toml:"token"`
	Display bool   `toml:"display"`
}

// Serial is one entry of [[till.serial]].
type Serial struct {
	Name      string   `toml:"name"`
	Device    string   `toml:"device"`
	AllowFrom []string `toml:"allow_from"`
	Token     string   `toml:"token"`
	Protocol  string   `toml:"protocol"`
	Dialect   string   `toml:"dialect"`
	Baud      int      `toml:"baud"`
	DataBits  int      `toml:"data_bits"`
	Parity    string   `toml:"parity"`
	StopBits  int      `toml:"stop_bits"`
	Flow      string   `toml:"flow"`
}

// Display is [display].
type Display struct {
	Listen       string   `toml:"listen"`
	Token        string   `toml:"token"`
	MerchantName string   `toml:"merchant_name"`
	Logo         string   `toml:"logo"`
	Languages    []string `toml:"languages"`
	Touch        bool     `toml:"touch"`
}

// Journal is [journal].
type Journal struct {
	Path      string        `toml:"path"`
	Retention conf.Duration `toml:"retention"`
	MinFree   conf.Size     `toml:"min_free"`
}

// Metrics is [metrics].
type Metrics struct {
	Listen string `toml:"listen"`
}

// Admin is [admin].
type Admin struct {
	Socket string `toml:"socket"`
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

// SetDefaults is what an entry of [[till.serial]] starts from.
func (s *Serial) SetDefaults() {
	*s = Serial{Protocol: "ecr", Dialect: "paycube", Baud: 9600, DataBits: 8, Parity: "none",
		StopBits: 1, Flow: "none", AllowFrom: []string{}}
}

func seconds(n int) conf.Duration { return conf.Duration(int64(n) * 1e9) }

// TerminalTag is the tag in force: the configured one, or 40 bits of the id's SHA-256 in base32.
func (c *Config) TerminalTag() string {
	if c.Terminal.Tag != "" {
		return c.Terminal.Tag
	}
	sum := sha256.Sum256([]byte("kiosk-agent terminal tag\n" + c.Terminal.ID))
	return base32.StdEncoding.EncodeToString(sum[:5])
}
