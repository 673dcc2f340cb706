package singapay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

// personal is what SingaPay tells about a customer.
var personal = []string{"Siti Canaria", "Canaria", "siti@canary.example", "081234567890",
	"8887776665554443", "6222333444555"}

// nosy puts the customer and our own secrets wherever a stranger's text may stand.
const nosy = `Siti Canaria siti@canary.example 081234567890 8887776665554443 ` + canary + ` ` +
	jwtCanary

// TestCanary plants secrets, a token and a customer, and looks for them in everything that comes
// out: printed gateways, errors, failures, records.
func TestCanary(t *testing.T) {
	var out bytes.Buffer
	cfg := testConfig()
	cfg.PreviousSecret = secret.New([]byte(oldCanary))
	g := hasToken(newGateway(t, func(c *Config) { *c = cfg }))
	cfg.Now = nil // a function's address is no secret, and no canary
	type holder struct {
		Config  Config
		Gateway *Gateway
		hidden  *Gateway
	}
	h := holder{cfg, g, g}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, v := range []any{cfg, &cfg, g, *g, h, &h, g.cfg, struct{ g Gateway }{*g}, g.tokens} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	js, err := json.Marshal([]any{g})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(js)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "g", g)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "g", g, "v", *g, "h", h, "cfg", cfg)

	leakyOpens(t, g, &out)
	leakyAnswers(t, &out)
	_, err = New(Config{
		BaseURL: canary, ClientID: canary + " ", APIKey: canary + " ", AccountID: canary,
		WebhookPath: canary, Mode: canary, Methods: []string{canary},
		Description: canary + "\n", CustomerEmail: canary, SuccessURL: canary,
		ClientSecret: secret.New([]byte(canary + "\n")),
	})
	fmt.Fprintln(&out, err)
	r := mintRequest()
	r.MerchantRef = canary + canary
	fmt.Fprintln(&out, g.Check(r), g.Mint(t.Context(), r), g.Query(t.Context(), r.MerchantRef),
		g.Close(t.Context(), canary))

	told := strings.ToLower(out.String())
	for _, s := range append([]string{canary, oldCanary, jwtCanary}, personal...) {
		for _, form := range []string{s, fmt.Sprintf("%x", s),
			strings.Trim(fmt.Sprintf("%d", []byte(s)), "[]"),
			base64.RawStdEncoding.EncodeToString([]byte(s))} {
			if i := strings.Index(told, strings.ToLower(form)); i >= 0 {
				t.Errorf("%.20q was printed: …%s", form, told[max(0, i-80):i])
			}
		}
	}
}

// leakyOpens prints what deliveries come to that are full of secrets.
func leakyOpens(t *testing.T, g *Gateway, out *bytes.Buffer) {
	t.Helper()
	spiked := strings.NewReplacer("Pelanggan Café", personal[0], "payer@example.com", personal[2],
		"080000000000", personal[3]).Replace(paidLink)
	bodies := []string{
		spiked, with(t, spiked, `"paid"`, `{"x":"`+nosy+`"}`),
		with(t, spiked, `"50000.00"`, `{"x":"`+nosy+`"}`), `{"event":"` + nosy + `"}`,
		`{"event":"payment-link-inquiry","data":{"payment_link_history":{"payment_link_reff_no":"` +
			ref + `","status":"pending","payment_method_name":"VA ` +
			`8887776665554443","payment_method_value":"8887776665554443","customer_name":"` + nosy +
			`","amount":1}}}`,
		`{"event":"transaction-expiration",` +
			`"data":{"payment_link_histories":[{"payment_link_reff_no":"` + ref +
			`","customer_name":"` + nosy + `"}]}}`,
		strings.Replace(paidQR, "Pelanggan", nosy, 1),
	}
	for _, body := range bodies {
		good := delivery(body)
		bad := delivery(body)
		bad.Headers["X-Signature"] = []string{strings.Repeat("0", 128)}
		odd := delivery(body)
		odd.Headers["X-Timestamp"], odd.Headers["Authorization"] = []string{canary}, []string{nosy}
		for _, e := range []payment.Envelope{good, bad, odd, {Method: nosy, Body: []byte(body)},
			{Method: "POST", Body: []byte(nosy)}} {
			records, err := g.Open(e)
			fmt.Fprintf(out, "%+v %v %+v %#v\n", records, err, err, err)
		}
	}
}

// leakyAnswers prints what answers come to that are full of secrets.
func leakyAnswers(t *testing.T, out *bytes.Buffer) {
	t.Helper()
	answers := []http.HandlerFunc{
		says(500, nosy), says(200, nosy), says(401, nosy),
		says(403, `{"error":{"message":"not registered `+nosy+`"}}`),
		says(200, `{"response_code":"`+nosy+`","response_message":"`+nosy+`"}`),
		says(422, `{"success":false,"error":{"message":"`+nosy+
			`","errors":{"siti@canary.example":["8887776665554443 `+canary+`"],"a":"081234567890 `+
			jwtCanary+`"}}}`),
		says(200, older(`{"id":189,"reff_no":"`+nosy+`","payment_url":"`+nosy+`","access_token":"`+
			nosy+`"}`)), says(200, older(`["`+nosy+`"]`)),
		says(200, listed(with(t, attempt, `"paid"`, `"`+personal[2]+`"`))), says(302, nosy),
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "://"+r.Header.Get("Authorization"))
			w.WriteHeader(302)
		},
	}
	spiked := strings.NewReplacer(`"Pelanggan"`, `"`+nosy+`"`,
		"VA BRI", personal[0]+" 081234567890").Replace(attempt)
	for _, h := range append(answers, says(200, listed(spiked))) {
		for _, route := range []string{tokenRoute, createRoute, updateRoute, linksRoute,
			historyRoute, codesRoute, codeRoute} {
			s := shop(t, list(used), list(attempt), nil)
			s.on(createRoute, says(200, newer(with(t, created, `"max_usage":1`, `"max_usage":2`))))
			s.on(route, h)
			for _, g := range []*Gateway{s.gateway(t), s.gateway(t, inModeQR)} {
				fmt.Fprintf(out, "%+v\n%+v\n%v\n", g.Mint(t.Context(), mintRequest()),
					g.Query(t.Context(), ref), g.Close(t.Context(), "link:189"))
			}
		}
	}
}
