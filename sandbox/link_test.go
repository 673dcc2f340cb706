package sandbox

import (
	"encoding/json"
	"html"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"kiosk-agent/internal/secret"
)

// vector is the test vector of docs/protocols/axs.md.
const vector = `eyJhbGciOiJQQkVTMi1IUzUxMitBMjU2S1ciLCJlbmMiOiJBMjU2R0NNIiwicDJzIjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EdyIsInAyYyI6MTAwMCwia2lkIjoiZXhhbXBsZS1jbGllbnQtaWQifQ.jv--AZELkeUl0kUnNEOVAlW94PZIkmnnFKMZrl1foj7cdTTe0Deq1w.AAECAwQFBgcICQoL.PCC1d6yArG_EJbWxk4wADO6m61HdGDMVXQmRqHQNIp4jccOT2q9muk6VT9-7qwpbmysS6DS12vgFtXleXMHZzJ1ZtBm7sEgVTjHMTNWtXI1eu_tRWwIxC9-A.9AT2_rxDRYxwikDfOqkKVw`

var testMerchant = Merchant{ClientID: testClient, Secret: secret.New([]byte(testSecret)),
	LinkIDs: []string{testLink}}

func TestInteropVectorOpens(t *testing.T) {
	w := newWorld(t, nil)
	status, body := w.get(w.pageURL(vector))
	if status != 200 || !strings.Contains(body, "10.23") || !strings.Contains(body, "Ref123-abc") {
		t.Fatalf("status %d\n%s", status, body)
	}
	if p, err := w.Payment("Ref123-abc"); err != nil || p.Amount != 1023 || p.State != StateOpen {
		t.Fatalf("%+v %v", p, err)
	}
}

func TestLinkFields(t *testing.T) {
	good := fields("R-1")
	tests := map[string]struct {
		payload map[string]any
		bad     []string // fields with a problem; none = accepted
	}{
		"minimal": {good, nil},
		"official sample": {with(good, "scheme", "", "terminalId", "Terminal-1", "webhookUrl",
			"https://a.example/h", "successUrl", "https://a.example/s", "failUrl",
			"https://a.example/f"), nil},
		"amount as number":    {with(good, "amount", 1023), nil},
		"largest amount":      {with(good, "amount", "999999900"), nil},
		"amount too large":    {with(good, "amount", "999999901"), []string{"amount"}},
		"amount zero":         {with(good, "amount", "0"), []string{"amount"}},
		"amount negative":     {with(good, "amount", -5), []string{"amount"}},
		"amount in dollars":   {with(good, "amount", "10.23"), []string{"amount"}},
		"amount fraction":     {with(good, "amount", json.RawMessage("10.23")), []string{"amount"}},
		"amount exponent":     {with(good, "amount", json.RawMessage("1e3")), []string{"amount"}},
		"amount leading zero": {with(good, "amount", "01023"), []string{"amount"}},
		"amount plus":         {with(good, "amount", "+1023"), []string{"amount"}},
		"amount spaces":       {with(good, "amount", " 1023"), []string{"amount"}},
		"amount empty":        {with(good, "amount", ""), []string{"amount"}},
		"amount true":         {with(good, "amount", true), []string{"amount"}},
		"amount null":         {with(good, "amount", json.RawMessage("null")), []string{"amount"}},
		"amount huge":         {with(good, "amount", "99999999999999999999"), []string{"amount"}},
		"amount missing":      {with(good, "amount", nil), []string{"amount"}},
		"other client":        {with(good, "clientId", "other"), []string{"clientId"}},
		"client missing":      {with(good, "clientId", nil), []string{"clientId"}},
		"currency USD":        {with(good, "currency", "USD"), []string{"currency"}},
		"currency sgd":        {with(good, "currency", "sgd"), []string{"currency"}},
		"currency missing":    {with(good, "currency", nil), []string{"currency"}},
		"ref 40":              {with(good, "merchantRef", strings.Repeat("r", 40)), nil},
		"ref 41": {with(good, "merchantRef", strings.Repeat("r", 41)),
			[]string{"merchantRef"}},
		"ref empty":       {with(good, "merchantRef", ""), []string{"merchantRef"}},
		"ref number":      {with(good, "merchantRef", 7), []string{"merchantRef"}},
		"ref control":     {with(good, "merchantRef", "a\nb"), []string{"merchantRef"}},
		"ref missing":     {with(good, "merchantRef", nil), []string{"merchantRef"}},
		"scheme some":     {with(good, "scheme", "credit_card,paynow"), nil},
		"scheme unknown":  {with(good, "scheme", "paynow,grabpay"), []string{"scheme"}},
		"scheme spaces":   {with(good, "scheme", "paynow, alipay"), []string{"scheme"}},
		"scheme capital":  {with(good, "scheme", "PAYNOW"), []string{"scheme"}},
		"scheme twice":    {with(good, "scheme", "paynow,paynow"), []string{"scheme"}},
		"scheme list":     {with(good, "scheme", []string{"paynow"}), []string{"scheme"}},
		"terminal number": {with(good, "terminalId", 5), []string{"terminalId"}},
		"webhook ftp": {with(good, "webhookUrl", "ftp://a.example"),
			[]string{"webhookUrl"}},
		"webhook relative": {with(good, "webhookUrl", "/hook"), []string{"webhookUrl"}},
		"success javascript": {with(good, "successUrl", "javascript:alert(1)"),
			[]string{"successUrl"}},
		"fail without host": {with(good, "failUrl", "https://"), []string{"failUrl"}},
		"cancel with user": {with(good, "cancelUrl", "https://u:p@a.example/"),
			[]string{"cancelUrl"}},
		"cancel good":     {with(good, "cancelUrl", "http://127.0.0.1:99/x"), nil},
		"expiry number":   {with(good, "expiry", 210), nil},
		"expiry string":   {with(good, "expiry", "210"), nil},
		"expiry zero":     {with(good, "expiry", 0), []string{"expiry"}},
		"expiry words":    {with(good, "expiry", "5m"), []string{"expiry"}},
		"expiry too long": {with(good, "expiry", 99999999), []string{"expiry"}},
		"stranger":        {with(good, "orderId", "1"), []string{`"orderId"`}},
		"wrong case":      {with(good, "merchantref", "1"), []string{`"merchantref"`}},
		"several at once": {with(good, "amount", "x", "currency", "EUR", "scheme", "cash"),
			[]string{"amount", "scheme", "currency"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			plaintext, _ := json.Marshal(tt.payload)
			_, problems := parseLink(plaintext, &testMerchant, time.Minute)
			var bad []string
			for _, p := range problems {
				bad = append(bad, p.Field)
			}
			if diff := cmp.Diff(tt.bad, bad); diff != "" {
				t.Error(diff, problems)
			}
		})
	}
}

func TestLinkIsReadAsTheDocumentSays(t *testing.T) {
	m := testMerchant
	m.WebhookURL, m.SuccessURL, m.FailURL = "https://preset.example/h", "https://preset.example/s",
		"https://preset.example/f"
	plaintext, _ := json.Marshal(with(fields("R-1"), "scheme", "wechatpay,credit_card", "expiry",
		60, "successUrl", "https://own.example/"))
	l, problems := parseLink(plaintext, &m, time.Hour)
	want := checkoutLink{Amount: 1023, Currency: "SGD", MerchantRef: "R-1",
		Schemes: []Scheme{WeChatPay, Visa, Mastercard}, Expiry: time.Minute,
		WebhookURL: "https://preset.example/h", SuccessURL: "https://own.example/",
		FailURL: "https://preset.example/f"}
	if diff := cmp.Diff(want, l); diff != "" || problems != nil {
		t.Error(diff, problems)
	}
}

func TestPayloadsThatAreNoStrictObject(t *testing.T) {
	for name, raw := range map[string]string{
		"array": `[]`, "text": `"x"`, "empty": ``, "cut": `{"clientId":`,
		"twice": `{"amount":"1","amount":"2"}`, "tail": `{} {}`,
		"not UTF-8": "{\"clientId\":\"\xff\"}", "null": "null",
	} {
		if _, problems := parseLink([]byte(raw), &testMerchant, time.Minute); len(problems) != 1 ||
			problems[0].Field != "payload" {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	good := mint(t, fields("R-1"))
	parts := strings.Split(good, ".")
	header := func(h string) string { return b64([]byte(h)) + "." + strings.Join(parts[1:], ".") }
	const p2s = `"p2s":"AAECAwQFBgcICQoLDA0ODw"`
	const rest = `"enc":"A256GCM",` + p2s + `,"p2c":1000,"kid":"example-client-id"`
	tests := map[string]struct{ token, want string }{
		"missing":        {"", "data is missing"},
		"no JWE":         {"abc", "1 parts"},
		"four parts":     {strings.Join(parts[:4], "."), "4 parts"},
		"empty part":     {strings.Join(parts[:4], ".") + ".", "part 5"},
		"padding":        {parts[0] + "=." + strings.Join(parts[1:], "."), "part 1"},
		"too long":       {good + strings.Repeat("A", maxToken), "longer than"},
		"header no JSON": {header("x"), "token header"},
		"alg":            {header(`{"alg":"PBES2-HS256+A128KW",` + rest + `}`), "header alg"},
		"dir":            {header(`{"alg":"dir",` + rest + `}`), "header alg"},
		"zip": {header(`{"alg":"PBES2-HS512+A256KW","zip":"DEF",` + rest + `}`),
			`"zip"`},
		"typ": {header(`{"alg":"PBES2-HS512+A256KW","typ":"JWE",` + rest + `}`),
			`"typ"`},
		"alg twice": {header(`{"alg":"dir","alg":"PBES2-HS512+A256KW",` + rest + `}`),
			"twice"},
		"p2c as float": {header(strings.Replace(`{"alg":"PBES2-HS512+A256KW",`+rest+`}`, "1000",
			"1e3", 1)), "header p2c"},
		"short salt": {header(strings.Replace(`{"alg":"PBES2-HS512+A256KW",`+rest+`}`,
			"AAECAwQFBgcICQoLDA0ODw", "AAEC", 1)), "header p2s"},
		"changed": {parts[0] + "." + parts[1] + "." + parts[2] + ".AAAA" + parts[3][4:] +
			"." + parts[4], "does not open"},
		"other secret": {mint(t, fields("R"),
			func(r *jose.Recipient) { r.Key = []byte("another-client-secret") }), "does not open"},
		"p2c": {mint(t, fields("R"), func(r *jose.Recipient) { r.PBES2Count = 1001 }),
			"header p2c"},
		"no kid": {mint(t, fields("R"), func(r *jose.Recipient) { r.KeyID = "" }),
			"header kid"},
		"other kid": {mint(t, fields("R"), func(r *jose.Recipient) { r.KeyID = "other" }),
			"header kid"},
	}
	w := newWorld(t, nil)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, body := w.get(w.pageURL(tt.token))
			text := html.UnescapeString(strings.NewReplacer("<code>", "",
				"</code>", "").Replace(body))
			if status != http.StatusBadRequest || !strings.Contains(text, tt.want) ||
				!strings.Contains(body, "SANDBOX") {
				t.Errorf("status %d, want %q in\n%s", status, tt.want, text)
			}
		})
	}
	if len(w.Payments()) != 0 {
		t.Error("a refused link made a payment")
	}
}

func TestLinkIsOnlyGoodOnItsOwnPath(t *testing.T) {
	w := newWorld(t, nil)
	token := w.openLink(fields("R-1"))
	if status, _ := w.get(w.site.URL + "/axs/hpp/checkout/nobody?data=" +
		token); status != http.StatusNotFound {
		t.Errorf("unknown link id: %d", status)
	}
	if status, body := w.get(w.site.URL + "/axs/hpp/checkout/lnk-2?data=" +
		token); status != http.StatusConflict {
		t.Errorf("other link id: %d %s", status, body)
	}
	if status, _ := w.get(w.pageURL(token) + "&data=" + token); status != http.StatusBadRequest {
		t.Errorf("data twice: %d", status)
	}
}

func TestReferenceIsUniqueUnlessTheSameLinkIsOpenedAgain(t *testing.T) {
	w := newWorld(t, nil)
	token := w.openLink(fields("R-1"))
	if status, _ := w.get(w.pageURL(token)); status != 200 {
		t.Errorf("same link again: %d", status)
	}
	if status, body := w.get(w.pageURL(mint(t, fields("R-1")))); status != http.StatusConflict ||
		!strings.Contains(body, "unique") {
		t.Errorf("second link with the same reference: %d", status)
	}
	if n := len(w.Payments()); n != 1 {
		t.Errorf("%d payments", n)
	}
}

func TestSaltOfAnotherTokenIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	same := func(r *jose.Recipient) { r.PBES2Salt = []byte("0123456789abcdef") }
	if status, _ := w.get(w.pageURL(mint(t, fields("R-1"), same))); status != 200 {
		t.Error(status)
	}
	if status, body := w.get(w.pageURL(mint(t, fields("R-2"), same))); status != 400 ||
		!strings.Contains(body, "p2s") {
		t.Error(status, body)
	}
}

// FuzzCheckout throws anything at the checkout's data parameter and at the payload behind it: no
// panic, and no payment from what is not a link.
func FuzzCheckout(f *testing.F) {
	seeds := []string{vector, "", "a.b.c.d.e", "....", vector[:len(vector)-5],
		strings.ReplaceAll(vector, ".", "%2e"),
		`{"clientId":"example-client-id","amount":1023,"currency":"SGD","merchantRef":"R"}`,
		`{"amount":1e9999}`, `{"a":{"b":[1,2,{}]}}`}
	for _, seed := range seeds {
		f.Add(seed)
	}
	s, err := New(Config{Merchants: []Merchant{testMerchant}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data string) {
		if _, problems := openToken(data, testClient, testMerchant.Secret); len(problems) == 0 &&
			data != vector {
			t.Errorf("opened %q", data)
		}
		if l, problems := parseLink([]byte(data), &testMerchant, time.Minute); len(problems) == 0 &&
			(l.Amount < 1 || l.Amount > maxAmount || l.MerchantRef == "") {
			t.Errorf("accepted %+v", l)
		}
		serveRaw(s, "/hpp/checkout/"+testLink, data)
	})
}
