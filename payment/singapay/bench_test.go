package singapay

import (
	"context"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// BenchmarkOpen is what a delivery costs, and what a stranger can make the agent pay for one.
func BenchmarkOpen(b *testing.B) {
	raw := delivery(paidLink)
	forged := delivery(paidLink)
	forged.Headers["X-Signature"] = []string{strings.Repeat("0", 128)}
	huge := delivery(paidLink)
	huge.Body = []byte(`{"a":[` + strings.Repeat("{},", maxBody/3-4) + `{}]}`)
	for name, e := range map[string]payment.Envelope{"paid": raw, "forged": forged,
		"forged, 64 KiB": huge, "unsigned": {Method: "POST", Body: huge.Body}} {
		b.Run(name, func(b *testing.B) {
			g := newGateway(b)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = g.Open(e)
			}
		})
	}
}

func BenchmarkQuery(b *testing.B) {
	var attempts []string
	for i := range perPage - 1 {
		attempts = append(attempts, stranger(1000+perPage-i, 1))
	}
	s := newSite(b)
	s.on(oneRoute, says(200, newer(used)))
	s.on(historyRoute, says(200, listed(append(attempts, attempt)...)))
	g := s.gateway(b)
	g.seen.put(linkPrefix, ref, "189")
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	for b.Loop() {
		if a := g.Query(ctx, ref); len(a.Records) != 1 {
			b.Fatal(a.Failure)
		}
	}
}
