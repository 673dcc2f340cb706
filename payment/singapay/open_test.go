package singapay

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

func wantReason(t *testing.T, err error, want Reason) {
	t.Helper()
	e, ok := errors.AsType[*OpenError](err)
	if !ok || !errors.Is(err, payment.ErrUnopened) || e.Reason != want {
		t.Errorf("error = %v, want %q", err, want)
	}
}

// TestOpenVectors: every signature of the vectors verifies, whatever the delivery then says.
func TestOpenVectors(t *testing.T) {
	for _, v := range loadVectors(t).Webhook.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			records, err := v.gateway(t).Open(v.envelope())
			if strings.HasPrefix(v.Name, "payment-link-transaction") {
				wantSame(t, []payment.Record{{
					MerchantRef:    "PL20251105160923690b1443a67e9",
					TransactionRef: "18917720251110094037705", Type: payment.TypePay,
					Status: payment.RecordSuccess, Amount: 1_000_000, Currency: "IDR",
					PaidAt: time.Date(2025, 11, 10, 2, 46, 38, 0, time.UTC),
				}}, records)
				return
			}
			// These are about something else, or about nothing: what refuses them comes after the
			// signature.
			if e, refused := errors.AsType[*OpenError](err); len(records) > 0 || err != nil &&
				(!refused || e.Reason != ReasonEvent && e.Reason != ReasonField) {
				t.Errorf("%+v, %v", records, err)
			}
		})
	}
}

// TestSmallVectors: the text that is signed, part by part. Tokens and timestamps are not those of
// deliveries, and one hash is no body's.
func TestSmallVectors(t *testing.T) {
	whole := 0
	for _, v := range loadVectors(t).Small {
		if v.Body == "" {
			continue
		}
		whole++
		m, err := parse([]byte(v.Body))
		if err != nil {
			t.Fatal(err)
		}
		mac, err := hex.DecodeString(v.Signature)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, v.Normalized, canonicalOf(t, form{}, v.Body))
		wantSame(t, v.Hash, hashed([]byte(v.Normalized)))
		g := newGateway(t)
		// too short for New
		g.cfg.WebhookPath, g.openKeys = v.Endpoint, []key{newKey(secret.New([]byte(v.Secret)))}
		for token, want := range map[string]bool{v.Token: true, v.Token + "x": false} {
			s := signed{mac: mac, token: token, timestamp: v.Timestamp}
			if got := g.authentic(s, v.Endpoint, hashesOf(m, []byte(v.Body))); got != want {
				t.Errorf("%s with the token %s: %v", v.Body, token, got)
			}
		}
	}
	if whole < 2 {
		t.Errorf("%d vectors have a body", whole)
	}
}

// TestOpenVectorsAccept: what is written in another way than usual, and is good all the same.
func TestOpenVectorsAccept(t *testing.T) {
	simple := loadVectors(t).Webhook.Vectors[0]
	change := map[string]func(headers map[string][]string){
		"upper-case hex in X-Signature": func(h map[string][]string) {
			h["X-Signature"][0] = strings.ToUpper(h["X-Signature"][0])
		},
		"Authorization with scheme \"bearer\" in any case": func(h map[string][]string) {
			h["Authorization"][0] = strings.Replace(h["Authorization"][0], "Bearer", "bEARER", 1)
		},
	}
	for _, v := range loadVectors(t).Webhook.MustAccept {
		e := simple.envelope()
		if change[v.Case] == nil {
			t.Fatalf("no test of %q", v.Case)
		}
		change[v.Case](e.Headers)
		if _, err := simple.gateway(t).Open(e); err != nil {
			t.Errorf("%s: %v", v.Case, err)
		}
	}
}

func TestOpenVectorsRefuse(t *testing.T) {
	vs := loadVectors(t).Webhook
	simple := vs.Vectors[0]
	if simple.Name != "simple" {
		t.Fatal("the vectors are in another order")
	}
	changed := func(f func(*vector)) vector {
		v := simple
		f(&v)
		return v
	}
	cases := map[string]func() error{}
	add := func(name string, v vector, change func(*payment.Envelope)) {
		cases[name] = func() error {
			e := v.envelope()
			if change != nil {
				change(&e)
			}
			_, err := v.gateway(t).Open(e)
			return err
		}
	}
	add("tampered body", changed(func(v *vector) {
		v.Body = strings.Replace(v.Body, "INV-1", "INV-2", 1)
	}), nil)
	add("wrong secret", changed(func(v *vector) { v.Secret = "wrong-secret-of-20-bytes" }), nil)
	add("wrong endpoint", changed(func(v *vector) { v.Endpoint = "/webhooks/other" }), nil)
	add("non-numeric timestamp", simple,
		func(e *payment.Envelope) { e.Headers["X-Timestamp"] = []string{"yesterday"} })
	add("body not JSON, or JSON scalar", simple,
		func(e *payment.Envelope) { e.Body = []byte(`"text"`) })
	add("nesting deeper than 64 levels (attacker-made; genuine deliveries seen are 4 levels)",
		simple, func(e *payment.Envelope) {
			e.Body = []byte(`{"a":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`)
		})
	for _, r := range vs.MustReject {
		switch {
		case r.Case == "stale" || r.Case == "future":
			continue // behind a relay they are not refused: TestOpenTolerance
		case strings.HasPrefix(r.Case, "missing any of"):
			for _, name := range []string{"X-Signature", "X-Timestamp", "Authorization"} {
				e := simple.envelope()
				delete(e.Headers, name)
				_, err := simple.gateway(t).Open(e)
				wantReason(t, err, ReasonUnsigned)
			}
		case r.Case == "dashboard Test button":
			_, err := simple.gateway(t).Open(
				payment.Envelope{Method: "POST", Body: []byte(r.Wire), ReceivedAt: noon})
			wantReason(t, err, ReasonTest)
		case cases[r.Case] == nil:
			t.Errorf("no test of %q", r.Case)
		case cases[r.Case]() == nil || !errors.Is(cases[r.Case](), payment.ErrUnopened):
			t.Errorf("%s: accepted", r.Case)
		}
	}
}

// TestOpenTolerance: the relay's time of receipt decides, and what is too old or too new is asked
// about, not dropped.
func TestOpenTolerance(t *testing.T) {
	for _, tc := range loadVectors(t).Webhook.Tolerance {
		if tc.Timestamp == "" {
			continue // refused: it is missing
		}
		e := signedBy(canary, hookPath, tc.Timestamp, paidLink)
		e.ReceivedAt = time.Unix(tc.Now, 0)
		records, err := newGateway(t).Open(e)
		if err != nil || len(records) != 1 {
			t.Fatal(records, err)
		}
		if fresh := records[0].Status == payment.RecordSuccess; fresh != tc.Fresh ||
			payment.Known(records[0]) != tc.Fresh {
			t.Errorf("%s at %d: %s", tc.Timestamp, tc.Now, records[0].Status)
		}
	}
	for seconds, want := range map[int]string{0: payment.RecordSuccess, 300: payment.RecordSuccess,
		-300: payment.RecordSuccess, 301: StatusStale, -301: StatusStale, 86400 * 30: StatusStale} {
		e := delivery(paidLink)
		e.ReceivedAt = e.ReceivedAt.Add(time.Duration(seconds) * time.Second)
		records, err := newGateway(t).Open(e)
		if err != nil || len(records) != 1 || records[0].Status != want ||
			records[0].MerchantRef != ref || records[0].TransactionRef == "" {
			t.Errorf("%d s: %+v, %v", seconds, records, err)
		}
	}
	e := delivery(paidLink)
	e.ReceivedAt = time.Time{}
	if records, err := newGateway(t).Open(e); err != nil || records[0].Status != StatusStale {
		t.Errorf("received at no time: %+v, %v", records, err)
	}
	wider := newGateway(t, func(c *Config) { c.ReplayWindow = 15 * time.Minute })
	e.ReceivedAt = time.Unix(1792126800+899, 0)
	if records, err := wider.Open(e); err != nil || records[0].Status != payment.RecordSuccess {
		t.Errorf("in a wider window: %+v, %v", records, err)
	}
}

func TestOpenHeaders(t *testing.T) {
	set := func(name string, values ...string) func(*payment.Envelope) {
		return func(e *payment.Envelope) { e.Headers[name] = values }
	}
	base := delivery(paidLink)
	signature, token := base.Headers["X-Signature"][0], base.Headers["Authorization"][0]
	for _, tc := range []struct {
		name   string
		change func(*payment.Envelope)
		want   Reason // "" = accepted
	}{
		{"as it is", func(*payment.Envelope) {}, ""},
		{"upper-case hex", set("X-Signature", strings.ToUpper(signature)), ""},
		{"bearer", set("Authorization", "bearer "+token[7:]), ""},
		{"BEARER", set("Authorization", "BEARER "+token[7:]), ""},
		{"names in lower case", func(e *payment.Envelope) {
			e.Headers = map[string][]string{"x-signature": {signature},
				"x-timestamp": {"1792126800"}, "authorization": {token}}
		}, ""},
		{"no partner id", func(e *payment.Envelope) { delete(e.Headers, "X-Partner-Id") }, ""},
		{"another partner id", set("X-Partner-Id", "somebody"), ""},
		{"another user agent", set("User-Agent", "GuzzleHttp/7"), ""},
		{"another path", func(e *payment.Envelope) { e.Path = "/elsewhere" }, ""},
		{"GET", func(e *payment.Envelope) { e.Method = "GET" }, ReasonMethod},
		{"two signatures", set("X-Signature", signature, signature), ReasonUnsigned},
		{"two signatures under two names", set("x-signature", signature), ReasonUnsigned},
		{"two timestamps", set("X-Timestamp", "1792126800", "1792126801"), ReasonUnsigned},
		{"empty signature", set("X-Signature", ""), ReasonUnsigned},
		{"short signature", set("X-Signature", signature[2:]), ReasonForm},
		{"no hex", set("X-Signature", "x"+signature[1:]), ReasonForm},
		{"another signature", set("X-Signature", strings.Repeat("0", 128)), ReasonSignature},
		{"no scheme", set("Authorization", token[7:]), ReasonForm},
		{"no token", set("Authorization", "Bearer "), ReasonForm},
		{"basic", set("Authorization", "Basic "+token[7:]), ReasonForm},
		{"another token", set("Authorization", "Bearer x"), ReasonSignature},
		{"another time", set("X-Timestamp", "1792126801"), ReasonSignature},
		{"milliseconds", set("X-Timestamp", "1792126800000"), ReasonTimestamp},
		{"signed time", set("X-Timestamp", "+792126800"), ReasonTimestamp},
		{"early time", set("X-Timestamp", "0792126800"), ReasonTimestamp},
		{"a body that is too long", func(e *payment.Envelope) {
			e.Body = append(e.Body, make([]byte, maxBody)...)
		}, ReasonTooLong},
		{"a body that is as long as it may be", func(e *payment.Envelope) {
			e.Body = append(e.Body, bytes.Repeat([]byte(" "), maxBody-len(e.Body))...)
		}, ""},
		{"another body", func(e *payment.Envelope) {
			e.Body = []byte(strings.Replace(paidLink, "50000.00", "50000.01", 1))
		}, ReasonSignature},
		{"a member twice", func(e *payment.Envelope) {
			e.Body = []byte(strings.Replace(paidLink, "{", `{"event":"x",`, 1))
		}, ReasonPayload},
		{"the same body, written otherwise", func(e *payment.Envelope) {
			e.Body = []byte(strings.NewReplacer(`/`, `\/`, `é`, `\u00e9`,
				`,`, " ,\n").Replace(paidLink))
		}, ""},
		{"unsigned", func(e *payment.Envelope) { e.Headers = nil }, ReasonUnsigned},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := delivery(paidLink)
			tc.change(&e)
			records, err := newGateway(t).Open(e)
			if tc.want != "" {
				wantReason(t, err, tc.want)
			} else if err != nil || len(records) != 1 ||
				records[0].Status != payment.RecordSuccess {
				t.Errorf("%+v, %v", records, err)
			}
		})
	}
}

// TestOpenOtherLink: our reference under another link's id decides nothing. A link that is not
// remembered, or not named, is as good as ours.
func TestOpenOtherLink(t *testing.T) {
	for _, tc := range []struct{ known, stated, want string }{
		{"189", `"id":189`, payment.RecordSuccess},
		{"189", `"id":"189"`, payment.RecordSuccess},
		{"", `"id":189`, payment.RecordSuccess},
		{"189", `"id":null`, payment.RecordSuccess},
		{"190", `"id":189`, StatusRecheck},
	} {
		g := newGateway(t)
		if tc.known != "" {
			g.seen.put(linkPrefix, ref, tc.known)
		}
		records, err := g.Open(delivery(with(t, paidLink, `"id":189`, tc.stated)))
		if err != nil || len(records) != 1 || records[0].Status != tc.want {
			t.Errorf("known %q, stated %s: %+v, %v", tc.known, tc.stated, records, err)
		}
	}
}

// TestOpenCandidates: what SingaPay hashes is not known for sure, so each form verifies, with each
// of the secrets.
func TestOpenCandidates(t *testing.T) {
	body := with(t, paidLink, `"tip":null`,
		`"tip":{},"more":[1,2,3,4,5,6,7,8,9,10,11],"n":10.50,"s":"é"`)
	m, err := parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, key := range []string{canary, oldCanary} {
		g := newGateway(t, func(c *Config) { c.PreviousSecret = secret.New([]byte(oldCanary)) })
		hashes := []string{hashed([]byte(body))}
		for _, f := range forms {
			hashes = append(hashes, hashed(f.canonical(m)))
		}
		for i, hash := range hashes {
			records, err := g.Open(signedHash(key, hookPath, "1792126800", hash, body))
			if err != nil || len(records) != 1 {
				t.Errorf("form %d with %.12s: %v", i, key, err)
			}
			seen[hash] = true
		}
	}
	if len(seen) != len(forms)+1 {
		t.Errorf("only %d different hashes", len(seen))
	}
	_, err = newGateway(t).Open(signedBy(oldCanary, hookPath, "1792126800", body))
	wantReason(t, err, ReasonSignature)
}

// TestSignedForAnotherPath: what the dashboard has differs from the configuration by what people
// write differently. It counts for nothing, and the reason names the key.
func TestSignedForAnotherPath(t *testing.T) {
	for _, path := range []string{hookPath + "/", "/", hookPath + "?source=dashboard"} {
		e := signedBy(canary, path, "1792126800", paidLink)
		e.Query = "source=dashboard"
		records, err := newGateway(t).Open(e)
		if len(records) != 0 {
			t.Errorf("%s: %+v", path, records)
		}
		wantReason(t, err, ReasonPath)
		if path == "/" {
			continue // no path of a hook URL
		}
		g := newGateway(t, func(c *Config) { c.WebhookPath = path })
		if records, err := g.Open(e); err != nil || len(records) != 1 {
			t.Errorf("%s, configured: %+v, %v", path, records, err)
		}
	}
	_, err := newGateway(t).Open(signedBy(canary, "/hook/other", "1792126800", paidLink))
	wantReason(t, err, ReasonSignature)
}

// TestJunk: what is not signed is junk; what is signed is kept, for the secret or the path may be
// wrong.
func TestJunk(t *testing.T) {
	for _, r := range Reasons() {
		unsigned := slices.Index(Reasons(), r) < slices.Index(Reasons(), ReasonPayload)
		if got := errors.Is(refuse(r, ""), payment.ErrJunk); got != unsigned {
			t.Errorf("%q is junk: %t", r, got)
		}
	}
	wrong := signedBy(oldCanary, hookPath, "1792126800", paidLink)
	if _, err := newGateway(t).Open(wrong); errors.Is(err, payment.ErrJunk) || !Plausible(wrong) {
		t.Errorf("signed with another secret: %v", err)
	}
	probe := payment.Envelope{Method: "GET"}
	if _, err := newGateway(t).Open(probe); !errors.Is(err, payment.ErrJunk) || Plausible(probe) {
		t.Errorf("an uptime monitor: %v", err)
	}
}

func TestReasonsAreDistinct(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		if r == "" || seen[r] {
			t.Errorf("reason %q is empty or listed twice", r)
		}
		if cure := refuse(r, "").Cure(); !strings.HasSuffix(cure, ".") {
			t.Errorf("what mends %q: %q", r, cure)
		}
		seen[r] = true
	}
	if got := fmt.Sprint(refuse(ReasonField, "x")); !strings.HasSuffix(got, ": x") {
		t.Error(got)
	}
}
