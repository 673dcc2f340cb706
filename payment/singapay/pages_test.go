package singapay

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// paged answers with one page after the other, each with what stands beside it; beyond the last it
// is empty.
func paged(beside func(page int) string, pages ...[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("page"))
		var elements []string
		if n >= 1 && n <= len(pages) {
			elements = pages[n-1]
		}
		says(200, `{"status":200,"success":true,"data":[`+strings.Join(elements, ",")+`]`+beside(n)+
			`}`)(w, r)
	}
}

// stranger is somebody else's attempt, so many minutes before noon.
func stranger(number, minutes int) string {
	at := noon.Add(-time.Duration(minutes) * time.Minute).Format(iso)
	return fmt.Sprintf(`{"id":%d,"reff_no":"77%d","payment_link_reff_no":"OTHER",`+
		`"status":"paid","amount":1,"created_at":"%s"}`, number, number, at)
}

func nothing(int) string { return "" }

func byCount(pages int, total string) func(int) string {
	return func(n int) string {
		return fmt.Sprintf(
			`,"pagination":{"total":%s,"count":1,"per_page":1,"current_page":%d,"total_pages":%d}`,
			total, n, pages)
	}
}

// TestPages: an answer without a payment needs a list that was read to an end that proves itself.
func TestPages(t *testing.T) {
	const days = 24 * 60
	found := payment.QueryAnswer{HTTPStatus: 200, Records: []payment.Record{queriedRecord}}
	empty := payment.QueryAnswer{HTTPStatus: 200}
	failure := func(why string) payment.QueryAnswer {
		return payment.QueryAnswer{HTTPStatus: 200, Failure: "HTTP 200, " + why}
	}
	var many [][]string
	for i := range maxPages + 1 {
		many = append(many, list(stranger(5000-i, 1)))
	}
	a, b := list(stranger(9, 1)), list(stranger(8, 2))
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		want   payment.QueryAnswer
		asks   int
	}{
		{"one page by its count", paged(byCount(1, "1"), a), empty, 1},
		{"on the third page", paged(byCount(3, "3"), a, b, list(attempt)), found, 3},
		{"counted in the other spelling", paged(func(n int) string {
			return fmt.Sprintf(
				`,"pagination":{"total":2,"perPage":1,"currentPage":%d,"totalPages":2,"links":{}}`,
				n)
		}, a, list(attempt)), found, 2},
		{"counted as meta", paged(func(n int) string {
			return fmt.Sprintf(`,"meta":{"current_page":%d,"last_page":2,"total":2}`, n)
		}, a, list(attempt)), found, 2},
		{"counted as text", paged(func(n int) string {
			return fmt.Sprintf(`,"pagination":{"total_pages":"%d"}`, 2)
		}, a, list(attempt)), found, 2},
		{"not counted: to the empty page", paged(nothing, a, b, list(attempt)), found, 4},
		{"an empty meta", paged(func(int) string { return `,"meta":{}` }, a, b), empty, 3},
		{"not counted, and nothing", paged(nothing), empty, 1},
		{"without a total", paged(byCount(2, "null"), a, b), empty, 2},
		{"what is older cannot matter",
			paged(nothing, a, list(stranger(8, 3*days), stranger(7, 4*days)), list(attempt)), empty,
			2},
		{"a part of the page is not older",
			paged(nothing, list(stranger(9, 1), stranger(8, 3*days)), list(attempt)), found, 3},
		{"older, but not newest first",
			paged(nothing, list(stranger(1, 9*days), stranger(2, 8*days)), list(attempt)), found,
			3},
		{"older, but one has no date",
			paged(nothing, list(stranger(9, 3*days),
				`{"id":3,"reff_no":"x","payment_link_reff_no":"y","status":"paid"}`),
				list(attempt)), found, 3},
		{"moved back while it was read",
			paged(nothing, list(stranger(9, 1), stranger(8, 2)), list(stranger(8, 2), attempt)),
			found, 3},
		{"the same page again", paged(nothing, a, a),
			failure("the same page again: see singapay.answers.unpaged"), 2},
		{"another page", paged(func(int) string {
			return `,"pagination":{"current_page":1,"total_pages":3}`
		}, a, b), failure("another page than the one that was asked for"), 2},
		{"less than counted", paged(byCount(2, "5"), a, b),
			failure("the list has less elements than it says"), 2},
		{"paid, and less than counted", paged(byCount(2, "5"), a, list(attempt)), found, 2},
		{"too many pages", paged(nothing, many...),
			payment.QueryAnswer{HTTPStatus: 200,
				Failure: "the list has more than 20 pages since this payment"}, maxPages},
		{"paid, and too many pages", paged(nothing, append([][]string{list(attempt)}, many...)...),
			found, maxPages},
		{"breaks off", inTurn(paged(nothing, a, b), says(502, "<html>")),
			payment.QueryAnswer{HTTPStatus: 502, Failure: "HTTP 502"}, 2},
		{"paid, and breaks off", inTurn(paged(nothing, list(attempt), b), says(502, "<html>")),
			found, 2},
		{"no list", says(200, older(`{"items":[]}`)),
			failure("the answer is not a list: see singapay.answers"), 1},
		{"no data", says(200, `{"status":200,"success":true}`),
			failure("the answer is not a list: see singapay.answers"),
			1},
		{"data null", says(200, older(`null`)),
			failure("the answer is not a list: see singapay.answers"), 1},
		{"an element that is none", says(200, listed(stranger(1, 1), `"x"`)),
			failure("an element of the list is not an object"), 1},
		{"refused", says(200, `{"response_code":"SP002"}`),
			failure("SP002: general failure, try later"), 1},
		{"no such account", says(404, `{"response_code":"SP020"}`),
			payment.QueryAnswer{HTTPStatus: 404,
				Failure: "HTTP 404, SP020: no such account: look at singapay.account_id"}, 1},
		{"no such page", says(404, ""), payment.QueryAnswer{HTTPStatus: 404, Failure: "HTTP 404"},
			1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			s.on(oneRoute, says(200, older(
				strings.Replace(created, `"created_at":"2026-10-16T12:00:00+07:00"`,
					`"created_at":null`, 1))))
			s.on(historyRoute, tc.answer)
			g := s.gateway(t)
			g.seen.put(linkPrefix, ref, "189")
			wantSame(t, tc.want, g.Query(t.Context(), ref))
			if n := len(s.requests()) - 1; n != tc.asks {
				t.Errorf("%d pages", n)
			}
		})
	}
}

// TestLinkIsFound: the search ends where the link is, and no fault of a list before it is hidden.
func TestLinkIsFound(t *testing.T) {
	other := strings.NewReplacer(ref, "OTHER", "189", "190").Replace(created)
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"on the second page", paged(nothing, list(other), list(created), list(other)), ""},
		{"never, and the list does not end",
			paged(func(int) string { return "" }, list(other), list(other)),
			"HTTP 200, the same page again: see singapay.answers.unpaged"},
		{"never, and the list breaks off", inTurn(paged(nothing, list(other)), says(500, "")),
			"HTTP 500"},
	} {
		s := shop(t, nil, nil, nil)
		s.on(linksRoute, tc.answer)
		if a := s.gateway(t).Query(t.Context(), ref); a.Failure != tc.want || a.NotFound {
			t.Errorf("%s: %+v", tc.name, a)
		}
	}
}
