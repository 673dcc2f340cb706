package singapay

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// ownClock is the agent's: it may be wrong, and follows what SingaPay says.
type ownClock struct {
	mu    sync.Mutex
	wrong time.Duration // ahead of noon
	told  int
}

func (c *ownClock) config(cfg *Config) {
	cfg.Now = func() time.Time {
		c.mu.Lock()
		defer c.mu.Unlock()
		return noon.Add(c.wrong)
	}
	cfg.Heard = func(theirs time.Time, _ time.Duration) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.wrong = theirs.Sub(noon)
		c.told++
	}
}

// echoing makes what it is asked for, at noon by its own clock; made are the ends, and closed how
// many were.
type echoing struct {
	*site
	made    []time.Time
	closed  int
	undated bool // what it makes does not say when
}

func newEchoing(t *testing.T, undated bool) *echoing {
	s := &echoing{site: newSite(t), undated: undated}
	answer := func(sample string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var asked struct {
				End string `json:"expired_at"`
			}
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
				t.Error(err)
			}
			ends, err := time.Parse(time.RFC3339, asked.End)
			if err != nil {
				t.Error(err)
			}
			s.mu.Lock()
			s.made = append(s.made, ends)
			s.mu.Unlock()
			out := with(t, sample, `"expired_at":"2026-10-16T12:03:30+07:00"`,
				`"expired_at":"`+asked.End+`"`)
			if s.undated {
				out = with(t, out, `"created_at":"2026-10-16T12:00:00+07:00"`, `"created_at":null`)
			}
			_, _ = io.WriteString(w, older(out))
		}
	}
	s.on(createRoute, answer(created))
	s.on(codeRoute, answer(createdCode))
	s.on(updateRoute, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.closed++
		s.mu.Unlock()
		_, _ = io.WriteString(w, older(with(t, created, `"status_computed":"open"`,
			`"status_computed":"closed"`)))
	})
	return s
}

var wrongClocks = []time.Duration{-9 * time.Minute, -4 * time.Minute, -40 * time.Second,
	40 * time.Second, 4 * time.Minute, 9 * time.Minute}

// TestTheEndIsBySingaPaysClock: however wrong the clock is that the agent began with, a link and a
// code end the customer's time and the grace from now by SingaPay's: already the answer with the
// token has told its time.
func TestTheEndIsBySingaPaysClock(t *testing.T) {
	for _, mode := range []string{ModeLink, ModeQR} {
		for _, wrong := range wrongClocks {
			t.Run(fmt.Sprint(mode, " ", wrong), func(t *testing.T) {
				s, c := newEchoing(t, false), &ownClock{wrong: wrong}
				g := s.gateway(t, c.config, func(c *Config) { c.Mode = mode })
				for range 2 {
					a := g.Mint(t.Context(), mintRequest())
					if a.Failure != "" || a.ValidFor != 210*time.Second {
						t.Fatalf("%+v", a)
					}
				}
				want := noon.Add(210 * time.Second)
				if len(s.made) != 2 || !s.made[0].Equal(want) || !s.made[1].Equal(want) {
					t.Errorf("the ends are %s, want %s", s.made, want)
				}
			})
		}
	}
}

// TestAWrongEndIsNotShown: where SingaPay's time shows only in the answer to the create, or in what
// it has made, a link or code of another end is not shown, and a link is closed. The next one is
// right.
func TestAWrongEndIsNotShown(t *testing.T) {
	for name, date := range map[string]func(string) time.Time{
		"header": func(line string) time.Time {
			if line == createRoute {
				return noon
			}
			return time.Time{}
		},
		"created_at": func(string) time.Time { return time.Time{} },
	} {
		for _, wrong := range wrongClocks {
			t.Run(fmt.Sprint(name, " ", wrong), func(t *testing.T) {
				s, c := newEchoing(t, name == "header"), &ownClock{wrong: wrong}
				s.date = date
				g := s.gateway(t, c.config)
				a := g.Mint(t.Context(), mintRequest())
				word := "late"
				if wrong < 0 {
					word = "early"
				}
				if a.NeverSent || !strings.HasPrefix(a.Failure, "the link is not as it was "+
					"asked for: it ends ") || !strings.HasSuffix(a.Failure, " too "+word+
					" by SingaPay's clock; it was closed") || s.closed != 1 {
					t.Fatalf("%+v, %d closed", a, s.closed)
				}
				if a = g.Mint(t.Context(), mintRequest()); a.Failure != "" || s.closed != 1 {
					t.Fatalf("the next one: %+v, %d closed", a, s.closed)
				}
				if want := noon.Add(210 * time.Second); !s.made[1].Equal(want) {
					t.Errorf("it ends at %s, want %s", s.made[1], want)
				}
			})
		}
	}
	s, c := newEchoing(t, false), &ownClock{wrong: 9 * time.Minute}
	s.date = func(string) time.Time { return time.Time{} }
	a := s.gateway(t, c.config, inModeQR).Mint(t.Context(), mintRequest())
	if !strings.Contains(a.Failure, " too late by SingaPay's clock; it is not shown") {
		t.Errorf("a code: %+v", a)
	}
}

// TestHowWrongAClockMayBe: less than the grace is borne, and where SingaPay says nothing of its
// time nothing is refused.
func TestHowWrongAClockMayBe(t *testing.T) {
	for grace, want := range map[time.Duration]time.Duration{time.Second: 5 * time.Second,
		12 * time.Second: 12 * time.Second, 30 * time.Second: 30 * time.Second,
		time.Hour: 30 * time.Second} {
		if got := ClockError(grace); got != want {
			t.Errorf("grace %s: %s, want %s", grace, got, want)
		}
	}
	for _, tc := range []struct {
		wrong  time.Duration
		silent bool
		fails  bool
	}{{29 * time.Second, false, false}, {-28 * time.Second, false, false},
		{33 * time.Second, false, true}, {-33 * time.Second, false, true},
		{9 * time.Minute, true, false}, {-9 * time.Minute, true, false}} {
		s, c := newEchoing(t, tc.silent), &ownClock{wrong: tc.wrong}
		s.date = func(string) time.Time { return time.Time{} }
		a := s.gateway(t, c.config).Mint(t.Context(), mintRequest())
		if (a.Failure != "") != tc.fails {
			t.Errorf("%s, silent %t: %+v", tc.wrong, tc.silent, a)
		}
		if a.Failure == "" && a.ValidFor != 210*time.Second {
			t.Errorf("%s: good for %s", tc.wrong, a.ValidFor)
		}
	}
}

// TestTheTimeIsTold: by every answer, also by a refusal; not by one out of a cache, and by none
// that has no date. Whoever only wants the time gets it with the token, once.
func TestTheTimeIsTold(t *testing.T) {
	s, c := newSite(t), &ownClock{wrong: time.Minute}
	g := s.gateway(t, c.config)
	for range 2 {
		if err := g.TellTime(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if c.wrong != 0 || c.told != 1 || s.tokens() != 1 {
		t.Errorf("%s wrong, told %d times, %d tokens", c.wrong, c.told, s.tokens())
	}
	before := c.told
	if a := g.Query(t.Context(), ref); a.Failure == "" {
		t.Errorf("%+v", a)
	}
	if c.told == before {
		t.Error("a refusal tells no time")
	}
	for _, name := range []string{"Age", "Date"} {
		s := newSite(t)
		s.on(tokenRoute, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(name, map[string]string{"Age": "40", "Date": "noon"}[name])
			says(500, "")(w, r)
		})
		c := &ownClock{}
		if err := s.gateway(t, c.config).TellTime(t.Context()); err == nil || c.told != 0 {
			t.Errorf("%s: %v, told %d times", name, err, c.told)
		}
	}
}

// TestTheWaitForATokenDoesNotMoveTheEnd: it counts from the moment at which the mint was asked for.
func TestTheWaitForATokenDoesNotMoveTheEnd(t *testing.T) {
	g := newGateway(t)
	o := &order{lasts: 210 * time.Second, began: time.Now().Add(-40 * time.Second)}
	g.date(o)
	if want := noon.Add(170 * time.Second); !o.ends.Equal(want) {
		t.Errorf("it ends at %s, want %s", o.ends, want)
	}
	if problem := g.misdated(o, answer{theirs: noon}, time.Time{}); problem != "" {
		t.Error(problem)
	}
}
