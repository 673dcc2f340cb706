package sandbox

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// serveRaw sends a raw query to the handler without a network.
func serveRaw(s *Server, path, data string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.URL.RawQuery = "data=" + data
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, r)
	return rec
}

func TestPhoneDeclinesThenPays(t *testing.T) {
	w := newWorld(t, nil)
	token := w.openLink(with(fields("R-1"), "successUrl", "https://shop.example/ok", "failUrl",
		"https://shop.example/bad", "terminalId", "K001"))
	_, page := w.get(w.pageURL(token))
	for _, want := range []string{"SANDBOX", "no money moves", "Kopi &amp; Toast", "10.23", "R-1",
		"10:00", "K001"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	_, page = w.press(page, "decline", Visa)
	if !strings.Contains(page, "Declined") || !strings.Contains(page, "https://shop.example/bad") {
		t.Error("no sign of the decline:", page)
	}
	claims, _ := openClaims(t, w.next().query.Get("data"))
	if claims["status"] != "DECLINED" || claims["responseCode"] != "05" ||
		claims["paymentScheme"] != "VISA" {
		t.Error(claims)
	}
	w.clock.advance(time.Second)
	_, page = w.press(page, "pay", PayNow)
	if !strings.Contains(page, "Payment successful") ||
		!strings.Contains(page, "https://shop.example/ok") {
		t.Error("no sign of the payment:", page)
	}
	claims, header := openClaims(t, w.next().query.Get("data"))
	p, _ := w.Payment("R-1")
	want := map[string]any{"amount": "10.23", "currency": "SGD",
		"transactionRef": p.Records[1].TransactionRef, "merchantRef": "R-1",
		"status": "SUCCESS", "responseCode": "00", "paymentScheme": "PAYNOW",
		"paymentDateTime": "2026-01-16T01:22:47.010508Z"}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Error(diff)
	}
	if len(p.Records[1].TransactionRef) != 19 ||
		p.Records[0].TransactionRef == p.Records[1].TransactionRef {
		t.Error(p.Records)
	}
	if header.KeyID != testClient || header.ExtraHeaders["p2c"] != nil &&
		header.ExtraHeaders["p2c"] != 1000.0 {
		t.Error(header)
	}
	if status, body := w.phonePost(token, "pay", "VISA"); status != http.StatusConflict ||
		!strings.Contains(body, "already paid") {
		t.Error("paid twice:", status)
	}
	w.none()
	if diff := cmp.Diff(map[string]Collected{"R-1": {Currency: "SGD", Paid: 1023, Payments: 1}},
		w.Collected()); diff != "" {
		t.Error(diff)
	}
}

func (w *world) phonePost(token, action, scheme string) (int, string) {
	w.Helper()
	resp, err := w.phone.PostForm(w.site.URL+"/axs/hpp/checkout/"+testLink+"/act",
		url.Values{"data": {token}, "action": {action}, "scheme": {scheme}})
	if err != nil {
		w.Fatal(err)
	}
	return w.read(resp)
}

func TestWalletCodeIsShownThenPaid(t *testing.T) {
	w := newWorld(t, nil)
	token := w.openLink(fields("R-1"))
	_, page := w.get(w.pageURL(token))
	_, page = w.press(page, "show_code", Alipay)
	if p, _ := w.Payment("R-1"); len(p.Records) != 1 || p.Records[0].Status != StatusSent {
		t.Fatal(p.Records)
	}
	w.none()
	w.press(page, "pay", Alipay)
	p, _ := w.Payment("R-1")
	if len(p.Records) != 1 || p.Records[0].Status != StatusSuccess || p.State != StatePaid {
		t.Error(p.Records)
	}
	w.next()
	w.clock.advance(time.Hour)
	w.waitFor(func() bool { _, waits := w.NextDue(); return !waits })
	w.none() // a code that was paid does not expire
}

func TestCardAndCodeArePaidBoth(t *testing.T) {
	w := newWorld(t, nil)
	w.openLink(fields("R-1"))
	w.act("R-1", Action{Do: ShowCode, Scheme: PayNow})
	w.act("R-1", Action{Do: ShowCode, Scheme: Alipay})
	w.act("R-1", Action{Do: Pay, Scheme: Visa})
	p := w.act("R-1", Action{Do: PayAgain, Scheme: PayNow})
	if len(p.Records) != 3 || w.Collected()["R-1"].Paid != 2046 {
		t.Error(p.Records)
	}
	w.clock.advance(time.Hour)
	var got []any
	for range 3 {
		claims, _ := openClaims(t, w.next().query.Get("data"))
		got = append(got, claims["status"])
	}
	if diff := cmp.Diff([]any{"SUCCESS", "SUCCESS", "EXPIRED"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTransactionRefHas19DigitsAtAnyTime(t *testing.T) {
	for _, now := range []time.Time{time.Unix(0, 0), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)} {
		s, err := New(Config{Merchants: []Merchant{testMerchant}, Rand: zeros{}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := s.transactionRef(now)
		b, err := s.transactionRef(now)
		if err != nil || len(a) != 19 || len(b) != 19 || a == b {
			t.Error(now, a, b, err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestShownCodeExpiresWithTheLink(t *testing.T) {
	w := newWorld(t, nil)
	token := w.openLink(with(fields("R-1"), "expiry", 60, "failUrl", "https://shop.example/bad"))
	w.act("R-1", Action{Do: ShowCode, Scheme: WeChatPay})
	w.clock.advance(time.Minute)
	claims, _ := openClaims(t, w.next().query.Get("data"))
	if claims["status"] != "EXPIRED" || claims["paymentScheme"] != "WECHATPAY" {
		t.Error(claims)
	}
	if _, there := claims["responseCode"]; there {
		t.Error("EXPIRED has a response code that the document does not name")
	}
	_, page := w.get(w.pageURL(token))
	if !strings.Contains(page, "has expired") ||
		!strings.Contains(page, "https://shop.example/bad") ||
		strings.Contains(page, `value="pay"`) {
		t.Error(page)
	}
	if status, _ := w.phonePost(token, "pay", "VISA"); status != http.StatusConflict {
		t.Error("paid after expiry:", status)
	}
}

func TestAbandonAndComeBack(t *testing.T) {
	w := newWorld(t, nil)
	token := w.openLink(with(fields("R-1"), "cancelUrl", "https://shop.example/cancel"))
	_, page := w.get(w.pageURL(token))
	_, page = w.press(page, "abandon", "")
	if !strings.Contains(page, "left without paying") ||
		!strings.Contains(page, "https://shop.example/cancel") {
		t.Error(page)
	}
	w.none()
	if _, page = w.press(page, "pay", Mastercard); !strings.Contains(page, "Payment successful") {
		t.Error(page)
	}
	w.next()
}

func TestSchemeOfTheLinkRestrictsTheButtons(t *testing.T) {
	w := newWorld(t, nil)
	token := w.openLink(with(fields("R-1"), "scheme", "paynow"))
	_, page := w.get(w.pageURL(token))
	if strings.Contains(page, "Visa") || !strings.Contains(page, "Pay with PayNow") {
		t.Error(page)
	}
	if status, _ := w.phonePost(token, "pay", "VISA"); status != http.StatusBadRequest {
		t.Error(status)
	}
}

func TestActRefuses(t *testing.T) {
	w := newWorld(t, nil)
	w.openLink(with(fields("R-1"), "scheme", "paynow"))
	w.openLink(fields("R-2"))
	for name, tt := range map[string]struct {
		ref  string
		a    Action
		want error
	}{
		"unknown":          {"R-9", Action{Do: Pay}, ErrUnknown},
		"other merchant":   {"R-1", Action{Do: Pay, ClientID: "x"}, ErrUnknown},
		"no verb":          {"R-1", Action{}, ErrAction},
		"decline wallet":   {"R-1", Action{Do: Decline}, ErrAction},
		"expire card":      {"R-2", Action{Do: Expire, Scheme: Visa}, ErrAction},
		"scheme":           {"R-1", Action{Do: Pay, Scheme: Visa}, ErrScheme},
		"again before pay": {"R-1", Action{Do: PayAgain}, ErrNotPaid},
		"refund unpaid":    {"R-1", Action{Do: Refund}, ErrNotPaid},
	} {
		if _, err := w.Act(tt.ref, tt.a); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPayAgainVoidRefundAndCollected(t *testing.T) {
	w := newWorld(t, nil)
	w.openLink(fields("R-1"))
	for _, do := range []Verb{Pay, PayAgain, Void, Refund} {
		w.act("R-1", Action{Do: do, Scheme: Visa})
	}
	w.quiet()
	if len(w.hooks) != 2 {
		t.Errorf("%d webhooks, want one for each payment and none for void and refund",
			len(w.hooks))
	}
	want := map[string]Collected{"R-1": {Currency: "SGD", Paid: 2046, Payments: 2, Reversed: 2046}}
	if diff := cmp.Diff(want, w.Collected()); diff != "" {
		t.Error(diff)
	}
}

func TestDefaultOutcomes(t *testing.T) {
	for amount, want := range map[string]struct {
		atOnce, first, second Status
		code                  string
	}{
		"100001": {atOnce: StatusSuccess, code: "00"},
		"100002": {atOnce: StatusDeclined, code: "05"},
		"100003": {atOnce: StatusExpired},
		"100004": {first: StatusDeclined, second: StatusSuccess, code: "00"},
		"100005": {first: StatusDeclined, second: StatusDeclined, code: "05"},
		"100051": {first: StatusDeclined, second: StatusDeclined, code: "51"},
		"100054": {first: StatusDeclined, second: StatusDeclined, code: "54"},
		"100091": {first: StatusDeclined, second: StatusDeclined, code: "91"},
		"100090": {first: StatusSuccess, code: "00"},
	} {
		t.Run(amount, func(t *testing.T) {
			w := newWorld(t, nil)
			w.openLink(with(fields("R-1"), "amount", amount))
			var expected []Status
			if want.atOnce != "" {
				expected = append(expected, want.atOnce)
			}
			for _, status := range []Status{want.first, want.second} {
				if status != "" {
					w.act("R-1", Action{Do: Pay, Scheme: Mastercard})
					expected = append(expected, status)
				}
			}
			p, _ := w.Payment("R-1")
			var got []Status
			for _, r := range p.Records {
				got = append(got, r.Status)
			}
			if diff := cmp.Diff(expected, got); diff != "" ||
				p.Records[len(got)-1].ResponseCode != want.code {
				t.Error(diff, p.Records)
			}
			w.quiet()
		})
	}
}

func TestDeliverInsteadOfRun(t *testing.T) {
	clock := newClock()
	var paths []string
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		paths = append(paths, r.URL.Path)
		return &http.Response{StatusCode: 204, Body: http.NoBody}, nil
	})}
	s, err := New(Config{Merchants: []Merchant{testMerchant}, Clock: clock, Client: client,
		Faults: []Fault{{Kind: FaultDelay, Delay: Duration(time.Minute), MerchantRef: "R-1"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"R-1", "R-2"} {
		serveRaw(s, "/hpp/checkout/"+testLink,
			mint(t, with(fields(ref), "webhookUrl", "http://merchant.example/"+ref)))
		if _, err := s.Act(ref, Action{Do: Pay}); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Deliver(t.Context()); n != 1 {
		t.Errorf("%d delivered", n)
	}
	at, ok := s.NextDue()
	if !ok || at != clock.Now().Add(time.Minute) {
		t.Error(at, ok)
	}
	clock.advance(time.Minute)
	if n := s.Deliver(t.Context()); n != 1 {
		t.Errorf("%d delivered", n)
	}
	if _, ok := s.NextDue(); ok {
		t.Error("something still waits")
	}
	if diff := cmp.Diff([]string{"/R-2", "/R-1"}, paths); diff != "" {
		t.Error(diff)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestDefaultOutcomesAreComplete(t *testing.T) {
	if n := len(DefaultOutcomes()); n != 8 {
		t.Errorf("%d outcomes; the table above tests 8", n)
	}
}
