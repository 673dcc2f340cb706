package agent

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/bootclock"
)

// TestTheClockThatGatewaysAreSpokenToBy: the gateway's own goes before the relay's, and that before
// this machine's. Steps of this machine's clock move neither of the others.
func TestTheClockThatGatewaysAreSpokenToBy(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	now := bootclock.Now{Wall: noon, Up: time.Hour}
	type told struct{ offset, doubt time.Duration }
	var news []told
	c := &clocks{own: func() bootclock.Now { return now },
		learned: func(offset, doubt time.Duration) { news = append(news, told{offset, doubt}) }}
	want := func(what string, want time.Time) {
		t.Helper()
		if got := c.now(); !got.Equal(want) {
			t.Errorf("%s: %s, want %s", what, got.Format(time.TimeOnly), want)
		}
	}
	pass := func(d, step time.Duration) { now.Up += d; now.Wall = now.Wall.Add(d + step) }

	want("its own", noon)
	c.compared(time.Hour)
	want("the relay's", noon.Add(time.Hour))
	pass(time.Minute, time.Hour) // NTP puts this machine's right
	want("a minute later", noon.Add(time.Hour+time.Minute))

	c.heard(noon.Add(5*time.Minute), time.Second)
	at := noon.Add(5*time.Minute + time.Second)
	want("the gateway's", at)
	pass(time.Minute, -3*time.Hour)
	want("a minute and a step later", at.Add(time.Minute))
	c.heard(at.Add(time.Minute).Truncate(time.Second), 20*time.Second)
	want("an answer that took long is no news", at.Add(time.Minute))
	c.compared(-time.Hour)
	want("nor is the relay's", at.Add(time.Minute))
	c.heard(noon, 0)
	want("another time is", noon.Add(time.Second/2))

	first := at.Sub(noon.Add(time.Hour + time.Minute))
	if len(news) != 2 || news[0] != (told{first, time.Second}) || news[1].doubt != time.Second/2 {
		t.Errorf("the engine heard %v, want first %s", news, first)
	}
}

// slowKeeper is a gateway that tells the time at last.
type slowKeeper struct {
	gateways.Gateway
	fails int
	asked []time.Time
}

func (k *slowKeeper) TellTime(context.Context) error {
	k.asked = append(k.asked, time.Now())
	if len(k.asked) <= k.fails {
		return errors.New("no answer")
	}
	return nil
}

// TestTheTimeIsAskedForOnce: until there is an answer, so that a terminal that waits for it does
// not wait for a sale.
func TestTheTimeIsAskedForOnce(t *testing.T) {
	a := newTestAgent(t)
	defer a.close()
	if a.chosen.ClockError() != 0 {
		t.Error("AXS counts seconds")
	}
	synctest.Test(t, func(t *testing.T) {
		row := gateways.SingaPayRow()
		var err error
		if a.chosen, err = (gateways.Table{row}).Choose(row.Name,
			gateways.Settings{}, map[string]any{row.Name: &gateways.SingaPay{}}); err != nil {
			t.Fatal(err)
		}
		k := &slowKeeper{fails: 2}
		a.gateway = &gateways.Opened{Gateway: k}
		began := time.Now()
		if err := a.askTime(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(k.asked) != 3 || time.Since(began) != 2*time.Minute {
			t.Errorf("asked %d times in %s", len(k.asked), time.Since(began))
		}
	})
}
