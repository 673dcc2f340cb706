package service

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// stuckable is an engine that answers unless it is stuck.
type stuckable struct {
	snap  atomic.Pointer[engine.Snapshot]
	stuck atomic.Bool
}

func (s *stuckable) Inspect(ctx context.Context) (engine.Snapshot, error) {
	if s.stuck.Load() {
		<-ctx.Done()
		return engine.Snapshot{}, ctx.Err()
	}
	return *s.snap.Load(), nil
}

func TestWatchdogIsFedByTheEngineOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e stuckable
		e.snap.Store(&engine.Snapshot{Ready: true})
		said := make(chan string, 16)
		m := Manager{watchdog: 24 * time.Second, tell: func(state string) { said <- state }}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { m.report(ctx, &e); close(done) }()
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			var told []string
			for len(said) > 0 {
				told = append(told, <-said)
			}
			if diff := cmp.Diff(want, told); diff != "" {
				t.Error(diff)
			}
		}
		expect("WATCHDOG=1\nSTATUS=Ready: a sale can start.")
		time.Sleep(8 * time.Second)
		expect("WATCHDOG=1")
		e.snap.Store(&engine.Snapshot{
			Reasons: []payment.Reason{{Message: "no\nrelay", Hint: "look"}, {}, {}}})
		time.Sleep(8 * time.Second)
		expect("WATCHDOG=1\nSTATUS=No sale can start: no relay (look); and 2 more: kiosk-agent " +
			"status")
		e.stuck.Store(true)
		time.Sleep(time.Hour)
		expect()
		stop()
		<-done
	})
}

func TestWithoutWatchdogOnlyNewsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e stuckable
		e.snap.Store(&engine.Snapshot{Ready: true,
			Active: &payment.Payment{Money: payment.Money{Amount: 1023, Currency: payment.SGD}}})
		var told []string
		ctx, stop := context.WithTimeout(context.Background(), time.Hour)
		defer stop()
		Manager{tell: func(state string) { told = append(told, state) }}.report(ctx, &e)
		if diff := cmp.Diff([]string{"STATUS=Ready; a payment of SGD 10.23 is under way."},
			told); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNobodyIsTold: where no service manager has started us the engine is not asked for it.
func TestNobodyIsTold(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	m := Systemd(slog.New(slog.DiscardHandler))
	m.ready()
	m.report(t.Context(), nil) // it would ask nobody, or not return
}
