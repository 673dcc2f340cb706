package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
	"kiosk-agent/payment/axs"
)

// TestNodesWebhooksApprove sends what another JOSE library seals, in every form in which AXS may
// carry it, to the relay's public address: each ends in approved at the till.
func TestNodesWebhooksApprove(t *testing.T) {
	t.Parallel()
	s, x := open(t)
	forms := askNode(t, object{"op": "carry", "form": ""}).Forms
	if len(forms) < 15 {
		t.Fatalf("node knows %d forms only: %v", len(forms), forms)
	}
	for i, form := range forms {
		p := x.start(fmt.Sprintf("FORM-%d", i), int64(1000+i))
		s.hook(form, s.mintByNode(statement(p,
			object{"transactionRef": fmt.Sprint(1428191406936641536 + i)}), nil))
		done := x.approved(p.ID)
		if done.Scheme != "VISA" || done.ResponseCode != "00" ||
			done.ProviderRef != fmt.Sprint(1428191406936641536+i) {
			t.Errorf("%s: %+v", form, done)
		}
		x.acknowledge(done)
	}
	if n := count(s.journal(), payment.KindParked); n > 0 {
		t.Errorf("%d deliveries did not open", n)
	}
}

// badToken is a token that must change nothing. Of junk nothing is kept.
type badToken struct {
	name, token string
	junk        bool
}

func badTokens(s *stage, link, good string, statement string) []badToken {
	mint := func(changes object) string { return s.mintByNode(statement, changes) }
	without := func(member string) string {
		return strings.Replace(statement, `"`+member+`"`, `"x"`, 1)
	}
	bad := []badToken{
		{"alg HS256", mint(object{"alg": "PBES2-HS256+A128KW"}), true},
		{"alg HS384", mint(object{"alg": "PBES2-HS384+A192KW"}), true},
		{"enc A128GCM", mint(object{"enc": "A128GCM"}), true},
		{"enc CBC", mint(object{"enc": "A256CBC-HS512"}), true},
		{"p2c just over the bound", mint(object{"p2c": 1001}), false},
		{"p2c expensive", mint(object{"p2c": 200_000}), false},
		{"another secret", mint(object{"secret": "another-secret-of-some-length-here"}), false},
		{"another kid", mint(object{"kid": "another-client"}), false},
		{"truncated", good[:len(good)-7], true},
		{"two thirds", good[:2*len(good)/3], true},
		{"four parts", good[:strings.LastIndexByte(good, '.')], true},
		{"own link's token", link, true},
		{"status missing", s.mintByNode(without("status"), nil), false},
		{"merchantRef missing", s.mintByNode(without("merchantRef"), nil), false},
		{"not an object", s.mintByNode(`"SUCCESS"`, nil), false},
	}
	at := 0
	for i, part := range strings.Split(good, ".") {
		b := []byte(good)
		k := at + len(part)/2
		b[k] = map[bool]byte{true: 'B', false: 'A'}[b[k] == 'A']
		// the header's may name another client then, or nothing
		bad = append(bad, badToken{fmt.Sprintf("altered byte in part %d", i+1), string(b),
			!axs.Plausible(payment.Envelope{Body: b})})
		at += len(part) + 1
	}
	return bad
}

// TestBadTokensChangeNothing: each is answered 200 by the relay, and leaves the payment as it was.
// The agent parks what could open under another secret, and counts the rest. The good one still
// approves afterwards.
func TestBadTokensChangeNothing(t *testing.T) {
	t.Parallel()
	s, x := open(t)
	p := x.start("BAD", 2345)
	s.until(p.ID, payment.KindShown)
	u, err := url.Parse(p.QRPayload)
	if err != nil {
		t.Fatal(err)
	}
	good := s.mintByNode(statement(p, nil), nil)
	facts := s.facts(p.ID)
	forms := []string{"query data", "JSON data", "raw", "form data"}
	bad := badTokens(s, u.Query().Get("data"), good, statement(p, nil))
	parked := 0
	for i, b := range bad {
		before := positionIn(t, s.dir)
		s.hook(forms[i%len(forms)], b.token)
		eventually(t, b.name+" is taken", func() error {
			if positionIn(t, s.dir) == before {
				return errors.New("it is not")
			}
			return nil
		})
		if !b.junk {
			parked++
		}
		if n := count(s.journal(), payment.KindParked); n != parked {
			t.Errorf("%s: %d deliveries are parked, want %d", b.name, n, parked)
		}
		if d := cmp.Diff(facts, s.facts(p.ID)); d != "" {
			t.Errorf("%s changed the payment: %s", b.name, d)
		}
		if now := x.get(p.ID); now.Status != payment.StatusAwaiting || now.Revision != p.Revision ||
			now.QRPayload != p.QRPayload {
			t.Errorf("%s: the till sees %+v", b.name, now)
		}
	}
	if n := count(s.journal(), payment.KindJunk); n != 1 || parked < 5 {
		t.Errorf("%d junk facts, %d parked", n, parked)
	}
	s.hook("form data", good)
	x.acknowledge(x.approved(p.ID))
	for _, f := range s.journal() {
		if d, ok := f.Data.(payment.Parked); ok &&
			(d.Cut || d.Reason == "" || d.Envelope.Method == "" || d.Delivery == "") {
			t.Errorf("parked without what is needed to try again: %+v", d)
		}
	}
}

// TestWordsWithoutSeal: nothing that anybody can say without the secret approves: query parameters,
// JSON and forms on the hook, nor the customer's return to successUrl, which here is the agent's
// own hook and display, the worst place that it could be.
func TestWordsWithoutSeal(t *testing.T) {
	t.Parallel()
	s, x := open(t)
	p := x.start("UNSEALED", 999)
	s.until(p.ID, payment.KindShown)
	facts := s.facts(p.ID)
	says := url.Values{
		"status": {"SUCCESS"}, "responseCode": {"00"}, "merchantRef": {p.MerchantRef},
		"amount": {"9.99"}, "currency": {"SGD"}, "transactionRef": {"1428191406936641536"},
		"paymentScheme": {"VISA"},
	}
	client := &http.Client{}
	t.Cleanup(client.CloseIdleConnections)
	for _, request := range []struct {
		method, target string
		form           url.Values
	}{
		{http.MethodGet, s.hookURL() + "?" + says.Encode(), nil},
		{http.MethodGet, s.hookURL() + "/success?" + says.Encode(), nil},
		{http.MethodPost, s.hookURL(), says},
		{http.MethodPost, s.hookURL() + "?data=" + url.QueryEscape(statement(p, nil)), nil},
	} {
		if status, text := fetch(t, client, request.method, request.target,
			request.form); status != http.StatusOK {
			t.Fatalf("the relay answers %d %s", status, text)
		}
	}
	eventually(t, "they are counted",
		func() error { return lacks(s.journal(), payment.KindJunk) })
	for _, base := range []string{s.h.Agent.DisplayURL(), s.h.Agent.MetricsURL() + "/",
		strings.Replace(s.h.Agent.TillURL(), "ws://", "http://", 1)} {
		fetch(t, client, http.MethodGet, base+"?"+says.Encode(), nil) // whatever the answer
	}
	if d := cmp.Diff(facts, s.facts(p.ID)); d != "" {
		t.Errorf("unsealed words changed the payment: %s", d)
	}
	if now := x.get(p.ID); now.Status != payment.StatusAwaiting {
		t.Errorf("the till sees %s", now.Status)
	}
	if slices.Contains(kinds(s.facts(p.ID)), payment.KindNotified) {
		t.Error("unsealed words were booked as a statement of the gateway")
	}
	pay(t, p.QRPayload)
	x.acknowledge(x.approved(p.ID)) // behind all of them
	if n := count(s.journal(), payment.KindParked); n > 0 {
		t.Errorf("%d are parked", n)
	}
}
