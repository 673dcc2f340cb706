package reports

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/timeline"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// textWidth is how many characters a line of the worklist's texts has at most.
const textWidth = 100

// Worklist shows what staff must look at, a block for each entry; of one payment only where name is
// what people call it ([Find]). known are the gateway accounts of the configuration.
func Worklist(out io.Writer, j *offline.Reader, known payment.Accounts, now time.Time,
	name string) error {
	todo, err := entries(j, known, now, name)
	if err != nil {
		return err
	}
	return printWork(Legible(out), todo, now)
}

// WorklistJSON writes it as a JSON array.
func WorklistJSON(out io.Writer, j *offline.Reader, known payment.Accounts, now time.Time,
	name string) error {
	todo, err := entries(j, known, now, name)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(exit.JSON(out))
	enc.SetIndent("", "  ")
	return enc.Encode(todo)
}

func entries(j *offline.Reader, known payment.Accounts, now time.Time,
	name string) ([]workEntry, error) {
	items, err := j.WorkAt(now)
	if err != nil {
		return nil, err
	}
	todo, err := gone(j, known, now)
	for _, item := range items {
		todo = append(todo, entryOf(item))
	}
	if err == nil && name != "" {
		var id string
		if id, err = Find(j, name); err == nil {
			id = cmp.Or(id, name)
			todo = slices.DeleteFunc(todo, func(e workEntry) bool { return e.ID != id })
		}
	}
	return todo, err
}

// workEntry is one entry as it is printed. ID is what resolve takes.
type workEntry struct {
	ID          string `json:"id"` // a payment's, or #NUMBER; or an account, which nothing resolves
	Till        string `json:"till,omitempty"`
	Reference   string `json:"reference,omitempty"`
	Receipt     string `json:"receipt,omitempty"` // the till's receipt number
	MerchantRef string `json:"merchant_ref,omitempty"`
	// minor units; absent when it cannot be read
	Amount   *int64 `json:"amount,omitempty"`
	Currency string `json:"currency,omitempty"`
	// a payment's; or the gateway's word, as reported; or "parked", "left" or "account_gone"
	Status string         `json:"status"`
	Flags  []payment.Flag `json:"flags,omitempty"`
	// when the payment was requested, or the fact was written
	At    string         `json:"at"`
	Tasks []payment.Task `json:"tasks"`
	// what resolve takes, and the newest fact of the payment, for its --seen
	Findings []workFinding `json:"findings,omitempty"`
	Seen     int64         `json:"seen,omitempty"`
	// the payments that --given-back names
	Payments []string `json:"payments,omitempty"`

	at          time.Time
	money, word string
}

// workFinding is one finding that fits an entry.
type workFinding struct {
	Finding payment.Finding `json:"finding"`
	Outcome string          `json:"outcome"`
	Text    string          `json:"text"`
	// --portal-ref, or --given-back with all payments or all but one, must say more
	PortalRef bool `json:"portal_ref,omitempty"`
	AllBack   bool `json:"all_back,omitempty"`
	AllButOne bool `json:"all_but_one,omitempty"`
}

func findings(choices []payment.Choice) (all []workFinding) {
	for _, c := range choices {
		f := workFinding{c.Finding, c.Outcome, c.Text, c.NeedsRef, c.AllBack, c.AllButOne}
		if !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

func entryOf(item payment.WorkItem) workEntry {
	e := workEntry{Tasks: item.Tasks}
	if item.Entry != nil {
		e.Findings = findings(payment.EntryChoices(item.Entry.Data))
	}
	if p := item.Payment; p != nil {
		e.Findings, e.Seen = findings(p.Choices()), p.LastSeq
		for _, m := range p.Movements {
			if m.Class != payment.ClassBack {
				e.Payments = append(e.Payments, m.Ref())
			}
		}
		e.Receipt = receiptOf(*p)
		e.ID, e.Till, e.Reference, e.MerchantRef = p.ID, p.Till, p.Reference, p.MerchantRef
		e.Amount, e.Currency, e.Status, e.Flags = &p.Money.Amount, string(p.Money.Currency),
			string(p.Status), p.Flags
		e.at, e.money, e.word = p.CreatedAt, p.Money.String(), timeline.Outcome(*p)
	} else {
		e.ID, e.at = "#"+strconv.FormatInt(item.Entry.Seq, 10), item.Entry.At
		e.Status, e.word = "parked", "a notification that does not open"
		if l, ok := item.Entry.Data.(payment.Left); ok {
			e.Status, e.word = "left", "notifications that found no place"
			if l.Lost {
				e.word = "notifications that the relay did not have any more"
			}
		}
		if u, ok := item.Entry.Data.(payment.Unmatched); ok {
			r := u.Record
			e.MerchantRef, e.Currency, e.Status, e.word = r.MerchantRef, r.Currency, r.Status,
				r.Status+", of no payment here"
			e.money = "an amount that cannot be read"
			if r.Amount != payment.UnreadableAmount {
				e.Amount, e.money = &r.Amount,
					payment.Money{Amount: r.Amount, Currency: payment.Currency(r.Currency)}.String()
			}
		}
	}
	e.At = stamp(e.at)
	return e
}

// printWork writes a block for each entry.
func printWork(w io.Writer, todo []workEntry, now time.Time) error {
	if len(todo) == 0 {
		_, err := fmt.Fprintln(w, "nothing to do")
		return err
	}
	for _, e := range todo {
		head := []string{e.ID}
		if e.money != "" {
			head = append(head, e.money)
		}
		fmt.Fprintf(w, "%s  (%s)\n", strings.Join(append(head, e.word), "  "), age(now.Sub(e.at)))
		if e.Till != "" {
			receipt := ""
			if e.Receipt != "" {
				receipt = "receipt " + e.Receipt + ", "
			}
			fmt.Fprintf(w, "  till %s, %sreference %s, merchantRef %s\n", e.Till, receipt,
				e.Reference, e.MerchantRef)
		} else if e.MerchantRef != "" {
			fmt.Fprintf(w, "  merchantRef %s\n", e.MerchantRef)
		}
		if !e.at.IsZero() {
			fmt.Fprintf(w, "  %s\n", dated(e.at))
		}
		for _, task := range e.Tasks {
			fmt.Fprint(w, wrap("  - "+task.Code+": ", "    ", task.Text))
		}
		if len(e.Payments) > 1 {
			fmt.Fprint(w, wrap("  payments: ", "    ", strings.Join(e.Payments, ", ")))
		}
		for _, f := range e.Findings {
			fmt.Fprint(w, wrap("  = ", "      ", f.command()))
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "%d to do. When one is settled: kiosk-agent resolve ID --finding "+
		"FINDING --reason TEXT (for a number: resolve '#12' …)\n", len(todo))
	return err
}

// command is how a finding is written, and what it says.
func (f workFinding) command() string {
	text := "--finding " + string(f.Finding)
	switch {
	case f.PortalRef:
		text += " --portal-ref REF"
	case f.AllBack:
		text += " (--given-back REF for each payment, where there are several)"
	case f.AllButOne:
		text += " --given-back REF for each payment but one"
	}
	return text + ": " + f.Text + " → " + f.Outcome
}

// age tells people how long ago something was.
func age(d time.Duration) string {
	switch minutes := int(d / time.Minute); {
	case d < 0:
		return "in the future: check the clock"
	case minutes < 1:
		return "just now"
	case minutes < 60:
		return fmt.Sprintf("%d min ago", minutes)
	case minutes < 48*60:
		return fmt.Sprintf("%d h %d min ago", minutes/60, minutes%60)
	default:
		return fmt.Sprintf("%d days ago", minutes/(24*60))
	}
}

// wrap breaks a text into lines of at most textWidth characters, where words end.
func wrap(first, indent, text string) string {
	var b strings.Builder
	line := first
	for i, word := range strings.Fields(text) {
		if i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > textWidth {
			b.WriteString(line + "\n")
			line = indent + word
			continue
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}
