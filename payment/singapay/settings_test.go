package singapay

import (
	"errors"
	"strings"
	"testing"

	"kiosk-agent/payment"
)

// TestSettingsCheck: a setting that could not work, or would give something that SingaPay defines
// another meaning, is refused under its key.
func TestSettingsCheck(t *testing.T) {
	nine := strings.Split("a,b,c,d,e,f,g,h,i", ",")
	for _, tc := range []struct {
		key, words string
		change     func(*Config)
	}{
		{"", "", func(c *Config) {
			c.Words = payment.Words{Paid: []string{"PAID", "success"}, Declined: []string{"failed"},
				CodeOK: []string{"SP100"}, TypeRefund: []string{"refund"}}
			c.Members.Status = []string{"data.transaction.state"}
			c.Events = Events{Link: []string{"payment-link-paid"}, Other: []string{"loyalty.new"}}
			c.Answers = Answers{Object: []string{"data.payment_link"}, List: []string{"data.data"}}
			c.Headers.Token = []string{"X-Forwarded-Authorization"}
			c.Reference = ReferencePlain
		}},
		{"singapay.words.paid", "defines", func(c *Config) { c.Words.Paid = []string{"pending"} }},
		{"singapay.words.paid", "defines", func(c *Config) { c.Words.Paid = []string{"open"} }},
		{"singapay.words.declined", "defines",
			func(c *Config) { c.Words.Declined = []string{"paid"} }},
		{"singapay.words.code_ok", "defines",
			func(c *Config) { c.Words.CodeOK = []string{"SP009"} }},
		{"singapay.words.type_refund", "defines",
			func(c *Config) { c.Words.TypeRefund = []string{"qris"} }},
		{"singapay.members.status", "none", func(c *Config) { c.Members.Status = []string{"a b"} }},
		{"singapay.members.status", "twice",
			func(c *Config) { c.Members.Status = []string{"a", "a"} }},
		{"singapay.members.made_id", "too many", func(c *Config) { c.Members.MadeID = nine }},
		{"singapay.members.attempt_status", "anyway",
			func(c *Config) { c.Members.AttemptStatus = []string{"status_computed"} }},
		{"singapay.answers.list", "anyway", func(c *Config) { c.Answers.List = []string{"data"} }},
		{"singapay.events.link", "another event",
			func(c *Config) { c.Events.Link = []string{"payment-link-inquiry"} }},
		{"singapay.events.other", "another event",
			func(c *Config) { c.Events.Other = []string{"settlement.refunded"} }},
		{"singapay.events.qr", "too",
			func(c *Config) { c.Events = Events{Link: []string{"x"}, QR: []string{"x"}} }},
		{"singapay.headers.token", "anyway",
			func(c *Config) { c.Headers.Token = []string{"x-signature"} }},
		{"singapay.headers.signature", "none",
			func(c *Config) { c.Headers.Signature = []string{"X Signature"} }},
		{"singapay.reference", "neither", func(c *Config) { c.Reference = "lower" }},
	} {
		cfg := testConfig()
		tc.change(&cfg)
		_, err := New(cfg)
		fault, _ := errors.AsType[*ConfigError](err)
		if tc.key == "" {
			if err != nil {
				t.Error(err)
			}
		} else if fault == nil || fault.Key != tc.key || !strings.Contains(fault.Problem,
			tc.words) {
			t.Errorf("%s: %v", tc.key, err)
		}
	}
}

// TestConfiguredWords: a site's word is read beside the table, SingaPay's own is kept with it, and
// in a notice it means nothing. AsSaid gives back a word that decides nothing.
func TestConfiguredWords(t *testing.T) {
	g := newGateway(t, func(c *Config) {
		c.Words = payment.Words{Paid: []string{"PAID", "SUCCESS"}, Declined: []string{"VOIDED"},
			Expired: []string{"LAPSED"}, Pending: []string{"NEW"}, TypePay: []string{"sale"},
			TypeRefund: []string{"refund"}}
	})
	for _, tc := range []struct{ stored, computed, want, said string }{
		{"PAID", "", "SUCCESS", "PAID"},
		{"SUCCESS", "", "SUCCESS", "singapay:SUCCESS"},
		{"paid", "", "SUCCESS", ""},
		{"PAID", "PAID", "SUCCESS", "PAID"},
		{"paid", "PAID", "SUCCESS", "paid/PAID"},
		{"PAID", "settled", "SUCCESS", "PAID/settled"},
		{"PAID", "expired", "SUCCESS", "PAID/expired"},
		{"NEW", "LAPSED", "EXPIRED", "NEW/LAPSED"},
		{"pending", "PAID", "singapay:pending/PAID", ""},
		{"PAID", "VOIDED", "singapay:PAID/VOIDED", ""},
		{"VOIDED", "", "DECLINED", "VOIDED"},
		{"Paid", "", "singapay:Paid", ""},
	} {
		var r payment.Record
		g.setStatus(&r, fromAttempt, stated{stored: tc.stored, computed: tc.computed})
		if r.Status != tc.want || r.Said.Status != tc.said {
			t.Errorf("%s/%s is %s, said %q", tc.stored, tc.computed, r.Status, r.Said.Status)
		}
		r.Type = payment.TypePay
		if r.Said.Status != "" && payment.Known(r.AsSaid()) {
			t.Errorf("%s as it was said decides: %s", tc.stored, r.AsSaid().Status)
		}
		r = payment.Record{}
		if g.setStatus(&r, fromNotice, stated{stored: tc.stored}); r.Status == "SUCCESS" ||
			r.Said.Status != "" {
			t.Errorf("a notice that says %s is %+v", tc.stored, r)
		}
	}
	for said, want := range map[string][2]string{`"type":"pl"`: {payment.TypePay},
		`"type":null`: {payment.TypePay}, `"type":"sale"`: {payment.TypePay, "sale"},
		`"type":"refund"`: {payment.TypeRefund, "refund"}, `"type":"other"`: {"other"},
		`"type":"PAY"`: {"singapay:PAY"}} {
		records, err := g.Open(delivery(with(t, paidLink, `"type":"pl"`, said)))
		if err != nil || len(records) != 1 || records[0].Type != want[0] ||
			records[0].Said.Type != want[1] {
			t.Errorf("%s: %+v, %v", said, records, err)
		}
	}
}

// TestFurtherNames: each value of a transaction is read under another name, and refused with its
// key where two of its names are there, or none.
func TestFurtherNames(t *testing.T) {
	tr := func(name string) string { return "data.transaction." + name }
	for _, tc := range []struct {
		key, from, to, twice string
		set                  func(*Members)
	}{
		{"status", `"status":"paid"`, `"state":"paid"`, `"status":"paid","state":"paid"`,
			func(m *Members) { m.Status = []string{tr("state"), "data.word"} }},
		{"transaction_ref", `"reff_no":"189177`, `"no":"189177`,
			`"no":"1","reff_no":"189177`,
			func(m *Members) { m.TransactionRef = []string{tr("no")} }},
		{"merchant_ref", `"reff_no":"` + ref, `"ref":"` + ref, `"ref":"x","reff_no":"` + ref,
			func(m *Members) {
				m.MerchantRef = []string{"data.payment.additional_info.payment_link.ref"}
			}},
		{"amount", `"value":"50000.00"`, `"paid":"50000.00"`, `"paid":"1","value":"50000.00"`,
			func(m *Members) { m.Amount = []string{tr("amount.paid")} }},
		{"currency", `"currency":"IDR"`, `"code":"IDR"`, `"code":"USD","currency":"IDR"`,
			func(m *Members) { m.Currency = []string{tr("amount.code")} }},
	} {
		t.Run(tc.key, func(t *testing.T) {
			g := newGateway(t, func(c *Config) { tc.set(&c.Members) })
			for _, body := range []string{paidLink, with(t, paidLink, tc.from, tc.to)} {
				records, err := g.Open(delivery(body))
				if err != nil {
					t.Fatal(err)
				}
				wantSame(t, []payment.Record{paidRecord}, records)
			}
			_, err := g.Open(delivery(with(t, paidLink, tc.from, tc.twice)))
			wantReason(t, err, ReasonField)
			records, err := newGateway(t).Open(delivery(with(t, paidLink, tc.from, tc.to)))
			if len(records) == 1 { // money that cannot be read is evidence all the same
				if r := records[0]; r.Amount > 0 && r.Currency == "IDR" {
					t.Errorf("%+v", r)
				}
				return
			}
			e, _ := errors.AsType[*OpenError](err)
			if e == nil || !strings.Contains(e.Cure(), "singapay.members."+tc.key) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestWhoseCode: a code's transaction that says it has no reference of ours is somebody else's,
// under whichever name; one that says nothing of it may be ours, and is parked.
func TestWhoseCode(t *testing.T) {
	renamed := func(c *Config) { c.Members.MerchantRef = []string{"data.transaction.partner"} }
	for _, tc := range []struct {
		to   string
		set  func(*Config)
		want string // status, "" = passed over, or a reason
	}{
		{`"merchant_reff_no":null`, func(*Config) {}, ""},
		{`"merchant_reff_no":null`, renamed, ""},
		{`"partner":null`, renamed, ""},
		{`"partner":"` + ref + `"`, renamed, payment.RecordSuccess},
		{`"partner":"` + ref + `"`, func(*Config) {}, string(ReasonField)},
		{`"other":1`, renamed, string(ReasonField)},
	} {
		g := newGateway(t, tc.set)
		records, err := g.Open(delivery(with(t, paidQR, `"merchant_reff_no":"`+ref+`"`, tc.to)))
		got := ""
		if e, refused := errors.AsType[*OpenError](err); refused {
			got = string(e.Reason)
		} else if len(records) == 1 {
			got = records[0].Status
		}
		if got != tc.want {
			t.Errorf("%s: %q, not %q", tc.to, got, tc.want)
		}
	}
}

// TestFurtherEvents: an event that is not known is a transaction only where the configuration says
// which, and its name is told.
func TestFurtherEvents(t *testing.T) {
	link := with(t, with(t, with(t, paidLink, `"payment-link-transaction"`, `"link.paid"`),
		`"type":"pl"`, `"type":null`), `"method":"payment_link"`, `"method":null`)
	code := with(t, paidQR, `"qris-acquirer-transaction"`, `"qr.paid"`)
	g := newGateway(t, func(c *Config) {
		c.Events = Events{Link: []string{"link.paid"}, QR: []string{"qr.paid"},
			Other: []string{"points"}}
	})
	for _, body := range []string{link, code} {
		if records, err := g.Open(delivery(body)); err != nil || len(records) != 1 ||
			records[0].Status != payment.RecordSuccess {
			t.Errorf("%+v, %v", records, err)
		}
		_, err := newGateway(t).Open(delivery(body))
		wantReason(t, err, ReasonEvent)
		if e, _ := errors.AsType[*OpenError](err); e == nil || !strings.HasSuffix(e.Detail,
			".paid") ||
			!strings.Contains(e.Cure(), "singapay.events.link") {
			t.Errorf("%v", err)
		}
	}
	if records, err := g.Open(delivery(`{"event":"points","data":{}}`)); err != nil ||
		records != nil {
		t.Errorf("%v, %v", records, err)
	}
	// a payment link's transaction is one, whatever the event is said to be
	records, err := g.Open(delivery(with(t, paidLink, `"payment-link-transaction"`, `"points"`)))
	if err != nil || len(records) != 1 {
		t.Errorf("%v, %v", records, err)
	}
}

// TestFurtherHeaders: what is signed may be carried otherwise, and is signed all the same.
func TestFurtherHeaders(t *testing.T) {
	rename := func(from, to string) func(payment.Envelope) {
		return func(e payment.Envelope) { e.Headers[to] = e.Headers[from]; delete(e.Headers, from) }
	}
	const token = "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6"
	for _, tc := range []struct {
		name   string
		e      payment.Envelope
		change func(payment.Envelope)
		set    Headers
		detail string
	}{
		{"another name of the signature", delivery(paidLink), rename("X-Signature", "X-Sig"),
			Headers{Signature: []string{"x-sig"}}, "no single X-Signature"},
		{"another name of the time", delivery(paidLink), rename("X-Timestamp", "X-Time"),
			Headers{Timestamp: []string{"X-Time"}}, "no single X-Timestamp"},
		{"a proxy that takes Authorization", delivery(paidLink),
			rename("Authorization", "X-Forwarded-Authorization"),
			Headers{Token: []string{"X-Forwarded-Authorization"}}, "no single Authorization"},
		{"no Bearer", delivery(paidLink),
			func(e payment.Envelope) { e.Headers["Authorization"] = []string{token} },
			Headers{BareToken: true}, "Authorization"},
		{"milliseconds", withTime(signedBy(canary, hookPath, "1792126800000", paidLink)),
			func(payment.Envelope) {}, Headers{OtherTimes: true}, "milliseconds or ISO 8601"},
		{"ISO 8601", withTime(signedBy(canary, hookPath, "2026-10-16T12:00:00+07:00", paidLink)),
			func(payment.Envelope) {}, Headers{OtherTimes: true}, "milliseconds or ISO 8601"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.change(tc.e)
			_, err := newGateway(t).Open(tc.e)
			if e, _ := errors.AsType[*OpenError](err); e == nil || e.Detail != tc.detail ||
				errors.Is(err, payment.ErrJunk) || !strings.Contains(e.Cure(),
				"singapay.headers.") {
				t.Errorf("without the setting: %v", err)
			}
			g := newGateway(t, func(c *Config) { c.Headers = tc.set })
			records, err := g.Open(tc.e)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, []payment.Record{paidRecord}, records)
			tc.e.Body = []byte(strings.Replace(paidLink, "50000.00", "50001.00", 1))
			_, err = g.Open(tc.e)
			wantReason(t, err, ReasonSignature)
		})
	}
}

func withTime(e payment.Envelope) payment.Envelope {
	e.ReceivedAt = noon
	return e
}
