// Package prober tries a gateway before the first sale: it lets the running agent make one payment
// that is no till's, and tells line by line how what the gateway really sent stands to what its
// pages say, and which key of the configuration mends a difference. It does the same with a
// delivery that was recorded.
//
// It decides nothing: the payment runs and ends as every other does. It prints, and writes the
// report that support can read; neither holds a secret, or anything of a customer's. One goroutine
// uses a Prober.
package prober

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/adminclient"
	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/payer"
	"kiosk-agent/internal/app/reports"
	"kiosk-agent/payment"
	"kiosk-agent/ui/qr"
)

// Prober runs one probe.
type Prober struct {
	Socket  string // the agent's admin socket
	Out     io.Writer
	Report  string // the file that the report is written to; "" = none
	Version string
	Gateway string // payment.provider
	Mode    string // payment.mode
	Query   bool   // whether the gateway is asked about payments
	All     bool   // also print what came as its pages say
	Assign  Assign
	// keys that mend a link which the gateway refuses; only the customer's phone shows that
	LinkKeys []string
	sheet    Sheet
}

// report is the file: everything that was seen.
type report struct {
	Version  string             `json:"version"`
	Gateway  string             `json:"gateway"`
	Mode     string             `json:"mode"`
	Query    bool               `json:"query"` // whether there is one
	At       time.Time          `json:"at"`
	Payment  *device.Payment    `json:"payment,omitempty"`
	Tasks    []payment.Task     `json:"tasks,omitempty"`
	Told     []agent.Told       `json:"told"` // what the gateway said of the payment, in order
	Observed []payment.Observed `json:"observed"`
}

// approvedBy is the way by which the first word came that approves; "" = none did.
func (r report) approvedBy() string {
	for _, t := range r.Told {
		if strings.HasPrefix(t.Words, payment.TypePay+" "+payment.RecordSuccess) {
			return t.Source
		}
	}
	return ""
}

// Run makes a payment of this amount and follows it to its end. When interrupted ends, it is
// cancelled, and release lets a second interruption end the program. The error is an *exit.Error.
func (p *Prober) Run(parent, interrupted context.Context, release func(),
	money payment.Money) error {
	var pay device.Payment
	err := adminclient.Post(interrupted, p.Socket, "/v1/probe", agent.ProbeRequest{
		Amount: money.Amount, Reference: "probe-" + time.Now().UTC().Format("20060102-150405"),
	}, &pay)
	if err != nil {
		return exit.Failed(err)
	}
	fmt.Fprintf(p.Out, "%s, payment %s: it is on the customer display, and here.\n\n", money,
		pay.ID)
	p.sheet = Sheet{Out: p.Out, Assign: p.Assign, All: p.All}
	r := report{Version: p.Version, Gateway: p.Gateway, Mode: p.Mode, Query: p.Query,
		At: time.Now().UTC().Truncate(time.Second)}
	last, err := p.follow(parent, interrupted, release, &r)
	r.Payment, r.Tasks, r.Told = &last.Payment, last.Tasks, last.Told
	r.Payment.QRPayload = "" // who has it can pay
	if err == nil {
		p.conclude(r)
	} else { // the agent is gone: what was seen stays true
		p.sheet.Advise()
	}
	return errors.Join(p.write(r), err, payer.Verdict(last.Payment.Status))
}

// follow prints what is seen as it comes, until nothing more will.
func (p *Prober) follow(parent, interrupted context.Context, release func(),
	r *report) (last agent.Probed, err error) {
	cancel, drawn, status := interrupted.Done(), false, payment.Status("")
	for next, revision := 0, int64(0); ; {
		var now agent.Probed
		if err := adminclient.Get(parent, p.Socket, fmt.Sprintf("/v1/probe?after=%d&revision=%d",
			next, revision), &now); err != nil {
			return last, exit.Failed(err)
		}
		last = now
		if code := now.Payment.QRPayload; code != "" && !drawn {
			drawn = true
			p.draw(code, now.Payment.DeadlineAt.Time)
		}
		if now.Payment.Status != status {
			status = now.Payment.Status
			fmt.Fprintf(p.Out, "%s  payment: %s\n", time.Now().Format(time.TimeOnly), status)
		}
		r.Observed = append(r.Observed, now.Observed...)
		if p.sheet.Print(now.Observed) && !now.Payment.Final && now.Payment.ID != "" {
			p.sheet.Advise()
			fmt.Fprintln(p.Out, "\nThis payment goes on until its time is over or the query "+
				"reports it; Ctrl-C ends it.")
		}
		if now.Done {
			return last, nil
		}
		next, revision = now.Next, now.Payment.Revision
		select {
		case <-cancel:
			cancel = nil
			release()
			fmt.Fprintln(p.Out, "Cancelling: waiting for the gateway's word …")
			var pay device.Payment
			if err := adminclient.Post(parent, p.Socket, "/v1/probe/cancel", struct{}{},
				&pay); err != nil {
				fmt.Fprintln(p.Out, "It could not be cancelled:", err)
			}
		default:
		}
	}
}

func (p *Prober) draw(code string, until time.Time) {
	if c, err := qr.Encode(code, qr.L); err == nil {
		fmt.Fprintln(p.Out, c.Terminal())
	}
	fmt.Fprintf(p.Out, "Scan it and pay until %s; Ctrl-C cancels.\n", until.Local().Format(
		time.TimeOnly))
}

// conclude says what is to be done about what was seen.
func (p *Prober) conclude(r report) {
	out := reports.Legible(p.Out)
	fmt.Fprintf(out, "\nThe payment ended as %s", r.Payment.Status)
	switch why := r.Payment.Reason; {
	case why != nil:
		fmt.Fprintf(out, ": %s", why.Message)
	case r.approvedBy() != "":
		fmt.Fprintf(out, ", by the gateway's %s", r.approvedBy())
	}
	fmt.Fprintln(out, ".")
	for _, t := range r.Told {
		fmt.Fprintf(out, "  its %s said: %s\n", t.Source, t.Words)
	}
	for _, t := range r.Tasks {
		fmt.Fprintf(out, "  to do (%s): %s\n", t.Code, t.Text)
	}
	p.paths(out, r)
	p.sheet.Advise()
	p.confirmable(out, r)
}

// paths says which of the two ways was silent, and what that may come from.
func (p *Prober) paths(out io.Writer, r report) {
	came := map[string]bool{}
	for _, o := range r.Observed {
		came[o.Path] = true
	}
	switch {
	case !came[payment.PathNotification] && len(r.Told) == 0:
		fmt.Fprintln(out, "Nothing came from the gateway about this payment. If the phone showed "+
			"an error when it had scanned the code, the gateway refuses the link: only the phone "+
			"shows that.")
		if len(p.LinkKeys) > 0 {
			fmt.Fprintln(out, "Then change one of these, and probe again: "+
				strings.Join(p.LinkKeys, ", ")+".")
		}
	case !came[payment.PathNotification]:
		fmt.Fprintln(out, "No notification came. Look at relay.hook_url and at what the gateway's "+
			"portal has for its notifications; kiosk-agent doctor tries the way itself.")
	}
	switch {
	case !p.Query:
		fmt.Fprintln(out, "There is no query: a sale that ends unpaid is only ever unconfirmed, "+
			"and nothing confirms a notification.")
	case !came[payment.PathQuery]:
		fmt.Fprintln(out, "The query gave no answer that could be looked at: kiosk-agent doctor "+
			"says what it said.")
	}
}

// confirmable says how a word that is new comes to count by itself.
func (p *Prober) confirmable(out io.Writer, r report) {
	fits := map[payment.Fit]bool{}
	for _, o := range r.Observed {
		for _, list := range []string{".words.paid", ".words.code_ok", ".words.type_pay"} {
			fits[o.Fit] = fits[o.Fit] || strings.HasSuffix(o.Key, list)
		}
	}
	approved := r.Payment.Status == payment.StatusApproved
	switch {
	case !fits[payment.FitDiffers] && !fits[payment.FitMended],
		approved && r.approvedBy() == payment.SourceWebhook:
	case approved:
		fmt.Fprintf(out, "\nThe query has reported this payment as paid: so that is what the new "+
			"word means. It does\nnot count by itself yet. Confirm it, then probe once more:\n"+
			"  kiosk-agent gateway confirm %s\n", r.Payment.ID)
	default:
		fmt.Fprintln(out, "\nA word for paid counts beside the query's word "+
			"(payment.approve_needs_query = true), or\nonce it was confirmed by a sale that the "+
			"query reports (kiosk-agent gateway confirm).")
	}
}

// write leaves the report for support.
func (p *Prober) write(r report) error {
	if p.Report == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(p.Report, append(text, '\n'), 0o600)
	}
	if err != nil {
		return exit.Failed(fmt.Errorf("the report: %w", err))
	}
	fmt.Fprintf(p.Out, "All of it is in %s: no secret, and nothing of a customer's.\n", p.Report)
	return nil
}
