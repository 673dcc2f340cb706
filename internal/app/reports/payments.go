// Package reports is what the commands print of a journal: lists, one payment, exports, the
// worklist, and what a verification, a copy or a recovery has come to.
//
// It reads the journal and writes text, and decides nothing. What a gateway or a till calls
// something is written so that a terminal obeys none of it. Its functions keep nothing.
package reports

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"

	"kiosk-agent/internal/app/timeline"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// pageSize is how many payments list and export read at a time.
const pageSize = 200

// eachPayment goes through all payments, newest first, at most limit of them (0 = all).
func eachPayment(j *offline.Reader, limit int, do func(payment.Payment) error) error {
	q := payment.ListQuery{Limit: pageSize}
	for n := 0; ; {
		page, err := j.ListAll(q)
		if err != nil {
			return err
		}
		for _, p := range page.Payments {
			if err := do(p); err != nil {
				return err
			}
			if n++; n == limit {
				return nil
			}
		}
		if page.Next == 0 {
			return nil
		}
		q.Before = page.Next
	}
}

// Payments lists payments, newest first, at most limit of them (0 = all).
func Payments(out io.Writer, j *offline.Reader, limit int) error {
	w := tabwriter.NewWriter(Legible(out), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tTILL\tRECEIPT\tREFERENCE\tAMOUNT\tSTATUS\tTOLD\tPAYMENT")
	err := eachPayment(j, limit, func(p payment.Payment) error {
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			dated(p.CreatedAt), p.Till, cmp.Or(receiptOf(p), "-"), p.Reference,
			p.Money, timeline.Outcome(p), timeline.Told(p), p.ID)
		return err
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// Payment shows one payment's timeline; id is what people call it ([Find]).
func Payment(out io.Writer, j *offline.Reader, id string) error {
	asked := id
	if found, err := Find(j, id); err != nil {
		return err
	} else if found != "" {
		id = found
	}
	facts, err := j.Facts(id)
	if err != nil {
		return err
	}
	p, ok := payment.Fold(facts)
	if !ok {
		return fmt.Errorf("no payment %.60q in this journal (kiosk-agent journal list shows them)",
			asked)
	}
	return timeline.Print(Legible(out), p, facts)
}
