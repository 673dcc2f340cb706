// Package relayconf is kiosk-relay's configuration file: its keys, what each means and may be
// (keys.go), and what must hold between them. internal/conf reads it, as it does the agent's.
//
// It opens nothing but the file itself: secrets and certificates are read by the program that
// starts. Values are plain data, to be changed by nobody after Load.
package relayconf

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"kiosk-agent/internal/conf"
	"kiosk-agent/internal/webaddr"
)

// Config is the whole file.
type Config struct {
	PublicURL string `toml:"public_url"`
	Public    Public `toml:"public"`
	Admin     Admin  `toml:"admin"`
	Store     Store  `toml:"store"`
	Hook      Hook   `toml:"hook"`
	Stream    Stream `toml:"stream"`
	Log       Log    `toml:"log"`
}

// Public is [public].
type Public struct {
	Listen  string   `toml:"listen"`
	Hosts   []string `toml:"hosts"`
	TLSCert string   `toml:"tls_cert"`
	TLSKey  string   `toml:"tls_key"`

	Cleartext  bool     `toml:"cleartext"`
	Proxies    []string `toml:"proxies"`
	PerAddress int      `toml:"per_address"`
}

// Admin is [admin].
type Admin struct {
	Listen string   `toml:"listen"`
	Socket string   `toml:"socket"`
	Token  string   `toml:"token"`
	Hosts  []string `toml:"hosts"`

	Cleartext bool `toml:"cleartext"`
}

// Store is [store].
type Store struct {
	Dir           string        `toml:"dir"`
	URL           string        `toml:"url"`
	Credentials   string        `toml:"credentials"`
	Cleartext     bool          `toml:"cleartext"`
	MaxBytes      conf.Size     `toml:"max_bytes"`
	Retention     conf.Duration `toml:"retention"`
	QuotaPerRoute int64         `toml:"quota_per_route"`
	MinFree       conf.Size     `toml:"min_free"`
	Replicas      int           `toml:"replicas"`
}

// Hook is [hook].
type Hook struct {
	Rate  float64 `toml:"rate"`
	Burst int     `toml:"burst"`

	Shapes   []string  `toml:"shapes"`
	Gateways []Gateway `toml:"gateways"`
}

// Gateway is one entry of [[hook.gateways]].
type Gateway struct {
	Terminals []string `toml:"terminals"`
	Merchants []string `toml:"merchants"`
	From      []string `toml:"from"`
}

// The shapes of [hook].
const (
	ShapeToken     = "token"
	ShapeSignature = "signature"
)

// Stream is [stream].
type Stream struct {
	InFlight int           `toml:"in_flight"`
	Ping     conf.Duration `toml:"ping"`
}

// Log is [log].
type Log struct {
	Level  string `toml:"level"`
	Format string `toml:"format"`
}

// Default is the configuration of an empty file.
func Default() Config {
	return Config{
		Public: Public{Listen: "127.0.0.1:9090", Hosts: []string{}, Proxies: []string{},
			PerAddress: 64},
		Admin: Admin{Listen: "127.0.0.1:9091", Socket: "/run/kiosk-relay/admin.sock",
			Token: "file:/var/lib/kiosk-relay/admin.token", Hosts: []string{}},
		Store: Store{
			Dir: "/var/lib/kiosk-relay/store", MaxBytes: 4 << 30,
			Retention:     conf.Duration(7 * day),
			QuotaPerRoute: 20_000, MinFree: 64 << 20, Replicas: 1,
		},
		Hook: Hook{Rate: 20, Burst: 100, Shapes: []string{ShapeToken, ShapeSignature},
			Gateways: []Gateway{}},
		Stream: Stream{InFlight: 64, Ping: conf.Duration(15 * time.Second)},
		Log:    Log{Level: "info", Format: "text"},
	}
}

// Load reads and checks a file. The error is conf.Problems.
func Load(path string) (Config, error) {
	c, _, err := Read(path)
	return c, err
}

// Read is Load with the file, which knows where each key stands.
func Read(path string) (Config, *conf.File, error) {
	data, err := conf.Read(path, "the relay's user", "")
	if err != nil {
		return Config{}, nil, err
	}
	return read(path, data)
}

// Parse checks data as the content of the file at path. The error is conf.Problems.
func Parse(path string, data []byte) (Config, error) {
	c, _, err := read(path, data)
	return c, err
}

func read(path string, data []byte) (Config, *conf.File, error) {
	c := Default()
	file, ps := keys.Decode(path, data, &c)
	if file != nil {
		ps = append(ps, c.check(file.Check())...).Sorted()
	}
	if len(ps) > 0 {
		return Config{}, nil, ps
	}
	return c, file, nil
}

// check finds what the bounds of each key leave.
func (c Config) check(k *conf.Checker) conf.Problems {
	k.Need(goodPublicURL(c), "public_url", "write https://HOST[/PREFIX], as gateways reach it; "+
		"http:// is for a loopback host, and \"\" only with a loopback listener",
		"%.80q is not possible", c.PublicURL)
	for _, at := range []struct{ key, addr, example string }{
		{"public.listen", c.Public.Listen, "127.0.0.1:9090"},
		{"admin.listen", c.Admin.Listen, "127.0.0.1:9091"},
	} {
		k.Need(goodAddress(at.addr), at.key, "such as "+at.example, "%.60q is not ADDRESS:PORT",
			at.addr)
	}
	k.Need(!placeholder(c.PublicURL), "public_url", "write your relay's own name",
		"is an example's: no gateway and no kiosk can reach it")
	c.checkCleartext(k)
	k.Need((c.Public.TLSCert == "") == (c.Public.TLSKey == ""), "public.tls_cert", "",
		"tls_cert and tls_key go together")
	k.Need(c.Admin.Socket == "" || filepath.IsAbs(c.Admin.Socket), "admin.socket",
		"or \"\" for the admin API at admin.listen", "must be an absolute path")
	k.Secret("admin.token", c.Admin.Token, true)
	k.Need(c.Store.URL != "" || filepath.IsAbs(c.Store.Dir), "store.dir", "or set store.url",
		"must be an absolute path")
	k.Need(c.Store.URL == "" || goodStoreURL(c.Store.URL), "store.url",
		"a password belongs into store.credentials", "is not nats://HOST:PORT or tls://HOST:PORT")
	k.Need(c.Store.URL != "" || c.Store.Replicas == 1, "store.replicas",
		"more are for a cluster: store.url", "must be 1 for the embedded store")
	k.Need(c.Hook.Rate > 0 && c.Hook.Rate <= 1e6, "hook.rate", "requests per second and route",
		"%v is not above 0", c.Hook.Rate)
	c.checkSenders(k)
	k.OneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	k.OneOf("log.format", c.Log.Format, "text", "json")
	return k.Problems()
}

// checkCleartext refuses what would send tokens or hooks over a network as they are, unless the
// file asks for it.
func (c Config) checkCleartext(k *conf.Checker) {
	const told = "only where something else encrypts that network: %s = true"
	k.Need(onlyHere(c.Public.Listen) || c.Public.TLSCert != "" || c.Public.Cleartext,
		"public.listen", "set tls_cert and tls_key, or listen on 127.0.0.1 behind a proxy; "+
			fmt.Sprintf(told, "public.cleartext"),
		"an address that is not loopback needs a certificate: hooks and tokens come there")
	carries := "show the metrics to everybody there"
	if c.Admin.Socket == "" {
		carries = "carry the admin's token in cleartext"
	}
	k.Need(onlyHere(c.Admin.Listen) || c.Admin.Cleartext, "admin.listen",
		"listen on 127.0.0.1, and go there by ssh; "+fmt.Sprintf(told, "admin.cleartext"),
		"an address that is not loopback would %s", carries)
	u, err := url.Parse(c.Store.URL)
	k.Need(err != nil || u.Scheme != "nats" || webaddr.Loopback(u.Hostname()) || c.Store.Cleartext,
		"store.url", "write tls://; "+fmt.Sprintf(told, "store.cleartext"),
		"nats:// would carry hooks and credentials over a network in cleartext")
}

// onlyHere is whether nothing but this machine reaches an address; one that is none, others refuse.
func onlyHere(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err != nil || webaddr.Loopback(host)
}

// placeholder is whether the address is one of those that are nobody's but examples'.
func placeholder(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	host := "." + strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	return slices.ContainsFunc([]string{".example.com", ".example.org", ".example.net"},
		func(tail string) bool { return strings.HasSuffix(host, tail) })
}

// checkSenders finds what is wrong with the addresses that proxies and gateways have.
func (c Config) checkSenders(k *conf.Checker) {
	for _, shape := range c.Hook.Shapes {
		k.OneOf("hook.shapes", shape, ShapeToken, ShapeSignature)
	}
	addresses := func(key string, list []string) {
		for _, text := range list {
			_, err := Prefix(text)
			k.Need(err == nil, key, "such as 203.0.113.7 or 203.0.113.0/24",
				"%.60q is no address and no network", text)
		}
	}
	addresses("public.proxies", c.Public.Proxies)
	host, _, _ := net.SplitHostPort(c.Public.Listen)
	k.Need(len(c.Hook.Gateways) == 0 || len(c.Public.Proxies) > 0 || !webaddr.Loopback(host),
		"public.proxies", "with hook.gateways: such as [\"127.0.0.1\"]",
		"the proxy before a loopback listener must say who sends hooks, and be listed")
	for i, g := range c.Hook.Gateways {
		key := fmt.Sprintf("hook.gateways[%d].from", i)
		k.Need(len(g.From) > 0, key, "", "no hook could come")
		addresses(key, g.From)
	}
}

// Prefix reads an address or a network in CIDR notation.
func Prefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Unmap().Prefix(addr.Unmap().BitLen())
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

func goodPublicURL(c Config) bool {
	if c.PublicURL == "" {
		host, _, err := net.SplitHostPort(c.Public.Listen)
		return err == nil && webaddr.Loopback(host)
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && webaddr.Loopback(u.Hostname())
}

func goodStoreURL(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Host != "" && u.User == nil &&
		slices.Contains([]string{"nats", "tls"}, u.Scheme)
}

func goodAddress(a string) bool {
	_, port, err := net.SplitHostPort(a)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
