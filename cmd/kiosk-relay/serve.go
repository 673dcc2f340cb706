package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/relayconf"
	"kiosk-agent/internal/secret"
	"kiosk-agent/relay/relayd"
)

func serveCommand(path *string, stderr io.Writer) *cobra.Command {
	var restored bool
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the relay", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := relayconf.Load(*path)
			if err != nil {
				fmt.Fprintln(stderr, err)
				return &exit.Error{Code: exit.Failure}
			}
			log := newLogger(cfg.Log, stderr)
			rc, err := relayConfig(cfg)
			if err != nil {
				return exit.Failed(err)
			}
			rc.Store.NewEpoch = restored
			reg := prometheus.NewRegistry()
			reg.MustRegister(collectors.NewGoCollector(),
				collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
			n := &notifier{watchdog: watched(log), external: rc.Store.URL != "",
				tell: func(state string) {
					if _, err := daemon.SdNotify(false, state); err != nil {
						log.Warn("systemd was not told", "error", err)
					}
				}}
			rc.Health = n.health
			srv, err := relayd.New(cmd.Context(), rc, log, reg)
			if err != nil {
				return exit.Failed(err)
			}
			log.Info("ready", "version", programVersion(),
				"public_addr", srv.PublicAddr().String(),
				"admin_addr", srv.AdminAddr().String(), "public_url", srv.PublicURL())
			n.url = srv.PublicURL()
			n.ready()
			if err := srv.Run(cmd.Context()); err != nil {
				return exit.Failed(err)
			}
			log.Info("stopped")
			return nil
		},
	}
	cmd.Flags().BoolVar(&restored, "restored", false,
		"the store was restored from a copy: tell every kiosk that something may be missing "+
			"(use once)")
	return cmd
}

// watched is whether systemd waits for signs of life.
func watched(log *slog.Logger) bool {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog is not fed", "error", err)
	}
	return every > 0
}

// relayConfig turns the file into relayd's configuration; it reads the secrets and the certificate.
func relayConfig(c relayconf.Config) (relayd.Config, error) {
	token, err := adminToken(c.Admin.Token, true)
	if err != nil {
		return relayd.Config{}, fmt.Errorf("admin.token: %w", err)
	}
	rc := relayd.Config{
		PublicURL: c.PublicURL, PublicListen: c.Public.Listen, PublicHosts: c.Public.Hosts,
		AdminListen: c.Admin.Listen, AdminHosts: c.Admin.Hosts, AdminToken: token,
		HookRate: c.Hook.Rate, HookBurst: c.Hook.Burst,
		InFlight: c.Stream.InFlight, Ping: c.Stream.Ping.Of(),
		Store: relayd.StoreConfig{
			Dir: c.Store.Dir, URL: c.Store.URL, Credentials: c.Store.Credentials,
			MaxBytes:  int64(c.Store.MaxBytes),
			Retention: c.Store.Retention.Of(), QuotaPerRoute: c.Store.QuotaPerRoute,
			MinFree: int64(c.Store.MinFree), Replicas: c.Store.Replicas,
		},
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

// adminToken reads the token; create makes a token file that is not there.
func adminToken(ref string, create bool) (secret.Value, error) {
	if path, ok := strings.CutPrefix(ref, "file:"); ok && create {
		return secret.EnsureFile(path)
	}
	return secret.Resolve(ref, os.Getenv("CREDENTIALS_DIRECTORY"))
}

func newLogger(c relayconf.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // checked with the configuration
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
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
