package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// maxNamed bounds the payments that an error names.
const maxNamed = 10

// Find is the id of the payment that people call so: by its id, its merchantRef, the till's receipt
// number, the till's reference or its ECN. "" when there is none. A name that several payments have
// is an error that lists them: nobody resolves another customer's sale.
func Find(j *offline.Reader, name string) (id string, err error) {
	if _, ok, err := j.Payment(name); err != nil || ok {
		return name, err
	}
	if id, err = j.ByMerchantRef(name); err != nil || id != "" {
		return id, err
	}
	var found []payment.Payment
	if err := eachPayment(j, 0, func(p payment.Payment) error {
		if called(p, name) {
			found = append(found, p)
		}
		return nil
	}); err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0].ID, nil
	}
	return "", fmt.Errorf("%d payments are called %.60q; say which by its id:%s", len(found), name,
		named(found))
}

// called reports whether a till calls a payment so.
func called(p payment.Payment, name string) bool {
	return name != "" && (p.Reference == name || p.Line != nil && slices.Contains(
		[]string{p.Line.Receipt, strings.TrimSpace(p.Line.ECN)}, name))
}

// receiptOf is the till's receipt number; "" where it sent none.
func receiptOf(p payment.Payment) string {
	if p.Line == nil {
		return ""
	}
	return p.Line.Receipt
}

// dated is a moment for people.
func dated(t time.Time) string { return t.Local().Format(time.DateTime) }

func named(found []payment.Payment) string {
	var b strings.Builder
	for _, p := range found[:min(len(found), maxNamed)] {
		fmt.Fprintf(&b, "\n  %s  %s  %s  %s", p.ID, dated(p.CreatedAt), p.Money, p.Status)
	}
	if len(found) > maxNamed {
		b.WriteString("\n  and older ones")
	}
	return b.String()
}
