package e2e_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/demo"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox/singapay"
)

// wrongClock is the machine's clock and so much more.
type wrongClock struct{ ahead atomic.Int64 }

func (c *wrongClock) by() time.Duration { return time.Duration(c.ahead.Load()) }

func (c *wrongClock) Now() time.Time { return time.Now().Add(c.by()) }

func (c *wrongClock) At(at time.Time) <-chan time.Time {
	return time.After(time.Until(at.Add(-c.by())))
}

func aheadBy(d time.Duration) *wrongClock {
	c := new(wrongClock)
	c.ahead.Store(int64(d))
	return c
}

// made is the newest link or code of SingaPay.
func (s *stage) made() singapay.Payment {
	s.t.Helper()
	all := s.h.SingaPay().Payments()
	if len(all) == 0 {
		s.t.Fatal("SingaPay has made nothing")
	}
	return all[len(all)-1]
}

// wantLife checks that the newest link or code is good for the customer's time and the grace, by
// SingaPay's clock.
func (s *stage) wantLife() {
	s.t.Helper()
	const most = 212 * time.Second // cut to the second, twice
	if m := s.made(); m.ExpiresAt.Sub(m.CreatedAt) > most ||
		m.ExpiresAt.Sub(m.CreatedAt) < most-12*time.Second {
		s.t.Errorf("it lives for %s by SingaPay's clock", m.ExpiresAt.Sub(m.CreatedAt))
	}
}

// eightMinutes is less than what makes a clock implausible, and more than a sale lasts.
const eightMinutes = 8 * time.Minute

var bothWays = map[string]time.Duration{"ahead": eightMinutes, "behind": -eightMinutes}

// TestLinksEndBySingaPaysClock: SingaPay's clock and those of kiosk and relay are eight minutes
// apart. A link or code can be paid while it is shown, and not after the sale and the grace.
func TestLinksEndBySingaPaysClock(t *testing.T) {
	t.Parallel()
	for way, wrong := range bothWays {
		for mode, change := range map[string]func(*demo.Options){"link": withSingaPay,
			"qris": withQRIS} {
			t.Run(mode+" "+way, func(t *testing.T) {
				t.Parallel()
				clock := aheadBy(wrong)
				s, x := open(t, change, func(o *demo.Options) {
					o.Simulation = demo.SingaPayOptions{Clock: clock}
				})
				p := x.start("PAID", 1_500_000)
				s.wantLife()
				s.until(p.ID, payment.KindShown)
				if _, err := s.h.SingaPay().Act(p.MerchantRef,
					singapay.Action{Do: singapay.Pay}); err != nil {
					t.Fatal(err)
				}
				x.acknowledge(x.approved(p.ID))

				p = x.start("LEFT", 1_500_000)
				s.wantLife()
				done := x.cancelling(p.ID)()
				if done.Status != payment.StatusCancelled {
					t.Fatalf("it ends %s", done.Status)
				}
				x.acknowledge(done)
				clock.ahead.Add(int64(time.Until(p.DeadlineAt.Time) + 33*time.Second))
				if _, err := s.h.SingaPay().Act(p.MerchantRef,
					singapay.Action{Do: singapay.Pay}); err == nil {
					t.Error("paid after the sale and the grace")
				}
			})
		}
	}
}

// TestTheRelaysClockIsWrong: as long as SingaPay tells its own, links end by that. Where it does
// not, nobody knows which clock is right, and no sale starts.
func TestTheRelaysClockIsWrong(t *testing.T) {
	t.Parallel()
	for way, wrong := range bothWays {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			relay := func(o *demo.Options) { o.RelayClock = aheadBy(wrong).Now }
			s, x := open(t, withSingaPay, relay)
			p := x.start("SALE", 1_500_000)
			s.wantLife()
			x.acknowledge(x.cancelling(p.ID)())

			s = newStage(t, withSingaPay, relay, func(o *demo.Options) {
				o.Simulation = demo.SingaPayOptions{NoDate: true}
			})
			s.showScreen()
			x = s.till()
			x.awaitReason("code_clock")
			refusedFor(t, x, s.dir, "code_clock")
			if made := s.h.SingaPay().Payments(); len(made) != 0 {
				t.Errorf("SingaPay has made %+v", made)
			}
		})
	}
}

// TestALinkOfAnotherEndIsNotShown: SingaPay tells its time by nothing but what it has made, and the
// clocks of kiosk and relay are wrong alike. The first sale has no link, and nobody is asked for
// money; the next one is right.
func TestALinkOfAnotherEndIsNotShown(t *testing.T) {
	t.Parallel()
	for word, wrong := range map[string]time.Duration{"late": -eightMinutes,
		"early": 2 * time.Minute} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			s, x := open(t, withSingaPay, func(o *demo.Options) {
				o.Simulation = demo.SingaPayOptions{Clock: aheadBy(wrong), NoDate: true}
			})
			p := x.asks("FIRST", 1_500_000)
			if p.Status != payment.StatusCancelled || p.Reason == nil ||
				p.Reason.Code != "mint_failed" || p.QRPayload != "" ||
				!strings.Contains(p.Reason.Message, fmt.Sprintf(" too %s by SingaPay's clock; "+
					"it was closed", word)) {
				t.Fatalf("%+v, %+v", p, p.Reason)
			}
			if m := s.made(); m.State != "closed" {
				t.Errorf("the link is %s", m.State)
			}
			x.acknowledge(device.Payment{ID: p.ID, Revision: p.Revision})
			p = x.start("SECOND", 1_500_000)
			s.wantLife()
			x.acknowledge(x.cancelling(p.ID)())
		})
	}
}
