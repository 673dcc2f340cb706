package axs

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
)

const qrPath = "/axs/api/hpp/v1/qrcode"

// payNow is a code for SGD 10.23, as short as one can be.
const payNow = "00020101021226130009SG.PAYNOW5303702540510.235802SG6304EA70"

// longest is one of 512 bytes.
var longest = "0002015303702540510.23" +
	"6299" + strings.Repeat("x", 99) +
	"8099" + strings.Repeat("x", 99) +
	"8199" + strings.Repeat("x", 99) +
	"8299" + strings.Repeat("x", 99) +
	"8366" + strings.Repeat("x", 66) +
	"6304F1D7"

// coded is an answer in the documented form.
const coded = `{"transactionReferenceId":"1428191406936641536",` +
	`"merchantId":"M1","merchantRef":"Ref123","qrString":"` + payNow + `",` +
	`"expiry":180,"createdAt":1768526566010,"status":"SUCCESS","paymentType":"PAYNOW"}`

var (
	sale = payment.MintRequest{MerchantRef: "Ref123",
		Money: payment.Money{Amount: 1023, Currency: "SGD"}, Timeout: 180 * time.Second}
	codedFor = payment.MintAnswer{
		Minted: payment.Minted{Payload: payNow,
			ProviderRef: "1428191406936641536"}, ValidFor: 180 * time.Second,
	}
)

func orderingAt(t *testing.T, site string, change ...func(*Config)) *Gateway {
	t.Helper()
	return newGateway(t, append([]func(*Config){func(c *Config) { c.QRURL = site + qrPath }},
		change...)...)
}

// ordering is a gateway whose request for a code goes to the handler, at most once.
func ordering(t *testing.T, h http.HandlerFunc, change ...func(*Config)) *Gateway {
	t.Helper()
	var asked atomic.Int32
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 1 {
			t.Error("asked again")
		}
		h(w, r)
	}))
	t.Cleanup(site.Close)
	return orderingAt(t, site.URL, change...)
}

func wantCode(t *testing.T, want, got payment.MintAnswer) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFetchCodeAsks(t *testing.T) {
	for _, tc := range []struct {
		name      string
		offered   []string
		asked     []string
		scheme    string
		configure func(*Config)
		amount    any
	}{
		{"nothing named", nil, nil, "paynow", nil, "1023"},
		{"asked for", nil, []string{"alipay"}, "alipay", nil, "1023"},
		{"the first that is offered", []string{"credit_card", "wechatpay", "paynow"}, nil,
			"wechatpay", nil, "1023"},
		{"a number", nil, nil, "paynow", func(c *Config) { c.AmountAs = AmountNumber }, 1023.0},
		{"no expiry on links", nil, nil, "paynow", func(c *Config) { c.SendExpiry = false },
			"1023"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var g *Gateway
			g = ordering(t, func(w http.ResponseWriter, r *http.Request) {
				token, _ := strings.CutPrefix(r.URL.RawQuery, "data=")
				plaintext, refused := g.open(token)
				if r.Method != "GET" || r.URL.Path != qrPath+"/lnk-123" || r.ContentLength > 0 ||
					len(r.Cookies()) > 0 || r.Header.Get("Accept") != "application/json" ||
					refused != nil {
					t.Errorf("%s %s, %v", r.Method, r.URL.Path, refused)
				}
				var payload map[string]any
				if err := json.Unmarshal(plaintext, &payload); err != nil {
					t.Error(err)
				}
				want := map[string]any{"clientId": clientID, "amount": tc.amount, "currency": "SGD",
					"merchantRef": "Ref123", "scheme": tc.scheme,
					"expiry": 180.0, "terminalId": "K001",
					"webhookUrl": "https://relay.example/hook/x"}
				if d := cmp.Diff(want, payload); d != "" {
					t.Error(d)
				}
				replies(200, strings.Replace(coded, "PAYNOW\"}", strings.ToUpper(tc.scheme)+"\"}",
					1))(w, r)
			}, func(c *Config) {
				c.Schemes, c.TerminalID, c.WebhookURL, c.SuccessURL = tc.offered, "K001",
					"https://relay.example/hook/x", "https://shop.example/ok"
				if tc.configure != nil {
					tc.configure(c)
				}
			})
			r := sale
			r.Schemes, r.Timeout = tc.asked, sale.Timeout-time.Millisecond
			wantCode(t, codedFor, g.FetchCode(t.Context(), r))
		})
	}
}

// TestFetchCodeDoesNotAsk: what is refused here has left no trace anywhere.
func TestFetchCodeDoesNotAsk(t *testing.T) {
	asked := func(http.ResponseWriter, *http.Request) { t.Error("asked") }
	type ask = payment.MintRequest
	for _, tc := range []struct {
		want   string
		change func(*Config, *ask)
	}{
		{"no QR code request is configured (axs.qr_url)",
			func(c *Config, _ *ask) { c.QRURL = "" }},
		{"a code is for one wallet, and paynow, alipay were asked for",
			func(_ *Config, r *ask) { r.Schemes = []string{"paynow", "alipay"} }},
		{"a card cannot pay by a code",
			func(_ *Config, r *ask) { r.Schemes = []string{"credit_card"} }},
		{"this terminal offers cards only, and they cannot pay by a code",
			func(c *Config, _ *ask) { c.Schemes = []string{"credit_card"} }},
		{`scheme "cash" is not offered on this terminal`,
			func(_ *Config, r *ask) { r.Schemes = []string{"cash"} }},
		{"the timeout is not positive", func(_ *Config, r *ask) { r.Timeout = 0 }},
		{"AXS takes SGD only", func(_ *Config, r *ask) { r.Money.Currency = "IDR" }},
		{"the amount is not positive", func(_ *Config, r *ask) { r.Money.Amount = 0 }},
		{"the merchant reference is not 1 to 40 printable characters",
			func(_ *Config, r *ask) { r.MerchantRef = "" }},
		{"the amount is over the limit of " + fmt.Sprint(int64(MaxAmount)) + " cents",
			func(_ *Config, r *ask) { r.Money.Amount = MaxAmount + 1 }},
	} {
		r := sale
		g := ordering(t, asked, func(c *Config) { tc.change(c, &r) })
		wantCode(t, payment.MintAnswer{Failure: tc.want, NeverSent: true},
			g.FetchCode(t.Context(), r))
	}
}

// TestFetchCodeAnswers: each failure after the request has left may hide a code.
func TestFetchCodeAnswers(t *testing.T) {
	with := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(coded) }
	const notOne = "the answer is not a JSON object with each member once"
	for _, tc := range []struct {
		name, body, problem string // "" = it counts
	}{
		{"as documented", coded, ""},
		{"bare token", sealed(t, coded), ""},
		{"token as data", `{"data":"` + sealed(t, coded) + `"}`, ""},
		{"numbers as text", with(`180`, `"180"`, `1768526566010`, `"1768526566010"`), ""},
		{"reference as a number", with(`"1428191406936641536"`, `1428191406936641536`), ""},
		{"empty", "", "the answer is empty"},
		{"a page", "<h1>Back soon</h1>", notOne + ": <h1>Back soon</h1>"},
		{"a list", "[" + coded + "]", notOne + `: [{"[…]":"[…]","merchantId":"M1"`},
		{"a list in a token", sealed(t, "["+coded+"]"),
			"the encrypted answer is not a JSON object with each member once"},
		{"two answers", coded + coded, notOne + `: {"[…]":"[…]","merchantId":"M1"`},
		{"another secret", strings.Replace(sealed(t, coded), ".", ".x", 1),
			"the encrypted answer is refused: "},
		{"declined", `{"status":"DECLINED","merchantRef":"Ref123"}`,
			`the answer's status is not SUCCESS: {"status":"DECLINED","merchantRef":"Ref123"}`},
		{"an error", `{"error":"INVALID_MERCHANT"}`,
			`the answer's status is not SUCCESS: {"error":"INVALID_MERCHANT"}`},
		{"success in lower case", with("SUCCESS", "success"),
			`the answer's status is not SUCCESS: `},
		{"another payment", with("Ref123", "Ref124"), "the answer is about another merchantRef"},
		{"no payment", with(`"merchantRef":"Ref123",`, ""),
			"the answer is about another merchantRef"},
		{"another wallet", with(`"PAYNOW"`, `"ALIPAY"`),
			"the code is for another paymentType than PAYNOW"},
		{"no wallet", with(`,"paymentType":"PAYNOW"`, ""),
			"the code is for another paymentType than PAYNOW"},
		{"no code", with(`"qrString":"`+payNow+`",`, ""),
			"the answer has no qrString"},
		{"a code that is no text", with(`"`+payNow+`"`, `17`),
			"the answer has no qrString"},
		{"longest code", with(payNow, longest), ""},
		{"another amount", with("10.23", "10.32"), "the qrString is for another amount"},
		{"another currency", with("5303702", "5303840"), "the qrString is in another currency"},
		{"no amount", with("540510.23", ""), "the qrString states no amount"},
		{"a letter that is another", with("SG.PAYNOW", "SG.PAYN0W"),
			"the qrString has a checksum that is not its own"},
		{"a page's address", with(payNow, "https://paynow.example/1"),
			"the qrString is not the text of an EMVCo code"},
		{"too long a code", with(payNow, strings.Repeat("x", 513)),
			"the qrString is longer than 512 bytes or not printable"},
		{"a line break", with(payNow, `a\nb`),
			"the qrString is longer than 512 bytes or not printable"},
		{"another alphabet", with(payNow, "é"),
			"the qrString is longer than 512 bytes or not printable"},
		{"reference too long", with("1428191406936641536", strings.Repeat("7", 65)),
			"the transactionReferenceId is malformed"},
		{"reference a list", with(`"1428191406936641536"`, `[]`),
			"the transactionReferenceId is malformed"},
		{"expiry of a day", with("180", "86400"), ""},
		{"expiry in milliseconds", with(":180,", ":180000,"),
			"the expiry is not a number of seconds up to a day"},
		{"expiry 0", with(":180,", ":0,"), "the expiry is not a number of seconds up to a day"},
		{"expiry negative", with(":180,", ":-180,"),
			"the expiry is not a number of seconds up to a day"},
		{"expiry a fraction", with(":180,", ":180.5,"),
			"the expiry is not a number of seconds up to a day"},
		{"expiry a truth", with(":180,", ":true,"),
			"the expiry is not a number of seconds up to a day"},
		{"made in seconds", with("1768526566010", "1768526566"),
			"createdAt is not a time in Unix milliseconds"},
		{"made at a date", with("1768526566010", `"2026-01-16"`),
			"createdAt is not a time in Unix milliseconds"},
		{"made by a truth", with("1768526566010", "true"),
			"createdAt is not a time in Unix milliseconds"},
		{"too long", strings.Repeat(" ", maxCode) + coded, "the answer is longer than 64 KiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ordering(t, replies(200, tc.body)).FetchCode(t.Context(), sale)
			if tc.problem == "" {
				if got.Failure != "" || got.Minted.Payload == "" ||
					got.Minted.ProviderRef != "1428191406936641536" || got.ValidFor == 0 {
					t.Errorf("%+v", got)
				}
				return
			}
			if !strings.HasPrefix(got.Failure, "HTTP 200, "+tc.problem) || got.NeverSent ||
				got.Minted != (payment.Minted{}) {
				t.Errorf("%+v", got)
			}
		})
	}
	silent := with(`"transactionReferenceId":"1428191406936641536",`, "",
		`"expiry":180,"createdAt":1768526566010,`, "")
	wantCode(t, payment.MintAnswer{Minted: payment.Minted{Payload: payNow}},
		ordering(t, replies(200, silent)).FetchCode(t.Context(), sale))
	for _, status := range []int{201, 204, 400, 401, 404, 409, 429, 500, 503} {
		wantCode(t, payment.MintAnswer{Failure: fmt.Sprintf("HTTP %d", status)},
			ordering(t, replies(status, coded)).FetchCode(t.Context(), sale))
	}
	wantCode(t, payment.MintAnswer{Failure: redirected(307, "axs.qr_url")},
		ordering(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", r.URL.String())
			w.WriteHeader(307)
		}).FetchCode(t.Context(), sale))
}

// TestNeverSent: only where there was no connection to write to.
func TestNeverSent(t *testing.T) {
	for _, err := range []error{
		&net.DNSError{Err: "no such host", Name: canary, IsNotFound: true},
		&net.DNSError{Err: "i/o timeout", Name: canary, IsTimeout: true},
		os.NewSyscallError("connect", syscall.ECONNREFUSED),
		os.NewSyscallError("connect", syscall.ENETUNREACH),
		os.NewSyscallError("connect", syscall.EHOSTUNREACH), os.ErrDeadlineExceeded,
		errors.New(canary),
	} {
		g := orderingAt(t, "https://payment.example")
		g.orders.Transport.(*http.Transport).DialContext = func(context.Context, string,
			string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
		}
		got := g.FetchCode(t.Context(), sale)
		if !got.NeverSent || got.Failure == "" || strings.Contains(got.Failure, canary) {
			t.Errorf("%v: %+v", err, got)
		}
	}
	site := httptest.NewUnstartedServer(replies(200, coded))
	site.Config.ErrorLog = discardLog()
	site.StartTLS()
	defer site.Close()
	if got := orderingAt(t, site.URL).FetchCode(t.Context(), sale); !got.NeverSent ||
		!strings.Contains(got.Failure, "authority") {
		t.Errorf("a stranger's certificate: %+v", got)
	}
	for name, answer := range map[string]string{"closed": "", "no HTTP": "SSH-2.0\r\n",
		"broken off": "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"} {
		if got := orderingAt(t, "http://"+once(t, answer)).FetchCode(t.Context(),
			sale); got.NeverSent || got.Failure == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestNeverSentBehindTLS: with TLS 1.3 a server can refuse after the client has written its
// request.
func TestNeverSentBehindTLS(t *testing.T) {
	site := httptest.NewUnstartedServer(replies(200, coded))
	site.Config.ErrorLog = discardLog()
	site.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13}
	site.StartTLS()
	defer site.Close()
	g := orderingAt(t, site.URL)
	trusting := site.Client().Transport.(*http.Transport)
	g.orders.Transport.(*http.Transport).TLSClientConfig = trusting.TLSClientConfig
	if got := g.FetchCode(t.Context(), sale); got.NeverSent || got.Failure == "" {
		t.Errorf("%+v", got)
	}
}

// TestEveryCodeHasItsConnection: net/http sends a request again by itself on a connection that it
// had kept, and that would be a second code.
func TestEveryCodeHasItsConnection(t *testing.T) {
	var peers []string
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peers = append(peers, r.RemoteAddr)
		replies(200, coded)(w, r)
	}))
	defer site.Close()
	g := orderingAt(t, site.URL)
	for range 3 {
		wantCode(t, codedFor, g.FetchCode(t.Context(), sale))
	}
	if len(peers) != 3 || peers[0] == peers[1] || peers[1] == peers[2] {
		t.Error(peers)
	}
}

// once is a server that reads one request, says this much and closes.
func once(t *testing.T, answer string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		ln.Close() // a second request would be refused, and that would be told
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, answer)
		conn.Close()
	}()
	return ln.Addr().String()
}

func TestFetchCodeTimeouts(t *testing.T) {
	for _, tc := range []struct {
		name  string
		begin http.HandlerFunc // what comes before the silence; nil = not even a connection
		dead  bool
		want  payment.MintAnswer
	}{
		{"before the header", nil, false, payment.MintAnswer{Failure: "timeout after 10s"}},
		{"within the body", replies(200, coded[:20]), false,
			payment.MintAnswer{Failure: "timeout after 10s"}},
		{"while it connects", nil, true,
			payment.MintAnswer{Failure: "timeout after 10s", NeverSent: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := piped(t, tc.begin, 0)
				g.cfg.QRURL = "http://127.0.0.1:1" + qrPath
				inProcess := g.client.Transport.(*http.Transport).DialContext
				g.orders.Transport.(*http.Transport).DialContext = inProcess
				if tc.dead {
					release := make(chan struct{})
					// net/http goes on dialling behind a request that has ended
					defer close(release)
					g.orders.Transport.(*http.Transport).DialContext = func(context.Context, string,
						string) (net.Conn, error) {
						<-release
						return nil, net.ErrClosed
					}
				}
				wantCode(t, tc.want, g.FetchCode(t.Context(), sale))
			})
		})
	}
}

func FuzzDecodeCode(f *testing.F) {
	g := newGateway(f)
	for _, seed := range []string{coded, sealed(f, coded), `{"data":"` + sealed(f, coded) + `"}`,
		`{"status":"SUCCESS"}`, "[]", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, problem := g.decodeCode(body, sale, "paynow")
		if (problem == "") != (got.Minted.Payload != "") || len(got.Minted.Payload) > maxQRString ||
			got.ValidFor < 0 || got.ValidFor > maxValidity {
			t.Errorf("%+v %q", got, problem)
		}
	})
}
