package till

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// The frames of docs/protocols/ecr-family.md, as hex: the till's side of these tests is compared
// with them first.
func TestTheTillsOwnFramesAreThePages(t *testing.T) {
	for name, tc := range map[string]struct {
		got  []byte
		want string
	}{
		"A1": {frame("251210091401", "A1", "01"),
			"02 0018 323531323130303931343031 4131 3031 30 1c 03 4e"},
		"C1": {frame("251210091401", "C1", "01", "40=000000001023"),
			"02 0035 323531323130303931343031 4331 3031 30 1c 3430 0012 " +
				"303030303030303031303233 1c 03 6b"},
	} {
		if got, want := hex.EncodeToString(tc.got),
			strings.ReplaceAll(tc.want, " ", ""); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

const ecn = "251210091401"

// pad fills a text field up.
func pad(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }

// paycubeSale is the response to a sale under the paycube dialect.
func paycubeSale(function, code, text, cents, ref string) []byte {
	fields := []string{"02=" + pad(text, 40), "03=261105", "04=173000", "16=K001", "40=" + cents}
	if ref != "" {
		fields = append(fields, "D3="+strings.Repeat("0", 12-len(ref))+ref, "A1="+ref)
	}
	return frame(ecn, function, code, fields...)
}

// refusal is a response that tells of no sale.
func refusal(ecn, function, code, text string) []byte {
	return frame(ecn, function, code, "02="+pad(text, 40), "03=261105", "04=173000", "16=K001")
}

func TestPaycubeOutcomesByteForByte(t *testing.T) {
	for _, tc := range []struct {
		name        string
		how         payment.Status
		unconfirmed bool
		code, text  string
		ref         string
	}{
		{"approved", payment.StatusApproved, false, "00", "APPROVED", "TXN-P1"},
		{"declined", payment.StatusDeclined, false, "51", "DECLINED", ""},
		{"expired", payment.StatusExpired, false, "51", "TIME IS UP - NOT PAID", ""},
		{"cancelled", payment.StatusCancelled, false, "51", "CANCELLED - NOT PAID", ""},
		{"declined unconfirmed", payment.StatusDeclined, true, "TO",
			"DECLINED, NOT CONFIRMED - CHECK", ""},
		{"expired unconfirmed", payment.StatusExpired, true, "TO",
			"TIME IS UP, NOT CONFIRMED - CHECK", ""},
		{"cancelled unconfirmed", payment.StatusCancelled, true, "TO",
			"CANCELLED, NOT CONFIRMED - CHECK", ""},
		{"unknown", payment.StatusUnknown, false, "TO", "OUTCOME UNKNOWN - CHECK BEFORE RETRY", ""},
	} {
		for _, function := range []string{"Q1", "C1"} {
			t.Run(tc.name+" "+function, func(t *testing.T) {
				r := newRig(t, "paycube")
				r.desk.query = !tc.unconfirmed
				r.send(frame(ecn, function, "01", "40=000000001023"))
				r.want([]byte{ack})
				r.finish(r.desk.get("P1"), tc.how)
				r.want(paycubeSale(function, tc.code, tc.text, "000000001023", tc.ref))
				r.send([]byte{ack})
				r.want()
				if !r.desk.get("P1").Acknowledged {
					t.Error("not acknowledged")
				}
				// The last result says the same, under the sale's own ECN.
				r.send(frame("999999999999", "56", "01"))
				r.want([]byte{ack}, paycubeSale("56", tc.code, tc.text, "000000001023", tc.ref))
			})
		}
	}
}

func TestPaycubeRefusalsByteForByte(t *testing.T) {
	notReady := func(codes ...string) error {
		e := &payment.Error{Code: payment.CodeNotReady, Op: "start"}
		for _, c := range codes {
			e.Reasons = append(e.Reasons, payment.Reason{Code: c})
		}
		return e
	}
	q1 := frame(ecn, "Q1", "01", "40=000000001023")
	for _, tc := range []struct {
		name       string
		request    []byte
		err        error // of the start
		code, text string
	}{
		{"no display", q1, notReady("no_display"), "E2", "TERMINAL NOT READY"},
		{"no display and no relay", q1, notReady("relay_down", "no_display"), "E2",
			"TERMINAL NOT READY"},
		{"relay down", q1, notReady("relay_down"), "E3", "NO CONNECTION - NOT STARTED"},
		{"path unproven", q1, notReady("path_unproven"), "E3", "NO CONNECTION - NOT STARTED"},
		{"another till's sale", q1, &payment.Error{Code: payment.CodeBusy}, "E6", "TERMINAL BUSY"},
		{"journal", q1, broken("start"), "XX", "DISK FAULT - NOT STARTED"},
		{"amount", frame(ecn, "Q1", "01", "40=000000000000"), nil, "02", "INVALID AMOUNT"},
		{"no amount", frame(ecn, "Q1", "01"), nil, "02", "INVALID FIELD"},
		{"amount of letters", frame(ecn, "Q1", "01", "40=00000000102A"), nil, "02",
			"INVALID FIELD"},
		{"two amounts", frame(ecn, "Q1", "01", "40=000000001023", "40=000000001023"), nil, "02",
			"INVALID FIELD"},
		{"void", frame(ecn, "C2", "01", "40=000000001023"), nil, "XX",
			"VOID NOT AVAILABLE - USE THE PORTAL"},
		{"function", frame(ecn, "Z9", "01"), nil, "01", "FUNCTION NOT AVAILABLE"},
		{"last of none", frame(ecn, "56", "01"), nil, "XX", "NO SALE ON RECORD"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "paycube")
			if tc.err != nil {
				r.desk.fail["start"] = tc.err
			}
			r.send(tc.request)
			r.want([]byte{ack}, refusal(ecn, string(tc.request[15:17]), tc.code, tc.text))
			if len(r.desk.order) != 0 {
				t.Error("a payment was made")
			}
		})
	}
}

func TestABrokenFieldIsAnsweredWith01(t *testing.T) {
	r := newRig(t, "paycube")
	bad := frame(ecn, "Q1", "01", "40=000000001023")
	bad[24] = 0x99 // the field is longer than the frame
	fix(bad)
	r.send(bad)
	r.want([]byte{ack}, refusal(ecn, "Q1", "01", "INVALID MESSAGE"))
}

// fix makes the LRC right again.
func fix(f []byte) {
	f[len(f)-1] = 0
	for _, b := range f[1 : len(f)-1] {
		f[len(f)-1] ^= b
	}
}

func TestPaycubeStatusAndCancelByteForByte(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status device.Status
		code   string
		text   string // a till was seen that crashes without it
	}{
		{"ready", device.Status{Ready: true}, "00", "READY"},
		{"no display", device.Status{Reasons: []payment.Reason{{Code: "no_display"}}}, "E2",
			"TERMINAL NOT READY"},
		{"path", device.Status{Reasons: []payment.Reason{{Code: "path_unproven"}}}, "E3",
			"NO CONNECTION - NOT STARTED"},
		{"journal", device.Status{Reasons: []payment.Reason{{Code: "journal_unavailable"}}}, "XX",
			"DISK FAULT - NOT STARTED"},
		{"another till's sale", device.Status{Ready: true, Active: device.Outline{}}, "E6",
			"TERMINAL BUSY"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, "paycube")
			r.status = tc.status
			r.send(frame(ecn, "A1", "01"))
			r.want([]byte{ack}, frame(ecn, "A1", tc.code, "02="+pad(tc.text, 40)))
		})
	}
	r := newRig(t, "paycube")
	r.send(frame(ecn, "A5", "01"))
	r.want([]byte{ack}, frame(ecn, "A5", "00", "02="+pad("CANCELLED", 40)))
	r = newRig(t, "paycube")
	r.statErr = broken("status")
	r.send(frame(ecn, "A1", "01"))
	r.want([]byte{ack}, frame(ecn, "A1", "E2", "02="+pad("TERMINAL NOT READY", 40)))
}

// netsSale is the response under the nets dialect.
func netsSale(function, code, text, ref, card string, approved bool) []byte {
	tail := func(s string, n int) string {
		s = strings.Repeat("0", n) + s
		return s[len(s)-n:]
	}
	long := pad(text, 40)
	fields := []string{"02=" + long, "D0=" + pad("SHOP", 69), "03=261105", "04=173000",
		"16=" + pad("K001", 8), "D1=" + pad("M1", 15)}
	if ref != "" {
		fields = append(fields, "65="+tail(strings.Trim(ref, "TXN-P"), 6))
		if approved {
			fields = append(fields, "01="+tail(ref, 6))
		}
		fields = append(fields, "D3="+tail(ref, 12))
	}
	if card != "" {
		fields = append(fields, "L7="+pad(card, 20))
	}
	fields = append(fields, "40=000000001023", "R0="+long[:20])
	if len(text) > 20 {
		fields = append(fields, "R1="+long[20:])
	}
	return frame(ecn, function, code, append(fields, "HD=BILL 77")...)
}

func TestNetsByteForByte(t *testing.T) {
	purchase := frame(ecn, "30", "01", "T2=04", "40=000000001023", "HD=BILL 77")
	for _, tc := range []struct {
		how        payment.Status
		code, text string
		ref, card  string
	}{
		{payment.StatusApproved, "00", "APPROVED", "TXN-P1", "PAYNOW"},
		{payment.StatusDeclined, "51", "DECLINED", "", ""},
		{payment.StatusExpired, "US", "TIME IS UP - NOT PAID", "", ""},
		{payment.StatusUnknown, "TO", "OUTCOME UNKNOWN - CHECK BEFORE RETRY", "", ""},
	} {
		t.Run(string(tc.how), func(t *testing.T) {
			r := newRig(t, "nets")
			r.send(purchase)
			r.want([]byte{ack})
			p := r.desk.get("P1")
			if got := strings.Join(p.Schemes, " "); got != "paynow alipay wechatpay" ||
				p.Description != "BILL 77" {
				t.Errorf("schemes %q, description %q", got, p.Description)
			}
			// 56 while it runs is no approval; afterwards it is one only if this sale is.
			r.send(frame("000000000001", "56", "01"))
			if got := r.answers(); len(got) != 1 || got[0] != ecn+" 56 TO" {
				t.Errorf("while it runs: %q", got)
			}
			r.send([]byte{ack})
			r.finish(p, tc.how)
			r.want(netsSale("30", tc.code, tc.text, tc.ref, tc.card,
				tc.how == payment.StatusApproved))
			r.send([]byte{ack})
			r.restart() // the till's own reference is echoed after that too
			r.send(frame("000000000001", "56", "01"))
			r.want([]byte{ack}, netsSale("56", tc.code, tc.text, tc.ref, tc.card,
				tc.how == payment.StatusApproved))
		})
	}
	r := newRig(t, "nets")
	const zeros = "000000000000" // the ECN of ECR1 tills, whose version is 00
	for _, tc := range [][2]string{{"80", "LOGGED ON"}, {"81", "SETTLED"}, {"I5", "SETTLED"},
		{"55", "READY"}, {"I1", "READY"}} {
		for ecn, version := range map[string]string{ecn: "01", zeros: "00"} {
			r.send(frame(ecn, tc[0], version))
			r.want([]byte{ack}, frame(ecn, tc[0], "00", "02="+pad(tc[1], 40)))
			r.send([]byte{ack})
		}
	}
	if len(r.desk.order) != 0 {
		t.Error("a payment was made")
	}
	r.send(frame(zeros, "I6", "00", "40=000000010001", "9G=0000000000", "H4=0000000000"))
	r.want([]byte{ack})
	if p := r.desk.get("P1"); p.Money.Amount != 10001 ||
		strings.Join(p.Schemes, " ") != "credit_card" {
		t.Errorf("I6 asked for %v by %q", p.Money, p.Schemes)
	}
}

// A Link POS till: one ECN for ever, which ends with 0 in what it sends and with 1 in what it gets,
// a more-indicator of 1, and 74 while it waits. Two sales of one amount are two payments.
func TestLinkPOS(t *testing.T) {
	const asks, gets = "600000000010", "600000000011"
	r := newRig(t, "linkpos")
	answers := func(code, function, want string) {
		t.Helper()
		if got := r.answers(); len(got) != 1 || got[0] != gets+" "+function+" "+code {
			t.Errorf("%s: %q", want, got)
		}
		r.send([]byte{ack})
	}
	r.send(frame(asks, "D0", "00"))
	answers("00", "D0", "ready")
	sale := frame(asks, "20", "00", "40=000000010001", "45=000001")
	for i, id := range []string{"P1", "P2"} {
		more := slices.Clone(sale)
		more[19] = '1' // the more-indicator, in the published example of a sale
		more[len(more)-1] ^= '0' ^ '1'
		r.send(more)
		r.want([]byte{ack})
		p := r.desk.get(id)
		if p.Money.Amount != 10001 || p.Line.ECN != asks || len(r.desk.order) != i+1 {
			t.Fatalf("%s: %v, %d payments", id, p.Money, len(r.desk.order))
		}
		r.send(frame(asks, "74", "00"))
		answers("TO", "74", "an inquiry while it runs")
		r.finish(p, payment.StatusApproved)
		answers("00", "20", "the sale")
		r.send(frame(asks, "74", "00"))
		answers("00", "74", "an inquiry afterwards")
	}
	r.send(frame(gets, "20", "00", "40=000000010001", "45=000001")) // an echo, by its ECN alone
	if len(r.desk.order) != 2 {
		t.Errorf("an answer has made a payment: %q", r.desk.order)
	}
	r.send(frame(asks, "26", "00", "65=000001"))
	answers("01", "26", "a void")
}
