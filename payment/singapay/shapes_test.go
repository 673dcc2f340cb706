package singapay

import (
	"strings"
	"testing"

	"kiosk-agent/payment"
)

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
		{"two lists", listed(used), older(`{"a":[` + attempt + `],"b":[]}`),
			Answers{List: []string{"data.a", "data.b"}}, nil, "two lists are there",
			"singapay.answers"},
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

// TestAttemptsWithoutAName: an attempt of ours of which a value is missing, or there twice, is no
// silence, and the failure names the key.
func TestAttemptsWithoutAName(t *testing.T) {
	for _, tc := range []struct {
		key, from, to string
		set           func(*Config)
	}{
		{"attempt_status", `"status":"paid","status_computed":"paid"`, `"state":"paid"`,
			func(c *Config) { c.Members.AttemptStatus = []string{"state"} }},
		{"attempt_link", `"payment_link_reff_no"`, `"owner"`,
			func(c *Config) { c.Members.AttemptLink = []string{"owner"} }},
		{"attempt_ref", `"reff_no":"189177`, `"no":"189177`,
			func(c *Config) { c.Members.AttemptRef = []string{"no"} }},
		{"attempt_status", `"status":"paid"`, `"status":"paid","word":"pending"`,
			func(c *Config) { c.Members.AttemptStatus = []string{"state"} }},
	} {
		s := shop(t, list(used), list(with(t, attempt, tc.from, tc.to)), nil)
		without := s.gateway(t).Query(t.Context(), ref)
		twice := strings.Contains(tc.to, "word")
		if !twice && !strings.Contains(without.Failure, "singapay.members."+tc.key) {
			t.Errorf("%s: %+v", tc.key, without)
		}
		if a := s.gateway(t, tc.set).Query(t.Context(), ref); len(a.Records) != 1 ||
			a.Records[0].Status != payment.RecordSuccess {
			t.Errorf("%s: %+v", tc.key, a)
		}
		if twice {
			a := s.gateway(t, func(c *Config) { c.Members.AttemptStatus = []string{"word"} }).Query(
				t.Context(), ref)
			if !strings.Contains(a.Failure, "singapay.members.attempt_status") {
				t.Errorf("two words: %+v", a)
			}
		}
	}
}
