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

// TestAnswerShapes: a list under another place, as one object or without pages is read, and silence
// is believed only where the whole of it was seen.
func TestAnswerShapes(t *testing.T) {
	laravel := func(element string) string {
		return older(`{"current_page":1,"data":[` + element + `],"last_page":1,"total":1}`)
	}
	bare := func(elements ...string) string {
		return older("[" + strings.Join(elements, ",") +
			"]")
	}
	paid := []payment.Record{queriedRecord}
	set := func(a Answers) func(*Config) { return func(c *Config) { c.Answers = a } }
	for _, tc := range []struct {
		name        string
		links, hist string
		set         Answers
		records     []payment.Record
		failure     string // what is left of doubt with the setting; "" = none
		without     string
	}{
		{"wrapped by Laravel", laravel(used), laravel(attempt),
			Answers{List: []string{"data.data"}},
			paid, "", "singapay.answers"},
		{"wrapped, and nothing in it", laravel(created),
			older(`{"current_page":1,"data":[],"last_page":1,"total":0}`),
			Answers{List: []string{"data.data"}}, nil, "", "singapay.answers"},
		{"wrapped, and cut", laravel(created),
			older(`{"current_page":1,"data":[],"last_page":1,"total":7}`),
			Answers{List: []string{"data.data"}}, nil, "less elements", "singapay.answers"},
		{"one object", listed(used), older(attempt), Answers{Single: true}, paid, "",
			"singapay.answers"},
		{"one object that is no payment", listed(created),
			older(strings.ReplaceAll(attempt, `"paid"`, `"pending"`)), Answers{Single: true}, nil,
			"the same page again", "singapay.answers"},
		{"a list with holes", listed(used), older(`{"3":` + attempt + `}`), Answers{Single: true},
			paid, "", "singapay.answers"},
		{"no pages, and nothing paid", bare(created),
			bare(strings.ReplaceAll(attempt, `"paid"`, `"failed"`)), Answers{Unpaged: true},
			[]payment.Record{func() payment.Record {
				r := queriedRecord
				r.Status, r.PaidAt = payment.RecordDeclined, r.PaidAt.AddDate(-9999, 0, 0)
				return r
			}()}, "", "singapay.answers.unpaged"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			s.on(linksRoute, says(200, tc.links))
			s.on(historyRoute, says(200, tc.hist))
			s.on(codesRoute, says(200, listed()))
			if a := s.gateway(t).Query(t.Context(), ref); !strings.Contains(a.Failure,
				tc.without) ||
				a.Failure == "" {
				t.Errorf("without the setting: %+v", a)
			}
			a := s.gateway(t, set(tc.set)).Query(t.Context(), ref)
			if tc.failure != "" {
				if !strings.Contains(a.Failure, tc.failure) {
					t.Errorf("%+v", a)
				}
				return
			}
			if a.Failure != "" || len(a.Records) != len(tc.records) ||
				len(a.Records) == 1 && a.Records[0].Status != tc.records[0].Status {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestUnpagedProves: the same page again is an end only where it cannot be the beginning of more.
func TestUnpagedProves(t *testing.T) {
	element := func(n, days int) any {
		return object{"id": strings.Repeat("1", n+1),
			"created_at": noon.AddDate(0, 0, -days).Format(iso)}
	}
	many := func(n, step int) (list []any) {
		for i := range n {
			list = append(list, element(i, i*step))
		}
		return list
	}
	for _, tc := range []struct {
		list    []any
		unpaged bool
		end     bool
	}{{many(3, 0), true, true}, {many(3, 0), false, false}, {many(9, 0), true, true},
		{many(10, 0), true, false}, {many(20, 0), true, false}, {many(20, 2), true, true}} {
		w := walk{since: noon.AddDate(0, 0, -30), seen: map[string]bool{}, descending: true,
			dated: true, unpaged: tc.unpaged}
		if end, problem := w.page(1, tc.list, nil); end || problem != "" {
			t.Fatalf("%v, %s", end, problem)
		}
		if end, _ := w.page(2, tc.list, nil); end != tc.end {
			t.Errorf("%d elements, unpaged %v: end %v", len(tc.list), tc.unpaged, end)
		}
	}
}

// TestPlainReference: SingaPay gets our reference without the dash, and it is ours in any case.
func TestPlainReference(t *testing.T) {
	g := newGateway(t, func(c *Config) { c.Reference = ReferencePlain })
	plain := strings.ReplaceAll(ref, "-", "")
	if got := g.sent(ref); got != plain {
		t.Errorf("sent as %s", got)
	}
	for _, said := range []string{plain, strings.ToLower(plain), ref, strings.ToLower(ref)} {
		if got := g.ours(said); got != ref {
			t.Errorf("%s is %s", said, got)
		}
	}
	for _, said := range []string{"", "INV-1", plain[1:], plain + "X", plain[:8] + "9" +
		plain[9:]} {
		if got := g.ours(said); got != said {
			t.Errorf("%s is %s", said, got)
		}
	}
	records, err := g.Open(delivery(with(t, paidLink, `"reff_no":"`+ref,
		`"reff_no":"`+strings.ToLower(plain))))
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, []payment.Record{paidRecord}, records)
	if got := newGateway(t).sent(ref); got != ref {
		t.Errorf("without the key: %s", got)
	}
}

// TestMadeOtherwise: a link or code that is made under other names or in another place is refused
// with the key that mends it, and shown with that.
func TestMadeOtherwise(t *testing.T) {
	for _, tc := range []struct {
		key, from, to string
		set           func(*Config)
	}{
		{"singapay.members.made_id", `"id":189`, `"link_id":189`,
			func(c *Config) { c.Members.MadeID = []string{"link_id"} }},
		{"singapay.members.made_ref", `"reff_no":"` + ref, `"reference":"` + ref,
			func(c *Config) { c.Members.MadeRef = []string{"reference"} }},
		{"singapay.members.made_amount", `"total_amount":`, `"amount":`,
			func(c *Config) { c.Members.MadeAmount = []string{"amount"} }},
		{"singapay.members.payment_url", `"payment_url":`, `"url":`,
			func(c *Config) { c.Members.PaymentURL = []string{"url"} }},
		{"singapay.reference", `"reff_no":"` + ref, `"reff_no":"` + strings.ReplaceAll(ref, "-",
			""),
			func(c *Config) { c.Reference = ReferencePlain }},
	} {
		t.Run(tc.key, func(t *testing.T) {
			s := newSite(t)
			s.on("POST "+linkPath+accountID, says(200, older(with(t, created, tc.from, tc.to))))
			s.on("PUT "+updatePath+"189", says(200, older(created)))
			if a := s.gateway(t).Mint(t.Context(), mintRequest()); !strings.Contains(a.Failure,
				tc.key) {
				t.Errorf("without the key: %+v", a)
			}
			if a := s.gateway(t, tc.set).Mint(t.Context(), mintRequest()); a.Failure != "" {
				t.Errorf("with it: %+v", a)
			}
		})
	}
	s := newSite(t)
	s.on("POST "+linkPath+accountID, says(200, older(`{"payment_link":`+created+`}`)))
	if a := s.gateway(t).Mint(t.Context(),
		mintRequest()); !strings.Contains(a.Failure, "singapay.answers.object") {
		t.Errorf("%+v", a)
	}
	if a := s.gateway(t, func(c *Config) {
		c.Answers.Object = []string{"data.payment_link"}
	}).Mint(t.Context(), mintRequest()); a.Failure != "" {
		t.Errorf("%+v", a)
	}
}
