package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

func (w *world) query(ref string) (int, string) {
	w.Helper()
	return w.get(w.site.URL + "/axs/api/hpp/v2/transaction/" + testLink + "?data=" +
		mint(w, map[string]string{"merchantRef": ref}))
}

func records(t *testing.T, body string) []map[string]any {
	t.Helper()
	var all []map[string]any
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatal(err, body)
	}
	return all
}

func TestQueryTellsSeveralRecords(t *testing.T) {
	w := newWorld(t, nil)
	w.openLink(with(fields("R-1"), "terminalId", "K001"))
	for _, a := range []Action{{Do: Decline, Scheme: Visa, ResponseCode: "51"},
		{Do: Expire, Scheme: Alipay}, {Do: ShowCode, Scheme: WeChatPay},
		{Do: Pay, Scheme: PayNow}, {Do: Void, Scheme: PayNow}, {Do: Refund, Scheme: PayNow}} {
		w.act("R-1", a)
	}
	status, body := w.query("R-1")
	p, _ := w.Payment("R-1")
	var want []map[string]any
	for i, f := range [][]string{{"PAY", "DECLINED", "51", "VISA"},
		{"PAY", "EXPIRED", "", "ALIPAY"}, {"PAY", "SENT", "", "WECHATPAY"},
		{"PAY", "SUCCESS", "00", "PAYNOW"}, {"VOID", "SUCCESS", "00", "PAYNOW"},
		{"REFUND", "SUCCESS", "00", "PAYNOW"}} {
		r := map[string]any{"amount": "10.23", "currency": "SGD",
			"transactionRef": p.Records[i].TransactionRef, "merchantRef": "R-1",
			"terminalId": "K001", "status": f[1], "transactionType": f[0], "responseCode": f[2],
			"paymentScheme": f[3], "paymentDateTime": "2026-01-16T01:22:46.010508Z"}
		if f[2] == "" {
			delete(r, "responseCode")
		}
		want = append(want, r)
	}
	if diff := cmp.Diff(want, records(t, body)); diff != "" || status != 200 {
		t.Error(status, diff)
	}
	w.quiet()
}

func TestQueryForUnknownReferences(t *testing.T) {
	for answer, want := range map[UnknownAnswer]int{UnknownEmpty: 200, Unknown404: 404} {
		w := newWorld(t, func(cfg *Config) { cfg.Unknown = answer })
		w.openLink(fields("R-1")) // opened, but nothing was tried
		for _, ref := range []string{"R-1", "R-9"} {
			status, body := w.query(ref)
			if status != want || status == 200 && body != "[]" {
				t.Errorf("%s %s: %d %s", answer, ref, status, body)
			}
		}
	}
}

func TestQueryForms(t *testing.T) {
	for _, form := range []QueryForm{QueryPlain, QueryData, QueryCompact} {
		t.Run(string(form), func(t *testing.T) {
			w := newWorld(t, func(cfg *Config) { cfg.QueryForm = form })
			w.openLink(fields("R-1"))
			w.act("R-1", Action{Do: Pay})
			_, body := w.query("R-1")
			token := body
			if form == QueryData {
				var wrapped map[string]string
				if err := json.Unmarshal([]byte(body), &wrapped); err != nil || len(wrapped) != 1 {
					t.Fatal(body)
				}
				token = wrapped["data"]
			}
			if form != QueryPlain {
				obj, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{envAlg},
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
			if all := records(t, body); len(all) != 1 || all[0]["status"] != "SUCCESS" {
				t.Error(body)
			}
			w.quiet()
		})
	}
}

func TestQueryRefuses(t *testing.T) {
	w := newWorld(t, nil)
	w.openLink(fields("R-1"))
	w.act("R-1", Action{Do: Pay})
	base := w.site.URL + "/axs/api/hpp/v2/transaction/"
	for name, tt := range map[string]struct {
		path   string
		status int
		want   string
	}{
		"unknown link": {"nobody?data=" + mint(t, map[string]string{"merchantRef": "R-1"}), 404,
			"merchantLinkId"},
		"no token":     {testLink, 400, "data"},
		"a link token": {testLink + "?data=" + mint(t, fields("R-1")), 400, "nothing else"},
		"no reference": {testLink + "?data=" + mint(t, map[string]string{}), 400, "merchantRef"},
		"number": {testLink + "?data=" + mint(t, map[string]int{"merchantRef": 1}), 400,
			"merchantRef"},
		"foreign token": {testLink + "?data=" +
			mint(t, fields("R-1"), func(r *jose.Recipient) {
				r.Key = []byte("another-client-secret")
			}), 400, "does not open"},
	} {
		if status, body := w.get(base + tt.path); status != tt.status ||
			!strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if _, body := w.get(base + "lnk-2?data=" +
		mint(t, map[string]string{"merchantRef": "R-1"})); body != "[]" {
		t.Error("a payment is seen through another link:", body)
	}
	w.quiet()
}

func TestFaultsOfQueries(t *testing.T) {
	for kind, holds := range map[FaultKind]func(status int, body string) bool{
		FaultQuery500: func(status int, _ string) bool { return status == 500 },
		FaultQuery404: func(status int, _ string) bool { return status == 404 },
		FaultQueryNonsense: func(status int, body string) bool {
			return status == 200 &&
				strings.Contains(body, "<!doctype html>")
		},
		FaultQueryEmpty: func(status int, body string) bool {
			return status == 200 &&
				body == "[]"
		},
		FaultQueryAmount: func(_ int, body string) bool {
			return records(t, body)[0]["amount"] == "9.23"
		},
		FaultQueryCurrency: func(_ int, body string) bool {
			return records(t, body)[0]["currency"] == "USD"
		},
		FaultQueryOtherRef: func(_ int, body string) bool {
			return records(t, body)[0]["merchantRef"] == "R-0"
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, nil)
			w.openLink(fields("R-1"))
			w.act("R-1", Action{Do: Pay})
			w.fault(Fault{Kind: kind, Times: 1})
			if status, body := w.query("R-1"); !holds(status, body) {
				t.Error(status, body)
			}
			if status, body := w.query("R-1"); status != 200 ||
				records(t, body)[0]["amount"] != "10.23" {
				t.Error("the fault strikes twice:", status, body)
			}
			w.quiet()
		})
	}
}

func TestQueryTimeout(t *testing.T) {
	w := newWorld(t, nil)
	w.openLink(fields("R-1"))
	w.fault(Fault{Kind: FaultQueryTimeout, Delay: Duration(time.Minute)})
	done := make(chan int, 1)
	go func() {
		resp, err := http.Get(w.site.URL + "/axs/api/hpp/v2/transaction/" + testLink + "?data=" +
			mint(w, map[string]string{"merchantRef": "R-1"}))
		if err != nil {
			done <- -1
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		done <- resp.StatusCode
	}()
	w.waitFor(func() bool { return w.clock.waiting() == 1 })
	select {
	case status := <-done:
		t.Fatal("answered at once:", status)
	default:
	}
	w.clock.advance(time.Minute)
	if status := <-done; status != http.StatusGatewayTimeout {
		t.Error(status)
	}
	http.DefaultClient.CloseIdleConnections()
}
