package singapay

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"kiosk-agent/payment"
)

// bodies are seeds: what SingaPay sends and what it might.
func bodies(f *testing.F) []string {
	var list []string
	for _, v := range loadVectors(f).Webhook.Vectors {
		list = append(list, v.Body)
	}
	for _, c := range loadVectors(f).Canonicalisation {
		list = append(list, c.In)
	}
	list = append(list, paidLink, paidQR, created, createdCode, attempt, listed(attempt, used),
		newer(created), `{"event":"transaction-expiration","data":{"payment_link_histories":[{}]}}`)
	if len(list) < 25 {
		f.Fatalf("only %d seeds", len(list))
	}
	return list
}

// FuzzOpen: whatever a stranger sends, it is refused in our own words.
func FuzzOpen(f *testing.F) {
	g := newGateway(f)
	for _, body := range bodies(f) {
		f.Add("1792126800", strings.Repeat("0", 128), "Bearer x", []byte(body))
	}
	for _, timestamp := range []string{"1792126800000", "2026-10-16T12:00:00+07:00", "soon"} {
		f.Add(timestamp, strings.Repeat("0", 128), "x", []byte(paidLink))
	}
	f.Fuzz(func(t *testing.T, timestamp, signature, authorization string, body []byte) {
		delivery := payment.Envelope{Method: "POST", Body: body, ReceivedAt: noon,
			Headers: map[string][]string{
				"X-Timestamp": {timestamp}, "X-Signature": {signature},
				"Authorization": {authorization},
			}}
		records, err := g.Open(delivery)
		if could := Plausible(delivery); could == errors.Is(err, payment.ErrJunk) {
			t.Fatalf("plausible %t, and %v", could, err)
		}
		for _, l := range g.Describe(delivery) {
			if l.What == "" || len(l.Is) > 4000 || !utf8.ValidString(l.Is+l.Value) {
				t.Fatalf("%+v", l)
			}
		}
		e, ok := errors.AsType[*OpenError](err)
		if records != nil || !ok || !errors.Is(err, payment.ErrUnopened) ||
			!slices.Contains(Reasons(), e.Reason) || len(err.Error()) > 140 {
			t.Fatalf("records %v with %v", records, err)
		}
	})
}

// FuzzStatements: what stands in an authentic body is read without a panic, whatever was hashed;
// what is read can be journaled, and it says paid only where SingaPay says so.
func FuzzStatements(f *testing.F) {
	for _, body := range bodies(f) {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parse(body)
		if err != nil {
			return
		}
		records, refused := newGateway(t).statements(m)
		if refused != nil && (records != nil || !slices.Contains(Reasons(), refused.Reason)) {
			t.Fatalf("%v with %v", records, refused)
		}
		for _, r := range records {
			checkRecord(t, r)
			if said := text(at(m, "data", "transaction",
				"status")); r.Status == payment.RecordSuccess && said != "paid" &&
				said != "settled" {
				t.Fatalf("%q became a payment", said)
			}
		}
	})
}

func checkRecord(t *testing.T, r payment.Record) {
	t.Helper()
	if r.MerchantRef == "" || r.Status == "" || r.Type != payment.TypePay ||
		r.Amount < payment.UnreadableAmount || r.Amount == payment.UnreadableAmount &&
		len(r.AmountText) > 32 ||
		len(r.Status) > 60 || len(r.TransactionRef) > 128 || len(r.Scheme) > 40 ||
		len(r.Currency) > 3 {
		t.Fatalf("%+v", r)
	}
	body, err := payment.EncodeData(payment.Notified{Record: r})
	if err != nil {
		t.Fatal(err)
	}
	back, err := payment.DecodeData(payment.KindNotified, body)
	if err != nil || payment.Content(back) != r.Content() {
		t.Fatalf("the journal reads back %v, %v", back, err)
	}
}

// FuzzCanonical: the canonical form of a canonical form is itself, it says what the body said, and
// it is what Go's own encoder writes.
func FuzzCanonical(f *testing.F) {
	for _, body := range bodies(f) {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parse(body)
		if err != nil {
			return
		}
		first := form{}.canonical(m)
		again, err := parse(first)
		if err != nil {
			t.Fatalf("%q: %v", first, err)
		}
		if second := (form{}).canonical(again); !bytes.Equal(first, second) {
			t.Fatalf("%q, then %q", first, second)
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(m); err != nil {
			t.Fatal(err)
		}
		if want := bytes.TrimSuffix(b.Bytes(), []byte("\n")); !bytes.Equal(want, first) {
			t.Fatalf("%q, want %q", first, want)
		}
		for _, f := range forms {
			if out := f.canonical(m); !json.Valid(out) {
				t.Fatalf("%+v: %q", f, out)
			}
		}
	})
}

// FuzzAnswer: whatever an answer is, it is read without a panic, and its records name our reference
// only.
func FuzzAnswer(f *testing.F) {
	for _, body := range bodies(f) {
		f.Add(200, []byte(body))
	}
	f.Add(422, []byte(`{"success":false,"error":{"errors":{"a":["b"]}}}`))
	f.Add(200, []byte(`{"response_code":"SP018","data":{"errors":{"a":"b"}}}`))
	g := newGateway(f)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 100 || status > 999 {
			return
		}
		a := answer{status: status}
		if g.read(&a, body); a.failure != "" {
			if len(a.failure) > 1200 || a.data != nil {
				t.Fatalf("%d bytes of failure", len(a.failure))
			}
			return
		}
		o := &order{MintRequest: mintRequest(), ends: noon}
		_ = g.linkOf(a.data).echoes(o, []string{"QRIS"})
		_ = g.codeOf(a.data).echoes(o)
		h := history{g: g, ref: ref, link: "189"}
		elements, _ := a.data.([]any)
		for _, e := range elements {
			m, _ := e.(object)
			_ = h.add(m)
		}
		w := walk{since: noon, seen: map[string]bool{}, descending: true}
		_, _ = w.page(1, elements, []any{a.top})
		for _, r := range h.records {
			if checkRecord(t, r); r.MerchantRef != ref {
				t.Fatalf("%+v", r)
			}
		}
	})
}

// FuzzQRIS: no text of any form stops the check of a code, and one that passes states no other
// amount.
func FuzzQRIS(f *testing.F) {
	for _, s := range []string{emv, "000201", "0002015405500005303360", "00020154", "0002015499",
		emv[:40]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkQRIS(s, 50000) == "" && (!strings.HasPrefix(s, "000201") || len(s) > maxURL) {
			t.Fatalf("%q passes", s)
		}
	})
}
