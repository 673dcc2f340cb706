// Package payer takes one payment from the command line: it is a till without a till.
//
// It speaks the till API as every other till does, prints the code and what happens, and
// acknowledges the outcome. One goroutine uses a Payer, for one sale. After a crash the agent owes
// the outcome to the till's name.
package payer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/app/reports"
	"kiosk-agent/internal/app/tillclient"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/ui/qr"
)

// redialEvery is the wait between two attempts to reach the agent again while a payment runs.
const redialEvery = time.Second

// Payer plays one sale as a till.
type Payer struct {
	out       io.Writer
	url       string
	token     secret.Value
	display   bool
	reference string
	money     payment.Money
	last      string // what was printed last
	drawn     bool   // the code was
}

// New is a payer that prints to out, as the configured till of this name; "" = the first.
func New(c *config.Config, till, credDir string, out io.Writer) (*Payer, error) {
	w := c.Till.WebSocket
	if w.Listen == "" {
		return nil, errors.New("till.websocket.listen is off: there is nothing to connect to")
	}
	for _, t := range w.Tills {
		if till != "" && t.Name != till {
			continue
		}
		token, err := secret.Resolve(t.Token, credDir)
		if err != nil {
			return nil, fmt.Errorf("token of till %s: %w", t.Name, err)
		}
		scheme := "ws"
		if w.TLSCert != "" {
			scheme = "wss"
		}
		return &Payer{out: out, token: token, display: t.Display,
			url: scheme + "://" + w.Listen + "/v1/till"}, nil
	}
	return nil, fmt.Errorf("no till %q in till.websocket.tills of %s", till, c.Path())
}

// Run asks for one payment and waits for its outcome. When interrupted ends, the payment is
// cancelled, and release lets a second interruption end the program. The error is an *exit.Error.
func (p *Payer) Run(parent, interrupted context.Context, release func(), reference string,
	money payment.Money) error {
	p.reference, p.money = reference, money
	client, err := tillclient.Dial(interrupted, p.url, p.token)
	if err != nil {
		return exit.Failed(err)
	}
	defer func() { client.Close() }()
	var pay device.Payment
	err = client.Call(interrupted, "payment.start",
		map[string]any{"reference": p.reference, "amount": p.money.Amount,
			"currency": p.money.Currency}, &pay)
	if own := p.unheard(err); own != nil {
		return p.finish(parent, client, *own)
	}
	if err != nil {
		return refused(err)
	}
	p.show(pay)
	deadline := time.NewTimer(time.Until(pay.DeadlineAt.Time) + time.Minute)
	defer deadline.Stop()
	cancel := interrupted.Done()
	cancelled := make(chan error, 1)
	for {
		if pay.Final {
			return p.finish(parent, client, pay)
		}
		select {
		case next, ok := <-client.Changes():
			if !ok {
				client, pay, err = p.reconnect(parent, pay, deadline.C)
				if err != nil {
					return &exit.Error{Code: exit.Unknown, Cause: err}
				}
				continue
			}
			if next.ID == pay.ID {
				pay = next
				p.progress(pay)
			}
		case <-cancel:
			cancel = nil
			release()
			fmt.Fprintln(p.out, "Cancelling: waiting for the gateway's word …")
			go func(c *tillclient.Client, id string) {
				cancelled <- c.Call(parent, "payment.cancel", map[string]any{"id": id}, nil)
			}(client, pay.ID)
		case err := <-cancelled:
			if err != nil { // when it worked, the outcome comes as payment.changed
				fmt.Fprintln(p.out, "The payment could not be cancelled:", err)
			}
		case <-deadline.C:
			return &exit.Error{Code: exit.Unknown,
				Cause: fmt.Errorf("no outcome: ask again with kiosk-agent journal show %s", pay.ID)}
		}
	}
}

// unheard is the sale that a refusal is about, where it is this very one: its reference is used up,
// and nobody has acknowledged how it ended. nil = it is not.
func (p *Payer) unheard(err error) *device.Payment {
	e, ok := errors.AsType[*tillclient.Error](err)
	if !ok || e.Code != device.CodeReference || e.Data.Payment == nil {
		return nil
	}
	own := e.Data.Payment
	if own.Reference != p.reference || own.Amount != p.money.Amount ||
		own.Currency != p.money.Currency || !own.Final || own.Acknowledged {
		return nil
	}
	return own
}

// refused explains an error of payment.start.
func refused(err error) error {
	e, ok := errors.AsType[*tillclient.Error](err)
	if !ok {
		return &exit.Error{Code: exit.Unknown,
			Cause: fmt.Errorf("whether a payment was started is not known: %w", err)}
	}
	text := e.Message
	for _, r := range e.Data.Reasons {
		if strings.Contains(e.Message, r.Message) { // which was just said
			text += "\n  - " + r.Hint
		} else {
			text += "\n  - " + r.Message + " (" + r.Hint + ")"
		}
	}
	if e.Data.Hint != "" && len(e.Data.Reasons) == 0 {
		text += " (" + e.Data.Hint + ")"
	}
	return exit.Failed(errors.New(text))
}

func (p *Payer) show(pay device.Payment) {
	fmt.Fprintf(p.out, "%s, reference %s, payment %s\n\n", p.money, pay.Reference, pay.ID)
	if pay.Status == payment.StatusCreated {
		fmt.Fprintln(p.out, "The customer chooses a wallet on the display; Ctrl-C cancels.")
	}
	p.draw(pay)
}

// draw prints the code once there is one.
func (p *Payer) draw(pay device.Payment) {
	if p.drawn || pay.QRPayload == "" {
		return
	}
	p.drawn = true
	if code, err := qr.Encode(pay.QRPayload, qr.L); err == nil {
		fmt.Fprintln(exit.Raw(p.out), code.Terminal())
	}
	fmt.Fprintf(p.out, "Waiting until %s for the customer to scan and pay; Ctrl-C cancels.\n",
		pay.DeadlineAt.Local().Format(time.TimeOnly))
}

func (p *Payer) progress(pay device.Payment) {
	p.draw(pay)
	text := string(pay.Status)
	if n := len(pay.Attempts); n > 0 && !pay.Final {
		text = fmt.Sprintf("an attempt with %s was %s; the code can still be paid",
			pay.Attempts[n-1].Scheme, pay.Attempts[n-1].Status)
	}
	if text != p.last {
		fmt.Fprintln(p.out, text)
		p.last = text
	}
}

// reconnect finds the agent again after a lost connection and asks how the payment stands.
func (p *Payer) reconnect(ctx context.Context, pay device.Payment,
	deadline <-chan time.Time) (*tillclient.Client, device.Payment, error) {
	fmt.Fprintln(p.out, "The connection to the agent is lost; trying again …")
	retry := time.NewTicker(redialEvery)
	defer retry.Stop()
	for {
		client, err := tillclient.Dial(ctx, p.url, p.token)
		if err == nil {
			var now device.Payment
			if err = client.Call(ctx, "payment.get", map[string]any{"id": pay.ID},
				&now); err == nil {
				return client, now, nil
			}
			_ = client.Close() // the call has failed; so may this
		}
		select {
		case <-retry.C:
		case <-deadline:
			return nil, pay, fmt.Errorf("the agent did not come back: %w", err)
		case <-ctx.Done():
			return nil, pay, ctx.Err()
		}
	}
}

// finish prints the outcome, acknowledges it and picks the exit code.
func (p *Payer) finish(ctx context.Context, client *tillclient.Client, pay device.Payment) error {
	out := reports.Legible(p.out)
	fmt.Fprintf(out, "\n%s: %s", p.money, pay.Status)
	if pay.Scheme != "" {
		fmt.Fprintf(out, " with %s", pay.Scheme)
	}
	if pay.Reason != nil {
		fmt.Fprintf(out, " – %s", pay.Reason.Message)
	}
	for _, f := range pay.Flags {
		fmt.Fprintf(out, " [%s]", f)
	}
	fmt.Fprintln(out)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := client.Call(ctx, "payment.acknowledge",
		map[string]any{"id": pay.ID, "revision": pay.Revision}, nil); err != nil {
		fmt.Fprintln(p.out, "The outcome could not be acknowledged and stays owed:", err)
	}
	return Verdict(pay.Status)
}

// Verdict is the exit code of a final payment: an *exit.Error, or nil for approved.
func Verdict(status payment.Status) error {
	switch status {
	case payment.StatusApproved:
		return nil
	case payment.StatusUnknown:
		return &exit.Error{Code: exit.Unknown}
	default:
		return &exit.Error{Code: exit.Failure}
	}
}
