// Package timeline tells payments to people: what happened, when, and how long after the request.
//
// It reads facts and writes text; nothing secret is in the text, nor anything that a stranger could
// pay with.
package timeline

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"kiosk-agent/payment"
)

// Outcome is a payment's status with its flags.
func Outcome(p payment.Payment) string {
	s := string(p.Status)
	for _, f := range p.Flags {
		s += " [" + string(f) + "]"
	}
	return s
}

// Told says whether the till knows.
func Told(p payment.Payment) string {
	switch {
	case !p.Final:
		return "running"
	case p.Acknowledged:
		return "acknowledged"
	case p.OfferedRev == p.Revision:
		return "sent, not acknowledged"
	default:
		return "not yet"
	}
}

// Print shows a payment as people read it: what happened, when, and how long after the request.
func Print(out io.Writer, p payment.Payment, facts []payment.Fact) error {
	fmt.Fprintf(out, "%s  %s  %s\ntill %s, reference %s, merchantRef %s\n", p.ID, p.Money,
		Outcome(p), p.Till, p.Reference, p.MerchantRef)
	if p.Reason != nil {
		fmt.Fprintf(out, "reason: %s (%s)\n", p.Reason.Message, p.Reason.Code)
	}
	fmt.Fprintf(out, "the till: %s\n\n", Told(p))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	first := facts[0]
	for _, f := range facts {
		after := "(another boot)"
		if f.Boot == first.Boot {
			after = fmt.Sprintf("+%.3fs", (f.Up - first.Up).Seconds())
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.At.Local().Format("15:04:05.000"), after, f.Kind(),
			Describe(f.Data))
	}
	return w.Flush()
}

func whatIsScanned(d payment.Minted) string {
	if strings.HasPrefix(d.Payload, "http") {
		return "link"
	}
	return "code"
}

// Describe tells a fact in a few words, without anything secret.
func Describe(d payment.Data) string {
	switch d := d.(type) {
	case payment.Requested:
		return d.Money.String() + " by " + d.Till
	case payment.MintSent:
		if d.Scheme == "" {
			return "asked the gateway"
		}
		return "asked the gateway for a code for " + d.Scheme
	case payment.Minted:
		return fmt.Sprintf("a %s of %d characters", whatIsScanned(d), len(d.Payload))
	case payment.MintFailed:
		return d.Message
	case payment.Shown:
		return "confirmed by the " + d.By
	case payment.DisplayLost:
		return d.Reason
	case payment.CancelRequested:
		return "by " + d.By
	case payment.DeadlinePassed:
		return d.Reason
	case payment.Notified:
		return said(d.Source+":", d.Record.Words(), d.Record.Scheme,
			d.Record.TransactionRef)
	case payment.Offered:
		return fmt.Sprintf("revision %d (%s) to the till", d.Revision, d.Status)
	case payment.Acknowledged:
		return fmt.Sprintf("revision %d by the till", d.Revision)
	case payment.Resolved:
		return d.Outcome + " by " + d.By + ": " + d.Reason
	case payment.QueryFailed:
		return d.Reason
	default:
		return ""
	}
}

// said joins what there is.
func said(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}
