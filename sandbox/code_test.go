package sandbox

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"kiosk-agent/sandbox/simkit"
)

func (w *world) askCode(payload map[string]any) (int, string) {
	w.Helper()
	return w.get(w.site.URL + "/axs/api/hpp/v1/qrcode/" + testLink + "?data=" + mint(w, payload))
}

// coded asks for a code, which must come.
func (w *world) coded(payload map[string]any) map[string]any {
	w.Helper()
	status, body := w.askCode(payload)
	if status != 200 {
		w.Fatal(status, body)
	}
	return object(w, body)
}

func object(t testing.TB, body string) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatal(err, body)
	}
	return m
}

func TestACodeIsMade(t *testing.T) {
	w := newWorld(t, nil)
	got := w.coded(with(fields("R-1"), "scheme", "paynow", "expiry", 180, "terminalId", "K001"))
	p, err := w.Payment("R-1")
	if err != nil || len(p.Records) != 1 || p.Records[0].Status != StatusSent ||
		p.State != StateOpen || !p.ExpiresAt.Equal(w.clock.Now().Add(3*time.Minute)) {
		t.Fatal(err, p)
	}
	want := map[string]any{
		"transactionReferenceId": p.Records[0].TransactionRef, "merchantId": testClient,
		"merchantRef": "R-1", "qrString": p.QRString, "expiry": 180.0,
		"createdAt": float64(w.clock.Now().UnixMilli()), "status": "SUCCESS",
		"paymentType": "PAYNOW",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !strings.HasPrefix(p.QRString, "000201010212") ||
		!strings.Contains(p.QRString, "SG.PAYNOW") || !strings.Contains(p.QRString, "540510.23") {
		t.Errorf("%q", p.QRString)
	}
	if simkit.CRC16("123456789") != 0x29b1 {
		t.Error("not the CRC of EMVCo's codes")
	}
	if _, body := w.query("R-1"); records(t, body)[0]["status"] != "SENT" {
		t.Error(body)
	}
	w.quiet() // SENT is nothing to tell anybody

	// A wallet scans it and pays.
	if status, body := w.control("POST", "/sandbox/act",
		`{"qrString":"another code","action":"pay"}`); status != 404 {
		t.Error(status, body)
	}
	if status, body := w.control("POST", "/sandbox/act",
		`{"qrString":"`+p.QRString+`","action":"pay"}`); status != 200 ||
		!strings.Contains(body, `"state": "paid"`) {
		t.Error(status, body)
	}
	w.quiet()
	claims, _ := openClaims(t, w.next().query.Get("data"))
	if claims["status"] != "SUCCESS" || claims["paymentScheme"] != "PAYNOW" ||
		claims["transactionRef"] != got["transactionReferenceId"] {
		t.Errorf("%v", claims)
	}
	if status, body := w.control("POST", "/sandbox/act",
		`{"qrString":"`+p.QRString+`","action":"pay"}`); status != 409 {
		t.Error("paid twice", status, body)
	}
}

func TestACodeExpires(t *testing.T) {
	w := newWorld(t, nil)
	for ref, scheme := range map[string]string{"R-1": "alipay", "R-2": "wechatpay", "R-3": ""} {
		w.coded(with(fields(ref), "scheme", scheme))
	}
	w.act("R-3", Action{Do: Expire})
	w.quiet()
	w.clock.advance(codeExpiry)
	var told []string
	for range 3 {
		claims, _ := openClaims(t, w.next().query.Get("data"))
		told = append(told, claims["merchantRef"].(string)+" "+claims["paymentScheme"].(string)+" "+
			claims["status"].(string))
	}
	slices.Sort(told)
	if d := cmp.Diff([]string{"R-1 ALIPAY EXPIRED", "R-2 WECHATPAY EXPIRED", "R-3 PAYNOW EXPIRED"},
		told); d != "" {
		t.Error(d)
	}
	for _, ref := range []string{"R-1", "R-3"} {
		if _, err := w.Act(ref, Action{Do: Pay}); err == nil {
			t.Errorf("%s: an expired code was paid", ref)
		}
	}
}

func TestACodeIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	w.coded(fields("R-1"))
	w.openLink(fields("R-2"))
	for _, tc := range []struct {
		payload map[string]any
		status  int
		problem string
	}{
		{fields("R-1"), 409, "must be unique"},
		{fields("R-2"), 409, "must be unique"},
		{with(fields("R-3"), "scheme", "credit_card"), 400, "one of paynow, alipay, wechatpay"},
		{with(fields("R-3"), "scheme", "paynow,alipay"), 400, "one of paynow, alipay, wechatpay"},
		{with(fields("R-3"), "scheme", "cash"), 400, "is not one of"},
		{with(fields("R-3"), "amount", "10.23"), 400, "in digits only"},
		{with(fields("R-3"), "currency", "USD"), 400, "SGD"},
		{with(fields("R-3"), "merchantRef", nil), 400, "is missing"},
		{with(fields("R-3"), "expiry", -1), 400, "in digits only"},
		{with(fields("R-3"), "successUrl", "https://shop.example/ok"), 400,
			"is not a field of a request for a code"},
		{with(fields("R-3"), "surprise", 1), 400, "is not a field"},
		{with(fields("R-3"), "clientId", "another"), 400, "client id"},
	} {
		if status, body := w.askCode(tc.payload); status != tc.status ||
			!strings.Contains(body, tc.problem) {
			t.Errorf("%v: %d %s", tc.payload, status, body)
		}
	}
	if status, _ := w.get(w.site.URL + "/axs/api/hpp/v1/qrcode/nobody?data=" +
		mint(t, fields("R-4"))); status != 404 {
		t.Error(status)
	}
	if status, _ := w.control("HEAD",
		"/api/hpp/v1/qrcode/"+testLink+"?data="+mint(t, fields("R-5")), ""); status != 405 {
		t.Error("a HEAD made a code")
	}
	if n := len(w.Payments()); n != 2 {
		t.Errorf("%d payments", n)
	}
}

func TestCodeFaults(t *testing.T) {
	for kind, made := range map[FaultKind]bool{FaultQR500: false, FaultQRTimeout: true,
		FaultQRNonsense: true, FaultQROtherRef: true} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, nil)
			w.fault(Fault{Kind: kind, Times: 1, Delay: Duration(time.Minute)})
			var status int
			var body string
			answered := make(chan struct{})
			go func() {
				status, body = w.askCode(fields("R-1"))
				close(answered)
			}()
			if kind == FaultQRTimeout {
				// the silence, and the code's own end
				w.waitFor(func() bool { return w.clock.waiting() == 2 })
				w.clock.advance(time.Minute)
			}
			<-answered
			good := map[FaultKind]bool{
				FaultQR500: status == 500, FaultQRTimeout: status == 504,
				FaultQRNonsense: status == 200 && strings.Contains(body, "Back soon"),
				FaultQROtherRef: status == 200 && strings.Contains(body, `"R-0"`),
			}
			if !good[kind] {
				t.Errorf("%d %s", status, body)
			}
			if _, err := w.Payment("R-1"); (err == nil) != made {
				t.Errorf("made: %v", err == nil)
			}
			w.coded(fields("R-2")) // the fault is used up
		})
	}
}

func TestCodeForms(t *testing.T) {
	for _, form := range []QueryForm{QueryPlain, QueryData, QueryCompact} {
		w := newWorld(t, func(cfg *Config) { cfg.QueryForm, cfg.NumbersAsText = form, true })
		_, body := w.askCode(with(fields("R-1"), "expiry", "200"))
		if form == QueryData {
			body = object(t, body)["data"].(string)
		}
		if form != QueryPlain {
			obj, err := jose.ParseEncryptedCompact(body, []jose.KeyAlgorithm{envAlg},
				[]jose.ContentEncryption{envEnc})
			if err != nil {
				t.Fatal(err, body)
			}
			plaintext, err := obj.Decrypt([]byte(testSecret))
			if err != nil {
				t.Fatal(err)
			}
			body = string(plaintext)
		}
		got := object(t, body)
		if got["expiry"] != "200" || got["createdAt"] != "1768526566010" ||
			len(slices.Collect(maps.Keys(got))) != 8 {
			t.Errorf("%s: %s", form, body)
		}
	}
}

func TestCodesOutliveTheProcess(t *testing.T) {
	book := filepath.Join(t.TempDir(), "book")
	w := booked(t, book)
	code := w.coded(with(fields("R-1"), "scheme", "alipay"))["qrString"].(string)
	again := booked(t, book)
	if d := cmp.Diff(w.Payments(), again.Payments()); d != "" {
		t.Error(d)
	}
	if p, err := again.Scan(code); err != nil || p.MerchantRef != "R-1" {
		t.Error(p, err)
	}
	again.clock.advance(codeExpiry)
	again.next()
	if p, _ := again.Payment("R-1"); p.State != StateExpired ||
		p.Records[0].Status != StatusExpired {
		t.Errorf("%+v", p)
	}
}
