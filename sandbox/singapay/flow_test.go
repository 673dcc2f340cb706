package singapay

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kiosk-agent/sandbox"
)

// browse fetches a page, or presses a button when there is a form.
func (w *world) browse(path string, form url.Values) (int, string) {
	w.Helper()
	var resp *http.Response
	var err error
	if form == nil {
		resp, err = w.site.Client().Get(w.site.URL + "/sp" + path)
	} else {
		resp, err = w.site.Client().PostForm(w.site.URL+"/sp"+path, form)
	}
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

func TestCustomer(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	w.create("R-1", `,"whitelisted_payment_method":["QRIS",`+
		`"VA_BRI"],"success_redirect_url":"https://shop.example/ok","typo":1`)
	w.create("R-2", `,"expired_redirect_url":"https://shop.example/late"`)
	steps := []struct {
		path   string
		form   url.Values
		status int
		want   string
	}{
		{"/b2b/R-1", nil, 200, "Rp150.000"},
		{"/b2b/R-1", nil, 200, "Kopi &amp; Toast"},
		{"/b2b/R-1", nil, 200, "typo"},
		{"/b2b/R-9", nil, 404, "No such payment link"},
		{"/b2b/R-1/act", url.Values{"action": {"fail"}, "method": {"VA_BRI"}}, 200,
			"<b>Failed</b> – VA BRI"},
		{"/b2b/R-1/act", url.Values{"action": {"pick"}, "method": {"VA_BCA"}}, 400,
			"does not allow"},
		{"/b2b/R-1/act", url.Values{"action": {"dance"}}, 400, "no such action"},
		{"/b2b/R-1/act", url.Values{"action": {"pick"}, "method": {"QRIS"}}, 200, "Shown to you"},
		{"/b2b/R-1/act", url.Values{"action": {"pick"}, "method": {"VA_BRI"}}, 200, "Shown to you"},
		{"/b2b/R-1/act", url.Values{"action": {"expire"}, "method": {"VA_BRI"}}, 200,
			"Shown to you"},
		{"/b2b/R-1/act", url.Values{"action": {"pick"}, "method": {"VA_BRI"}}, 200, "Shown to you"},
		{"/b2b/R-1/act", url.Values{"action": {"pay"}, "method": {"QRIS"}}, 200,
			"https://shop.example/ok"},
		{"/b2b/R-1/act", url.Values{"action": {"pick"}, "method": {"QRIS"}}, 409, "already paid"},
		{"/b2b/R-1/act", url.Values{"action": {"pay_again"}, "method": {"VA_BRI"}}, 200,
			"Payment successful"},
		{"/b2b/R-2/act", url.Values{"action": {"pay_again"}}, 409, "not paid yet"},
		{"/simulator", nil, 200, "QR text"},
		{"/simulator", url.Values{"qr": {"000201"}}, 404, "no such payment"},
		{"/", nil, 200, "/sp/b2b/R-2"},
		{"/sandbox/page.css", nil, 200, ".banner"},
	}
	for _, step := range steps {
		if status, body := w.browse(step.path, step.form); status != step.status ||
			!strings.Contains(body, step.want) {
			t.Errorf("%s %v: %d, want %d and %q in\n%s", step.path, step.form, status, step.status,
				step.want, body)
		}
	}
	if c := w.Collected()["R-1"]; c.Payments != 2 || c.Paid != 30_000_000 {
		t.Error(c)
	}
	w.clock.advance(24 * time.Hour)
	if status, body := w.browse("/b2b/R-2", nil); status != 200 ||
		!strings.Contains(body, "This link is expired") ||
		!strings.Contains(body, "shop.example/late") {
		t.Error(status, body)
	}
	w.login()
	text := fmt.Sprint(at(w.api("POST", generate, `{"amount":12000,"merchant_reff_no":"Q-1"}`),
		"qr_data"))
	if status, body := w.browse("/simulator",
		url.Values{"qr": {" " + text + "\n"}}); status != 200 ||
		!strings.Contains(body, "Paid: Rp12.000") {
		t.Error(status, body)
	}
}

func TestControl(t *testing.T) {
	w := newWorld(t, nil)
	w.login()
	w.create("R-1", "")
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/sandbox/faults", `{"fault":"duplicate","merchantRef":"R-1","times":1,"count":3}`,
			201, `"id":1`},
		{"POST", "/sandbox/faults", `{"fault":"api_timeout_after","op":"create","delay":"5s"}`, 201,
			`"delay":"5s"`},
		{"POST", "/sandbox/faults", `{"fault":"delay"}`, 400, "needs a delay"},
		{"POST", "/sandbox/faults", `{"fault":"meteor"}`, 400, "duplicate"},
		{"POST", "/sandbox/faults", `{"fault":"lost","op":"create"}`, 400, "api_"},
		{"POST", "/sandbox/faults", `{"fault":"api_500","event":"test"}`, 400, "webhooks"},
		{"POST", "/sandbox/faults", `{"fault":"lost","typo":1}`, 400, "typo"},
		{"POST", "/sandbox/faults", `{"fault":"lost"} {}`, 400, "behind"},
		{"POST", "/sandbox/act", `{"merchantRef":"R-9","action":"pay"}`, 404, "no such payment"},
		{"POST", "/sandbox/act", `{"merchantRef":"R-1","action":"dance"}`, 400, "no such action"},
		{"POST", "/sandbox/act", `{"merchantRef":"R-1","action":"pay","method":"VA_BRI"}`, 200,
			`"state":"paid"`},
		{"POST", "/sandbox/act", `{"merchantRef":"R-1","action":"pay"}`, 409, "already paid"},
		{"GET", "/sandbox/payments", "", 200, `"amountCents":15000000`},
		{"GET", "/sandbox/payments/R-1", "", 200, `"usage":1`},
		{"GET", "/sandbox/payments/R-9", "", 404, "no such payment"},
		{"GET", "/sandbox/collected", "", 200, `"paidCents":15000000`},
		{"GET", "/sandbox/webhooks", "", 200, `"duplicate"`},
		{"POST", "/sandbox/test", `{}`, 200, `"event":"test"`},
		{"POST", "/sandbox/test", `{"clientId":"nobody"}`, 404, "no such"},
		{"POST", "/sandbox/release", "", 200, "["},
		{"DELETE", "/sandbox/faults", "", 200, "[]"},
	} {
		status, out := w.send(step.method, step.path, step.body)
		if text := out["text"].(string); status != step.status ||
			!strings.Contains(text, step.want) || strings.Contains(text, testSecret) ||
			strings.Contains(text, "/hook") {
			t.Errorf("%s %s %s: %d, want %d and %q in\n%s", step.method, step.path, step.body,
				status, step.status, step.want, text)
		}
	}
	text := fmt.Sprintf("%v %+v %#v", w.Server, w.Server, w.Server)
	if strings.Contains(text, testSecret) || !strings.Contains(text, "singapay.Server") {
		t.Error(text)
	}
	status, _ := w.send("POST", "/sandbox/act", `{"merchantRef":"R-1","action":"refund"}`, "Origin",
		"https://evil.example", "Sec-Fetch-Site", "cross-site")
	if status != 403 || w.Collected()["R-1"].Reversed != 0 {
		t.Error("a stranger's page pressed a button:", status)
	}
}

func TestBook(t *testing.T) {
	book := filepath.Join(t.TempDir(), "book")
	with := func(c *Config) { c.Book = book }
	w := newWorld(t, with)
	w.login()
	w.create("R-1", "")
	w.create("R-2", "")
	w.create("R-3", "")
	w.api("POST", generate,
		`{"amount":12000,"merchant_reff_no":"Q-1","expired_at":"2026-09-08T18:10:00Z"}`)
	w.act("R-1", Pay, "VA_BRI")
	w.run()
	w.act("R-2", Pay, "QRIS") // nobody was told yet
	w.act("R-3", Pick, "VA_BCA")
	f, err := os.OpenFile(book, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString(`{"at":"half a li`)
	f.Close()

	again := newWorld(t, with)
	if status, _ := again.send("GET", "/api/v2.0/payment-link/2301", "", "Authorization",
		"Bearer "+w.token); status != 401 {
		t.Error("a token outlived the crash:", status)
	}
	again.login()
	if got, want := fmt.Sprint(again.Collected()), fmt.Sprint(w.Collected()); got != want ||
		len(again.Collected()) != 2 {
		t.Error(got, want)
	}
	again.run()
	if all := again.only("payment-link-transaction"); len(all) != 1 ||
		at(all[0].tree, "data.payment.additional_info.payment_link.reff_no") != "R-2" {
		t.Error(len(all), "webhooks, want the one that was not answered")
	}
	again.later(17 * time.Minute)
	if all := again.only("transaction-expiration"); len(all) != 2 ||
		again.Payments()[2].Attempts[0].Status != "expired" ||
		again.Payments()[3].Status != "expired" {
		t.Error(len(all), again.Payments())
	}
	if got := again.create("R-4", ""); got["id"] != 2305.0 {
		t.Error(got["id"])
	}
	if err := os.Chmod(book, 0o400); err == nil && os.Remove(book) == nil { // root ignores modes
		if status, _ := again.send("POST", newLink,
			`{"reff_no":"R-5","payment_link_type":"total","total_amount":150000}`); status != 500 {
			t.Error("told of what the book does not hold:", status)
		}
		if _, err := again.Act("R-4", Action{Do: Pay}); err == nil {
			t.Error("paid what the book does not hold")
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Server.Run(ctx) }()
	w.login()
	const phones = 12
	var all sync.WaitGroup
	for i := range phones {
		all.Go(func() {
			ref := fmt.Sprintf("R-%d", i)
			w.create(ref, "")
			for range 3 { // one of three presses wins
				_, _ = w.Act(ref, Action{Do: Pay})
			}
			w.Payments()
			w.Webhooks()
			_, _ = w.AddFault(Fault{Kind: FaultDuplicate, Times: 1})
		})
	}
	all.Wait()
	quiet, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := w.Quiet(quiet); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for ref, c := range w.Collected() {
		if c != (sandbox.Collected{Currency: "IDR", Paid: 15_000_000, Payments: 1}) {
			t.Error(ref, c)
		}
	}
	if len(w.Collected()) != phones || len(w.only("payment-link-transaction")) < phones {
		t.Error(len(w.Collected()), len(w.got))
	}
}

func TestConfigRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no credential":  func(c *Config) { c.Credentials = nil },
		"twice":          func(c *Config) { c.Credentials[1].ClientID = testClient },
		"account twice":  func(c *Config) { c.Credentials[1].Accounts = []string{testAccount} },
		"no path":        func(c *Config) { c.Credentials[0].InquiryURL = "http://127.0.0.1" },
		"no http":        func(c *Config) { c.Credentials[0].TransactionURL = "ftp://x/y" },
		"no account":     func(c *Config) { c.Credentials[0].Accounts = nil },
		"envelope":       func(c *Config) { c.LinkEnvelope = "v3" },
		"hash":           func(c *Config) { c.Hash = "md5" },
		"base path":      func(c *Config) { c.BasePath = "sp" },
		"negative pause": func(c *Config) { c.RetryPause = -1 },
		"fault":          func(c *Config) { c.Faults = []Fault{{Kind: "meteor"}} },
	} {
		cfg := newWorld(t, nil).cfg
		cfg.Credentials = append([]Credential(nil), cfg.Credentials...)
		change(&cfg)
		if _, err := New(cfg, nil); err == nil {
			t.Error(name, "was accepted")
		}
	}
}
