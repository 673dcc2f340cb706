package ecrtill

import (
	"errors"
	"testing"
	"time"
)

// TestLastResultRules: what a till may conclude from the last result, by how it numbers its
// requests.
func TestLastResultRules(t *testing.T) {
	other := func(m Message) Message { m.ECN = "000000000042"; return m }
	same := func(m Message) Message { return m }
	for _, tc := range []struct {
		name   string
		ecn    Policy
		about  func(sale Message) Message
		code   string
		amount int64
		ref    string
		want   Verdict
	}{
		{"own approved", Counting, same, "00", 100, "2", Approved},
		{"own declined", Counting, same, "51", 100, "", NotPaid},
		{"own unknown", Counting, same, "TO", 100, "", Uncertain},
		{"another sale's approval", Counting, other, "00", 100, "2", NotStarted},
		{"own number, another amount", Counting, same, "00", 101, "2", Uncertain},
		{"own number, an approval that is booked", Counting, same, "00", 100, "1", Uncertain},
		{"constant number", Constant, same, "00", 100, "2", Approved},
		{"constant number, another amount", Constant, same, "00", 101, "2", Uncertain},
		{"constant number, an approval that is booked", Constant, same, "00", 100, "1", Uncertain},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onLine(t, Config{ECN: tc.ecn}, func(t *testing.T, till *Till, term *terminal) {
				sale := sell(t, till, 100)
				term.respond(term.request("Q1"), "00", Amount(100), ref("1"))
				term.want(ACK)
				believes(t, till, <-sale, Approved, 0)
				sale = sell(t, till, 100)
				req := term.request("Q1")
				term.respond(req, "TO")
				term.want(ACK)
				term.request("56")
				about := tc.about(req)
				about.Function = "56"
				fields := []Field{Amount(tc.amount)}
				if tc.ref != "" {
					fields = append(fields, ref(tc.ref))
				}
				term.respond(about, tc.code, fields...)
				term.want(ACK)
				believes(t, till, <-sale, tc.want, 0)
			})
		})
	}
}

// TestOldApproval: an approval that is booked, of another amount or of another number is
// acknowledged and never believed; a naive till believes it.
func TestOldApproval(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cfg    Config
		change func(*Message)
		want   Verdict
		strays int
	}{
		{"booked", Config{ECN: Constant}, func(m *Message) {}, NotPaid, 1},
		{"another amount", Config{ECN: Constant},
			func(m *Message) { m.Fields = []Field{Amount(1), ref("2")} }, NotPaid, 1},
		{"another number", Config{}, func(m *Message) {
			m.ECN, m.Fields = exampleECN,
				[]Field{Amount(100), ref("2")}
		}, NotPaid, 1},
		{"naive", Config{Naive: true}, func(m *Message) { m.ECN = "000000000042" }, Approved, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onLine(t, tc.cfg, func(t *testing.T, till *Till, term *terminal) {
				sale := sell(t, till, 100)
				term.respond(term.request("Q1"), "00", Amount(100), ref("1"))
				term.want(ACK)
				believes(t, till, <-sale, Approved, 0)
				sale = sell(t, till, 100)
				req := term.request("Q1")
				old := req
				old.Fields = []Field{Amount(100), ref("1")}
				tc.change(&old)
				term.respond(old, "00", old.Fields...)
				term.want(ACK)
				if tc.strays > 0 {
					term.respond(req, "51")
					term.want(ACK)
				}
				believes(t, till, <-sale, tc.want, tc.strays)
			})
		})
	}
}

// TestCancelDuringSale: the sale's own response first, then the cancel's.
func TestCancelDuringSale(t *testing.T) {
	onLine(t, Config{}, func(t *testing.T, till *Till, term *terminal) {
		sale := sell(t, till, 100)
		req := term.request("Q1")
		polled := later(func() (Result, error) { return till.Status(t.Context()) })
		term.respond(term.request("A1"), "E6")
		term.want(ACK)
		if r := <-polled; r.Code != "E6" || r.err != nil {
			t.Errorf("%+v", r)
		}
		cancel := later(func() (Result, error) { return till.Cancel(t.Context()) })
		asked := term.request("A5")
		term.respond(req, "51")
		term.want(ACK)
		believes(t, till, <-sale, NotPaid, 0)
		term.respond(asked, "00")
		term.want(ACK)
		if r := <-cancel; r.Code != "00" || r.err != nil {
			t.Errorf("%+v", r)
		}
	})
}

func TestRebootForgets(t *testing.T) {
	onLine(t, Config{ECN: Restarting}, func(t *testing.T, till *Till, term *terminal) {
		sale := sell(t, till, 100)
		req := term.request("Q1")
		if err := till.Reboot(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := <-sale; !errors.Is(got.err, ErrRebooted) {
			t.Error(got.err)
		}
		term.respond(req, "00", Amount(100), ref("1"))
		term.want(ACK)
		last := later(func() (Result, error) { return till.LastResult(t.Context()) })
		if again := term.request("56"); again.ECN != req.ECN {
			t.Errorf("the number after a reboot is %s, want %s", again.ECN, req.ECN)
		}
		about := req
		about.Function = "56"
		term.respond(about, "00", Amount(100), ref("1"))
		term.want(ACK)
		r := <-last
		believes(t, till, outcome{Result: Result{Verdict: Forgotten}}, Forgotten, 1)
		if !till.Book().Reconcile(r.Result) || till.Book().Reconcile(r.Result) {
			t.Error("reconciling")
		}
		if n, cents := till.Book().Approved(); n != 1 || cents != 100 {
			t.Errorf("%d sales, %d cents", n, cents)
		}
	})
}

// misbehaved starts a sale of a till that misbehaves.
func misbehaved(t *testing.T, m Misbehaviour,
	test func(t *testing.T, till *Till, term *terminal, sale <-chan outcome)) {
	t.Helper()
	onLine(t, Config{}, func(t *testing.T, till *Till, term *terminal) {
		if err := till.Misbehave(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		test(t, till, term, sell(t, till, 100))
	})
}

func TestMisbehavingACKs(t *testing.T) {
	answered := func(after func(term *terminal)) func(*testing.T, *Till, *terminal,
		<-chan outcome) {
		return func(t *testing.T, till *Till, term *terminal, sale <-chan outcome) {
			term.respond(term.request("Q1"), "00", Amount(100))
			after(term)
			believes(t, till, <-sale, Approved, 0)
		}
	}
	misbehaved(t, Misbehaviour{NeverACK: true},
		answered(func(x *terminal) { x.silent(time.Minute) }))
	misbehaved(t, Misbehaviour{TwiceACK: true},
		answered(func(x *terminal) { x.want(ACK); x.want(ACK); x.silent(time.Minute) }))
	misbehaved(t, Misbehaviour{LateACK: 3 * time.Second},
		answered(func(x *terminal) { x.silent(3*time.Second - 1); x.want(ACK) }))
	misbehaved(t, Misbehaviour{GlueACK: true},
		func(t *testing.T, till *Till, term *terminal, sale <-chan outcome) {
			term.respond(term.request("Q1"), "00", Amount(100))
			term.silent(time.Minute)
			believes(t, till, <-sale, Approved, 0)
			sale = sell(t, till, 200)
			term.want(ACK)
			term.respond(term.request("Q1"), "51", Amount(200))
			believes(t, till, <-sale, NotPaid, 0)
		})
}

func TestMisbehavingFrames(t *testing.T) {
	for name, tc := range map[string]struct {
		m     Misbehaviour
		heard []Kind // by the terminal, before the good frame
	}{
		"noise":  {Misbehaviour{Noise: []byte{0xff, 0x1c}}, []Kind{Noise, Noise}},
		"split":  {Misbehaviour{Split: true}, nil},
		"garble": {Misbehaviour{Transmit: Garble(2, 20, 8)}, []Kind{Bad, Bad}},
		"double": {Misbehaviour{Transmit: Double(1, 10)}, []Kind{Bad, Noise}},
		"before": {Misbehaviour{Transmit: Before(1, []byte{0xfe})}, []Kind{Noise}},
		"repeat": {Misbehaviour{Transmit: Repeat(1)}, []Kind{Frame}},
	} {
		misbehaved(t, tc.m, func(t *testing.T, till *Till, term *terminal, sale <-chan outcome) {
			for _, k := range tc.heard {
				if e := term.want(k); e.Kind == Bad {
					term.write(nak)
				}
			}
			term.respond(term.request("Q1"), "51")
			if term.want(ACK); t.Failed() {
				t.Log(name)
			}
			believes(t, till, <-sale, NotPaid, 0)
		})
	}
	for _, spoil := range []func(int, []byte) []byte{Cut(3, 9), Lose(1, 0)} {
		misbehaved(t, Misbehaviour{Transmit: spoil},
			func(t *testing.T, till *Till, _ *terminal, sale <-chan outcome) {
				if err := till.Plug(t.Context(), nil); err != nil { // nobody answers at all
					t.Error(err)
				}
				got := <-sale
				if !errors.Is(got.err, ErrNoACK) {
					t.Error(got.err)
				}
				believes(t, till, got, Uncertain, 0)
			})
	}
}

func TestHear(t *testing.T) {
	misbehaved(t, Misbehaviour{Hear: Deaf(1, ACK)},
		func(t *testing.T, till *Till, term *terminal, sale <-chan outcome) {
			term.request("Q1")
			term.respond(term.request("Q1"), "51")
			term.want(ACK)
			believes(t, till, <-sale, NotPaid, 0)
		})
	misbehaved(t, Misbehaviour{Hear: Spoil(1)},
		func(t *testing.T, till *Till, term *terminal, sale <-chan outcome) {
			req := term.request("Q1")
			term.respond(req, "51")
			term.want(NAK)
			term.respond(req, "51")
			term.want(ACK)
			believes(t, till, <-sale, NotPaid, 0)
		})
}

func TestNetsSale(t *testing.T) {
	onLine(t, Config{Dialect: Nets(), Reference: func(ecn string) string { return "R" + ecn }},
		func(t *testing.T, till *Till, term *terminal) {
			sale := sell(t, till, 250)
			req := term.request("30")
			if len(req.Fields) != 3 || req.Fields[0] != (Field{"T2", "04"}) ||
				req.Fields[1] != Amount(250) || req.Fields[2] != (Field{"HD", "R" + exampleECN}) {
				t.Errorf("%+v", req.Fields)
			}
			term.respond(req, "US")
			term.want(ACK)
			believes(t, till, <-sale, NotPaid, 0)
			if _, err := till.Cancel(t.Context()); !errors.Is(err, ErrNoFunction) {
				t.Error(err)
			}
		})
}
