package prober

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/payment"
)

// TestReadDelivery: a delivery is read from whatever it was recorded as, and what is none says what
// it should have been.
func TestReadDelivery(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	envelope := `{"method":"POST","path":"/x","query":"data=a.b","headers":{"X-A":["1"]},` +
		`"body":"e30=","received_at":"2026-11-28T12:00:00Z"}`
	want := payment.Envelope{Method: "POST", Path: "/x", Query: "data=a.b",
		Headers: map[string][]string{"X-A": {"1"}}, Body: []byte("{}"), ReceivedAt: now}
	for _, text := range []string{
		envelope, "\n " + envelope + "\n",
		`{"reason":"key","hash":"h","envelope":` + envelope + `}`,
		`{"seq":31,"kind":"parked","data":{"reason":"key","envelope":` + envelope + `}}`,
		"POST /hook/route/x?data=a.b HTTP/1.1\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n{}",
	} {
		e, err := ReadDelivery(strings.NewReader(text), now)
		delete(e.Headers, "Content-Length")
		if got, want := fmt.Sprintf("%+v", e), fmt.Sprintf("%+v", want); err != nil || got != want {
			t.Errorf("%s\n%s, %v\nwant %s", text, got, err, want)
		}
	}
	for text, wrong := range map[string]string{
		"":               "neither JSON nor an HTTP request",
		"{":              "no JSON of a delivery",
		`{"a":1}`:        "without a method",
		"hello":          "POST /hook/x HTTP/1.1",
		"GET / HTTP/1.1": "neither JSON nor",
		"POST /hook/x HTTP/1.1\r\nContent-Length: 20\r\n\r\n{}":   "shorter than it says",
		strings.Repeat(" ", maxDelivery+1):                        "longer than 1 MiB",
		`{"method":3}`:                                            "no JSON of a delivery",
		`{"data":{"envelope":{"method":"POST","body":"not b64"}}`: "no JSON of a delivery",
	} {
		if _, err := ReadDelivery(strings.NewReader(text), now); err == nil ||
			!strings.Contains(err.Error(), wrong) {
			t.Errorf("%.60q: %v, not %q", text, err, wrong)
		}
	}
}

// opener is a gateway that says what it is told to.
type opener struct {
	records []payment.Record
	err     error
	lines   []payment.Observed
}

func (o opener) Open(payment.Envelope) ([]payment.Record, error)    { return o.records, o.err }
func (o opener) Describe(payment.Envelope) (all []payment.Observed) { return o.lines }

// plainly writes each value as a text.
func plainly(key, value string) (table, line string) {
	dot := strings.LastIndexByte(key, '.')
	if value == "" {
		return key[:dot], ""
	}
	return key[:dot], key[dot+1:] + ` = "` + value + `"`
}

type cured struct{ error }

func (cured) Cure() string { return "Write it into axs.words." }

// TestReplay: what came is told with how it stands to the pages, each line once, and what to write
// as it stands in the configuration.
func TestReplay(t *testing.T) {
	word := payment.Observed{Path: payment.PathNotification, What: "status", Is: "PAID\x1b[2J",
		Paper: "SUCCESS", Fit: payment.FitDiffers, Key: "axs.words.paid", Value: "PAID"}
	lines := []payment.Observed{
		{Path: payment.PathNotification, What: "method", Is: "POST", Fit: payment.FitOpen},
		{Path: payment.PathNotification, What: "member amount", Is: "string",
			Paper: "string", Fit: payment.FitPaper},
		word, word,
		{Path: payment.PathQuery, What: "status", Is: "PAID", Paper: "SUCCESS",
			Fit: payment.FitDiffers, Key: "axs.words.paid", Value: "PAID"},
		{Path: payment.PathQuery, What: "shape", Is: "an object", Fit: payment.FitDiffers,
			Key: "axs.query_list", Value: "data"},
		{Path: payment.PathToken, What: "kid", Is: "another", Fit: payment.FitMended,
			Key: "axs.key_ids"},
		{Path: payment.PathToken, What: "token", Is: "does not open", Fit: payment.FitDiffers,
			Key: "axs.secret"},
		{Path: payment.PathNotification, What: "member colour", Is: "string",
			Fit: payment.FitUnknown},
	}
	record := payment.Record{MerchantRef: "K-1", Type: payment.TypePay,
		Status: payment.RecordSuccess, Amount: 1023, Currency: "SGD", TransactionRef: "T1",
		Said: payment.Said{Status: "PAID"}}
	strange := record
	strange.Status, strange.Said = "PAID", payment.Said{}
	for _, tc := range []struct {
		opener
		code int
		all  bool
		want []string
		not  string
	}{
		{opener{records: []payment.Record{record}, lines: lines}, exit.Done, false, []string{
			`otherwise (its pages: SUCCESS): axs.words.paid = "PAID"`,
			"otherwise, mended by axs.key_ids", "not known", ": look at axs.secret",
			"K-1: PAY SUCCESS, 10.23 SGD, transaction T1 (by the configured status PAID)\n",
			"go into it:\n\n  [axs]\n  query_list = \"data\"\n\n  [axs.words]\n" +
				"  paid = \"PAID\"\n\nLook at axs.secret.\n\nWhat no page and no key knows (1)"},
			"as its pages say"},
		{opener{records: []payment.Record{strange}, lines: lines[:2]}, exit.Unknown, true,
			[]string{"it decides nothing", "configuration say (2 things)", "as its pages say",
				"taken; its pages leave it open"}, "look at"},
		{opener{lines: lines[:2]}, exit.Done, false, []string{"about no payment"}, "method"},
		{opener{err: fmt.Errorf("wrapped: %w", cured{errors.New("no status")}),
			lines: lines[2:3]}, exit.Failure, false,
			[]string{"It does not open: wrapped: no status\n",
				"Write it into axs.words.\n"}, "as its pages say"},
	} {
		var out strings.Builder
		code := Replay(&out, tc.opener, plainly, tc.all, payment.Envelope{})
		if code != tc.code {
			t.Errorf("code %d, want %d", code, tc.code)
		}
		for _, want := range tc.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in\n%s", want, &out)
			}
		}
		if strings.Contains(out.String(), tc.not) {
			t.Errorf("there is %q in\n%s", tc.not, &out)
		}
		if n := strings.Count(out.String(), "axs.words.paid ="); n > 2 {
			t.Errorf("a line stands there %d times", n)
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Error("a terminal obeys what came")
		}
	}
}
