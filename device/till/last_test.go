package till

import (
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// second is a request that starts nothing after a sale that was approved.
var second = []struct {
	name    string
	request []byte
	prepare func(r *rig)
	code    string // of its response, and of the last result until the till has heard it
	last    string // the same, where it is another
}{
	{"not ready", saleOn("000000000002", 1023),
		refusing(&payment.Error{Code: payment.CodeNotReady,
			Reasons: []payment.Reason{{Code: "no_display"}}}), "E2", "E2"},
	{"path down", saleOn("000000000002", 1023),
		refusing(&payment.Error{Code: payment.CodeNotReady,
			Reasons: []payment.Reason{{Code: "relay_down"}}}), "E3", "E3"},
	// E6 says that it runs
	{"another till's sale", saleOn("000000000002", 1023),
		refusing(&payment.Error{Code: payment.CodeBusy}), "E6", "E2"},
	{"journal", saleOn("000000000002", 1023), refusing(broken("start")), "XX", "XX"},
	{"amount", saleOn("000000000002", 0), nil, "02", "02"},
	{"function", frame("000000000002", "C1", "01", "40=000000001023"), nil, "01", "01"},
	{"broken", fixed(saleOn("000000000002", 1023), 24, 0x99), nil, "01", "01"},
	{"void", frame("000000000002", "C2", "01", "40=000000001023"), nil, "XX", "XX"},
}

func refusing(err error) func(r *rig) {
	return func(r *rig) { r.desk.fail["start"] = err }
}

// fixed is f with another byte and the right LRC.
func fixed(f []byte, at int, b byte) []byte {
	f[at] = b
	fix(f)
	return f
}

// refused is a rig whose first sale is approved and acknowledged, and whose second request was
// refused; nobody has heard that.
func refused(t *testing.T, i int) (r *rig, function string) {
	t.Helper()
	tc := second[i]
	r = newRig(t, "paycube", func(c *Config) { c.Schemes = []string{"paynow"} })
	r.finish(r.start(ecn, 1023), payment.StatusApproved)
	r.send([]byte{ack})
	r.take()
	if tc.prepare != nil {
		tc.prepare(r)
	}
	function = string(tc.request[15:17])
	r.send(tc.request)
	r.wantAnswers("000000000002 " + function + " " + tc.code)
	clear(r.desk.fail)
	return r, function
}

// ask is the answer to 56; the till hears it, and says so where it acknowledges.
func (r *rig) ask(acknowledges bool) heard {
	r.t.Helper()
	r.send(frame("000000000056", "56", "01"))
	w := r.take()
	if acknowledges {
		r.send([]byte{ack})
	}
	return parse(r.t, w[len(w)-1])
}

func TestTheLastResultIsARefusalThatNobodyHeard(t *testing.T) {
	for i, tc := range second {
		t.Run(tc.name, func(t *testing.T) {
			r, function := refused(t, i)
			told := r.desk.get("P1")
			r.pass(time.Minute) // all three are lost
			got := r.answers()
			if len(got) != 2 {
				t.Errorf("%q", got)
			}
			for _, connected := range []bool{true, false} {
				if !connected {
					r.pull()
					r.connect()
				}
				h := r.ask(false)
				if h.String() != "000000000002 56 "+tc.last || h.fields["40"] != "" {
					t.Fatalf("%v %q", h, h.fields)
				}
				if tc.code == "E6" && !strings.HasPrefix(h.fields["02"], "TERMINAL BUSY ") {
					t.Errorf("text %q", h.fields["02"])
				}
				r.pass(time.Minute)
				r.take()
			}
			r.ask(true)
			if h := r.ask(true); h.String() != ecn+" 56 00" {
				t.Errorf("after the till has heard the refusal of its %s: %v", function, h)
			}
			if got := r.desk.get("P1"); len(got.Sent) != len(told.Sent)+1 {
				t.Errorf("the refusal was offered as the sale's outcome: %d", len(got.Sent))
			}
		})
	}
}

func TestTheLastResultAfterARefusal(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(r *rig)
		want string
	}{
		"that was acknowledged": {func(r *rig) { r.send([]byte{ack}) }, ecn + " 56 00"},
		"acknowledged at its third transmission": {func(r *rig) {
			r.pass(5 * time.Second)
			r.send([]byte{ack})
			r.pass(5 * time.Second)
		}, ecn + " 56 00"},
		"and a sale that was started": {func(r *rig) {
			r.pass(time.Minute)
			r.take()
			r.start("000000000003", 700)
		}, "000000000003 56 E6"},
		"and another refusal": {func(r *rig) {
			r.send(saleOn("000000000003", 0))
			r.pass(time.Minute)
			r.take()
		}, "000000000003 56 02"},
		"and another refusal that was acknowledged": {func(r *rig) {
			r.send(saleOn("000000000003", 0))
			r.pass(3 * time.Second)
			r.send([]byte{ack})
			r.pass(3 * time.Second)
		}, ecn + " 56 00"},
		// what remains: docs/PROOFS.md, "A session on a line"
		"and a restart": {func(r *rig) { r.restart() }, ecn + " 56 00"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := refused(t, 0)
			tc.do(r)
			r.take()
			if h := r.ask(true); h.String() != tc.want {
				t.Errorf("%v, want %s", h, tc.want)
			}
		})
	}
}

// TestTheLastResultAfterAFault: a till that is told TO, acknowledges that and asks what became of
// its request hears nothing of the sale before, which has another amount.
func TestTheLastResultAfterAFault(t *testing.T) {
	r := newRig(t, "paycube")
	r.finish(r.start(ecn, 1023), payment.StatusApproved)
	r.send([]byte{ack})
	r.take()
	r.desk.fail["start"] = &payment.Error{Code: payment.CodeInternal, Op: "start"}
	r.send(saleOn("000000000002", 500))
	r.wantAnswers("000000000002 Q1 TO")
	clear(r.desk.fail)
	r.pass(5 * time.Second)
	r.send([]byte{ack})
	r.pass(5 * time.Second)
	for range 2 {
		if h := r.ask(true); h.String() != "000000000002 56 TO" {
			t.Errorf("%v", h)
		}
		r.pass(5 * time.Second)
	}
	r.finish(r.start("000000000003", 700), payment.StatusApproved)
	r.send([]byte{ack})
	r.take()
	if h := r.ask(true); h.String() != "000000000003 56 00" {
		t.Errorf("after another sale: %v", h)
	}
}

// A late ACK for the first sale's response does not say that the till has heard the refusal.
func TestALateAckDoesNotAcknowledgeARefusal(t *testing.T) {
	r := newRig(t, "paycube")
	r.finish(r.start(ecn, 1023), payment.StatusApproved)
	r.pass(1900 * time.Millisecond)
	r.take()
	r.send(saleOn(ecn, 500))
	r.wantAnswers(ecn + " Q1 02")
	r.send([]byte{ack})
	r.pass(5 * time.Second)
	if h := r.ask(true); h.String() != ecn+" 56 02" {
		t.Errorf("%v", h)
	}
	if h := r.ask(true); h.String() != ecn+" 56 00" {
		t.Errorf("%v", h)
	}
}

// A sale that runs is not the newest request's either; asking for it again makes it that.
func TestTheLastResultWhileAnotherSaleRuns(t *testing.T) {
	r := newRig(t, "paycube")
	r.start(ecn, 1023)
	r.send(saleOn(ecn, 500))
	r.pass(time.Minute)
	r.take()
	if h := r.ask(false); h.String() != ecn+" 56 02" {
		t.Errorf("%v", h)
	}
	r.pass(time.Minute)
	r.send(saleOn(ecn, 1023))
	r.take()
	if h := r.ask(true); h.String() != ecn+" 56 E6" {
		t.Errorf("%v", h)
	}
}

// A refusal that came while no cable was in is told like every other.
func TestARefusalWithoutACable(t *testing.T) {
	r := newRig(t, "paycube")
	r.finish(r.start(ecn, 1023), payment.StatusApproved)
	r.send([]byte{ack})
	r.desk.fail["start"] = &payment.Error{Code: payment.CodeBusy}
	r.deferred["start"] = true
	r.send(saleOn("000000000002", 1023))
	r.pull()
	r.release()
	r.connect()
	r.take()
	if h := r.ask(true); h.String() != "000000000002 56 E2" {
		t.Errorf("%v", h)
	}
}

// After a TO to what may be a new sale the last result says the same, however often it is
// acknowledged: it would tell of the first sale.
func TestTheLastResultAfterARepeatThatMayBeNew(t *testing.T) {
	r := newRig(t, "paycube")
	r.finish(r.start(ecn, 1023), payment.StatusApproved)
	r.pass(3 * time.Second)
	r.send(saleOn(ecn, 1023))
	r.pass(3 * time.Second)
	r.send([]byte{ack})
	r.pass(3 * time.Second)
	r.take()
	for range 2 {
		if h := r.ask(true); h.String() != ecn+" 56 TO" || h.fields["40"] != "000000001023" {
			t.Errorf("%v", h)
		}
	}
	r.pass(10 * time.Second)
	r.start(ecn, 1023)
	if h := r.ask(true); h.String() != ecn+" 56 E6" {
		t.Errorf("%v", h)
	}
}
