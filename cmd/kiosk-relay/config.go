package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"kiosk-agent/internal/webaddr"
)

// config is the file's content. Each key's meaning, unit and default is in the reference file,
// config.toml.
type config struct {
	PublicURL string       `toml:"public_url"`
	Public    publicConfig `toml:"public"`
	Admin     adminConfig  `toml:"admin"`
	Store     storeConfig  `toml:"store"`
	Hook      hookConfig   `toml:"hook"`
	Stream    streamConfig `toml:"stream"`
	Log       logConfig    `toml:"log"`
}

type publicConfig struct {
	Listen  string   `toml:"listen"`
	Hosts   []string `toml:"hosts"`
	TLSCert string   `toml:"tls_cert"`
	TLSKey  string   `toml:"tls_key"`
}

type adminConfig struct {
	Listen string   `toml:"listen"`
	Token  string   `toml:"token"`
	Hosts  []string `toml:"hosts"`
}

type storeConfig struct {
	Dir           string   `toml:"dir"`
	URL           string   `toml:"url"`
	Credentials   string   `toml:"credentials"`
	MaxBytes      size     `toml:"max_bytes"`
	Retention     duration `toml:"retention"`
	QuotaPerRoute int64    `toml:"quota_per_route"`
	MinFree       size     `toml:"min_free"`
	Replicas      int      `toml:"replicas"`
}

type hookConfig struct {
	Rate  float64 `toml:"rate"`
	Burst int     `toml:"burst"`
}

type streamConfig struct {
	InFlight int      `toml:"in_flight"`
	Ping     duration `toml:"ping"`
}

type logConfig struct {
	Level  string `toml:"level"`
	Format string `toml:"format"`
}

func defaultConfig() config {
	return config{
		Public: publicConfig{Listen: "127.0.0.1:9090"},
		Admin: adminConfig{Listen: "127.0.0.1:9091",
			Token: "file:/var/lib/kiosk-relay/admin.token"},
		Store: storeConfig{
			Dir: "/var/lib/kiosk-relay/store", MaxBytes: 4 << 30,
			Retention:     duration(168 * time.Hour),
			QuotaPerRoute: 20_000, MinFree: 64 << 20, Replicas: 1,
		},
		Hook:   hookConfig{Rate: 20, Burst: 100},
		Stream: streamConfig{InFlight: 64, Ping: duration(15 * time.Second)},
		Log:    logConfig{Level: "info", Format: "text"},
	}
}

// loadConfig reads and checks the file. Its errors name the file, and the line where there is one,
// and say what to do.
func loadConfig(path string) (config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return config{}, fmt.Errorf("%s: cannot be read: %w (name another file with --config)",
			path, err)
	}
	cfg := defaultConfig()
	dec := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := dec.Decode(&cfg); err != nil {
		return config{}, explain(path, err)
	}
	if key, hint := cfg.fault(); key != "" {
		return config{}, fmt.Errorf("%s:%d: %s: %s", path, lineOf(data, key), key, hint)
	}
	return cfg, nil
}

func explain(path string, err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		var lines []error
		for _, e := range strict.Errors {
			line, _ := e.Position()
			lines = append(lines, fmt.Errorf(
				"%s:%d: %s: unknown key: check its spelling and the section that it stands in",
				path, line, strings.Join(e.Key(), ".")))
		}
		return errors.Join(lines...)
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		line, _ := decode.Position()
		return fmt.Errorf("%s:%d: %s: %w", path, line, strings.Join(decode.Key(), "."), decode)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// fault returns the first key whose value cannot work, and what to do; "" when all is well.
func (c config) fault() (key, hint string) {
	for _, rule := range []struct {
		key  string
		bad  bool
		hint string
	}{
		{"public_url", !goodPublicURL(c), "write https://HOST[/PREFIX], as gateways reach it; " +
			"http:// is for a loopback host, and \"\" only with a loopback listener"},
		{"public.listen", !goodAddress(c.Public.Listen),
			"write ADDRESS:PORT, for example 127.0.0.1:9090"},
		{"public.tls_cert", (c.Public.TLSCert == "") != (c.Public.TLSKey == ""),
			"set both tls_cert and tls_key, or neither"},
		{"admin.listen", !goodAddress(c.Admin.Listen),
			"write ADDRESS:PORT, for example 127.0.0.1:9091"},
		{"admin.token", !strings.HasPrefix(c.Admin.Token, "file:") &&
			!strings.HasPrefix(c.Admin.Token, "credential:"),
			"name a file (file:PATH, made at the first start) or credential:NAME, never the " +
				"token itself"},
		{"store.dir", c.Store.URL == "" && !filepath.IsAbs(c.Store.Dir),
			"write an absolute path, or set store.url"},
		{"store.url", c.Store.URL != "" && !goodStoreURL(c.Store.URL), "write nats://HOST:PORT " +
			"or tls://HOST:PORT, without a password: that belongs into store.credentials"},
		{"store.max_bytes", c.Store.MaxBytes < 1<<20, "at least \"1MiB\""},
		{"store.retention", time.Duration(c.Store.Retention) < time.Hour, "at least \"1h\""},
		{"store.quota_per_route", c.Store.QuotaPerRoute < 100,
			"at least 100: canaries of five minutes count too"},
		{"store.min_free", c.Store.MinFree < 1<<20, "at least \"1MiB\": a write that fails for " +
			"want of space breaks the store until a restart"},
		{"store.replicas", c.Store.Replicas < 1 || c.Store.Replicas > 5 || c.Store.URL == "" &&
			c.Store.Replicas != 1, "1 for the embedded store, at most 5 for a cluster"},
		{"hook.rate", c.Hook.Rate <= 0, "requests per second and route, above 0"},
		{"hook.burst", c.Hook.Burst < 1, "at least 1"},
		{"stream.in_flight", c.Stream.InFlight < 1 || c.Stream.InFlight > 200, "between 1 and 200"},
		{"stream.ping", time.Duration(c.Stream.Ping) < time.Second ||
			time.Duration(c.Stream.Ping) > 15*time.Second,
			"between \"1s\" and \"15s\": agents take a connection for dead after 45 s of silence"},
		{"log.level", !oneOf(c.Log.Level, "debug", "info", "warn", "error"),
			"debug, info, warn or error"},
		{"log.format", !oneOf(c.Log.Format, "text", "json"), "text or json"},
	} {
		if rule.bad {
			return rule.key, rule.hint
		}
	}
	return "", ""
}

func goodPublicURL(c config) bool {
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
	return err == nil && u.Host != "" && u.User == nil && oneOf(u.Scheme, "nats", "tls")
}

func goodAddress(a string) bool {
	_, port, err := net.SplitHostPort(a)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

func oneOf(s string, all ...string) bool {
	for _, a := range all {
		if s == a {
			return true
		}
	}
	return false
}

// lineOf finds where a key stands, for messages: its section's line when the key itself is not
// written, 1 when neither is.
func lineOf(data []byte, key string) int {
	section, name := "", key
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		section, name = key[:i], key[i+1:]
	}
	at, found := "", 1
	for n, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			at = strings.Trim(strings.SplitN(line, "#", 2)[0], "[] \t")
			if at == section {
				found = n + 1
			}
			continue
		}
		if k, _, ok := strings.Cut(line, "="); ok && at == section && strings.TrimSpace(k) == name {
			return n + 1
		}
	}
	return found
}

// duration is a Go duration in quotes: "15s", "168h".
type duration time.Duration

func (d *duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return errors.New(`not a duration: write for example "15s" or "168h"`)
	}
	*d = duration(v)
	return nil
}

// size is a number of bytes in quotes: "64MiB", "4GiB".
type size int64

func (s *size) UnmarshalText(b []byte) error {
	text, factor := string(b), int64(1)
	for suffix, f := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
		"TiB": 1 << 40} {
		if rest, ok := strings.CutSuffix(text, suffix); ok {
			text, factor = strings.TrimSpace(rest), f
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return errors.New(`not a size: write for example "64MiB" or "4GiB"`)
	}
	*s = size(n * factor)
	return nil
}
