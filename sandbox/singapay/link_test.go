package singapay

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestCreateAnswers(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	got := w.create("R-1", `,"description":"Kopi","expired_at":"2026-09-08T18:10:10Z",`+
		`"whitelisted_payment_method":["QRIS",`+
		`"ALFAMART","INDOMARET"],"success_redirect_url":"https://shop.example/ok",`+
		`"customer_name":"Budi","customer_email":"b@example.com","surprise":1`)
	for path, want := range map[string]any{
		"id": 2301.0, "reff_no": "R-1", "source": "api v2", "status": "open",
		"status_computed": "open", "is_expired": false, "max_usage": 1.0, "current_usage": 0.0,
		"total_amount": 150000.0, "customer_pays_fee": false,
		"whitelisted_payment_method.0": "RETAIL_INDOMARET_LINKQU",
		"whitelisted_payment_method.1": "RETAIL_ALFAMART_LINKQU",
		"whitelisted_payment_method.2": "QRIS",
		"expired_at":                   "2026-09-09T01:10:10+07:00",
		"payment_date":                 "2026-09-09T01:00:10+07:00", "customer_name": "Budi",
		"payment_url":          w.site.URL + "/sp/b2b/R-1",
		"success_redirect_url": "https://shop.example/ok", "expired_redirect_url": nil,
	} {
		if v := at(got, path); v != want {
			t.Errorf("%s = %v, want %v", path, v, want)
		}
	}
	if notes := w.Payments()[0].Notes; len(notes) != 1 || !strings.Contains(notes[0], "surprise") {
		t.Error(notes)
	}
	if day := w.create("R-2",
		`,"whitelisted_payment_method":[]`); day["expired_at"] != "2026-09-10T01:00:10+07:00" ||
		day["whitelisted_payment_method"] != nil {
		t.Error("without expired_at a link lives 24 hours:", day)
	}
	items := w.api("POST", newLink, `{"reff_no":"R-3","payment_link_type":"items","max_usage":0,
		"items":[{"name":"A","quantity":3,"unit_price":7000},
			{"name":"discount","quantity":1,"unit_price":-1000}]}`)
	if at(items, "total_amount") != 20000.0 || at(items, "items.0.subtotal") != 21000.0 ||
		at(items, "max_usage") != 0.0 {
		t.Error(items)
	}
	w = newWorld(t, func(c *Config) { c.AmountText, c.PublicURL = true, "https://pay.example/" })
	w.login()
	if got := w.create("R-1", ""); got["total_amount"] != "150000.00" ||
		got["payment_url"] != "https://pay.example/sp/b2b/R-1" {
		t.Error(got)
	}
}

func TestCreateRefuses(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	w.create("R-0", "")
	for _, tc := range []struct{ body, field string }{
		{`{}`, "reff_no"},
		{`{"reff_no":"R-0","payment_link_type":"total","total_amount":150000}`, "reff_no"},
		{`{"reff_no":"a/b"}`, "reff_no"},
		{`{"reff_no":"` + strings.Repeat("x", 41) + `"}`, "reff_no"},
		{`{"reff_no":7}`, "reff_no"},
		{`{"description":"` + strings.Repeat("é", 256) + `"}`, "description"},
		{`{"reff_no":"R","payment_link_type":"x"}`, "payment_link_type"},
		{`{"reff_no":"R","payment_link_type":"total"}`, "total_amount"},
		{`{"reff_no":"R","payment_link_type":"total","total_amount":9999}`, "total_amount"},
		{`{"reff_no":"R","payment_link_type":"total","total_amount":"150000"}`, "total_amount"},
		{`{"reff_no":"R","payment_link_type":"total","total_amount":150000.0}`, "total_amount"},
		{`{"payment_link_type":"items"}`, "items"},
		{`{"payment_link_type":"items","items":[{"name":"x","quantity":0,"unit_price":1}]}`,
			"items.0.quantity"},
		{`{"max_usage":1000001}`, "max_usage"},
		{`{"expired_at":"soon"}`, "expired_at"},
		{`{"expired_at":"2026-09-09 01:00:10"}`, "expired_at"},
		{`{"whitelisted_payment_method":["QRIS","qris"]}`, "whitelisted_payment_method.1"},
		{`{"success_redirect_url":"https://` + strings.Repeat("x", 2041) + `"}`,
			"success_redirect_url"},
		{`{"success_redirect_url":"javascript:x"}`, "success_redirect_url"},
		{`{"customer_name":"Budi"}`, "customer_email"},
		{`{"max_usage":2,"customer_phone":"08"}`, "customer_phone"},
		{`{"required_customer_email":true}`, "required_customer_email"},
		{`{"optional_metadata":[]}`, "optional_metadata"},
	} {
		status, out := w.send("POST", newLink, tc.body)
		problems, _ := at(out, "data.errors").(map[string]any)
		if status != 422 || out["response_code"] != "SP018" || problems[tc.field] == nil {
			t.Errorf("%s: %d %v, want a problem with %s", tc.body, status, out, tc.field)
		}
	}
	w = newWorld(t, func(c *Config) { c.DuplicateSP004 = true })
	w.login()
	w.create("R-0", "")
	if status, out := w.send("POST", newLink,
		`{"reff_no":"R-0","payment_link_type":"total","total_amount":150000}`); status != 409 ||
		out["response_code"] != "SP004" {
		t.Error(status, out)
	}
}

func TestStatusOfALink(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	id := fmt.Sprint(w.create("R-1", `,"expired_at":"2026-09-09T01:01:10+07:00"`)["id"])
	update := "/api/v2.0/payment-link/update/" + id
	w.clock.advance(time.Minute)
	got := w.api("GET", "/api/v2.0/payment-link/"+id, "")
	if at(got, "status") != "open" || at(got, "status_computed") != "expired" ||
		at(got, "is_expired") != true {
		t.Error("the stored status stays open:", got)
	}
	if _, err := w.Act("R-1", Action{Do: Pay}); err != ErrClosed {
		t.Error(err)
	}
	got = w.api("PUT", update,
		`{"expired_at":"2026-09-09T02:00:00+07:00","total_amount":1,"description":"new"}`)
	if at(got, "status_computed") != "open" || at(got, "total_amount") != 150000.0 ||
		at(got, "description") != "new" {
		t.Error(got)
	}
	for body, field := range map[string]string{
		`{"status":"paid"}`: "status", `{"expired_at":"2026-09-09T01:01:00+07:00"}`: "expired_at",
		`{"whitelisted_payment_method":["X"]}`: "whitelisted_payment_method.0",
	} {
		status, out := w.send("PUT", update, body)
		if problems, _ := at(out, "data.errors").(map[string]any); status != 422 ||
			problems[field] == nil {
			t.Error(body, status, out)
		}
	}
	w.act("R-1", Pick, "VA_BRI")
	got = w.api("PUT", update, `{"status":"closed"}`)
	if at(got, "status") != "closed" || at(got, "status_computed") != "closed" {
		t.Error(got)
	}
	if _, err := w.Act("R-1", Action{Do: Pick, Method: "QRIS"}); err != ErrClosed {
		t.Error(err)
	}
	if p := w.act("R-1", Pay, ""); p.Usage != 1 || w.Collected()["R-1"].Paid != 15_000_000 {
		t.Error("what was shown to the customer stays payable after the close:", p)
	}
	if status, out := w.send("PUT", update, `{"max_usage":-1}`); status != 422 {
		t.Error(status, out)
	}
}

func TestMaxUsage(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	w.create("R-1", `,"max_usage":3`)
	for range 2 {
		w.act("R-1", Pay, "QRIS")
	}
	if status, out := w.send("PUT", "/api/v2.0/payment-link/update/2301",
		`{"max_usage":1}`); status != 422 || at(out, "data.errors.max_usage") == nil {
		t.Error("below the current usage:", status, out)
	}
	w.api("PUT", "/api/v2.0/payment-link/update/2301", `{"max_usage":2}`)
	if _, err := w.Act("R-1", Action{Do: Pay}); err != ErrPaid {
		t.Error("used up:", err)
	}
	if got := w.api("GET", "/api/v2.0/payment-link/2301", ""); at(got, "current_usage") != 2.0 ||
		at(got, "status_computed") != "open" {
		t.Error(got)
	}
}

func TestDelete(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	w.create("R-1", "")
	w.create("R-2", "")
	w.act("R-2", Pick, "QRIS")
	manage := "/api/v1.0/payment-link-manage/" + testAccount
	if at(w.api("DELETE", manage+"/2301", ""), "reff_no") != "R-1" {
		t.Error("not deleted")
	}
	if status, out := w.send("DELETE", manage+"/2302", ""); status != 403 ||
		at(out, "error.code") != 403.0 {
		t.Error(status, out)
	}
	if status, _ := w.send("GET", "/api/v2.0/payment-link/2301", ""); status != 404 {
		t.Error(status)
	}
	if left, _ := w.api("GET", manage, "").([]any); len(left) != 1 ||
		at(left[0], "reff_no") != "R-2" {
		t.Error("a deleted link is listed:", left)
	}
	if status, _ := w.send("GET", manage+"/2302", ""); status != 200 {
		t.Error("the v1 form of one link:", status)
	}
}

func TestListAndPages(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	for i := range 30 {
		w.create(fmt.Sprintf("R-%d", i), "")
	}
	manage := "/api/v1.0/payment-link-manage/" + testAccount
	_, out := w.send("GET", manage, "")
	if at(out, "data.0.reff_no") != "R-29" || at(out, "pagination.total") != 30.0 ||
		at(out, "pagination.count") != 25.0 || at(out, "pagination.total_pages") != 2.0 {
		t.Error("the v1 list shows v2 links, newest first:", at(out, "data.0"), out["pagination"])
	}
	_, out = w.send("GET", manage+"?page=2", "")
	if at(out, "data.4.reff_no") != "R-0" || at(out, "pagination.current_page") != 2.0 {
		t.Error(out["pagination"])
	}
	w.fault(Fault{Kind: FaultAPIEmpty, Op: OpList, Times: 1})
	if _, out = w.send("GET", manage, ""); len(out["data"].([]any)) != 0 {
		t.Error("not empty")
	}
	codes := w.api("GET", "/api/v1.0/payment-link-manage/payment-methods", "")
	if len(at(codes, "available_codes").([]any)) != 20 ||
		at(codes, "payment_methods.0.code") != "QRIS" {
		t.Error(codes)
	}
}

func TestHistories(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	for i, ref := range []string{"R-1", "R-2", "R-3", "R-4"} {
		w.api("POST", newLink, fmt.Sprintf(
			`{"reff_no":%q,"payment_link_type":"total","total_amount":%d}`, ref, 10000*(i+1)))
	}
	w.act("R-1", Pay, "VA_BRI")
	w.clock.advance(time.Minute)
	w.act("R-2", Fail, "EWALLET_OVO")
	w.act("R-3", Pick, "ALFAMART")
	w.act("R-4", Pay, "NICEPAY_CARD")
	w.act("R-4", Settle, "")
	w.act("R-4", Refund, "")
	list := "/api/v1.0/payment-link-histories/" + testAccount
	refs := func(query string) string {
		t.Helper()
		var all []string
		for _, h := range w.api("GET", list+"?"+query, "").([]any) {
			all = append(all, fmt.Sprint(at(h, "payment_link_reff_no")))
		}
		return strings.Join(all, " ")
	}
	first := w.Payments()[0].Attempts[0]
	for query, want := range map[string]string{
		"": "R-4 R-3 R-2 R-1", "sort_order=asc": "R-1 R-2 R-3 R-4",
		"sort_by=amount&sort_order=asc&per_page=2&page=2": "R-3 R-4",
		"status=paid": "R-4 R-1", "status=failed": "R-2", "status=pending": "R-3",
		"amount=20000": "R-2", "amount_min=30000": "R-4 R-3",
		"amount_max=10000.00": "R-1", "has_settle=true": "R-4",
		"has_settle=false&status=paid": "R-1", "payment_method_name=Alfamart": "R-3",
		"payment_method_value=" + first.Value: "R-1", "reff_no=" + first.Reff[:12]: "R-1",
		"created_at_from=" + url.QueryEscape("2026-09-09T01:01:10+07:00"): "R-4 R-3 R-2",
		"created_at_to=2026-09-08T18:00:10Z":                              "R-1",
		"payment_date_from=2026-09-08T18:01:10Z":                          "R-4",
		"processed_timestamp_to=2026-09-08T18:00:10Z":                     "R-1",
		"settle_at_from=2026-09-09":                                       "R-4",
	} {
		if got := refs(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for _, bad := range []string{"status=unpaid", "amount=x", "sort_by=name", "sort_order=up",
		"has_settle=perhaps", "created_at_to=x"} {
		if status, out := w.send("GET", list+"?"+bad, ""); status != 422 {
			t.Error(bad, status, out)
		}
	}
	got := w.api("GET", fmt.Sprintf("%s/%d", list, first.ID), "")
	if at(got, "reff_no") != first.Reff || at(got, "payment_method_name") != "VA BRI" ||
		at(got, "payment_date") != "2026-09-09T01:00:10+07:00" ||
		!strings.HasPrefix(first.Reff, "2301") || at(got, "status") != "paid" {
		t.Error(got)
	}
	if additional, is := at(w.api("GET", list+"?amount=30000", ""),
		"0.payment_method_additional").(string); !is || additional[0] != '{' {
		t.Error("JSON inside a string is wanted")
	}
	if status, _ := w.send("GET", list+"/2301", ""); status != 404 {
		t.Error("a link's id is no history's:", status)
	}
	if c := w.Collected()["R-4"]; c.Paid != 4_000_000 || c.Reversed != 4_000_000 ||
		c.Currency != "IDR" {
		t.Error(c)
	}
}

func TestHideLinkRef(t *testing.T) {
	always := func(c *Config) { c.HideLinkRef = true }
	once := func(c *Config) {
		c.Faults = []Fault{
			{Kind: FaultAPINoLinkRef, Op: OpHistories, Times: 1}}
	}
	for name, change := range map[string]func(*Config){"always": always, "once": once} {
		w := newWorld(t, change)
		w.login()
		w.create("R-1", "")
		w.act("R-1", Pay, "")
		for i := range 2 {
			h := at(w.api("GET", "/api/v1.0/payment-link-histories/"+testAccount, ""),
				"0").(map[string]any)
			if hidden := name == "always" || i == 0; (h["payment_link_reff_no"] == nil) != hidden ||
				h["status"] != "paid" {
				t.Error(name, h)
			}
		}
	}
}
