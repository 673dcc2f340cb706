package relayhost

import (
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notifier tells the service manager how the relay is. Its methods are called by one goroutine at a
// time.
type notifier struct {
	tell     func(state string) // a message of sd_notify
	watchdog bool               // systemd waits for a sign of life
	// the store is another program's: starting this one again mends nothing there
	external bool
	url      string // PublicURL

	told string // the status
}

func (n *notifier) ready() {
	n.tell(strings.Join(n.status([]string{daemon.SdNotifyReady}, nil), "\n"))
}

// health takes what relayd says after each look at the store. An embedded store that takes no
// writes is no sign of life, and a relay that does not even look is silent: in both cases systemd
// starts it again.
func (n *notifier) health(err error) {
	var lines []string
	if n.watchdog && (err == nil || n.external) {
		lines = append(lines, daemon.SdNotifyWatchdog)
	}
	if lines = n.status(lines, err); len(lines) > 0 {
		n.tell(strings.Join(lines, "\n"))
	}
}

// status adds the line for systemctl status where it has changed.
func (n *notifier) status(lines []string, err error) []string {
	now := "Takes hooks for " + n.url
	if err != nil {
		now = "Takes no hooks: the store takes no writes"
	}
	if now == n.told {
		return lines
	}
	n.told = now
	return append(lines, "STATUS="+now)
}
