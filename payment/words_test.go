package payment

import (
	"strings"
	"testing"
)

// TestWordsRead: a configured word means what its list says, and the gateway's own stays beside it.
func TestWordsRead(t *testing.T) {
	w := Words{Paid: []string{"PAID", " paid "}, Declined: []string{"REJECTED"},
		Expired: []string{"LAPSED"}, Pending: []string{"WAITING"}, CodeOK: []string{"000", "0"},
		TypePay: []string{"SALE"}, TypeVoid: []string{"CANCELLATION"}, TypeRefund: []string{"BACK"}}
	for _, tc := range []struct {
		typ, status, code string // as they came
		want              string // as they are read
		raised            string
	}{
		{TypePay, "PAID", "00", "PAY SUCCESS 00", "status PAID"},
		{TypePay, " paid ", "", "PAY SUCCESS ", "status  paid "},
		{TypePay, "paid", "00", "PAY paid 00", ""},
		{"SALE", "PAID", "000", "PAY SUCCESS 00", "status PAID, response code 000, type SALE"},
		{"SALE", RecordSuccess, "00", "PAY SUCCESS 00", "type SALE"},
		{TypePay, RecordSuccess, "0", "PAY SUCCESS 00", "response code 0"},
		{TypePay, RecordSuccess, "00", "PAY SUCCESS 00", ""},
		{TypePay, "REJECTED", "0", "PAY DECLINED 00", ""},
		{TypePay, "LAPSED", "", "PAY EXPIRED ", ""},
		{TypePay, "WAITING", "", "PAY SENT ", ""},
		{"CANCELLATION", "PAID", "", "VOID SUCCESS ", ""},
		{"BACK", RecordSuccess, "00", "REFUND SUCCESS 00", ""},
	} {
		came := Record{Type: tc.typ, Status: tc.status, ResponseCode: tc.code}
		r := w.Read(came)
		if got := r.Type + " " + r.Status + " " + r.ResponseCode; got != tc.want {
			t.Errorf("%+v is read as %s, not as %s", came, got, tc.want)
		}
		if got := strings.Join(r.Raised(), ", "); got != tc.raised {
			t.Errorf("%+v is raised by %q, not by %q", came, got, tc.raised)
		}
		back := r.AsSaid()
		back.Said = Said{}
		if back != came {
			t.Errorf("%+v comes back as %+v", came, back)
		}
		if again := w.Read(r); again != r {
			t.Errorf("%+v is read twice, and differently: %+v", came, again)
		}
	}
}

// TestWordsCheck: no word means two things, and none that the gateway defines another one.
func TestWordsCheck(t *testing.T) {
	known := func(list, word string) string {
		if word == RecordDeclined {
			return RecordDeclined
		}
		return ""
	}
	for _, tc := range []struct {
		words Words
		want  string
	}{
		{Words{Paid: []string{"PAID"}, Declined: []string{"NO"}, TypePay: []string{"PAID"}}, ""},
		{Words{Declined: []string{RecordDeclined}}, ""},
		{Words{Paid: []string{RecordDeclined}}, "words.paid has \"DECLINED\", which the gateway"},
		{Words{Paid: []string{"X"}, Expired: []string{"X"}},
			"words.expired has \"X\", which is in words.paid too"},
		{Words{TypeVoid: []string{"X"}, TypeRefund: []string{"X"}}, "words.type_refund has"},
		{Words{CodeOK: []string{""}}, "words.code_ok has a word that is empty"},
		{Words{Pending: []string{strings.Repeat("x", 65)}}, "longer than 64 bytes"},
	} {
		var all []string
		for _, f := range tc.words.Check(known) {
			all = append(all, f.Error())
		}
		got := strings.Join(all, "\n")
		if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
			t.Errorf("%+v: %q", tc.words, got)
		}
	}
}
