// Package service keeps an agent in service: it starts it in full and, while that is not possible,
// a closed one in its place, looks again when something may have been mended, and tells the service
// manager how it is.
//
// It decides nothing about payments and handles no signal. Run is called once; what survives a
// crash is the agent's journal, and a copy of the configuration with which it has started last.
package service

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/disk"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// How often a closed agent looks whether it could be open.
const (
	lookEvery = 15 * time.Second // at everything: files, secrets, the journal
	// where everything looks well and a start has failed all the same, again and again
	lookMost  = 5 * time.Minute
	dateEvery = 2 * time.Second // at the configuration's date
)

// startGC is the collector's percentage (GOGC) while an agent is started. What a start makes stays,
// mostly, and is looked at three times otherwise: a tenth of the time until READY.
const startGC = 400

// Config is what the program tells a service.
type Config struct {
	Path string // of the configuration
	// directory of the configuration that has passed last; "" = the journal's
	State string
	// where the screen and the status page are when no configuration can be used
	Display, Metrics string
	Options          agent.Options    // Log is the service's too
	Again            <-chan os.Signal // look again now
	Manager          Manager
}

// Service runs the agent and, while no full start is possible, a closed one in its place.
type Service struct {
	cfg Config
	log *slog.Logger

	collect  func()        // as usual, from READY on
	told     string        // the reasons, as last logged
	promised bool          // the last look found nothing in the way of a full start
	patience time.Duration // until the next look, where one has promised too much; 0 = lookEvery
}

// New makes a service; Run starts it.
func New(cfg Config) *Service { return &Service{cfg: cfg, log: cfg.Options.Log} }

// errAgain ends a closed agent so that another start is tried.
var errAgain = errors.New("another start is tried")

// Run serves until ctx ends. The error says why nothing could be served: another agent runs here.
func (s *Service) Run(ctx context.Context) error {
	usual := debug.SetGCPercent(startGC)
	s.collect = sync.OnceFunc(func() { debug.SetGCPercent(usual) })
	defer s.collect()
	for first := true; ctx.Err() == nil; first = false {
		cfg, err := s.look(nil)
		if err == nil {
			var a *agent.Agent
			if a, err = agent.New(cfg, s.cfg.Options); err == nil {
				return s.serve(ctx, a, cfg)
			}
		}
		if !s.promised {
			s.patience = 0
		} else {
			s.patience = min(lookMost, max(lookEvery, 2*s.patience))
		}
		if agent.Hopeless(err) && (first || !errors.Is(err, offline.ErrLocked)) {
			return err
		}
		if err := s.serveClosed(ctx, cfg, err); !errors.Is(err, errAgain) {
			return err
		}
	}
	return nil
}

// look reports what is in the way of a full start. A closed agent that has the journal open knows
// that it can be opened.
func (s *Service) look(closed *agent.Agent) (*config.Config, error) {
	cfg, err := config.Salvage(s.cfg.Path)
	if err == nil {
		err = agent.Check(cfg, s.cfg.Options)
	}
	if err == nil && closed != nil && !closed.HasJournal() {
		err = agent.OpensJournal(cfg)
	}
	return cfg, err
}

func (s *Service) serve(ctx context.Context, a *agent.Agent, cfg *config.Config) error {
	if err := keep(filepath.Join(s.stateDir(cfg), lastGood), cfg.Text()); err != nil {
		s.log.Warn("the configuration could not be kept for a start without one", "error", err)
	}
	if s.told != "" {
		s.log.Info("back in service")
	}
	// Ready means: journal open and its tail verified, listeners bound. It waits for no network,
	// relay or display.
	return s.runReported(ctx, a)
}

// runReported runs the agent and tells the service manager about it.
func (s *Service) runReported(ctx context.Context, a *agent.Agent) error {
	s.cfg.Manager.ready()
	s.collect()
	inner, stop := context.WithCancel(ctx)
	var report sync.WaitGroup
	report.Go(func() { s.cfg.Manager.report(inner, a) })
	err := a.Run(ctx)
	stop()
	report.Wait()
	return err
}

// serveClosed runs a closed agent until a full start may be possible, or is impossible for another
// reason: the error is errAgain then.
func (s *Service) serveClosed(ctx context.Context, cfg *config.Config, cause error) error {
	reasons := agent.Reasons(cfg, cause)
	if now := summary(reasons); now != s.told {
		s.told = now
		for _, reason := range reasons {
			s.log.Error("no sale is possible", "code", reason.Code, "reason", reason.Message,
				"hint", reason.Hint)
		}
	}
	if cfg == nil {
		cfg = s.spare()
	}
	a, err := agent.NewClosed(cfg, s.cfg.Options, reasons)
	if err != nil {
		return errors.Join(err, cause)
	}
	// Ready for systemd too: this process does what can be done, and starting it again would mend
	// nothing.
	inner, stop := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		if s.changes(inner, a) {
			stop(errAgain)
		}
	})
	err = s.runReported(inner, a)
	stop(nil)
	watch.Wait()
	if err == nil && ctx.Err() == nil {
		err = context.Cause(inner)
	}
	return err
}

// changes waits until the reasons are others, or none; false = until ctx ended.
func (s *Service) changes(ctx context.Context, a *agent.Agent) bool {
	every := time.NewTicker(max(lookEvery, s.patience))
	defer every.Stop()
	date := time.NewTicker(dateEvery)
	defer date.Stop()
	for seen := dateOf(s.cfg.Path); ; {
		select {
		case <-ctx.Done():
			return false
		case <-s.cfg.Again:
		case <-every.C:
		case <-date.C:
			now := dateOf(s.cfg.Path)
			if now == seen {
				continue
			}
			seen = now
		}
		cfg, err := s.look(a)
		if errors.Is(err, offline.ErrLocked) {
			continue // somebody is mending the journal
		}
		s.promised = err == nil
		if s.promised || summary(agent.Reasons(cfg, err)) != s.told {
			return true
		}
	}
}

// dateOf changes when the file does.
func dateOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return err.Error()
	}
	return info.ModTime().String() + " " + info.Mode().String()
}

// summary is what makes reasons the same ones. What the journal's say may count bytes that come and
// go.
func summary(reasons []payment.Reason) string {
	var b strings.Builder
	for _, reason := range reasons {
		what := reason.Message
		if reason.Code == string(payment.CodeJournalUnavailable) {
			what = strings.Map(func(c rune) rune {
				if c >= '0' && c <= '9' {
					return -1
				}
				return c
			}, what)
		}
		b.WriteString(reason.Code + " " + what + "\n")
	}
	return b.String()
}

// lastGood is the configuration with which the agent has started last, in the state directory. It
// names secrets and holds none.
const lastGood = "last-good.toml"

// stateDir is where lastGood is; cfg may be nil.
func (s *Service) stateDir(cfg *config.Config) string {
	if s.cfg.State != "" || cfg == nil {
		return cmp.Or(s.cfg.State, config.StateDir)
	}
	return filepath.Dir(cfg.Journal.Path)
}

// spare is the configuration in place of one that cannot be used: the one that passed last or,
// where there is none, no more than addresses for the screen and the status page.
func (s *Service) spare() *config.Config {
	cfg, err := config.Salvage(filepath.Join(s.stateDir(nil), lastGood))
	if cfg != nil {
		return cfg
	}
	s.log.Warn("there is no configuration that has passed before: no till can connect",
		"error", err)
	bare := config.Default()
	bare.Display.Listen, bare.Metrics.Listen, bare.Display.Token = s.cfg.Display, s.cfg.Metrics, ""
	bare.Till.WebSocket.Listen = ""
	return &bare
}

// keep writes the file, whole or not at all, unless it says the same already.
func keep(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(text) {
		return nil
	}
	return disk.Replace(path, text, nil)
}
