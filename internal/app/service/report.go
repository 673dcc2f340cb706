package service

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"kiosk-agent/payment/engine"
)

// reportEvery is how often the engine is asked, at most: less often than systemd's watchdog wants,
// never. It is a third of the WatchdogSec that our unit sets.
const reportEvery = 20 * time.Second

// Manager is the service manager, which is told about this process.
type Manager struct {
	tell     func(state string) // a message of sd_notify; nil = nobody wants to hear one
	watchdog time.Duration      // WatchdogSec; 0 = none
}

// Systemd is the manager, where it has started us; elsewhere nobody is told, and nobody asked.
func Systemd(log *slog.Logger) Manager {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return Manager{}
	}
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("systemd's watchdog is not fed", "error", err)
	}
	return Manager{watchdog: watchdog, tell: func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("systemd was not told", "error", err)
		}
	}}
}

// inspector is the engine, or what stands in its place in a closed agent. It answers from the
// goroutine that decides about payments.
type inspector interface {
	Inspect(ctx context.Context) (engine.Snapshot, error)
}

// ready says that the process is started.
func (m Manager) ready() {
	if m.tell != nil {
		m.tell(daemon.SdNotifyReady + "\nSTATUS=Started.")
	}
}

// report tells, until ctx ends, whether a sale can start and why not. With a watchdog it says that
// the process lives, and only after the engine has answered: where the engine is stuck nothing is
// said, and systemd starts the process again. It waits for an answer as long as it takes: a card
// that syncs slowly is no reason for a restart, the watchdog's time is.
func (m Manager) report(ctx context.Context, e inspector) {
	if m.tell == nil {
		return
	}
	every := reportEvery
	if m.watchdog > 0 {
		every = min(every, m.watchdog/3)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for told := ""; ; {
		snap, err := e.Inspect(ctx)
		if err == nil {
			var lines []string
			if m.watchdog > 0 {
				lines = append(lines, daemon.SdNotifyWatchdog)
			}
			if now := statusLine(snap); now != told {
				told = now
				lines = append(lines, "STATUS="+now)
			}
			if len(lines) > 0 {
				m.tell(strings.Join(lines, "\n"))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// statusLine is for a person who reads systemctl status.
func statusLine(snap engine.Snapshot) string {
	switch {
	case !snap.Ready && len(snap.Reasons) > 0:
		r := snap.Reasons[0]
		text := "No sale can start: " + r.Message
		if r.Hint != "" {
			text += " (" + r.Hint + ")"
		}
		if more := len(snap.Reasons) - 1; more > 0 {
			text += fmt.Sprintf("; and %d more: kiosk-agent status", more)
		}
		return strings.Join(strings.Fields(text), " ")
	case snap.Active != nil:
		return "Ready; a payment of " + snap.Active.Money.String() + " is under way."
	default:
		return "Ready: a sale can start."
	}
}
