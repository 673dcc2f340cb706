package agent

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/bootclock"
)

// shelf answers Retain from a script and remembers when it was asked, and about what.
type shelf struct {
	began   time.Time
	answers []func() (int, bool, error)
	asked   []time.Duration
}

func (s *shelf) Retain(time.Time) (int, bool, error) {
	s.asked = append(s.asked, time.Since(s.began))
	if len(s.answers) == 0 {
		return 0, true, nil
	}
	next := s.answers[0]
	s.answers = s.answers[1:]
	return next()
}

func TestTidyOnceADaySomeAtATime(t *testing.T) {
	boot, err := bootclock.New()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		some := func() (int, bool, error) { return 50, false, nil }
		s := &shelf{began: time.Now(), answers: []func() (int, bool, error){
			some, some, func() (int, bool, error) { return 3, true, nil },
			func() (int, bool, error) { return 0, false, errors.New("disk full") },
		}}
		cfg := config.Default()
		a := &Agent{cfg: &cfg, log: slog.New(slog.DiscardHandler), clock: boot}
		ctx, stop := context.WithTimeout(context.Background(), 3*tidyEvery)
		defer stop()
		if err := a.tidy(ctx, s); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{tidyFirst, tidyFirst + tidyPause, tidyFirst + 2*tidyPause,
			tidyFirst + 2*tidyPause + tidyEvery, tidyFirst + 2*tidyPause + 2*tidyEvery}
		if len(s.asked) != len(want) {
			t.Fatalf("asked %v", s.asked)
		}
		for i, at := range s.asked {
			if at != want[i] {
				t.Errorf("asked after %s, want %s", at, want[i])
			}
		}
	})
}
