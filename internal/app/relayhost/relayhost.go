// Package relayhost is a relay, wired: from its configuration file to a running relayd, which the
// service manager is told about.
//
// It decides nothing about hooks and handles no signal. Run is called once; what survives a crash
// is what relayd has stored.
package relayhost

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"kiosk-agent/internal/app/relayconf"
	"kiosk-agent/internal/invisible"
	"kiosk-agent/internal/ports"
	"kiosk-agent/internal/secret"
	"kiosk-agent/relay/relayd"
	"kiosk-agent/relay/relayd/rules"
)

// Options are what the program tells a relay beside its file.
type Options struct {
	Version string
	// the store was restored from a copy: every kiosk is told that something may be missing
	Restored bool
	Log      *slog.Logger
	CredDir  string // $CREDENTIALS_DIRECTORY
	// Ports are the sockets that the service manager passed; nil = none.
	Ports *ports.Held
}

// Run serves until ctx ends. It makes the admin token's file where there is none.
func Run(ctx context.Context, cfg relayconf.Config, o Options) error {
	rc, err := relayConfig(cfg, o.CredDir, secret.EnsureFile)
	if err != nil {
		return err
	}
	rc.Store.NewEpoch, rc.Ports = o.Restored, o.Ports
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	n := &notifier{watchdog: watched(o.Log), external: rc.Store.URL != "",
		tell: func(state string) {
			if _, err := daemon.SdNotify(false, state); err != nil {
				o.Log.Warn("systemd was not told", "error", err)
			}
		}}
	rc.Health = n.health
	srv, err := relayd.New(ctx, rc, o.Log, reg)
	if err != nil {
		return err
	}
	o.Log.Info("ready", "version", o.Version, "public_addr", srv.PublicAddr().String(),
		"admin_addr", srv.AdminAddr().String(), "public_url", srv.PublicURL())
	n.url = srv.PublicURL()
	n.ready()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go o.Ports.Serving(ctx)
	if err := srv.Run(ctx); err != nil {
		return err
	}
	o.Log.Info("stopped")
	return nil
}

// Check reads what Run reads, by the same functions, and makes no file.
func Check(cfg relayconf.Config, credDir string) error {
	_, err := relayConfig(cfg, credDir, func(path string) (secret.Value, error) {
		v, err := secret.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return secret.Generate(), nil // Run makes one
		}
		return v, err
	})
	return err
}

// watched is whether systemd waits for signs of life.
func watched(log *slog.Logger) bool {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog is not fed", "error", err)
	}
	return every > 0
}

// relayConfig turns the file into relayd's configuration; it reads the secrets, with file those
// that are files, and the certificate.
func relayConfig(c relayconf.Config, credDir string,
	file func(path string) (secret.Value, error)) (relayd.Config, error) {
	token, err := adminToken(c.Admin.Token, credDir, file)
	if err != nil {
		return relayd.Config{}, fmt.Errorf("admin.token: %w", err)
	}
	if name := c.Store.Credentials; name != "" {
		if err := credentials(name); err != nil {
			return relayd.Config{}, fmt.Errorf("store.credentials: %w", err)
		}
	}
	rc := relayd.Config{
		PublicURL: c.PublicURL, PublicListen: c.Public.Listen, PublicHosts: c.Public.Hosts,
		AdminListen: c.Admin.Listen, AdminSocket: c.Admin.Socket, AdminHosts: c.Admin.Hosts,
		AdminToken: token,
		HookRate:   c.Hook.Rate, HookBurst: c.Hook.Burst,
		InFlight: c.Stream.InFlight, Ping: c.Stream.Ping.Of(),
		Store: relayd.StoreConfig{
			Dir: c.Store.Dir, URL: c.Store.URL, Credentials: c.Store.Credentials,
			MaxBytes:  int64(c.Store.MaxBytes),
			Retention: c.Store.Retention.Of(), QuotaPerRoute: c.Store.QuotaPerRoute,
			MinFree: int64(c.Store.MinFree), Replicas: c.Store.Replicas,
		},
	}
	if err := senders(&rc, c); err != nil {
		return relayd.Config{}, err
	}
	if c.Public.TLSCert != "" {
		pair := &certificate{cert: c.Public.TLSCert, key: c.Public.TLSKey}
		if _, err := pair.get(nil); err != nil {
			return relayd.Config{}, fmt.Errorf("public.tls_cert: %w", err)
		}
		rc.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: pair.get}
	}
	return rc, nil
}

// senders says who may send what.
func senders(rc *relayd.Config, c relayconf.Config) (err error) {
	rc.PerAddress = c.Public.PerAddress
	rc.Shapes = rules.Shapes{Token: slices.Contains(c.Hook.Shapes, relayconf.ShapeToken),
		Signature: slices.Contains(c.Hook.Shapes, relayconf.ShapeSignature)}
	if rc.Proxies, err = prefixes(c.Public.Proxies); err != nil {
		return fmt.Errorf("public.proxies: %w", err)
	}
	for _, g := range c.Hook.Gateways {
		from, err := prefixes(g.From)
		if err != nil {
			return fmt.Errorf("hook.gateways: %w", err)
		}
		rc.Gateways = append(rc.Gateways, relayd.Gateway{Terminals: g.Terminals,
			Merchants: g.Merchants, From: from})
	}
	return nil
}

func prefixes(list []string) (out []netip.Prefix, err error) {
	for _, text := range list {
		p, err := relayconf.Prefix(text)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// adminToken reads the token. One that has more than a token's characters is one that a person has
// changed: the relay makes another where there is none.
func adminToken(ref, credDir string, file func(path string) (secret.Value, error)) (secret.Value,
	error) {
	path, ok := strings.CutPrefix(ref, "file:")
	if !ok {
		return secret.Resolve(ref, credDir)
	}
	v, err := file(path)
	if _, unclean := errors.AsType[*secret.UncleanError](err); unclean {
		err = fmt.Errorf("%w (rm %s: the relay makes another at its start)", err, path)
	}
	return v, err
}

// credentials looks whether the file can be one: it was pasted, maybe.
func credentials(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	found, hidden := invisible.First(text)
	switch {
	case invisible.UTF16(text):
		return fmt.Errorf("%s is in UTF-16: copy the file anew", path)
	case hidden:
		return fmt.Errorf("%s:%d has %s: copy the file anew, or: %s", path, found.Line, found.Name,
			invisible.Removal(path, text, found.Line))
	}
	return nil
}

// certificate reads the pair again when the files have changed, at most once a minute. A pair that
// cannot be read leaves the old one in use.
type certificate struct {
	cert, key string

	mu      sync.Mutex
	checked time.Time
	stamp   [2]time.Time
	pair    *tls.Certificate
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pair != nil && time.Since(c.checked) < time.Minute {
		return c.pair, nil
	}
	c.checked = time.Now()
	stamp, err := c.stamps()
	if err == nil && (c.pair == nil || stamp != c.stamp) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.cert, c.key); err == nil {
			c.pair, c.stamp = &pair, stamp
		}
	}
	if c.pair == nil {
		return nil, err
	}
	return c.pair, nil
}

func (c *certificate) stamps() (out [2]time.Time, err error) {
	for i, path := range []string{c.cert, c.key} {
		info, err := os.Stat(path)
		if err != nil {
			return out, err
		}
		out[i] = info.ModTime()
	}
	return out, nil
}
