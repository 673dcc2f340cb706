package agent

import (
	"context"
	"sync"
	"time"

	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/bootclock"
)

// askTimeEvery is how often the gateway is asked for its time until it has answered.
const askTimeEvery = time.Minute

// clocks is the wall clock that gateways are spoken to by: the gateway's own once it has told it,
// else the relay's, else this machine's. What others have told is carried on by the boot clock, so
// that a step of this machine's clock moves the end of no code.
type clocks struct {
	own func() bootclock.Now
	// learned is told the gateway's clock minus this machine's when it is news.
	learned func(offset, uncertainty time.Duration)

	mu             sync.Mutex
	relay, gateway reading
}

// reading is somebody's clock as it was at a moment of the boot clock.
type reading struct {
	known bool
	up    time.Duration
	wall  time.Time
}

func (r reading) at(up time.Duration) time.Time { return r.wall.Add(up - r.up) }

// now is the best that is known of the gateway's clock.
func (c *clocks) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.own()
	for _, r := range []reading{c.gateway, c.relay} {
		if r.known {
			return r.at(now.Up)
		}
	}
	return now.Wall
}

// compared takes the relay's clock minus this machine's.
func (c *clocks) compared(offset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.own()
	c.relay = reading{true, now.Up, now.Wall.Round(0).Add(offset)}
}

// heard takes the gateway's clock, cut to the second, as an answer told it that took so long. What
// agrees with what is known, as far as it says so exactly, is no news.
func (c *clocks) heard(theirs time.Time, took time.Duration) {
	c.mu.Lock()
	now := c.own()
	const half = time.Second / 2
	middle, doubt := theirs.Add(half+took/2), half+took/2
	news := !c.gateway.known || c.gateway.at(now.Up).Sub(middle).Abs() > doubt
	if news {
		c.gateway = reading{true, now.Up, middle}
	}
	c.mu.Unlock()
	if news && c.learned != nil {
		c.learned(middle.Sub(now.Wall.Round(0)), doubt)
	}
}

// clock is what the gateway's adapter works by.
func (c *clocks) clock() gateways.Clock { return gateways.Clock{Now: c.now, Heard: c.heard} }

// askTime asks a gateway whose codes end by its clock for the time, until it has answered: where it
// does not tell the time of itself, no sale would make it.
func (a *Agent) askTime(ctx context.Context) error {
	if a.chosen.ClockError() == 0 {
		return nil
	}
	wait := time.NewTicker(askTimeEvery)
	defer wait.Stop()
	for told := ""; ; {
		err := a.gateway.TellTime(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if why := err.Error(); why != told {
			told = why
			a.log.Info("the gateway did not tell the time", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
	}
}
