package relayhost

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWatchdogIsFedByTheStore: a store that fails feeds nothing, unless it is another program's.
func TestWatchdogIsFedByTheStore(t *testing.T) {
	down := errors.New("down")
	const good, bad = "STATUS=Takes hooks for https://r",
		"STATUS=Takes no hooks: the store takes no writes"
	for name, tc := range map[string]struct {
		n    notifier
		want []string
	}{
		"embedded": {notifier{watchdog: true},
			[]string{"READY=1\n" + good, "WATCHDOG=1", bad, "WATCHDOG=1\n" + good}},
		"external": {notifier{watchdog: true, external: true},
			[]string{"READY=1\n" + good, "WATCHDOG=1", "WATCHDOG=1\n" + bad, "WATCHDOG=1",
				"WATCHDOG=1\n" + good}},
		"no watchdog": {notifier{}, []string{"READY=1\n" + good, bad, good}},
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			n := tc.n
			n.url, n.tell = "https://r", func(state string) { told = append(told, state) }
			n.ready()
			for _, err := range []error{nil, down, down, nil} {
				n.health(err)
			}
			if diff := cmp.Diff(tc.want, told); diff != "" {
				t.Error(diff)
			}
		})
	}
}
