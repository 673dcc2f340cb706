package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"kiosk-agent/internal/secret"
)

func (w *world) control(method, path, body string, header ...string) (int, string) {
	w.Helper()
	req, err := http.NewRequest(method, w.site.URL+"/axs"+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := w.phone.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	return w.read(resp)
}

func TestControlEndpoints(t *testing.T) {
	w := newWorld(t, nil)
	token := w.openLink(fields("R-1"))
	steps := []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/sandbox/faults", `{"fault":"duplicate","merchantRef":"R-1","times":1,"count":3}`,
			201, `"id": 1`},
		{"POST", "/sandbox/faults", `{"fault":"delay","delay":"5s","amount":5}`, 201,
			`"delay": "5s"`},
		{"POST", "/sandbox/faults", `{"fault":"delay","delay":5}`, 400, "1.5s"},
		{"POST", "/sandbox/faults", `{"fault":"meteor"}`, 400, "duplicate"},
		{"POST", "/sandbox/faults", `{"fault":"lost","typo":1}`, 400, "typo"},
		{"POST", "/sandbox/faults", `{"fault":"lost"} {}`, 400, "behind"},
		{"GET", "/sandbox/faults", "", 200, `"fault": "delay"`},
		{"POST", "/sandbox/act", `{"merchantRef":"R-9","action":"pay"}`, 404, "no such payment"},
		{"POST", "/sandbox/act", `{"merchantRef":"R-1","action":"dance"}`, 400, "no such action"},
		{"POST", "/sandbox/act",
			`{"merchantRef":"R-1","action":"decline","scheme":"VISA","responseCode":"51"}`, 200,
			`"responseCode": "51"`},
		{"POST", "/sandbox/act", `{"merchantRef":"R-1","action":"pay","scheme":"PAYNOW",` +
			`"clientId":"example-client-id"}`, 200, `"state": "paid"`},
		{"POST", "/sandbox/act", `{"merchantRef":"R-1","action":"pay"}`, 409, "already paid"},
		{"GET", "/sandbox/payments", "", 200, `"merchantRef": "R-1"`},
		{"GET", "/sandbox/payments/R-1", "", 200, `"state": "paid"`},
		{"GET", "/sandbox/payments/R-9", "", 404, "no such payment"},
		{"GET", "/sandbox/collected", "", 200, `"paidCents": 1023`},
		{"GET", "/sandbox/webhooks", "", 200, `"duplicate"`},
		{"POST", "/sandbox/release", "", 200, "["},
		{"DELETE", "/sandbox/faults", "", 200, "[]"},
		{"GET", "/", "", 200, "R-1"},
		{"GET", "/sandbox/static/page.css", "", 200, ".banner"},
		{"GET", "/sandbox/static/checkout.html", "", 404, ""},
		{"GET", "/nothing", "", 404, ""},
		{"DELETE", "/sandbox/payments", "", 405, ""},
		{"HEAD", "/hpp/checkout/" + testLink, "", 405, ""},
	}
	for _, step := range steps {
		if status, body := w.control(step.method, step.path, step.body); status != step.status ||
			!strings.Contains(body, step.want) {
			t.Errorf("%s %s %s: %d, want %d and %q in\n%s", step.method, step.path, step.body,
				status, step.status, step.want, body)
		}
	}
	w.quiet()
	if n := len(w.hooks); n != 4 {
		t.Errorf("%d webhooks, want the decline three times and the payment once", n)
	}
	var hooks []map[string]any
	_, body := w.control("GET", "/sandbox/webhooks", "")
	if err := json.Unmarshal([]byte(body), &hooks); err != nil || len(hooks) != 4 ||
		strings.Contains(body, "eyJ") || strings.Contains(body, "/preset") {
		t.Error(err, body)
	}
	if _, page := w.control("GET", "/", ""); !strings.Contains(page, token) ||
		!strings.Contains(page, "http-equiv=\"refresh\"") {
		t.Error("the index has no link to the payment's page or does not refresh")
	}
}

func TestManyPhonesAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	const phones = 12
	var all sync.WaitGroup
	for i := range phones {
		all.Go(func() {
			ref := fmt.Sprintf("R-%d", i)
			if rec := serveRaw(w.Server, "/axs/hpp/checkout/"+testLink,
				mint(t, fields(ref))); rec.Code != 200 {
				t.Error(rec.Code)
			}
			for range 3 { // one of three presses wins
				_, _ = w.Act(ref, Action{Do: Pay, Scheme: Visa})
			}
			w.Payments()
			w.Webhooks()
			_, _ = w.AddFault(Fault{Kind: FaultDuplicate, Times: 1})
		})
	}
	all.Wait()
	w.quiet()
	if got := w.Collected(); len(got) != phones {
		t.Error(got)
	}
	for ref, c := range w.Collected() {
		if c.Payments != 1 {
			t.Error(ref, c)
		}
	}
}

func TestStrangersPagePressesNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.openLink(fields("R-1"))
	status, _ := w.control("POST", "/sandbox/act", `{"merchantRef":"R-1","action":"pay"}`, "Origin",
		"https://evil.example", "Sec-Fetch-Site", "cross-site")
	if p, _ := w.Payment("R-1"); status != http.StatusForbidden || p.State != StateOpen {
		t.Error(status, p.State)
	}
}

func TestPagesAreHeldTogetherByHeaders(t *testing.T) {
	w := newWorld(t, nil)
	resp, err := w.phone.Get(w.pageURL(mint(t, fields("R-1"))))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.read(resp)
	for name, want := range map[string]string{"Cache-Control": "no-store",
		"Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff"} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Error(resp.Header)
	}
}

func TestPageEscapesWhatTheLinkSays(t *testing.T) {
	w := newWorld(t, nil)
	token := w.openLink(with(fields("R-<b>"), "terminalId", `"><script>alert(1)</script>`))
	if _, page := w.get(w.pageURL(token)); strings.Contains(page, "<script>alert") ||
		strings.Contains(page, "R-<b>") {
		t.Error(page)
	}
	if status, _ := w.control("GET", "/sandbox/payments/R-%3Cb%3E", ""); status != 200 {
		t.Error(status)
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := Merchant{ClientID: "c", Secret: secret.Generate(), LinkIDs: []string{"l"}}
	other := Merchant{ClientID: "d", Secret: secret.Generate(), LinkIDs: []string{"m"}}
	merchant := func(change func(*Merchant)) []Merchant {
		m := good
		change(&m)
		return []Merchant{m}
	}
	for name, cfg := range map[string]Config{
		"no merchant": {},
		"no client":   {Merchants: merchant(func(m *Merchant) { m.ClientID = "" })},
		"no link":     {Merchants: merchant(func(m *Merchant) { m.LinkIDs = nil })},
		"link path":   {Merchants: merchant(func(m *Merchant) { m.LinkIDs = []string{"a/b"} })},
		"link twice": {Merchants: merchant(
			func(m *Merchant) { m.LinkIDs = []string{"a", "a"} })},
		"short secret": {Merchants: merchant(
			func(m *Merchant) { m.Secret = secret.New([]byte("nineteen bytes long")) })},
		"carriage": {Merchants: merchant(func(m *Merchant) { m.Carriage = "pigeon" })},
		"preset":   {Merchants: merchant(func(m *Merchant) { m.WebhookURL = "mailto:a@b" })},
		"merchant twice": {Merchants: []Merchant{other,
			{ClientID: "d", Secret: good.Secret, LinkIDs: []string{"n"}}}},
		"base path":  {Merchants: []Merchant{good}, BasePath: "axs"},
		"unknown":    {Merchants: []Merchant{good}, Unknown: "418"},
		"query form": {Merchants: []Merchant{good}, QueryForm: "xml"},
		"outcome": {Merchants: []Merchant{good},
			Outcomes: map[int64]Outcome{1: {Scheme: "CASH"}}},
		"outcome first": {Merchants: []Merchant{good},
			Outcomes: map[int64]Outcome{1: {FailFirst: 1}}},
		"fault":  {Merchants: []Merchant{good}, Faults: []Fault{{Kind: "meteor"}}},
		"expiry": {Merchants: []Merchant{good}, DefaultExpiry: 1},
	} {
		if _, err := New(cfg, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := New(Config{Merchants: []Merchant{good, other}}, nil); err != nil {
		t.Error(err)
	}
}

func TestNothingPrintsSecretsOrTokens(t *testing.T) {
	w := newWorld(t, nil)
	token := w.openLink(fields("R-1"))
	w.act("R-1", Action{Do: Pay})
	w.quiet()
	for _, v := range []any{w.Server, w.Payments(), w.Webhooks(), w.Faults(), w.Collected(),
		testMerchant, Config{Merchants: []Merchant{testMerchant}}} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			text := fmt.Sprintf(format, v)
			for _, bad := range []string{testSecret, token, fmt.Sprintf("%x", testSecret),
				strings.Trim(fmt.Sprint([]byte(testSecret)), "[]")} {
				if strings.Contains(text, bad) {
					t.Errorf("%s of %T shows a secret or a token", format, v)
				}
			}
		}
	}
}

func TestTwoMerchantsMayUseOneReference(t *testing.T) {
	w := newWorld(t, func(cfg *Config) {
		cfg.Merchants = append(cfg.Merchants,
			Merchant{ClientID: "second", Secret: secret.New([]byte(testSecret)),
				LinkIDs: []string{"lnk-9"}})
	})
	w.openLink(fields("R-1"))
	plaintext, _ := json.Marshal(with(fields("R-1"), "clientId", "second"))
	token, err := seal{secret: []byte(testSecret), kid: "second"}.token(w.rand, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := w.get(w.site.URL + "/axs/hpp/checkout/lnk-9?data=" + token); status != 200 {
		t.Fatal(status, body)
	}
	if _, err := w.Payment("R-1"); err != ErrAmbiguous {
		t.Error(err)
	}
	if p, err := w.Act("R-1", Action{Do: Abandon, ClientID: "second"}); err != nil ||
		p.ClientID != "second" {
		t.Error(p, err)
	}
}
