package singapay

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/payment"
)

// keysOf are the keys that lines name, with what they want written there.
func keysOf(lines []payment.Observed) (keys []string) {
	for _, l := range lines {
		if l.Key != "" && l.Fit == payment.FitDiffers {
			keys = append(keys, l.Key+"="+l.Value)
		}
	}
	return keys
}

// TestDescribePaper: of a delivery that is as SingaPay's pages say, nothing differs.
func TestDescribePaper(t *testing.T) {
	for _, body := range []string{paidLink, paidQR} {
		e := delivery(body)
		e.Headers["Content-Type"] = []string{"application/json"}
		for _, l := range newGateway(t).Describe(e) {
			if l.Fit != payment.FitPaper && l.Fit != payment.FitOpen || l.Key != "" ||
				l.Path != "notification" || l.What == "" {
				t.Errorf("%+v", l)
			}
		}
	}
}

// TestDescribeNamesTheKey: what differs says which key reads it, and what to write there; with that
// it is mended.
func TestDescribeNamesTheKey(t *testing.T) {
	for _, tc := range []struct {
		from, to, want string
		set            func(*Config)
	}{
		{`"status":"paid"`, `"state":"paid"`,
			"singapay.members.status=data.transaction.state",
			func(c *Config) { c.Members.Status = []string{"data.transaction.state"} }},
		{`"status":"paid"`, `"status":"PAID"`, "singapay.words.paid=PAID",
			func(c *Config) { c.Words.Paid = []string{"PAID"} }},
		{`"status":"paid"`, `"status":"paid "`, "singapay.words.paid=paid ",
			func(c *Config) { c.Words.Paid = []string{"paid "} }},
		{`"type":"pl"`, `"type":"sale"`, "singapay.words.type_pay=sale",
			func(c *Config) { c.Words.TypePay = []string{"sale"} }},
		{`"reff_no":"` + ref, `"our_ref":"` + ref,
			"singapay.members.merchant_ref=data.payment.additional_info.payment_link.our_ref",
			func(c *Config) {
				c.Members.MerchantRef = []string{
					"data.payment.additional_info.payment_link.our_ref"}
			}},
		{`"reff_no":"` + ref, `"reff_no":"` + strings.ToLower(ref), "singapay.reference=loose",
			func(c *Config) { c.Reference = ReferenceLoose }},
		{`"value":"50000.00"`, `"paid_amount":"50000.00"`,
			"singapay.members.amount=data.transaction.amount.paid_amount",
			func(c *Config) { c.Members.Amount = []string{"data.transaction.amount.paid_amount"} }},
		{`"currency":"IDR"`, `"iso":"IDR"`,
			"singapay.members.currency=data.transaction.amount.iso",
			func(c *Config) { c.Members.Currency = []string{"data.transaction.amount.iso"} }},
	} {
		e := delivery(with(t, paidLink, tc.from, tc.to))
		if keys := keysOf(newGateway(t).Describe(e)); !slices.Contains(keys, tc.want) {
			t.Errorf("%s: %q", tc.to, keys)
		}
		lines := newGateway(t, tc.set).Describe(e)
		key, _, _ := strings.Cut(tc.want, "=")
		if slices.ContainsFunc(lines, func(l payment.Observed) bool {
			return l.Key == key && l.Fit != payment.FitMended
		}) || !slices.ContainsFunc(lines, func(l payment.Observed) bool { return l.Key == key }) {
			t.Errorf("%s: not mended by %s", tc.to, key)
		}
	}
	e := delivery(paidLink)
	e.Headers["X-Original-Authorization"] = e.Headers["Authorization"]
	delete(e.Headers, "Authorization")
	if keys := keysOf(newGateway(t).Describe(e)); !slices.Contains(keys,
		"singapay.headers.token=X-Original-Authorization") {
		t.Errorf("%q", keys)
	}
	delete(e.Headers, "X-Original-Authorization")
	if keys := keysOf(newGateway(t).Describe(e)); !slices.Contains(keys,
		"singapay.headers.bare_token=true") {
		t.Errorf("%q", keys)
	}
	if keys := keysOf(newGateway(t).Describe(signedBy(canary, hookPath+"/", "1792126800",
		paidLink))); !slices.Contains(keys, "singapay.webhook_path=") {
		t.Errorf("%q", keys)
	}
}

// TestGuess: no line says that a word means paid which is like one of failure, or like nothing.
func TestGuess(t *testing.T) {
	for said, want := range map[string]string{"PAID": "paid=PAID", "Success": "paid=Success",
		"FAILED": "declined=FAILED", "unsuccessful": "declined=unsuccessful",
		"UNPAID": "pending=UNPAID", "EXPIRED_LINK": "expired=EXPIRED_LINK", "blue": "pending="} {
		keys := keysOf(newGateway(t).Describe(delivery(with(t, paidLink, `"paid"`,
			`"`+said+`"`))))
		if !slices.Equal(keys, []string{"singapay.words." + want}) {
			t.Errorf("%s: %q", said, keys)
		}
	}
	for said, want := range map[string]string{"refund": "type_refund=refund",
		"reversal": "type_void=reversal", "payment": "type_pay=payment"} {
		keys := keysOf(newGateway(t).Describe(delivery(with(t, paidLink, `"type":"pl"`,
			`"type":"`+said+`"`))))
		if !slices.Equal(keys, []string{"singapay.words." + want}) {
			t.Errorf("%s: %q", said, keys)
		}
	}
}

// TestDescribeTellsNoValue: neither a customer, nor an amount, a reference, a token or a signature
// is in what is said of a delivery.
func TestDescribeTellsNoValue(t *testing.T) {
	e := delivery(paidLink)
	told := fmt.Sprint(newGateway(t).Describe(e))
	for _, value := range []string{"Pelanggan", "payer@", "080000000000", "50000", ref, "189177",
		e.Headers["X-Signature"][0], e.Headers["Authorization"][0][7:], hookPath, canary} {
		if strings.Contains(told, value) {
			t.Errorf("%q is told", value)
		}
	}
	hostile := with(t, with(t, paidLink, `"paid"`, `"Siti Canaria <siti@canary.example>"`),
		`"tip":null`, `"siti@canary.example":"x","tip":null`)
	if told := fmt.Sprint(newGateway(t).Describe(delivery(hostile))); strings.Contains(told,
		"anar") {
		t.Errorf("a customer is told: %s", told)
	}
}

// TestObserve: each answer is told, with what differs and the key for it, and without a value.
func TestObserve(t *testing.T) {
	s := newSite(t)
	s.on("POST "+linkPath+accountID,
		says(200, newer(with(t, created, `"payment_url":`, `"checkout_url":`))))
	s.on("PUT "+updatePath+"189", says(200, newer(created)))
	s.on(oneRoute, says(200, newer(used)))
	s.on(linksRoute, says(200, listed(used)))
	s.on(historyRoute, says(200, older(`{"items":[`+attempt+`]}`)))
	var lines []payment.Observed
	g := s.gateway(t, func(c *Config) {
		c.Observe = func(more []payment.Observed) { lines = append(lines, more...) }
	})
	g.Mint(t.Context(), mintRequest())
	g.Query(t.Context(), ref)
	paths := map[string]bool{}
	for _, l := range lines {
		paths[l.Path] = true
	}
	wantSame(t, map[string]bool{"access token": true, "create": true, "query": true}, paths)
	keys := keysOf(lines)
	for _, want := range []string{"singapay.members.payment_url=checkout_url",
		"singapay.answers.list=data.items"} {
		if !slices.Contains(keys, want) {
			t.Errorf("no line says %s: %q", want, keys)
		}
	}
	for _, value := range []string{jwtCanary, "Pelanggan", "8887776665554443", "50000", "payer@"} {
		if strings.Contains(fmt.Sprint(lines), value) {
			t.Errorf("%q is told", value)
		}
	}
	if len(lines) < 20 {
		t.Errorf("%d lines", len(lines))
	}
}
