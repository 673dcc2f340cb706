package examples

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"kiosk-agent/payment"
	"kiosk-agent/test/browser"
)

// page is examples/till.html in Chromium.
type page struct{ *browser.Tab }

func openPage(t *testing.T, url string) page {
	t.Helper()
	p := page{browser.Open(t, 1024, 768, 1)}
	p.Go(url)
	return p
}

// run carries out a statement.
func (p page) run(statement string) { browser.Evaluate[bool](p.Tab, "{"+statement+"}; true") }

// The page sells in a real browser: its origin has to be allowed, its token goes as a subprotocol,
// and an outcome is in the browser's own storage before it is acknowledged.
func TestPage(t *testing.T) {
	web := httptest.NewServer(http.FileServer(http.Dir(".")))
	defer web.Close()
	url, payments := serve(t, web.URL)
	p := openPage(t, web.URL+"/till.html#url="+url+"&token="+token)

	p.Until(`location.hash === "" && !$("start").disabled && $("link").textContent === "K001 ` +
		`as till-1"`)
	p.run(`$("amount").value = "10.23"; $("reference").value = "R1"; $("sale").requestSubmit()`)
	p.Until(`$("status").textContent === "Customer pays" && ` +
		`$("detail").textContent.startsWith("R1, SGD 10.23, until ")`)
	id := awaiting(t, payments, "till-1")
	payments.Finish(id, payment.StatusApproved)
	p.Until(`$("status").textContent === "Approved" && ` +
		`$("outcomes").innerText.includes("acknowledged")`)
	p.Until(`JSON.parse(localStorage.getItem("outcome:` + id + `:3")).amount === 1023`)
	if !payments.Payment(id).Acknowledged {
		t.Error("shown as acknowledged and is not")
	}

	p.run(`$("amount").value = "1.00"; $("sale").requestSubmit()`)
	p.Until(`!$("cancel").disabled`)
	p.Go(web.URL + "/till.html") // somebody reloads the till
	p.run(`$("url").value = "` + url + `"; $("token").value = "` + token +
		`"; $("connect").requestSubmit()`)
	p.Until(`!$("cancel").disabled && $("detail").textContent.includes("SGD 1.00")`)
	p.run(`$("cancel").click()`)
	p.Until(`$("status").textContent === "Cancelled" && !$("start").disabled`)
	if file := os.Getenv("TILL_PAGE_PICTURE"); file != "" {
		if err := os.WriteFile(file, p.Picture(), 0o600); err != nil {
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
	p.run(`window.ended = false; $("url").value = "` + url + `"; $("token").value = "` + token +
		`"; $("connect").requestSubmit();
		socket.addEventListener("close", () => { window.ended = true; })`)
	p.Until(`window.ended`)
	if calls := payments.Calls(); len(calls) != 0 || payments.Attached() != 0 {
		t.Errorf("a stranger's page asked %q", calls)
	}
}
