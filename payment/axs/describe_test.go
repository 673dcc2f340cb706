package axs

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

// keyed are the lines that name a key, as KEY=VALUE.
func keyed(all []payment.Observed, fit payment.Fit) (out []string) {
	for _, o := range all {
		if o.Fit == fit {
			out = append(out, o.Key+"="+o.Value)
		}
	}
	return out
}

// TestDescribe: what is as AXS's pages say differs nowhere, and of what differs the line names the
// key and what to write there.
func TestDescribe(t *testing.T) {
	const ref = "K001SIMU-01ARZ3NDEKTSV4RRFFQ69G5FAV"
	ours := strings.Replace(sample, "Ref123", ref, 1)
	header := func(more string) string {
		salt := []byte("0123456789abcdef")
		return craft(t, `{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","p2s":"`+
			base64.RawURLEncoding.EncodeToString(salt)+`",`+more+`}`, salt, 1000, ours)
	}
	for _, tc := range []struct {
		name    string
		e       payment.Envelope
		differs string // KEY=VALUE; "" = nothing does
		unknown int    // lines that nothing here mends
	}{
		{"as the page says", byQuery(sealed(t, ours)), "", 0},
		{"by POST, as JSON", payment.Envelope{Method: "POST",
			Body: []byte(`{"jwe":"` + sealed(t, ours) + `"}`)}, "", 0},
		{"a token's name", payment.Envelope{Method: "GET", Query: "payload=" + sealed(t, ours)},
			"axs.members.token=payload", 0},
		{"a token in a header", payment.Envelope{Method: "GET",
			Headers: map[string][]string{"X-Token": {sealed(t, ours)}}}, "", 1},
		{"p2c", byQuery(header(`"p2c":2048`)), "axs.max_p2c=2048", 0},
		{"p2c over all bounds", byQuery(header(`"p2c":310000`)), "", 1},
		{"kid", byQuery(header(`"p2c":1000,"kid":"key-1"`)), "axs.key_ids=key-1", 0},
		{"no kid", byQuery(header(`"p2c":1000`)), "", 0},
		{"status's name", byQuery(sealed(t, strings.Replace(ours, `"status"`, `"payStatus"`, 1))),
			"axs.members.status=payStatus", 0},
		{"reference's name", byQuery(sealed(t, strings.Replace(ours, `"merchantRef"`, `"x"`, 1))),
			"axs.members.merchant_ref=x", 0},
		{"amount's name", byQuery(sealed(t, strings.Replace(ours, `"amount"`, `"totalPaid"`, 1))),
			"axs.members.amount=totalPaid", 0},
		{"a word", byQuery(sealed(t, strings.Replace(ours, "SUCCESS", "Paid", 1))),
			"axs.words.paid=Paid", 0},
		{"a word of failure", byQuery(sealed(t, strings.Replace(ours, "SUCCESS", "FAILED", 1))),
			"axs.words.declined=FAILED", 0},
		{"a response code", byQuery(sealed(t, strings.Replace(ours, `"00"`, `"000"`, 1))),
			"axs.words.code_ok=000", 0},
		{"a type", byQuery(sealed(t, strings.Replace(ours, "{", `{"transactionType":"SALE",`, 1))),
			"axs.words.type_pay=SALE", 0},
		{"the reference in small", byQuery(sealed(t, strings.Replace(ours, ref,
			strings.ToLower(ref), 1))), "axs.reference=loose", 0},
		{"a reference of nobody", byQuery(sealed(t, sample)), "", 1},
		{"an amount of cents", byQuery(sealed(t, strings.Replace(ours, "10.23", "1023", 1))),
			"", 0},
		{"no amount", byQuery(sealed(t, strings.Replace(ours, "10.23", "ten", 1))), "", 1},
		{"a currency", byQuery(sealed(t, strings.Replace(ours, "SGD", "sgd", 1))), "", 2},
		{"no JSON", byQuery(sealed(t, "no")), "", 1},
		{"nothing", payment.Envelope{Method: "GET"}, "", 1},
		{"a link of ours", byQuery(sealed(t, `{"clientId":"x"}`)), "", 1},
		{"no currency", byQuery(sealed(t, strings.Replace(ours, `"currency":"SGD",`, "", 1))),
			"", 0},
	} {
		all := newGateway(t).Describe(tc.e)
		var want []string
		if tc.differs != "" {
			want = []string{tc.differs}
		}
		if got := keyed(all, payment.FitDiffers); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", tc.name, got, want)
		}
		if got := keyed(all, payment.FitUnknown); len(got) != tc.unknown {
			t.Errorf("%s: %d lines that nothing mends, want %d: %+v", tc.name, len(got),
				tc.unknown, all)
		}
	}
	mended := func(c *Config) {
		c.Words.Paid, c.Members.Status, c.MaxP2C = []string{"Paid"}, []string{"payStatus"}, 2048
		c.Members.Token, c.KeyIDs, c.Reference = []string{"p"}, []string{"key-1"}, ReferenceLoose
	}
	change := strings.NewReplacer(`"status":"SUCCESS"`, `"payStatus":"Paid"`, ref,
		strings.ToLower(ref))
	salt := []byte("0123456789abcdef")
	token := craft(t, `{"alg":"PBES2-HS512+A256KW","enc":"A256GCM","kid":"key-1","p2c":2048,`+
		`"p2s":"`+base64.RawURLEncoding.EncodeToString(salt)+`"}`, salt, 2048, change.Replace(ours))
	all := newGateway(t, mended).Describe(payment.Envelope{Method: "PUT", Query: "p=" + token})
	want := []string{"axs.members.token=p", "axs.max_p2c=2048", "axs.key_ids=key-1",
		"axs.members.status=payStatus", "axs.words.paid=Paid", "axs.reference=loose"}
	if got := keyed(all, payment.FitMended); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if len(keyed(all, payment.FitDiffers))+len(keyed(all, payment.FitUnknown)) > 0 {
		t.Errorf("%+v", all)
	}
}

// TestDescribeTellsNoCustomer: neither a value of somebody's, nor a token, nor a secret, and of a
// stranger's token not even its kid.
func TestDescribeTellsNoCustomer(t *testing.T) {
	const customer = "Tan Ah Kow 91234567"
	content := `{"status":"` + customer + `","merchantRef":"` + customer + `","amount":"` +
		customer + `","currency":"` + customer + `","responseCode":"` +
		customer + `","transactionType":"` + customer + `","` + customer + `":"` + customer +
		`","payer":{"name":"` + customer + `"}}`
	stranger, err := seal([]byte(content), secret.New([]byte(strings.Repeat("x", 32))),
		"91234567-strangers")
	if err != nil {
		t.Fatal(err)
	}
	ours := sealed(t, content)
	var out strings.Builder
	observe := func(all []payment.Observed) { fmt.Fprintf(&out, "%+v\n", all) }
	for _, token := range []string{ours, stranger} {
		for _, c := range carriages(token) {
			c.e.Headers = map[string][]string{customer: {customer}, "Content-Type": {customer}}
			observe(newGateway(t).Describe(c.e))
		}
		for _, body := range []string{token, `{"data":"` + token + `"}`, content,
			"[" + content + "]", `{"` + customer + `":[` + content + `]}`} {
			g := asking(t, replies(http.StatusOK, body), func(c *Config) { c.Observe = observe })
			g.Query(t.Context(), "Ref123")
		}
	}
	for _, s := range []string{"Tan", "9123", canary, ours[:40], stranger[200:240]} {
		if strings.Contains(out.String(), s) {
			t.Errorf("%q is told", s)
		}
	}
}

// TestObserve: each answer is told, with the key that would have it read.
func TestObserve(t *testing.T) {
	without := strings.Replace(queried, `"transactionType":"PAY",`, "", 1)
	for _, tc := range []struct {
		status        int
		body, differs string
		unknown       bool
	}{
		{200, "[]", "", false},
		{200, "[" + strings.Replace(queried, "Ref123", "K001SIMU-01ARZ3NDEKTSV4RRFFQ69G5FAV", 1) +
			"]", "", false},
		{200, `{"data":[` + queried + `]}`, "axs.query_list=data", true},
		{200, queried, "axs.query_list=.", true},
		{200, "[" + without + "]", "axs.query_type_default=PAY", true},
		{200, "[" + strings.Replace(queried, "SUCCESS", "PAID", 1) + "]", "axs.words.paid=PAID",
			true},
		{404, "", "", false},
		{500, "", "", true},
	} {
		var told []payment.Observed
		g := asking(t, replies(tc.status, tc.body), func(c *Config) {
			c.Observe = func(all []payment.Observed) { told = append(told, all...) }
		})
		g.Query(t.Context(), "Ref123")
		var want []string
		if tc.differs != "" {
			want = []string{tc.differs}
		}
		if got := keyed(told, payment.FitDiffers); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", tc.body, got, want)
		}
		if got := keyed(told, payment.FitUnknown); len(got) > 0 != tc.unknown {
			t.Errorf("%d %s: %+v", tc.status, tc.body, told)
		}
	}
}
