package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/demo"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

// eavesdrop records every message, as it travels, that a connection of this till is sent. It makes
// no calls.
func eavesdrop(t testing.TB, address string, token secret.Value) *record {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"kiosk-till.v1"}}
	conn, resp, err := d.DialContext(t.Context(), address,
		map[string][]string{"Authorization": {"Bearer " + string(token.Reveal())}})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	r, ended := &record{}, make(chan struct{})
	go func() {
		defer close(ended)
		for {
			_, msg, err := conn.ReadMessage()
			if err != nil {
				return
			}
			_, _ = r.Write(append(msg, '\n'))
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-ended })
	return r
}

// TestTwoTillsOneReference: each till gets a payment of its own under the same reference, hears its
// own answer, and learns nothing about the other's sale.
func TestTwoTillsOneReference(t *testing.T) {
	t.Parallel()
	s, one := open(t, func(o *demo.Options) { o.Tills = []string{"front", "bar"} })
	two := s.till("bar")
	overheard := eavesdrop(t, s.h.Agent.TillURL(), s.h.TillTokens["bar"])

	a := one.start("RECEIPT-7", 4321)
	s.until(a.ID, payment.KindShown)
	busy := two.refused(device.CodeBusy, "busy", "payment.start",
		object{"reference": "RECEIPT-7", "amount": 111})
	if p := busy.Data.Payment; p == nil || p.ID != a.ID || p.Amount != 0 || p.Reference != "" ||
		p.QRPayload != "" || p.MerchantRef != "" {
		t.Errorf("busy tells a stranger %+v", p)
	}
	own := one.refused(device.CodeBusy, "busy", "payment.start",
		object{"reference": "RECEIPT-8", "amount": 111})
	if p := own.Data.Payment; p == nil || p.ID != a.ID || p.Amount != 4321 ||
		p.Reference != "RECEIPT-7" {
		t.Errorf("busy tells the owner %+v", p)
	}
	two.refused(device.CodeNotOwner, "not_owner", "payment.cancel", object{"id": a.ID})
	pay(t, a.QRPayload)
	doneA := one.approved(a.ID)
	two.hear("the other till's change", a.ID, func(p device.Payment) bool { return p.Final })
	two.refused(device.CodeNotOwner, "not_owner", "payment.acknowledge",
		object{"id": a.ID, "revision": doneA.Revision})
	if p := one.get(a.ID); p.Acknowledged {
		t.Error("another till's acknowledge counted")
	}

	b := two.start("RECEIPT-7", 111)
	if b.ID == a.ID || b.MerchantRef == a.MerchantRef {
		t.Fatal("two tills share a payment")
	}
	s.until(b.ID, payment.KindShown)
	pay(t, b.QRPayload)
	doneB := two.approved(b.ID)

	lookUps(t, one, a, b)
	lookUps(t, two, b, a)
	one.refused(device.CodeNotOwner, "not_owner", "payment.acknowledge",
		object{"id": b.ID, "revision": doneB.Revision})
	one.acknowledge(doneA)
	two.acknowledge(doneB)
	if n := count(s.facts(a.ID), payment.KindAcknowledged) +
		count(s.facts(b.ID), payment.KindAcknowledged); n != 2 {
		t.Errorf("%d acknowledgements in the journal", n)
	}
	s.till("front").owedNothing()
	s.till("bar").owedNothing()
	leaksNothing(t, overheard.String(), a)
}

// lookUps checks that last, get and list know this till's payment and not the other's.
func lookUps(t *testing.T, x *till, own, other device.Payment) {
	t.Helper()
	var p device.Payment
	if x.do("payment.last", nil, &p); p.ID != own.ID {
		t.Errorf("last is %s, want %s", p.ID, own.ID)
	}
	if x.do("payment.get", object{"reference": own.Reference}, &p); p.ID != own.ID ||
		p.Amount != own.Amount {
		t.Errorf("get by reference is %+v", p)
	}
	x.refused(device.CodeNotFound, "not_found", "payment.get", object{"id": other.ID})
	var page struct{ Payments []device.Payment }
	if x.do("payment.list", nil, &page); len(page.Payments) != 1 || page.Payments[0].ID != own.ID {
		t.Errorf("list is %s", statuses(page.Payments))
	}
}

// leaksNothing checks what a till was sent about another till's payment.
func leaksNothing(t *testing.T, frames string, p device.Payment) {
	t.Helper()
	seen := 0
	for line := range strings.Lines(frames) {
		if !strings.Contains(line, p.ID) {
			continue
		}
		seen++
		for _, private := range []string{"4321", p.MerchantRef, p.QRPayload, "RECEIPT-8",
			"provider_ref", "qr_payload"} {
			if strings.Contains(line, private) {
				t.Errorf("the other till was told %.40q: %s", private, line)
			}
		}
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	if seen < 2 {
		t.Errorf("the other till was sent %d messages about the payment", seen)
	}
}
