package engine_test

import (
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// TestTheClockThatCodesEndBy: while the gateway has not told its own, the relay's stands for it,
// and this machine's says whether that may be right. A code could be dead while it is shown where
// it is not, or be paid after the sale.
func TestTheClockThatCodesEndBy(t *testing.T) {
	const bears = 30 * time.Second
	for _, tc := range []struct {
		name   string
		bears  time.Duration
		relay  time.Duration // minus this machine's
		told   bool          // by the gateway
		doubt  time.Duration
		refuse bool
	}{
		{"the relay's is ahead", bears, 4 * time.Minute, false, 0, true},
		{"the relay's is behind", bears, -4 * time.Minute, false, 0, true},
		{"just too far", bears, 31100 * time.Millisecond, false, 0, true},
		{"just not too far", bears, -30900 * time.Millisecond, false, 0, false},
		{"the gateway has told its own", bears, 4 * time.Minute, true, time.Second, false},
		{"as good as not", bears, 4 * time.Minute, true, time.Minute, true},
		{"codes that end by no clock", 0, 4 * time.Minute, false, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, func(c *engine.Config) { c.CodeClock = tc.bears })
			if r.reasons() != "" {
				t.Fatalf("before anything is known: %s", r.reasons())
			}
			if tc.told {
				r.step(engine.GatewayTime{Offset: time.Hour, Uncertainty: tc.doubt})
			}
			r.step(engine.ClockLearned{Offset: tc.relay, Uncertainty: time.Second})
			want := ""
			if tc.refuse {
				want = string(payment.NotReadyCodeClock) + " "
			}
			if got := r.reasons(); got != want {
				t.Fatalf("reasons %q, want %q", got, want)
			}
			if !tc.refuse {
				return
			}
			_, err := r.tryStart(till1, payment.Request{Reference: "R1", Money: sgd10})
			if payment.CodeOf(err) != payment.CodeNotReady {
				t.Errorf("a sale starts: %v", err)
			}
			if m := r.inspect().Reasons[0].Message; !strings.Contains(m, " apart") {
				t.Errorf("it says %q", m)
			}
			r.now.Wall = r.now.Wall.Add(tc.relay) // somebody sets the clock
			r.step(engine.Ticked{})
			if got := r.reasons(); got != "" {
				t.Errorf("with the clock set right: %q", got)
			}
			r.now.Wall = r.now.Wall.Add(-tc.relay)
			r.step(engine.GatewayTime{Offset: time.Minute, Uncertainty: time.Second})
			if got := r.reasons(); got != "" {
				t.Errorf("once the gateway has told its own: %q", got)
			}
			if c := r.inspect().Clock; !c.GatewayKnown || c.GatewayOffset != time.Minute {
				t.Errorf("%+v", c)
			}
		})
	}
}
