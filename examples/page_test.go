package examples

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"kiosk-agent/payment"
)

// page is examples/till.html in Chromium.
type page struct {
	t   *testing.T
	ctx context.Context
}

func openPage(t *testing.T, url string) *page {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	tab, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	t.Cleanup(cancel)
	ctx, cancel := context.WithTimeout(tab, time.Minute)
	t.Cleanup(cancel)
	p := &page{t: t, ctx: ctx}
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	return p
}

// run evaluates a statement; until waits for an expression to hold.
func (p *page) run(statement string) {
	p.t.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("{"+statement+"}; true")); err != nil {
		p.t.Fatalf("%s: %v", statement, err)
	}
}

func (p *page) until(expression string) {
	p.t.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(20*time.Second))); err != nil {
		text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body.innerText"))
		p.t.Fatalf("%s: %v\n%s", expression, err, text)
	}
}

// The page sells in a real browser: its origin has to be allowed, its token goes as a subprotocol, and an outcome is in the
// browser's own storage before it is acknowledged.
func TestPage(t *testing.T) {
	web := httptest.NewServer(http.FileServer(http.Dir(".")))
	defer web.Close()
	url, payments := serve(t, web.URL)
	p := openPage(t, web.URL+"/till.html#url="+url+"&token="+token)

	p.until(`location.hash === "" && !$("start").disabled && $("link").textContent === "K001 as till-1"`)
	p.run(`$("amount").value = "10.23"; $("reference").value = "R1"; $("sale").requestSubmit()`)
	p.until(`$("status").textContent === "Customer pays" && $("detail").textContent.startsWith("R1, SGD 10.23, until ")`)
	id := awaiting(t, payments, "till-1")
	payments.Finish(id, payment.StatusApproved)
	p.until(`$("status").textContent === "Approved" && $("outcomes").innerText.includes("acknowledged")`)
	p.until(`JSON.parse(localStorage.getItem("outcome:` + id + `:3")).amount === 1023`)
	if !payments.Payment(id).Acknowledged {
		t.Error("shown as acknowledged and is not")
	}

	p.run(`$("amount").value = "1.00"; $("sale").requestSubmit()`)
	p.until(`!$("cancel").disabled`)
	if err := chromedp.Do(p.ctx, chromedp.Navigate(web.URL+"/till.html")); err != nil { // somebody reloads the till
		t.Fatal(err)
	}
	p.run(`$("url").value = "` + url + `"; $("token").value = "` + token + `"; $("connect").requestSubmit()`)
	p.until(`!$("cancel").disabled && $("detail").textContent.includes("SGD 1.00")`)
	p.run(`$("cancel").click()`)
	p.until(`$("status").textContent === "Cancelled" && !$("start").disabled`)
	if file := os.Getenv("TILL_PAGE_PICTURE"); file != "" {
		png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
		if err != nil || os.WriteFile(file, png, 0o600) != nil {
			t.Error("no picture", err)
		}
	}
}

// A page that nobody allowed gets no connection, even with a token.
func TestPageOfAStranger(t *testing.T) {
	web := httptest.NewServer(http.FileServer(http.Dir(".")))
	defer web.Close()
	url, payments := serve(t, "https://till.example")
	p := openPage(t, web.URL+"/till.html")
	p.run(`window.ended = false; $("url").value = "` + url + `"; $("token").value = "` + token + `"; $("connect").requestSubmit();
		socket.addEventListener("close", () => { window.ended = true; })`)
	p.until(`window.ended`)
	if calls := payments.Calls(); len(calls) != 0 || payments.Attached() != 0 {
		t.Errorf("a stranger's page asked %q", calls)
	}
}
