package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/config"
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

// runner runs the agent and, while no full start is possible, a closed one in its place.
type runner struct {
	path  string // of the configuration
	state string // --state
	// where the screen and the status page are when no configuration can be used
	display, metrics string
	opts             agent.Options
	log              *slog.Logger
	hangUp           <-chan os.Signal // look again now
	service          service

	told     string        // the reasons, as last logged
	promised bool          // the last look found nothing in the way of a full start
	patience time.Duration // until the next look, where one has promised too much; 0 = lookEvery
}

// errAgain ends a closed agent so that another start is tried.
var errAgain = errors.New("another start is tried")

func (r *runner) run(ctx context.Context) error {
	for first := true; ctx.Err() == nil; first = false {
		cfg, err := r.look(nil)
		if err == nil {
			var a *agent.Agent
			if a, err = agent.New(cfg, r.opts); err == nil {
				return r.serve(ctx, a, cfg)
			}
		}
		if !r.promised {
			r.patience = 0
		} else {
			r.patience = min(lookMost, max(lookEvery, 2*r.patience))
		}
		if agent.Hopeless(err) && (first || !errors.Is(err, offline.ErrLocked)) {
			return err
		}
		if err := r.serveClosed(ctx, cfg, err); !errors.Is(err, errAgain) {
			return err
		}
	}
	return nil
}

// look reports what is in the way of a full start. A closed agent that has the journal open knows
// that it can be opened.
func (r *runner) look(closed *agent.Agent) (*config.Config, error) {
	cfg, err := config.Salvage(r.path)
	if err == nil {
		err = agent.Check(cfg, r.opts)
	}
	if err == nil && closed != nil && !closed.HasJournal() {
		err = agent.OpensJournal(cfg)
	}
	return cfg, err
}

func (r *runner) serve(ctx context.Context, a *agent.Agent, cfg *config.Config) error {
	if err := keep(filepath.Join(r.stateDir(cfg), lastGood), cfg.Text()); err != nil {
		r.log.Warn("the configuration could not be kept for a start without one", "error", err)
	}
	if r.told != "" {
		r.log.Info("back in service")
	}
	// Ready means: journal open and its tail verified, listeners bound. It waits for no network,
	// relay or display.
	return r.runReported(ctx, a)
}

// runReported runs the agent and tells the service manager about it.
func (r *runner) runReported(ctx context.Context, a *agent.Agent) error {
	r.service.ready()
	inner, stop := context.WithCancel(ctx)
	var report sync.WaitGroup
	report.Go(func() { r.service.report(inner, a) })
	err := a.Run(ctx)
	stop()
	report.Wait()
	return err
}

// serveClosed runs a closed agent until a full start may be possible, or is impossible for another
// reason: the error is errAgain then.
func (r *runner) serveClosed(ctx context.Context, cfg *config.Config, cause error) error {
	reasons := agent.Reasons(cfg, cause)
	if now := summary(reasons); now != r.told {
		r.told = now
		for _, reason := range reasons {
			r.log.Error("no sale is possible", "code", reason.Code, "reason", reason.Message,
				"hint", reason.Hint)
		}
	}
	if cfg == nil {
		cfg = r.spare()
	}
	a, err := agent.NewClosed(cfg, r.opts, reasons)
	if err != nil {
		return errors.Join(err, cause)
	}
	// Ready for systemd too: this process does what can be done, and starting it again would mend
	// nothing.
	inner, stop := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		if r.changes(inner, a) {
			stop(errAgain)
		}
	})
	err = r.runReported(inner, a)
	stop(nil)
	watch.Wait()
	if err == nil && ctx.Err() == nil {
		err = context.Cause(inner)
	}
	return err
}

// changes waits until the reasons are others, or none; false = until ctx ended.
func (r *runner) changes(ctx context.Context, a *agent.Agent) bool {
	every := time.NewTicker(max(lookEvery, r.patience))
	defer every.Stop()
	date := time.NewTicker(dateEvery)
	defer date.Stop()
	for seen := dateOf(r.path); ; {
		select {
		case <-ctx.Done():
			return false
		case <-r.hangUp:
		case <-every.C:
		case <-date.C:
			now := dateOf(r.path)
			if now == seen {
				continue
			}
			seen = now
		}
		cfg, err := r.look(a)
		if errors.Is(err, offline.ErrLocked) {
			continue // somebody is mending the journal
		}
		r.promised = err == nil
		if r.promised || summary(agent.Reasons(cfg, err)) != r.told {
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
func (r *runner) stateDir(cfg *config.Config) string {
	first, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	dir := cmp.Or(r.state, first)
	if dir == "" && cfg != nil {
		dir = filepath.Dir(cfg.Journal.Path)
	}
	return cmp.Or(dir, config.StateDir)
}

// spare is the configuration in place of one that cannot be used: the one that passed last or,
// where there is none, no more than addresses for the screen and the status page.
func (r *runner) spare() *config.Config {
	cfg, err := config.Salvage(filepath.Join(r.stateDir(nil), lastGood))
	if cfg != nil {
		return cfg
	}
	r.log.Warn("there is no configuration that has passed before: no till can connect", "error",
		err)
	bare := config.Default()
	bare.Display.Listen, bare.Metrics.Listen, bare.Display.Token = r.display, r.metrics, ""
	bare.Till.WebSocket.Listen = ""
	return &bare
}

// keep writes the file, whole or not at all, unless it says the same already.
func keep(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(text) {
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), lastGood+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(tmp.Name())))
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
