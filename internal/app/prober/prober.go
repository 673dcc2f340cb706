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
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/adminclient"
	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/exit"
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
	// Assign is the line of the configuration that gives a key this value.
	Assign func(key, value string) string
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
	Observed []payment.Observed `json:"observed"`
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
	r := report{Version: p.Version, Gateway: p.Gateway, Mode: p.Mode, Query: p.Query,
		At: time.Now().UTC().Truncate(time.Second)}
	last, err := p.follow(parent, interrupted, release, &r)
	r.Payment, r.Tasks = &last.Payment, last.Tasks
	r.Payment.QRPayload = "" // who has it can pay
	if err == nil {
		p.conclude(r)
	}
	return errors.Join(p.write(r), err, p.verdict(last.Payment))
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
			fmt.Fprintf(p.Out, "payment: %s\n", status)
		}
		r.Observed = append(r.Observed, now.Observed...)
		Print(p.Out, now.Observed, p.Assign)
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
	if why := r.Payment.Reason; why != nil {
		fmt.Fprintf(out, ": %s", why.Message)
	}
	fmt.Fprintln(out, ".")
	for _, t := range r.Tasks {
		fmt.Fprintf(out, "  %s: %s\n", t.Code, t.Text)
	}
	came := map[string]bool{}
	for _, o := range r.Observed {
		came[o.Path] = true
	}
	if !came[payment.PathNotification] {
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
	Advise(out, r.Observed, p.Assign)
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

// verdict is the exit code of an outcome: as kiosk-agent pay has it.
func (p *Prober) verdict(pay device.Payment) error {
	switch pay.Status {
	case payment.StatusApproved:
		return nil
	case payment.StatusUnknown:
		return &exit.Error{Code: exit.Unknown}
	default:
		return &exit.Error{Code: exit.Failure}
	}
}
