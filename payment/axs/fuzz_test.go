package axs

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/internal/strictjson"
	"kiosk-agent/payment"
)

func seedCarriages(f *testing.F, add func(payment.Envelope)) {
	seeds := slices.Concat(carriages(sealed(f, sample)), carriages(vectorToken),
		carriages("a.b.c.d.e"))
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, c := range seeds {
		if len(c.e.Body) <= 4096 {
			add(c.e)
		}
	}
}

// FuzzOpen: whatever arrives, Open answers with records that say something or with a refusal that
// tells nothing.
func FuzzOpen(f *testing.F) {
	g := newGateway(f)
	seedCarriages(f, func(e payment.Envelope) { f.Add(e.Method, e.Query, e.Body) })
	f.Fuzz(func(t *testing.T, method, query string, body []byte) {
		delivery := payment.Envelope{Method: method, Query: query, Body: body}
		records, err := g.Open(delivery)
		if could := Plausible(delivery); could == errors.Is(err, payment.ErrJunk) &&
			(!could || reasonOf(err) != ReasonOwnLink) {
			t.Fatalf("plausible %t, and %v", could, err)
		}
		if err != nil {
			e, ok := errors.AsType[*OpenError](err)
			if len(records) != 0 || !ok || !errors.Is(err, payment.ErrUnopened) ||
				!slices.Contains(Reasons(), e.Reason) || len(err.Error()) > 120 {
				t.Fatalf("records %v with %v", records, err)
			}
			return
		}
		if len(records) == 0 || len(records) > maxTokens {
			t.Fatalf("%d records", len(records))
		}
		for _, r := range records {
			if r.MerchantRef == "" || r.Status == "" || r.Type == "" {
				t.Fatalf("a record that says nothing: %+v", r)
			}
		}
	})
}

// FuzzFindToken: few tokens, all different, each of the right shape; and one that passes every
// check is written in one way only.
func FuzzFindToken(f *testing.F) {
	seedCarriages(f, func(e payment.Envelope) { f.Add(e.Query, e.Body) })
	f.Fuzz(func(t *testing.T, query string, body []byte) {
		found := findTokens(payment.Envelope{Query: query, Body: body})
		if len(found.tokens) > maxTokens || found.refused == nil {
			t.Fatalf("%d tokens, reason %v", len(found.tokens), found.refused)
		}
		for i, token := range found.tokens {
			if !shaped(token) || slices.Contains(found.tokens[:i], token) {
				t.Fatalf("token %q is repeated or misshapen", token)
			}
			if checkToken(token, clientID, P2C) != nil {
				continue
			}
			for part := range strings.SplitSeq(token, ".") {
				raw, err := base64.RawURLEncoding.DecodeString(part)
				if err != nil || base64.RawURLEncoding.EncodeToString(raw) != part {
					t.Fatalf("part %q of an accepted token is not canonical", part)
				}
			}
		}
	})
}

// FuzzPayload: what stands inside an authentic token is read without a panic, and what is read can
// be journaled.
func FuzzPayload(f *testing.F) {
	for _, seed := range []string{sample, vectorPayload, strings.ReplaceAll(sample, `"`, ""),
		`{"status":"X","merchantRef":1e400,"amount":1.5,` +
			`"currency":"SGD","paymentDateTime":"0000-01-01T00:00:00+23:59"}`} {
		f.Add([]byte(seed))
	}
	g := &Gateway{cfg: Config{Currency: payment.SGD}}
	f.Fuzz(func(t *testing.T, plaintext []byte) {
		m, err := strictjson.Object(plaintext, maxDepth)
		if err != nil {
			return
		}
		r, refused := g.record(m)
		if refused != nil {
			return
		}
		if r.Amount < payment.UnreadableAmount || r.Amount == payment.UnreadableAmount &&
			len(r.AmountText) > 80 {
			t.Fatalf("amount %d, %q", r.Amount, r.AmountText)
		}
		body, err := payment.EncodeData(payment.Notified{Record: r})
		if err != nil {
			t.Fatal(err)
		}
		back, err := payment.DecodeData(payment.KindNotified, body)
		if err != nil || payment.Content(back) != r.Content() {
			t.Fatalf("the journal reads back %v, %v", back, err)
		}
	})
}

func reasonOf(err error) Reason {
	if e, ok := errors.AsType[*OpenError](err); ok {
		return e.Reason
	}
	return ""
}
