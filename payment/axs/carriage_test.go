package axs

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
)

// carriage is one way in which a token may arrive.
type carriage struct {
	name string
	e    payment.Envelope
}

// carriages is every way in which token must be found.
func carriages(token string) []carriage {
	post := func(contentType, body string) payment.Envelope {
		return payment.Envelope{Method: "POST",
			Headers: map[string][]string{"Content-Type": {contentType}}, Body: []byte(body)}
	}
	multi := "--b0undary\r\nContent-Disposition: form-data; " +
		"name=\"note\"\r\n\r\nhello\r\n--b0undary\r\n" +
		"Content-Disposition: form-data; name=\"data\"\r\n\r\n" + token + "\r\n--b0undary--\r\n"
	return []carriage{
		{"query data", byQuery(token)},
		{"query data with a question mark",
			payment.Envelope{Method: "GET", Query: "?data=" + token}},
		{"query data, other method", payment.Envelope{Method: "DELETE", Query: "data=" + token}},
		{"query jwe", payment.Envelope{Method: "GET", Query: "jwe=" + token}},
		{"query token", payment.Envelope{Method: "POST", Query: "a=1&token=" + token + "&b=%zz"}},
		{"query, dots escaped", payment.Envelope{Method: "GET",
			Query: "data=" + strings.ReplaceAll(token, ".", "%2E")}},
		{"query quoted", payment.Envelope{Method: "GET",
			Query: "data=" + url.QueryEscape(` "`+token+`" `)}},
		{"query twice, first empty", payment.Envelope{Method: "GET", Query: "data=&data=" + token}},
		{"query, and a body of something else",
			payment.Envelope{Method: "POST", Query: "data=" + token,
				Body: []byte(`{"event":"paid"}`)}},
		{"query, and a body over the bound",
			payment.Envelope{Method: "POST", Query: "data=" + token,
				Body: make([]byte, maxPart+1)}},
		{"form data", post("application/x-www-form-urlencoded", "data="+token)},
		{"form jwe", post("application/x-www-form-urlencoded", "x=1&jwe="+token)},
		{"form token", post("application/x-www-form-urlencoded", "token="+token+"&x=1")},
		{"form called JSON", post("application/json", "data="+token)},
		{"form ending in a line break", post("", "data="+token+"\r\n")},
		{"multipart", post("multipart/form-data; boundary=b0undary", multi)},
		{"multipart called text", post("text/plain", multi)},
		{"multipart cut behind the token",
			post("multipart/form-data; boundary=b0undary",
				strings.TrimSuffix(multi, "--b0undary--\r\n"))},
		{"JSON data", post("application/json", `{"data":"`+token+`"}`)},
		{"JSON jwe", post("application/json", ` { "n" : [1,{"x":null}], "jwe" : "`+token+`" } `)},
		{"JSON token", post("application/json", `{"token":"`+token+`","more":true}`)},
		{"JSON called a form", post("application/x-www-form-urlencoded", `{"data":"`+token+`"}`)},
		{"JSON with a byte order mark", post("application/json", "\ufeff"+`{"data":"`+token+`"}`)},
		{"JSON with escapes", post("application/json",
			`{"d\u0061ta":"`+strings.ReplaceAll(token, ".", `\u002e`)+`"}`)},
		{"JSON name twice", post("application/json", `{"data":"","data":"`+token+`"}`)},
		{"JSON cut behind the token", post("application/json", `{"data":"`+token+`","more":`)},
		{"raw", post("application/jose", token)},
		{"raw trimmed", post("text/plain", "\r\n\t "+token+" \n")},
		{"raw quoted", post("application/json", `"`+token+`"`)},
		{"raw in single quotes", post("text/plain", "'"+token+"'")},
		{"raw without a type", payment.Envelope{Body: []byte(token)}},
	}
}

func TestCarriages(t *testing.T) {
	g := newGateway(t)
	for _, c := range carriages(sealed(t, sample)) {
		t.Run(c.name, func(t *testing.T) {
			got, err := g.Open(c.e)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]payment.Record{sampleRecord}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNoTokenFound(t *testing.T) {
	token := sealed(t, sample)
	body := func(s string) payment.Envelope {
		return payment.Envelope{Method: "POST", Body: []byte(s)}
	}
	long := strings.Repeat("A", maxPart)
	for _, tc := range []struct {
		name string
		e    payment.Envelope
		want Reason
	}{
		{"nothing", payment.Envelope{}, ReasonNoToken},
		{"a prober", payment.Envelope{Method: "GET", Query: "id=1' or 1=1"}, ReasonNoToken},
		{"in the path", payment.Envelope{Method: "GET", Path: "/" + token}, ReasonNoToken},
		{"in a header", payment.Envelope{Method: "GET",
			Headers: map[string][]string{"X-Data": {token}}}, ReasonElsewhere},
		{"another name", payment.Envelope{Method: "GET", Query: "Data=" + token}, ReasonElsewhere},
		{"nested JSON", body(`{"x":{"data":"` + token + `"}}`), ReasonElsewhere},
		{"JSON list", body(`["` + token + `"]`), ReasonElsewhere},
		{"JSON too deep", body(strings.Repeat(`{"data":`, 30000) + `"` + token + `"`),
			ReasonTooLong},
		{"JSON deep", body(`{"x":` + strings.Repeat("[", 30000) + `,"data":"` + token + `"}`),
			ReasonElsewhere},
		{"a signed token", body("eyJh.eyJi.c2ln"), ReasonNoToken},
		{"four parts", body("a.b.c.d"), ReasonNoToken},
		{"six parts", body("a.b.c.d.e.f"), ReasonNoToken},
		{"an empty part", body("a..c.d.e"), ReasonNoToken},
		{"dots", body("...."), ReasonNoToken},
		{"one quote", body(`"`), ReasonNoToken},
		{"two quotes", body(`""`), ReasonNoToken},
		{"multipart without a boundary", body("--"), ReasonNoToken},
		{"multipart with a long boundary", body("--" + strings.Repeat("b", 71) + "\r\n\r\n"),
			ReasonNoToken},
		{"token too long", body("a.b.c." + long[:maxToken] + ".e"), ReasonTooLong},
		{"body too long", body(long + "A"), ReasonTooLong},
		{"query too long", payment.Envelope{Method: "GET", Query: "data=" + long}, ReasonTooLong},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := newGateway(t).Open(tc.e)
			wantReason(t, err, tc.want)
		})
	}
}

func TestSeveralTokens(t *testing.T) {
	g := newGateway(t)
	first, again, second := sealed(t, sample), sealed(t, sample),
		sealed(t, strings.Replace(sample, "Ref123", "Ref124", 1))
	junk := func(i int) string { return fmt.Sprintf("AAAA.AAAA.AAAA.AA%02d.AAAA", i) }
	refs := func(e payment.Envelope) (refs []string) {
		t.Helper()
		records, err := g.Open(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			refs = append(refs, r.MerchantRef)
		}
		return refs
	}
	both := payment.Envelope{Method: "POST", Query: "data=" + first,
		Body: []byte(`{"data":"` + second + `"}`)}
	if got := refs(both); !slices.Equal(got, []string{"Ref123", "Ref124"}) {
		t.Errorf("two statements: %v", got)
	}
	same := payment.Envelope{Method: "POST", Query: "data=" + first + "&jwe=" + again,
		Body: []byte(first)}
	if got := refs(same); !slices.Equal(got, []string{"Ref123"}) {
		t.Errorf("one statement three times: %v", got)
	}
	behindJunk := payment.Envelope{Method: "POST", Query: "data=" + junk(1) + "&token=" + junk(2),
		Body: []byte(first)}
	if got := refs(behindJunk); !slices.Equal(got, []string{"Ref123"}) {
		t.Errorf("behind junk: %v", got)
	}
	order := payment.Envelope{Method: "POST",
		Query: "token=" + junk(3) + "&jwe=" + junk(2) + "&data=" + junk(1),
		Body:  []byte("data=" + junk(4) + "&data=" + junk(5))}
	if d := cmp.Diff([]string{junk(1), junk(2), junk(3), junk(4)},
		findTokens(order).tokens); d != "" {
		t.Errorf("order and number of tokens: %s", d)
	}
	_, err := g.Open(payment.Envelope{Method: "POST", Query: "data=" + junk(1),
		Body: []byte(vectorToken)})
	wantReason(t, err, ReasonKey) // the reason of the token that got furthest, not of the first
}
