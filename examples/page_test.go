package examples

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
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

// A page that nobody allowed gets no connection, even with a token; it says what to do.
func TestPageOfAStranger(t *testing.T) {
	web := httptest.NewServer(http.FileServer(http.Dir(".")))
	defer web.Close()
	url, payments := serve(t, "https://till.example")
	p := openPage(t, web.URL+"/till.html")
	p.run(`window.ended = false; $("url").value = "` + url + `"; $("token").value = "` + token +
		`"; $("connect").requestSubmit();
		socket.addEventListener("close", () => { window.ended = true; })`)
	p.Until(`window.ended`)
	p.Until(`$("trouble").className === "refused" && ` +
		`$("trouble").innerText.includes("Add ` + web.URL + ` to allowed_origins")`)
	if calls := payments.Calls(); len(calls) != 0 || payments.Attached() != 0 {
		t.Errorf("a stranger's page asked %q", calls)
	}
}

// TestPageThatIsNotConnected: the page tells agent down from refused, tries again by itself, and is
// connected as soon as the agent is there.
func TestPageThatIsNotConnected(t *testing.T) {
	web := httptest.NewServer(TillPage())
	defer web.Close()
	address, _ := serve(t, web.URL)
	later, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	road := later.Addr().String()
	if err := later.Close(); err != nil {
		t.Fatal(err)
	}
	p := openPage(t, web.URL+"/#url="+address+"&token=x"+token)
	p.Until(`$("trouble").className === "refused" && ` +
		`$("trouble").innerText.includes("does not know this token")`)
	p.run(`$("url").value = "ws://` + road + `/v1/till"; $("token").value = "` + token +
		`"; $("connect").requestSubmit()`)
	p.Until(`$("trouble").className === "down" && ` +
		`$("trouble").innerText.includes("No agent answers at ` + road + `")`)

	target, err := url.Parse(strings.Replace(address, "ws", "http", 1))
	if err != nil {
		t.Fatal(err)
	}
	if later, err = net.Listen("tcp", road); err != nil {
		t.Fatal(err)
	}
	agent := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Host, r.Out.URL.Scheme = target.Host, "http"
			r.Out.Host = target.Host
		}})
	if err := agent.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	agent.Listener = later
	agent.Start()
	defer agent.Close()
	p.Until(`$("trouble").hidden && $("link").textContent === "K001 as till-1"`)
}
