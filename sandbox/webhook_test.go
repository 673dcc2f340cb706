package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/strictjson"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// tokenOf reads the token out of a webhook in the order that the document gives to receivers.
func tokenOf(r received) (token, where string) {
	if v := r.query.Get("data"); v != "" {
		return v, "query data"
	}
	if strings.HasPrefix(r.contentType, "application/x-www-form-urlencoded") {
		form, _ := url.ParseQuery(r.body)
		for _, name := range []string{"data", "jwe", "token"} {
			if form.Get(name) != "" {
				return form.Get(name), "form " + name
			}
		}
	}
	var object map[string]string
	if json.Unmarshal([]byte(r.body), &object) == nil {
		for _, name := range []string{"data", "jwe", "token"} {
			if object[name] != "" {
				return object[name], "json " + name
			}
		}
	}
	var quoted string
	if json.Unmarshal([]byte(r.body), &quoted) == nil {
		return quoted, "quoted body"
	}
	return strings.TrimSpace(r.body), "body"
}

func TestCarriages(t *testing.T) {
	want := map[Carriage]string{
		QueryGET: "GET query data", QueryPOST: "POST query data", FormJWE: "POST form jwe",
		FormToken: "POST form token", FormData: "POST form data", JSONJWE: "POST json jwe",
		JSONToken: "POST json token", JSONData: "POST json data", Raw: "POST body",
		RawQuoted: "POST quoted body",
	}
	for _, c := range Carriages() {
		t.Run(string(c), func(t *testing.T) {
			w := newWorld(t, func(cfg *Config) { cfg.Merchants[0].Carriage = c })
			w.openLink(with(fields("R-1"), "webhookUrl", w.hook.URL+"/own?keep=1"))
			w.act("R-1", Action{Do: Pay, Scheme: PayNow})
			r := w.next()
			token, where := tokenOf(r)
			if got := r.method + " " + where; got != want[c] {
				t.Errorf("carried by %s, want %s", got, want[c])
			}
			if claims, _ := openClaims(t, token); claims["merchantRef"] != "R-1" ||
				claims["status"] != "SUCCESS" {
				t.Error(claims)
			}
			if r.query.Get("keep") != "1" || len(r.query["data"]) > 1 {
				t.Error("the URL's own query was changed:", r.query)
			}
			w.quiet()
			hooks := w.Webhooks()
			if len(hooks) != 1 || hooks[0].State != HookDelivered || hooks[0].HTTPStatus != 200 ||
				hooks[0].Answer != "OK" {
				t.Errorf("%+v", hooks)
			}
		})
	}
}

// struck opens a link, puts a fault into force, pays, and returns the world.
func struck(t *testing.T, f Fault) *world {
	t.Helper()
	w := newWorld(t, nil)
	w.openLink(fields("R-1"))
	w.fault(f)
	w.act("R-1", Action{Do: Pay, Scheme: Visa})
	return w
}

func TestFaultsOfContent(t *testing.T) {
	tests := []struct {
		fault      Fault
		field, val string
	}{
		{Fault{Kind: FaultWrongAmount}, "amount", "9.23"},
		{Fault{Kind: FaultWrongAmount, Value: "10.230"}, "amount", "10.230"},
		{Fault{Kind: FaultWrongCurrency}, "currency", "USD"},
		{Fault{Kind: FaultUnknownRef}, "merchantRef", "R-0"},
		{Fault{Kind: FaultUnknownRef, Value: "X"}, "merchantRef", "X"},
		{Fault{Kind: FaultWrongStatus}, "status", "PAID"},
		{Fault{Kind: FaultWrongStatus, Value: "success"}, "status", "success"},
		{Fault{Kind: FaultSuccessCode05}, "responseCode", "05"},
	}
	for _, tt := range tests {
		t.Run(string(tt.fault.Kind)+tt.fault.Value, func(t *testing.T) {
			w := struck(t, tt.fault)
			claims, _ := openClaims(t, w.next().query.Get("data"))
			truth := map[string]any{"amount": "10.23", "currency": "SGD", "merchantRef": "R-1",
				"status": "SUCCESS", "responseCode": "00"}
			truth[tt.field] = tt.val
			delete(claims, "transactionRef")
			delete(claims, "paymentScheme")
			delete(claims, "paymentDateTime")
			if diff := cmp.Diff(truth, claims); diff != "" {
				t.Error(diff)
			}
			if w.Collected()["R-1"].Paid != 1023 {
				t.Error("the fault changed what was really collected")
			}
			w.quiet()
			if hook := w.Webhooks()[0]; !slices.Equal(hook.Faults, []FaultKind{tt.fault.Kind}) {
				t.Error(hook.Faults)
			}
		})
	}
}

func TestFaultsOfTheEnvelope(t *testing.T) {
	header := func(token string) map[string]any {
		raw, _, _ := strings.Cut(token, ".")
		var h map[string]any
		_ = json.Unmarshal(unb64(t, raw), &h)
		return h
	}
	opens := func(token string, alg jose.KeyAlgorithm, enc jose.ContentEncryption,
		key string) bool {
		obj, err := jose.ParseEncryptedCompact(token, []jose.KeyAlgorithm{alg},
			[]jose.ContentEncryption{enc})
		if err != nil {
			return false
		}
		_, err = obj.Decrypt([]byte(key))
		return err == nil
	}
	normal := func(token string) bool { return opens(token, envAlg, envEnc, testSecret) }
	tests := map[FaultKind]func(w *world, token string) bool{
		FaultForged: func(_ *world, tok string) bool {
			return !normal(tok) &&
				header(tok)["kid"] == testClient
		},
		FaultGarbage: func(_ *world, tok string) bool { return strings.Count(tok, ".") != 4 },
		FaultAlg: func(_ *world, tok string) bool {
			return opens(tok, jose.PBES2_HS256_A128KW, envEnc, testSecret)
		},
		FaultEnc: func(_ *world, tok string) bool {
			return opens(tok, envAlg, jose.A256CBC_HS512, testSecret)
		},
		FaultP2C: func(_ *world, tok string) bool {
			return header(tok)["p2c"] == 20000.0 &&
				normal(tok)
		},
		FaultKidAbsent: func(_ *world, tok string) bool {
			_, there := header(tok)["kid"]
			return !there && normal(tok)
		},
		FaultKidChanged: func(_ *world, tok string) bool {
			return header(tok)["kid"] == "somebody-else" && normal(tok)
		},
		FaultTruncated: func(_ *world, tok string) bool {
			return header(tok)["kid"] == testClient && !normal(tok)
		},
		FaultLinkEcho: func(w *world, tok string) bool {
			claims, _ := openClaims(w, tok)
			return claims["clientId"] == testClient && claims["status"] == nil
		},
	}
	for kind, holds := range tests {
		t.Run(string(kind), func(t *testing.T) {
			w := struck(t, Fault{Kind: kind})
			if token := w.next().query.Get("data"); !holds(w, token) {
				t.Errorf("%.200s", token)
			}
			w.quiet()
		})
	}
}

func TestHeaderOfAWebhookIsExact(t *testing.T) {
	w := newWorld(t, nil)
	w.openLink(fields("R-1"))
	w.fault(Fault{Kind: FaultDuplicate, Count: 3})
	w.act("R-1", Action{Do: Pay})
	salts := map[string]bool{}
	for range 3 {
		token := w.next().query.Get("data")
		raw, _, _ := strings.Cut(token, ".")
		h, err := strictjson.Object(unb64(t, raw), maxDepth)
		if err != nil || len(h) != 5 || string(h["p2c"]) != "1000" ||
			string(h["kid"]) != `"`+testClient+`"` {
			t.Fatal(h, err)
		}
		salts[string(h["p2s"])] = true
		if salt, _ := stringField(h, "p2s"); len(unb64(t, salt)) != 16 {
			t.Error("salt", salt)
		}
	}
	if len(salts) != 3 {
		t.Error("a salt was used twice")
	}
	w.none()
}

func TestFaultsOfDelivery(t *testing.T) {
	t.Run("lost", func(t *testing.T) {
		w := struck(t, Fault{Kind: FaultLost})
		w.none()
		if got := w.Webhooks()[0].State; got != HookLost {
			t.Error(got)
		}
	})
	t.Run("delay", func(t *testing.T) {
		w := struck(t, Fault{Kind: FaultDelay, Delay: Duration(time.Minute)})
		w.openLink(fields("R-2"))
		w.ClearFaults()
		w.act("R-2", Action{Do: Pay})
		if claims, _ := openClaims(t, w.next().query.Get("data")); claims["merchantRef"] != "R-2" {
			t.Error("a delayed webhook holds up another one:", claims)
		}
		w.clock.advance(time.Minute)
		if claims, _ := openClaims(t, w.next().query.Get("data")); claims["merchantRef"] != "R-1" {
			t.Error(claims)
		}
	})
	t.Run("out of order", func(t *testing.T) {
		w := newWorld(t, nil)
		w.fault(Fault{Kind: FaultOutOfOrder, Count: 3})
		w.openLink(fields("R-1"))
		for _, do := range []Verb{Decline, Decline} {
			w.act("R-1", Action{Do: do, Scheme: Visa})
		}
		w.none()
		if held := w.Faults()[0].Held; held != 2 {
			t.Error("held", held)
		}
		w.act("R-1", Action{Do: Pay, Scheme: PayNow})
		var got []any
		for range 3 {
			claims, _ := openClaims(t, w.next().query.Get("data"))
			got = append(got, claims["status"])
		}
		if diff := cmp.Diff([]any{"SUCCESS", "DECLINED", "DECLINED"}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("release", func(t *testing.T) {
		w := struck(t, Fault{Kind: FaultOutOfOrder})
		w.none()
		w.ReleaseHeld()
		w.next()
	})
	t.Run("several at once", func(t *testing.T) {
		w := newWorld(t, nil)
		w.openLink(fields("R-1"))
		w.fault(Fault{Kind: FaultDuplicate})
		w.fault(Fault{Kind: FaultWrongAmount, Value: "1.00"})
		w.act("R-1", Action{Do: Pay})
		for range 2 {
			if claims, _ := openClaims(t, w.next().query.Get("data")); claims["amount"] != "1.00" {
				t.Error(claims)
			}
		}
		w.none()
	})
}

func TestFaultsChooseTheirPayments(t *testing.T) {
	w := newWorld(t, func(cfg *Config) {
		cfg.Faults = []Fault{
			{Kind: FaultLost, MerchantRef: "R-2"}}
	})
	w.fault(Fault{Kind: FaultLost, Amount: 700})
	w.fault(Fault{Kind: FaultWrongStatus, Times: 1})
	states := map[string]HookState{}
	for ref, amount := range map[string]string{"R-1": "1023", "R-2": "1023", "R-3": "700",
		"R-4": "1023"} {
		w.openLink(with(fields(ref), "amount", amount))
		w.act(ref, Action{Do: Pay})
	}
	w.quiet()
	wrong := 0
	for _, h := range w.Webhooks() {
		states[h.MerchantRef] = h.State
		if h.Claims.Status == "PAID" {
			wrong++
		}
	}
	want := map[string]HookState{"R-1": HookDelivered, "R-2": HookLost, "R-3": HookLost,
		"R-4": HookDelivered}
	if diff := cmp.Diff(want, states); diff != "" || wrong != 1 {
		t.Error(diff, wrong)
	}
}

func TestEveryFaultIsTestedAndChecked(t *testing.T) {
	w := newWorld(t, nil)
	for _, bad := range []Fault{{}, {Kind: "meteor"}, {Kind: FaultLost, Times: -1},
		{Kind: FaultDelay}, {Kind: FaultP2C, Value: "many"}} {
		if _, err := w.AddFault(bad); err == nil {
			t.Errorf("%+v accepted", bad)
		}
	}
	if n := len(FaultKinds()); n != 30 {
		t.Errorf("%d kinds of faults; the tests here know 30", n)
	}
}

func TestRetryOnlyWhenConfigured(t *testing.T) {
	t.Run("none by default", func(t *testing.T) {
		w := newWorld(t, nil)
		w.reply = func(int) int { return 503 }
		w.openLink(fields("R-1"))
		w.act("R-1", Action{Do: Pay})
		w.quiet()
		if h := w.Webhooks()[0]; h.State != HookRefused || h.HTTPStatus != 503 || h.Tries != 1 {
			t.Errorf("%+v", h)
		}
	})
	t.Run("configured", func(t *testing.T) {
		w := newWorld(t, func(cfg *Config) {
			cfg.Retry = []time.Duration{time.Second,
				time.Second}
		})
		w.reply = func(n int) int { return map[bool]int{true: 200, false: 503}[n == 3] }
		w.openLink(fields("R-1"))
		w.act("R-1", Action{Do: Pay})
		for try := range 2 {
			w.next()
			w.waitFor(func() bool { return w.Webhooks()[0].Tries == try+1 })
			w.clock.advance(time.Second)
		}
		w.next()
		w.quiet()
		if h := w.Webhooks()[0]; h.State != HookDelivered || h.Tries != 3 {
			t.Errorf("%+v", h)
		}
	})
}

func TestWebhookWithoutAnswerAndWithoutURL(t *testing.T) {
	w := newWorld(t, func(cfg *Config) { cfg.Merchants[0].WebhookURL = "" })
	token := w.openLink(fields("R-1"))
	if _, page := w.get(w.pageURL(token)); !strings.Contains(page, "No webhookUrl and no preset") {
		t.Error("the page does not warn")
	}
	w.act("R-1", Action{Do: Pay})
	dead := w.hook.URL
	w.hook.Close()
	w.openLink(with(fields("R-2"), "webhookUrl", dead+"/capability-path"))
	w.act("R-2", Action{Do: Pay})
	w.quiet()
	hooks := w.Webhooks()
	if hooks[0].State != HookNoURL || hooks[1].State != HookFailed || hooks[1].Error == "" {
		t.Errorf("%+v", hooks)
	}
	if strings.Contains(hooks[1].Error, "data=") ||
		strings.Contains(w.log.String(), "capability-path") {
		t.Error("a URL leaked:", hooks[1].Error)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	w := newWorld(t, func(cfg *Config) { cfg.Client = nil })
	// the default client shares the default transport
	defer http.DefaultClient.CloseIdleConnections()
	w.reply = func(int) int { return http.StatusFound }
	w.openLink(fields("R-1"))
	w.act("R-1", Action{Do: Pay})
	w.quiet()
	if h := w.Webhooks()[0]; h.State != HookRefused || h.HTTPStatus != http.StatusFound {
		t.Errorf("%+v", h)
	}
}

func TestQueueIsBounded(t *testing.T) {
	s, err := New(Config{Merchants: []Merchant{testMerchant}, MaxQueue: 2, Clock: newClock(),
		Faults: []Fault{{Kind: FaultDuplicate, Count: 5}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := mint(t, with(fields("R-1"), "webhookUrl", "http://127.0.0.1:1/"))
	if rec := serveRaw(s, "/hpp/checkout/"+testLink, token); rec.Code != http.StatusOK {
		t.Fatal(rec.Code)
	}
	if _, err := s.Act("R-1", Action{Do: Pay}); err != nil {
		t.Fatal(err)
	}
	var states []HookState
	for _, h := range s.Webhooks() {
		states = append(states, h.State)
	}
	if diff := cmp.Diff([]HookState{HookQueued, HookQueued, HookDropped, HookDropped, HookDropped},
		states); diff != "" {
		t.Error(diff)
	}
}
