package till

import (
	"fmt"
	"testing"
	"time"

	"kiosk-agent/device/ecr"
	"kiosk-agent/payment"
)

// purchase is a purchase of a NETS till: HD is its receipt number.
func purchase(ecn, receipt string, cents int) []byte {
	return frame(ecn, "30", "01", "T2=01", fmt.Sprintf("40=%012d", cents), "HD="+receipt)
}

func number(n int) string { return fmt.Sprintf("25121009%04d", n) }

// acknowledged are sales with these receipt numbers that the till has done with.
func (r *rig) acknowledged(receipts ...string) {
	r.t.Helper()
	for _, receipt := range receipts {
		r.finish(r.startNets(number(len(r.desk.order)+1), receipt, 500), payment.StatusDeclined)
		r.send([]byte{ack})
		r.take()
	}
}

func (r *rig) startNets(ecn, receipt string, cents int) payment.Payment {
	r.t.Helper()
	n := len(r.desk.order)
	r.send(purchase(ecn, receipt, cents))
	r.want([]byte{ack})
	if len(r.desk.order) != n+1 {
		r.t.Fatalf("the sale did not start: %q", r.desk.calls)
	}
	return r.desk.get(r.desk.order[n])
}

// endsUnheard ends a sale while the cable is out, so long after it was asked for.
func (r *rig) endsUnheard(p payment.Payment, how payment.Status, after time.Duration) {
	r.pull()
	r.pass(after)
	r.desk.finish(p.ID, how)
	r.todo = nil
	r.pass(0)
	r.connect()
	r.take()
}

var numbers = []string{"R000000000001", "R000000000002", "R000000000003"}

const receipt = "R000000000020"

// The whole rule, case by case; the second request has the same receipt number and another ECN.
func TestTheSameReceipt(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before []string
		do     func(r *rig)
		again  []byte
		want   string // response code; "" = it runs, "new"
	}{
		{"answered when the till had given up", numbers, func(r *rig) {
			r.endsUnheard(r.desk.get("P4"), payment.StatusApproved, 111*time.Second)
		}, purchase(number(90), receipt, 1023), "00"},
		{"so late, not paid", numbers, func(r *rig) {
			r.endsUnheard(r.desk.get("P4"), payment.StatusCancelled, 111*time.Second)
		}, purchase(number(90), receipt, 1023), "US"},
		{"so late, sent thrice to nobody", numbers, func(r *rig) {
			r.pass(112 * time.Second)
			r.finish(r.desk.get("P4"), payment.StatusApproved)
			r.pass(30 * time.Second)
			r.take()
		}, purchase(number(90), receipt, 1023), "00"},
		{"10 minutes later", numbers, func(r *rig) {
			r.endsUnheard(r.desk.get("P4"), payment.StatusApproved, 111*time.Second)
			r.pass(10 * time.Minute)
			r.take()
		}, purchase(number(90), receipt, 1023), "new"},
		{"just before", numbers, func(r *rig) {
			r.endsUnheard(r.desk.get("P4"), payment.StatusApproved, 111*time.Second)
			r.pass(10*time.Minute - time.Second)
			r.take()
		}, purchase(number(90), receipt, 1023), "00"},
		{"the till was still waiting", numbers, func(r *rig) {
			r.endsUnheard(r.desk.get("P4"), payment.StatusApproved, 60*time.Second)
		}, purchase(number(90), receipt, 1023), "TO"},
		{"answered while the till was waiting", numbers, func(r *rig) {
			r.finish(r.desk.get("P4"), payment.StatusApproved)
			r.pass(111 * time.Second)
			r.take()
		}, purchase(number(90), receipt, 1023), "TO"},
		{"two sales before", numbers[:2], func(r *rig) {
			r.endsUnheard(r.desk.get("P3"), payment.StatusApproved, 111*time.Second)
		}, purchase(number(90), receipt, 1023), "TO"},
		{"two of the three the same", []string{numbers[0], numbers[1], numbers[0]}, func(r *rig) {
			r.endsUnheard(r.desk.get("P4"), payment.StatusApproved, 111*time.Second)
		}, purchase(number(90), receipt, 1023), "TO"},
		{"one of the three without", []string{numbers[0], "", numbers[1]}, func(r *rig) {
			r.endsUnheard(r.desk.get("P4"), payment.StatusApproved, 111*time.Second)
		}, purchase(number(90), receipt, 1023), "TO"},
		{"another function", numbers, func(r *rig) {
			r.endsUnheard(r.desk.get("P4"), payment.StatusApproved, 111*time.Second)
		}, frame(number(90), "I0", "01", "40=000000001023", "HD="+receipt), "TO"},
		{"another amount", numbers, func(r *rig) {
			r.endsUnheard(r.desk.get("P4"), payment.StatusApproved, 111*time.Second)
		}, purchase(number(90), receipt, 1024), "new"},
		{"another receipt", numbers, func(r *rig) {
			r.endsUnheard(r.desk.get("P4"), payment.StatusApproved, 111*time.Second)
		}, purchase(number(90), "R000000000021", 1023), "new"},
		{"acknowledged", numbers, func(r *rig) {
			r.finish(r.desk.get("P4"), payment.StatusApproved)
			r.send([]byte{ack})
			r.take()
		}, purchase(number(90), receipt, 1023), "new"},
		{"after a reboot", numbers, func(r *rig) {
			r.endsUnheard(r.desk.get("P4"), payment.StatusApproved, 111*time.Second)
			r.reboot()
			r.take()
		}, purchase(number(90), receipt, 1023), "new"},
		{"it runs", numbers, func(*rig) {}, purchase(number(90), receipt, 1023), ""},
		{"it runs, another function", numbers, func(*rig) {},
			frame(number(90), "I0", "01", "40=000000001023", "HD="+receipt), "HS"},
		{"the ECN never changes, the receipts do", numbers, func(r *rig) {
			r.endsUnheard(r.desk.get("P4"), payment.StatusApproved, 111*time.Second)
			r.pass(3 * time.Minute)
			r.take()
		}, purchase(number(80), receipt, 1023), "00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "nets")
			r.acknowledged(tc.before...)
			p := r.startNets(number(80), receipt, 1023)
			tc.do(r)
			n := len(r.desk.order)
			r.send(tc.again)
			got := r.take()
			switch {
			case tc.want == "new" || tc.want == "":
				isNew := len(r.desk.order) > n
				if len(got) != 1 || got[0][0] != ack || isNew != (tc.want == "new") {
					t.Fatalf("%d sales of %d, written:\n%s", len(r.desk.order), n, dump(got))
				}
				return
			case len(got) != 2 || len(r.desk.order) != n:
				t.Fatalf("%d sales of %d, written:\n%s", len(r.desk.order), n, dump(got))
			}
			h := parse(t, got[1])
			if h.code != tc.want || h.ecn != string(tc.again[3:15]) {
				t.Errorf("%s", h)
			}
			if tc.want != "TO" && tc.want != "HS" {
				r.send([]byte{ack})
				if p := r.desk.get(p.ID); !p.Acknowledged {
					t.Error("its ACK does not count")
				}
				r.startNets(number(91), receipt, 1023)
				return
			}
			r.send([]byte{ack})
			if p := r.desk.get(p.ID); p.AckedRev != 0 || p.Final && len(p.Tasks()) == 0 {
				t.Errorf("acknowledged %d, tasks %v", p.AckedRev, p.Tasks())
			}
		})
	}
}

// Two customers, one receipt number: none hears of the other's payment, and none is asked to pay
// twice while nobody knows.
func TestATillThatAlwaysSendsOneReceipt(t *testing.T) {
	for _, ecn := range []func(int) string{number, func(int) string { return "000000000000" }} {
		r := newRig(t, "nets")
		r.finish(r.startNets(ecn(1), receipt, 1023), payment.StatusApproved)
		r.send([]byte{ack})
		r.take()
		for n := 2; n < 6; n++ {
			r.endsUnheard(r.startNets(ecn(n), receipt, 1000+n), payment.StatusApproved,
				111*time.Second)
			r.pass(time.Minute)
			r.take()
			for again := range 2 {
				r.send(purchase(ecn(n+100*again+100), receipt, 1000+n))
				for _, w := range r.take() {
					if w[0] == stx && parse(t, w).code == "00" {
						t.Fatalf("the next customer hears of an old approval: %q", w)
					}
				}
			}
			r.pass(11 * time.Minute)
			r.take()
			if p := r.desk.get(r.desk.order[len(r.desk.order)-1]); !p.Final {
				r.finish(p, payment.StatusCancelled)
			}
			r.pass(11 * time.Minute)
			r.take()
		}
	}
}

// While the sale runs its response answers the newest request for it, byte for byte.
func TestTheReceiptOfARunningSale(t *testing.T) {
	r := newRig(t, "nets")
	p := r.startNets(number(1), receipt, 1023)
	r.pass(65 * time.Second)
	r.send(purchase(number(2), receipt, 1023))
	r.want([]byte{ack})
	if !r.desk.get(p.ID).Superseded {
		t.Fatal("after a crash the first request would be answered")
	}
	r.send(purchase(number(2), receipt, 1023)) // the till's ACK was lost
	r.want([]byte{ack})
	r.finish(p, payment.StatusApproved)
	w := r.take()
	if h := parse(t, w[0]); h.String() != number(2)+" 30 00" || h.fields["HD"] != receipt {
		t.Fatalf("%s %q", h, h.fields)
	}
	r.send([]byte{ack})
	if p := r.desk.get(p.ID); !p.Acknowledged || len(r.desk.order) != 1 {
		t.Errorf("%d sales, acknowledged %d", len(r.desk.order), p.AckedRev)
	}
	r.send(frame(number(3), "56", "01"))
	r.wantAnswers(number(2) + " 56 00")
}

// The engine has not answered the start yet, and refuses it then: the newest request hears it.
func TestTheReceiptOfASaleThatStarts(t *testing.T) {
	r := newRig(t, "nets")
	r.deferred["start"] = true
	r.desk.fail["start"] = &payment.Error{Code: payment.CodeNotReady, Op: "start"}
	r.send(purchase(number(1), receipt, 1023))
	r.desk.fail["supersede"] = &payment.Error{Code: payment.CodeNotFound, Op: "supersede"}
	r.send(purchase(number(2), receipt, 1023))
	r.release()
	r.wantAnswers(number(2) + " 30 HS")
}

// The customer's time is over, what came of it is still looked for: whoever comes next can pay
// nothing there, and hears of no payment of before but where the till numbers its receipts.
func TestTheReceiptOfASaleThatNobodyCanPayAnyMore(t *testing.T) {
	for code, before := range map[string][]string{"00": numbers,
		"TO": {receipt, receipt, receipt}} {
		r := newRig(t, "nets")
		r.acknowledged(before...)
		p := r.startNets(number(80), receipt, 1023)
		r.desk.tell(r.desk.add(p.ID, payment.DeadlinePassed{}, payment.Withdrawn{}))
		r.pass(0)
		r.send(purchase(number(90), receipt, 1023))
		r.finish(p, payment.StatusApproved)
		r.wantAnswers(number(90) + " 30 " + code)
		r.send([]byte{ack})
		if p := r.desk.get(p.ID); p.Acknowledged != (code == "00") || len(r.desk.order) != 4 {
			t.Errorf("%s: %d sales, acknowledged %d", code, len(r.desk.order), p.AckedRev)
		}
	}
}

// The same where the engine's word comes after the requests, as when the machine has slept.
func TestTheReceiptOfASaleWhoseTimeIsOverUnheard(t *testing.T) {
	for code, before := range map[string][]string{"00": numbers,
		"TO": {receipt, receipt, receipt}} {
		r := newRig(t, "nets")
		r.acknowledged(before...)
		p := r.startNets(number(80), receipt, 1023)
		if p = r.desk.get(p.ID); p.Deadline <= r.now.Up {
			t.Fatal("the sale has no time", p.Deadline)
		}
		r.now.Up = p.Deadline // asleep: nothing was told, and nothing is ticked
		r.send(purchase(number(90), receipt, 1023))
		r.desk.tell(r.desk.add(p.ID, payment.DeadlinePassed{}, payment.Withdrawn{}))
		r.pass(0)
		r.finish(p, payment.StatusApproved)
		r.wantAnswers(number(90) + " 30 " + code)
	}
}

func TestAReceiptAfterARestart(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(r *rig, p payment.Payment)
		want string
	}{
		{"over before it", func(r *rig, p payment.Payment) {
			r.endsUnheard(p, payment.StatusApproved, 111*time.Second)
			r.restart()
		}, number(90) + " 30 00"},
		{"asked for by receipt, then killed", func(r *rig, p payment.Payment) {
			r.pass(time.Minute)
			r.send(purchase(number(81), receipt, 1023))
			r.restart()
			r.pass(time.Minute)
			r.take()
			r.finish(p, payment.StatusApproved) // nothing is due
			r.pass(time.Minute)
		}, number(90) + " 30 TO"},
		{"killed while it runs", func(r *rig, p payment.Payment) {
			r.restart()
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "nets")
			r.acknowledged(numbers...)
			p := r.startNets(number(80), receipt, 1023)
			tc.do(r, p)
			if got := r.answers(); len(got) > 0 {
				t.Fatalf("told unasked: %q", got)
			}
			r.send(purchase(number(90), receipt, 1023))
			if tc.want == "" {
				r.wantAnswers()
				r.finish(p, payment.StatusApproved)
				tc.want = number(90) + " 30 00"
			}
			r.wantAnswers(tc.want)
			if len(r.desk.order) != 4 {
				t.Errorf("%d sales", len(r.desk.order))
			}
		})
	}
}

// What cannot be read may be the same sale: nothing is started.
func TestTheSalesBeforeCannotBeRead(t *testing.T) {
	r := newRig(t, "nets")
	r.desk.fail["list"] = broken("list")
	r.restart()
	r.send(purchase(number(1), receipt, 1023))
	r.wantAnswers(number(1) + " 30 HS")
	delete(r.desk.fail, "list")
	r.send([]byte{ack})
	r.pass(2 * time.Second)
	r.startNets(number(2), receipt, 1023)
}

// An older sale's receipt number is still no new sale's.
func TestAnOlderSalesReceipt(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		r := newRig(t, "nets")
		r.acknowledged(numbers...)
		r.endsUnheard(r.startNets(number(80), receipt, 1023), payment.StatusApproved,
			111*time.Second)
		r.finish(r.startNets(number(81), "R000000000021", 700), payment.StatusDeclined)
		r.send([]byte{ack})
		if restarted {
			r.restart()
		}
		r.take()
		r.send(purchase(number(90), receipt, 1023))
		r.wantAnswers(number(90) + " 30 TO")
		r.send([]byte{ack})
		r.send(frame(number(91), "56", "01")) // it means the sale that it was told nothing of
		r.wantAnswers(number(90) + " 56 TO")
		r.send([]byte{ack})
		if len(r.desk.order) != 5 {
			t.Errorf("%d sales", len(r.desk.order))
		}
		r.pass(10 * time.Minute)
		r.take()
		r.startNets(number(92), receipt, 1023)
	}
}

func TestTheTillsWaitCutsTheCustomersTime(t *testing.T) {
	within := func(d time.Duration) func(*Config) { return func(c *Config) { c.AnswerWithin = d } }
	r := newRig(t, "nets", within(25*time.Second))
	var asked payment.Request
	r.send(purchase(number(1), receipt, 1023))
	asked = r.desk.asked
	if want := 79 * time.Second; asked.Timeout != want { // 110 - 25 - 3 × 1.8
		t.Errorf("%v, want %v", asked.Timeout, want)
	}
	if asked.Line.Receipt != receipt || asked.Line.TillWaits.Duration() != 110*time.Second {
		t.Errorf("%+v", asked.Line)
	}
	r = newRig(t, "paycube", within(25*time.Second)) // how long its till waits is not known
	r.start(ecn, 1023)
	if r.desk.asked.Timeout != 0 || r.desk.asked.Line.TillWaits != 0 {
		t.Errorf("%+v", r.desk.asked)
	}
	d := dialects["nets"]()
	cfg := Config{Till: "till-2", Currency: payment.SGD, AnswerWithin: 74600 * time.Millisecond}
	if _, err := NewMachine(cfg, d); err != nil {
		t.Error(err)
	}
	cfg.AnswerWithin += time.Millisecond
	if _, err := NewMachine(cfg, d); err == nil {
		t.Error("less than 30 s for the customer")
	}
	if d.Timers().CustomersTime(74600*time.Millisecond) != ecr.LeastCustomersTime {
		t.Error(d.Timers().CustomersTime(74600 * time.Millisecond))
	}
}
