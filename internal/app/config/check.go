package config

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/conf"
	"kiosk-agent/internal/webaddr"
	"kiosk-agent/payment/engine"
	"kiosk-agent/ui"
)

// maxSocket is the longest name that a Unix socket can have.
const maxSocket = 107

// checker finds what is wrong with a configuration.
type checker struct {
	*conf.Checker
	c *Config
}

// check finds everything that can be told from the file alone; what a gateway or relay thinks of
// it, its own package tells.
func (c *Config) check() conf.Problems {
	k := &checker{c.file.Check(), c}
	k.terminal()
	k.payment()
	k.gateway()
	k.relay()
	k.tills()
	k.rest()
	return k.Problems()
}

func (k *checker) terminal() {
	t := k.c.Terminal
	k.Need(t.ID != "", "terminal.id", "", "is required")
	k.Need(t.ID == "" || webaddr.Name(t.ID), "terminal.id", "",
		"must be at most 32 printable ASCII characters")
	k.Need(t.Tag == "" || len(t.Tag) == 8 &&
		strings.Trim(t.Tag, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "", "terminal.tag",
		"leave it empty to have one made from id", "must be 8 characters A-Z and 0-9")
	k.Need(t.MaxAmount > 0 && t.MaxAmount <= 999_999_900, "terminal.max_amount",
		"minor units: 1000 is SGD 10.00",
		"%d is not between 1 and 999999900", t.MaxAmount)
}

func (k *checker) payment() {
	p := k.c.Payment
	k.OneOf("payment.after_declined", p.AfterDeclined, "", "wait", "finish")
	k.Need(!p.OfflineLink || p.Mode == gateways.ModeQR, "payment.offline_link",
		"leave it false in mode link", "is for mode qr")
}

// answerWithin wants time enough for what the evidence rule waits for: with less, a sale that ends
// unpaid could only be told as unknown. asked is whether the gateway can be asked.
func (k *checker) answerWithin(asked bool) {
	p := k.c.Payment
	least := engine.LeastAnswerWithin(p.Settle.Of(), asked)
	key := "payment.answer_within"
	if !k.c.file.Has(key) {
		key = "payment.settle"
	}
	k.Need(p.AnswerWithin.Of() >= least, key, "docs/CONFIGURATION.md says what adds up to it",
		"settle = %q needs answer_within = %q at least, and it is %q", p.Settle,
		conf.Duration(least), p.AnswerWithin)
}

func (k *checker) relay() {
	r := k.c.Relay
	k.Secret("relay.token", r.Token, true)
	k.WebURL("relay.url", r.URL, "wss", "ws")
	k.WebURL("relay.hook_url", r.HookURL, "https", "http")
	for key, raw := range map[string]string{"relay.url": r.URL, "relay.hook_url": r.HookURL} {
		u, err := url.Parse(raw)
		k.Need(err != nil || u.User == nil && u.Fragment == "", key, "",
			"must have no user and no #fragment")
	}
	if u, err := url.Parse(r.HookURL); err == nil && u.Host != "" {
		_, route, found := strings.Cut(u.Path, "/hook/")
		k.Need(found && route != "", "relay.hook_url", "kiosk-relay terminal add prints it",
			"must end in /hook/ROUTE")
	}
}

func (k *checker) tills() {
	w := k.c.Till.WebSocket
	if w.Listen != "" {
		host := k.Listen("till.websocket.listen", w.Listen, "127.0.0.1:7654")
		k.Need(host == "" || webaddr.Loopback(host) || w.TLSCert != "", "till.websocket.listen",
			"set tls_cert and tls_key, or listen on 127.0.0.1",
			"an address that is not loopback needs a certificate")
	}
	k.Need((w.TLSCert == "") == (w.TLSKey == ""), "till.websocket.tls_cert", "",
		"tls_cert and tls_key go together")
	names := map[string]bool{}
	for i, t := range w.Tills {
		k.name(fmt.Sprintf("till.websocket.tills[%d].name", i), t.Name, names)
		k.Secret(fmt.Sprintf("till.websocket.tills[%d].token", i), t.Token, true)
	}
	for i, line := range k.c.Till.Serial {
		k.serial(i, line, names)
	}
	for _, o := range w.AllowedOrigins {
		u, err := url.Parse(o)
		k.Need(err == nil && u.Host != "" && u.Path == "" && u.RawQuery == "",
			"till.websocket.allowed_origins",
			"as a browser sends it: https://till.example", "%.80q is not an origin", o)
	}
}

func (k *checker) name(key, name string, seen map[string]bool) {
	k.Need(webaddr.Name(name), key, "",
		"must be 1 to 32 printable ASCII characters")
	k.Need(!seen[name], key, "", "two tills are named %q", name)
	seen[name] = true
}

func (k *checker) rest() {
	c := k.c
	k.addresses()
	if host := k.Listen("display.listen", c.Display.Listen, "127.0.0.1:7655"); host != "" {
		k.Need(webaddr.Loopback(host), "display.listen",
			"the display's browser runs on this machine", "must be a loopback address")
	}
	k.Secret("display.token", c.Display.Token, true)
	k.Need(utf8.RuneCountInString(c.Display.MerchantName) <= ui.MostName, "display.merchant_name",
		"", "has more than %d characters", ui.MostName)
	k.Need(len(c.Display.Languages) > 0, "display.languages", "", "names no language")
	for _, l := range c.Display.Languages {
		k.OneOf("display.languages", l, ui.Languages()...)
	}
	if c.Display.Logo != "" {
		_, err := os.Stat(c.Display.Logo)
		k.Other(err, "display.logo", "put the picture there, or leave the key empty",
			"cannot be read: %v", err)
	}
	k.Need(filepath.IsAbs(c.Journal.Path), "journal.path", "", "must be an absolute path")
	if c.Metrics.Listen != "" {
		k.Listen("metrics.listen", c.Metrics.Listen, "127.0.0.1:7656")
	}
	k.Need(filepath.IsAbs(c.Admin.Socket), "admin.socket", "", "must be an absolute path")
	k.Need(len(c.Admin.Socket) <= maxSocket, "admin.socket", "",
		"has more than %d bytes: no socket can be named so", maxSocket)
}

// addresses finds two listeners on one address; port 0 is another one each time.
func (k *checker) addresses() {
	c := k.c
	taken := map[string]string{}
	take := func(key, addr string) {
		if _, port, err := net.SplitHostPort(addr); err != nil || port == "0" {
			return
		}
		k.Need(taken[addr] == "", key, "", "%s is taken by %s", addr, taken[addr])
		taken[addr] = key
	}
	take("till.websocket.listen", c.Till.WebSocket.Listen)
	take("display.listen", c.Display.Listen)
	take("metrics.listen", c.Metrics.Listen)
	for i, s := range c.Till.Serial {
		if addr, ok := strings.CutPrefix(s.Device, tcpListen); ok {
			take(fmt.Sprintf("till.serial[%d].device", i), addr)
		}
	}
}
