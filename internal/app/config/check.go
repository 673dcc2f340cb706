package config

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/webaddr"
)

// checker collects problems with the line of their key.
type checker struct {
	c  *Config
	ps Problems
}

func (k *checker) fail(key, hint, format string, args ...any) {
	line, ok := k.c.lines[key]
	if !ok { // the key is absent: name its table's line
		line = k.c.lines[key[:max(0, strings.LastIndexByte(key, '.'))]]
	}
	k.ps = append(k.ps, Problem{Path: k.c.path, Line: line, Key: key,
		What: fmt.Sprintf(format, args...), Hint: hint})
}

func (k *checker) need(ok bool, key, hint, format string, args ...any) {
	if !ok {
		k.fail(key, hint, format, args...)
	}
}

// file reports another file that the key names and that cannot be used.
func (k *checker) file(err error, key, hint, format string, args ...any) {
	if err != nil {
		k.fail(key, hint, format, args...)
		k.ps[len(k.ps)-1].File = true
	}
}

func (k *checker) oneOf(key, value string, allowed ...string) {
	k.need(slices.Contains(allowed, value), key, "one of: "+strings.Join(allowed, ", "),
		"%.40q is not possible", value)
}

func (k *checker) within(key string, d Duration, least, most time.Duration) {
	k.need(d.Of() >= least && d.Of() <= most, key, "", "%s is not between %s and %s", d,
		Duration(least), Duration(most))
}

// check finds everything that can be told from the file alone; what a gateway or relay thinks of
// it, its own package tells.
func (c *Config) check() Problems {
	k := &checker{c: c}
	k.terminal()
	k.payment()
	k.gateway()
	k.relay()
	k.tills()
	k.rest()
	return k.ps
}

func (k *checker) terminal() {
	t := k.c.Terminal
	k.need(t.ID != "", "terminal.id", "", "is required")
	k.need(len(t.ID) <= 32 && printable(t.ID), "terminal.id", "",
		"must be at most 32 printable ASCII characters")
	k.need(t.Tag == "" || len(t.Tag) == 8 &&
		strings.Trim(t.Tag, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == "", "terminal.tag",
		"leave it empty to have one made from id", "must be 8 characters A-Z and 0-9")
	k.need(t.MaxAmount > 0 && t.MaxAmount <= 999_999_900, "terminal.max_amount",
		"minor units: 1000 is SGD 10.00",
		"%d is not between 1 and 999999900", t.MaxAmount)
}

func (k *checker) payment() {
	p := k.c.Payment
	k.within("payment.timeout", p.Timeout, 30*time.Second, 900*time.Second)
	k.within("payment.settle", p.Settle, time.Second, time.Minute)
	k.within("payment.answer_within", p.AnswerWithin, p.Settle.Of()+time.Second, 2*time.Minute)
	k.oneOf("payment.after_declined", p.AfterDeclined, "", "wait", "finish")
	k.within("payment.watch", p.Watch, time.Hour, 30*24*time.Hour)
	k.within("payment.reuse_window", p.ReuseWindow, 0, time.Hour)
	k.need(p.RequireCanary == 0 || p.RequireCanary.Of() >= 15*time.Second, "payment.require_canary",
		"test messages go out every third of it, at most every 10 s", "%s is under 15s",
		p.RequireCanary)
	k.need(!p.OfflineLink || p.Mode == gateways.ModeQR, "payment.offline_link",
		"leave it false in mode link", "is for mode qr")
}

func (k *checker) relay() {
	r := k.c.Relay
	k.secret("relay.token", r.Token, true)
	k.webURL("relay.url", r.URL, "wss", "ws")
	k.webURL("relay.hook_url", r.HookURL, "https", "http")
	if u, err := url.Parse(r.HookURL); err == nil && u.Host != "" {
		_, route, found := strings.Cut(u.Path, "/hook/")
		k.need(found && route != "", "relay.hook_url", "kiosk-relay terminal add prints it",
			"must end in /hook/ROUTE")
	}
}

// webURL wants the encrypted scheme, or the plain one on this very machine.
func (k *checker) webURL(key, raw, secure, plain string) {
	if raw == "" {
		k.fail(key, "", "is required")
		return
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "":
		k.fail(key, "", "is not an address such as %s://HOST/", secure)
	case u.Scheme == secure:
	case u.Scheme == plain && webaddr.Loopback(u.Hostname()):
	default:
		k.fail(key, "only a loopback address may do without encryption", "must start with %s://",
			secure)
	}
}

func (k *checker) secret(key, ref string, required bool) {
	if ref == "" {
		k.need(!required, key, "write file:PATH or credential:NAME", "is required")
		return
	}
	kind, name, _ := strings.Cut(ref, ":")
	switch {
	case kind == "credential" && name != "":
	case kind == "file" && filepath.IsAbs(name):
	case kind == "file":
		k.fail(key, "a service has no useful working directory", "the file's path must be absolute")
	default:
		k.fail(key, "put the value into a file of mode 0600 and name that: file:PATH",
			"the value itself must not stand here")
	}
}

func (k *checker) tills() {
	w := k.c.Till.WebSocket
	if w.Listen != "" {
		host := k.listen("till.websocket.listen", w.Listen)
		k.need(host == "" || webaddr.Loopback(host) || w.TLSCert != "", "till.websocket.listen",
			"set tls_cert and tls_key, or listen on 127.0.0.1",
			"an address that is not loopback needs a certificate")
	}
	k.need((w.TLSCert == "") == (w.TLSKey == ""), "till.websocket.tls_cert", "",
		"tls_cert and tls_key go together")
	names := map[string]bool{}
	for i, t := range w.Tills {
		k.name("till.websocket.tills", i, t.Name, names)
		kind, _, _ := strings.Cut(t.Token, ":")
		k.need(kind == "file" || kind == "credential", "till.websocket.tills",
			"write token = \"file:PATH\"",
			"entry %d: the token must be named as file:PATH or credential:NAME", i+1)
	}
	for i, line := range k.c.Till.Serial {
		k.serial(i, line, names)
	}
	for _, o := range w.AllowedOrigins {
		u, err := url.Parse(o)
		k.need(err == nil && u.Host != "" && u.Path == "" && u.RawQuery == "",
			"till.websocket.allowed_origins",
			"as a browser sends it: https://till.example", "%.80q is not an origin", o)
	}
}

func (k *checker) name(key string, i int, name string, seen map[string]bool) {
	k.need(name != "" && len(name) <= 32 && printable(name), key, "",
		"entry %d: name must be 1 to 32 printable ASCII characters", i+1)
	k.need(!seen[name], key, "", "two tills are named %q", name)
	seen[name] = true
}

func (k *checker) rest() {
	c := k.c
	k.addresses()
	if host := k.listen("display.listen", c.Display.Listen); host != "" {
		k.need(webaddr.Loopback(host), "display.listen",
			"the display's browser runs on this machine", "must be a loopback address")
	}
	k.secret("display.token", c.Display.Token, true)
	k.need(len(c.Display.Languages) > 0, "display.languages", "", "names no language")
	for _, l := range c.Display.Languages {
		k.oneOf("display.languages", l, "en", "zh", "ms", "ta")
	}
	if c.Display.Logo != "" {
		_, err := os.Stat(c.Display.Logo)
		k.file(err, "display.logo", "put the picture there, or leave the key empty",
			"cannot be read: %v", err)
	}
	k.need(filepath.IsAbs(c.Journal.Path), "journal.path", "", "must be an absolute path")
	if c.Metrics.Listen != "" {
		k.listen("metrics.listen", c.Metrics.Listen)
	}
	k.need(filepath.IsAbs(c.Admin.Socket), "admin.socket", "", "must be an absolute path")
}

// addresses finds two listeners on one address; port 0 is another one each time.
func (k *checker) addresses() {
	c := k.c
	taken := map[string]string{}
	take := func(key, addr string) {
		if _, port, err := net.SplitHostPort(addr); err != nil || port == "0" {
			return
		}
		k.need(taken[addr] == "", key, "", "%s is taken by %s", addr, taken[addr])
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

// listen checks an address and port and returns the host, or "" when it is no address.
func (k *checker) listen(key, addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" || host == "" {
		k.fail(key, "such as 127.0.0.1:7654", "%.60q is not ADDRESS:PORT", addr)
		return ""
	}
	return host
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e }) < 0
}
