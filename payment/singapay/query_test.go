package singapay

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

const (
	linksRoute   = "GET " + managePath + accountID
	historyRoute = "GET " + historyPath + accountID
	codesRoute   = "GET " + qrPath + accountID
	oneRoute     = "GET " + linkPath + "189"
	showRoute    = "GET " + qrPath + accountID + "/show/42"
)

// used is the link after its payment; attempt its attempt, as the documents have it.
var used = strings.Replace(created, `"current_usage":0`, `"current_usage":1`, 1)

const attempt = `{"id":991,"reff_no":"18917720261016120000705","payment_link_reff_no":"` + ref +
	`","payment_method_name":"VA BRI","payment_method_value":"8887776665554443",` +
	`"payment_method_additional":"{\"retail_code\":\"x\"}","amount":"50000.00","status":"paid",` +
	`"status_computed":"paid","is_expired":false,"payment_date":"2026-10-16T11:59:59+07:00",` +
	`"expired_at":"2026-10-16T12:03:30+07:00",` +
	`"balance_after":"1000000.00",` +
	`"customer_name":"Pelanggan","customer_email":"payer@example.com",` +
	`"customer_phone":"080000000000","has_settle":false,"settle_at":null,` +
	`"optional_metadata":null,"created_at":"2026-10-16T11:58:00+07:00"}`

var queriedRecord = func() payment.Record {
	r := paidRecord
	r.Scheme = "VA BRI"
	return r
}()

// shop is a site whose lists have these elements.
func shop(t *testing.T, links, attempts, codes []string) *site {
	s := newSite(t)
	s.on(linksRoute, says(200, listed(links...)))
	s.on(historyRoute, says(200, listed(attempts...)))
	s.on(codesRoute, says(200, listed(codes...)))
	return s
}

func list(elements ...string) []string { return elements }

func TestQueryLink(t *testing.T) {
	pending := with(t, with(t, attempt, `"status":"paid"`, `"status":"pending"`),
		`"status_computed":"paid"`, `"status_computed":"pending"`)
	expired := with(t, pending, `"status_computed":"pending"`, `"status_computed":"expired"`)
	failed := with(t, with(t, attempt, `"status":"paid"`, `"status":"failed"`),
		`"status_computed":"paid"`, `"status_computed":"failed"`)
	other := with(t, with(t, attempt, ref, "OTHER"), "991", "992")
	again := with(t, attempt, "991", "990")
	nameless := with(t, attempt, `"payment_link_reff_no":"`+ref+`",`, "")
	record := func(change func(*payment.Record)) []payment.Record {
		r := queriedRecord
		if change != nil {
			change(&r)
		}
		if r.Status != payment.RecordSuccess {
			r.PaidAt = time.Time{}
		}
		return []payment.Record{r}
	}
	said := func(word string) []payment.Record {
		return record(func(r *payment.Record) { r.Status = word })
	}
	doubt := "HTTP 200, an attempt that may be this link's does not name its link: see " +
		"singapay.members.attempt_link"
	usedUnpaid := "HTTP 200, the link was used, but no attempt to pay it says paid"
	for _, tc := range []struct {
		name            string
		links, attempts []string
		want            payment.QueryAnswer
	}{
		{"paid", list(used), list(other, attempt), payment.QueryAnswer{Records: record(nil)}},
		{"paid, and the link does not count it yet", list(created), list(attempt),
			payment.QueryAnswer{Records: record(nil)}},
		{"paid, and the link is not listed", nil, list(attempt),
			payment.QueryAnswer{Records: record(nil)}},
		{"settled", list(used), list(strings.ReplaceAll(attempt, `"paid"`, `"settled"`)),
			payment.QueryAnswer{Records: record(nil)}},
		{"twice in the list", list(used), list(attempt, attempt),
			payment.QueryAnswer{Records: record(nil)}},
		{"two attempts under one reference", list(used), list(attempt, with(t, again,
			"11:59:59", "11:58:59")), payment.QueryAnswer{Records: append(record(nil), record(
			func(r *payment.Record) { r.PaidAt = r.PaidAt.Add(-time.Minute) })...)}},
		{"amount as a number", list(used), list(with(t, attempt, `"50000.00"`, `50000`)),
			payment.QueryAnswer{Records: record(nil)}},
		{"another amount", list(used), list(with(t, attempt, `"50000.00"`, `"49999.50"`)),
			payment.QueryAnswer{Records: record(
				func(r *payment.Record) { r.Amount = 4_999_950 })}},
		{"another currency", list(used),
			list(with(t, attempt, `"amount"`, `"currency":"USD","amount"`)), payment.QueryAnswer{
				Records: record(func(r *payment.Record) { r.Currency = "USD" })}},
		{"a currency that is none", list(used),
			list(with(t, attempt, `"amount"`, `"currency":7,"amount"`)), payment.QueryAnswer{
				Records: record(func(r *payment.Record) { r.Currency = "?" })}},
		{"a channel with a number in it", list(used),
			list(with(t, attempt, `VA BRI`, `VA 88877766`)), payment.QueryAnswer{
				Records: record(func(r *payment.Record) { r.Scheme = "" })}},
		{"a channel with an address in it", list(used),
			list(with(t, attempt, `VA BRI`, `OVO siti@canary`)), payment.QueryAnswer{
				Records: record(func(r *payment.Record) { r.Scheme = "" })}},
		{"a channel that is a text", list(used),
			list(with(t, attempt, `VA BRI`, strings.Repeat("VA ", 14))), payment.QueryAnswer{
				Records: record(func(r *payment.Record) { r.Scheme = "" })}},
		{"no date", list(used), list(with(t, attempt, `"2026-10-16T11:59:59+07:00"`, `null`)),
			payment.QueryAnswer{Records: record(
				func(r *payment.Record) { r.PaidAt = time.Time{} })}},
		{"the link's reference in an object", list(used),
			list(with(t, nameless, `"id":991`, `"id":991,"payment_link":{"reff_no":"`+ref+`"}`)),
			payment.QueryAnswer{Records: record(nil)}},
		{"nobody has tried", list(created), list(other), payment.QueryAnswer{}},
		{"pending", list(created), list(pending),
			payment.QueryAnswer{Records: said(payment.RecordSent)}},
		{"expired by the clock", list(created), list(expired),
			payment.QueryAnswer{Records: said(payment.RecordExpired)}},
		{"failed", list(created), list(failed),
			payment.QueryAnswer{Records: said(payment.RecordDeclined)}},
		{"a new word", list(created), list(
			with(t, failed, `"status":"failed","status_computed":"failed"`,
				`"status":"held","status_computed":"held"`)),
			payment.QueryAnswer{Records: said("singapay:held")}},
		{"two words that disagree", list(created),
			list(with(t, attempt, `"status":"paid"`, `"status":"failed"`)),
			payment.QueryAnswer{Records: said("singapay:failed/paid")}},
		{"failed, then paid", list(used),
			list(attempt, with(t, with(t, failed, "991", "990"), "0705", "0704")),
			payment.QueryAnswer{Records: append(record(nil), record(func(r *payment.Record) {
				r.Status, r.TransactionRef = payment.RecordDeclined, "18917720261016120000704"
			})...)}},
		{"used, without an attempt", list(used), nil, payment.QueryAnswer{Failure: usedUnpaid}},
		{"used, and the attempt is pending", list(used), list(pending),
			payment.QueryAnswer{Failure: usedUnpaid}},
		{"usage not stated", list(with(t, created, `"current_usage":0,`, "")), nil,
			payment.QueryAnswer{Failure: "HTTP 200, the link does not say whether it was used: " +
				"see singapay.members.made_usage"}},
		{"paid, but whose", list(created), list(nameless), payment.QueryAnswer{Failure: doubt}},
		{"a new word, but whose", list(created),
			list(strings.ReplaceAll(nameless, `"paid"`, `"held"`)),
			payment.QueryAnswer{Failure: doubt}},
		{"paid, but whose, and no link", nil, list(nameless), payment.QueryAnswer{Failure: doubt}},
		{"paid by another link, to judge by its number", list(created),
			list(with(t, nameless, "189177", "230177")), payment.QueryAnswer{}},
		{"pending, whosever it is", list(created),
			list(with(t, pending, `"payment_link_reff_no":"`+ref+`",`, "")), payment.QueryAnswer{}},
		{"attempt without a reference", list(used),
			list(with(t, attempt, `"18917720261016120000705"`, "null")),
			payment.QueryAnswer{Failure: "HTTP 200, an attempt has no reff_no: " +
				"see singapay.members.attempt_ref"}},
		{"no such link", list(with(t, created, ref, "OTHER")), nil,
			payment.QueryAnswer{NotFound: true}},
		{"link without an id", list(with(t, created, `"id":189,`, "")), nil,
			payment.QueryAnswer{Failure: "HTTP 200, a link has no id: see " +
				"singapay.members.made_id"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := shop(t, tc.links, tc.attempts, nil)
			tc.want.HTTPStatus = 200
			wantSame(t, tc.want, s.gateway(t).Query(t.Context(), ref))
		})
	}
}

// TestQueryAsks: what goes out, after a restart and with an id in memory.
func TestQueryAsks(t *testing.T) {
	s := shop(t, list(used), list(attempt), nil)
	s.on(oneRoute, says(200, newer(used)))
	g := s.gateway(t)
	for range 2 {
		if a := g.Query(t.Context(), ref); a.Failure != "" {
			t.Fatal(a.Failure)
		}
	}
	var lines []string
	for _, r := range s.requests() {
		line, err := url.QueryUnescape(r.line)
		if err != nil || r.body != "" || r.header.Get("Content-Type") != "" {
			t.Errorf("%+v, %v", r, err)
		}
		lines = append(lines, line)
	}
	// The window is the link's own, by SingaPay's clock, an hour wider at both ends.
	histories := historyRoute + "?created_at_from=2026-10-16T11:00:00+07:00&" +
		"created_at_to=2026-10-16T13:03:30+07:00&page=1&per_page=100&sort_by=id&sort_order=desc"
	wantSame(t, []string{linksRoute + "?page=1&per_page=100", histories, oneRoute, histories},
		lines)

	// A link that is not listed any more: the reference says when it was made, and that clock is
	// not believed within two days.
	s = shop(t, nil, nil, nil)
	s.gateway(t).Query(t.Context(), ref)
	line, _ := url.QueryUnescape(s.requests()[1].line)
	wantSame(t, historyRoute+"?created_at_from=2026-10-14T11:45:00+07:00&"+
		"page=1&per_page=100&sort_by=id&sort_order=desc", line)
}

func TestSince(t *testing.T) {
	g := newGateway(t)
	for ref, want := range map[string]time.Time{
		ref:                                   noon.Add(-15*time.Minute - clockSlack),
		"KIOSK001-7ZZZZZZZZZZZZZZZZZZZZZZZZZ": noon.Add(-clockSlack),
		"KIOSK001-00000000000000000000000000": time.UnixMilli(0).Add(-clockSlack),
		"R-1":                                 noon.Add(-longestWatch),
		"R":                                   noon.Add(-longestWatch),
	} {
		if got := g.since(ref); !got.Equal(want) {
			t.Errorf("%s: %s, want %s", ref, got, want)
		}
	}
}

// TestQueryMemory: what is remembered is a hint; a link that is not there, or not ours, is looked
// for.
func TestQueryMemory(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   payment.QueryAnswer
		asks   int
	}{
		{"found", 200, newer(used), payment.QueryAnswer{HTTPStatus: 200,
			Records: []payment.Record{queriedRecord}}, 2},
		{"gone", 404, `{"status":404,"success":false}`,
			payment.QueryAnswer{HTTPStatus: 200, Records: []payment.Record{queriedRecord}}, 3},
		{"gone, by its code", 200, `{"response_code":"SP014"}`,
			payment.QueryAnswer{HTTPStatus: 200, Records: []payment.Record{queriedRecord}}, 3},
		{"no such transaction", 400, `{"response_code":"SP009"}`,
			payment.QueryAnswer{HTTPStatus: 200, Records: []payment.Record{queriedRecord}}, 3},
		{"another's", 200, newer(strings.ReplaceAll(used, ref, "OTHER")),
			payment.QueryAnswer{HTTPStatus: 200, Records: []payment.Record{queriedRecord}}, 3},
		{"no answer", 500, "", payment.QueryAnswer{HTTPStatus: 500, Failure: "HTTP 500"}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := shop(t, list(used), list(attempt), nil)
			s.on(oneRoute, says(tc.status, tc.body))
			g := s.gateway(t)
			g.seen.put(linkPrefix, ref, "189")
			wantSame(t, tc.want, g.Query(t.Context(), ref))
			if n := len(s.requests()); n != tc.asks {
				t.Errorf("%d requests", n)
			}
		})
	}
	m := newMemory()
	for i := range 3 * maxSeen {
		m.put(linkPrefix, strings.Repeat("x", i), "1")
	}
	if len(m.ids) != maxSeen || m.get(linkPrefix, strings.Repeat("x", 3*maxSeen-1)) != "1" ||
		m.get(qrPrefix, "x") != "" {
		t.Errorf("%d are remembered", len(m.ids))
	}
}

func TestQueryCode(t *testing.T) {
	paid := with(t, createdCode, `"status":"open","status_computed":"open"`,
		`"status":"paid","status_computed":"paid","payment_date":"2026-10-16T11:59:59+07:00"`)
	record := func(change func(*payment.Record)) []payment.Record {
		r := paidCode
		change(&r)
		if r.Status != payment.RecordSuccess {
			r.PaidAt = time.Time{}
		}
		return []payment.Record{r}
	}
	for _, tc := range []struct {
		name, code string
		want       payment.QueryAnswer
	}{
		{"paid", paid, payment.QueryAnswer{Records: []payment.Record{paidCode}}},
		{"settled", strings.ReplaceAll(paid, `"paid"`, `"settled"`),
			payment.QueryAnswer{Records: []payment.Record{paidCode}}},
		{"open", createdCode, payment.QueryAnswer{
			Records: record(func(r *payment.Record) { r.Status = payment.RecordSent })}},
		{"open in store, and over", with(t, createdCode, `"status_computed":"open"`,
			`"status_computed":"expired"`),
			payment.QueryAnswer{Records: record(
				func(r *payment.Record) { r.Status = payment.RecordExpired })}},
		{"a new word", strings.ReplaceAll(createdCode, `"open"`, `"held"`),
			payment.QueryAnswer{Records: record(
				func(r *payment.Record) { r.Status = "singapay:held" })}},
		{"with a tip", with(t, paid, `"total_amount":50000`, `"total_amount":"51000.00"`),
			payment.QueryAnswer{Records: record(func(r *payment.Record) { r.Amount = 5_100_000 })}},
		{"without a reference of SingaPay's",
			with(t, paid, `"6601K62BH34X445J046C4W5249E6"`, "null"),
			payment.QueryAnswer{Failure: "HTTP 200, the code has no reff_no"}},
		{"another's", with(t, paid, `"merchant_reff_no":"`+ref+`"`, `"merchant_reff_no":null`),
			payment.QueryAnswer{NotFound: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.HTTPStatus = 200
			s := shop(t, nil, nil, list(tc.code))
			s.on(showRoute, says(200, older(tc.code)))
			g := s.gateway(t, inModeQR)
			wantSame(t, tc.want, g.Query(t.Context(), ref))
			g.seen.put(qrPrefix, ref, "42")
			wantSame(t, tc.want, g.Query(t.Context(), ref))
			if tc.want.NotFound {
				return
			}
			sent := s.requests()
			wantSame(t, []string{codesRoute + "?page=1&per_page=100", showRoute},
				[]string{sent[0].line, sent[1].line})
		})
	}
}

// TestQueryBothWays: a payment that was made in the other mode is found, and one does not exist
// only when neither list has it.
func TestQueryBothWays(t *testing.T) {
	paid := with(t, createdCode, `"status":"open","status_computed":"open"`, `"status":"paid"`)
	if a := shop(t, nil, nil, list(paid)).gateway(t).Query(t.Context(), ref); len(a.Records) != 1 ||
		!isPaid(a.Records[0]) {
		t.Errorf("%+v", a)
	}
	if a := shop(t, list(used), list(attempt), nil).gateway(t, inModeQR).Query(t.Context(),
		ref); len(a.Records) != 1 || !isPaid(a.Records[0]) {
		t.Errorf("%+v", a)
	}
	for _, tc := range []struct {
		status int
		body   string
		want   payment.QueryAnswer
	}{
		{200, listed(), payment.QueryAnswer{HTTPStatus: 200, NotFound: true}},
		// not this merchant's product
		{403, `{"response_code":"SP015"}`, payment.QueryAnswer{HTTPStatus: 200, NotFound: true}},
		{403, `{"response_code":"SP017"}`,
			payment.QueryAnswer{HTTPStatus: 403, Failure: "HTTP 403, SP017: this machine's " +
				"public IP address is not registered in the SingaPay dashboard"}},
		{404, `{"status":404,"success":false}`,
			payment.QueryAnswer{HTTPStatus: 404, Failure: "HTTP 404"}},
		{500, ``, payment.QueryAnswer{HTTPStatus: 500, Failure: "HTTP 500"}},
	} {
		s := shop(t, nil, nil, nil)
		s.on(codesRoute, says(tc.status, tc.body))
		wantSame(t, tc.want, s.gateway(t).Query(t.Context(), ref))
	}
}

func TestQueryDoesNotAsk(t *testing.T) {
	s := newSite(t)
	for _, ref := range []string{"", strings.Repeat("R", MaxRef+1), "R 1", "R/1", "R\x00", "é"} {
		wantSame(t, payment.QueryAnswer{
			Failure: "the merchant reference is not 1 to 40 letters, digits, dots, dashes and " +
				"underscores"}, s.gateway(t).Query(t.Context(), ref))
	}
	if len(s.requests())+s.tokens() != 0 {
		t.Error("asked")
	}
}
