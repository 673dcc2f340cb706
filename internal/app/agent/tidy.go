package agent

import (
	"context"
	"time"
)

// When old bodies are dropped: not while the kiosk starts, then once a day, some at a time, so that
// a sale never waits for long.
const (
	tidyFirst = 10 * time.Minute
	tidyEvery = 24 * time.Hour
	tidyPause = 100 * time.Millisecond
)

// retainer is what tidy needs of the journal.
type retainer interface {
	Retain(before time.Time) (dropped int, done bool, err error)
}

// tidy keeps to journal.retention until ctx ends. What cannot be dropped now is dropped another
// day.
func (a *Agent) tidy(ctx context.Context, j retainer) error {
	timer := time.NewTimer(tidyFirst)
	defer timer.Stop()
	total := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		dropped, done, err := j.Retain(a.clock.Now().Wall.Add(-a.cfg.Journal.Retention.Of()))
		total += dropped
		switch {
		case err != nil:
			a.log.Warn("what is older than journal.retention stays for now", "error", err)
		case !done:
			timer.Reset(tidyPause)
			continue
		case total > 0:
			a.log.Info("links and deliveries older than journal.retention were dropped; what "+
				"was paid is kept", "bodies", total)
		}
		total = 0
		timer.Reset(tidyEvery)
	}
}
