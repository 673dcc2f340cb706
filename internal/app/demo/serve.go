package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"kiosk-agent/examples"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/strangers"
	"kiosk-agent/payment"
	"kiosk-agent/ui/qr"
)

// Visit is what somebody who tries the demo is shown.
type Visit struct {
	Page       string // address of the till page
	Amount     string // of a sale, as an example
	Phone      string // how the customer pays
	TillDevice string // of a till on a line
}

// Serve runs until the person at the terminal has seen enough: it says where everything is, and
// prints the news of each payment.
func (h *House) Serve(ctx context.Context, v Visit, out io.Writer) error {
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- h.Run(runCtx) }()

	ln, err := net.Listen("tcp", v.Page)
	if err != nil {
		stop()
		return errors.Join(err, <-done)
	}
	srv := strangers.New(Guarded(examples.TillPage()), pageLimits, strangers.Options{Log: h.log})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()

	title := h.row.Title
	fmt.Fprintf(out, `
kiosk-agent demo: agent, relay and a simulated %s on this machine. No money moves.

  1. Customer display   %s
  2. Till               http://%s/#url=%s&token=%s
  3. Phone              %s
     Simulated %-8s %s/
     Metrics            %s/metrics

Open 1 first (a sale needs a display), then 2, and start a sale. The commands work too, in
another terminal:
  bin/kiosk-agent --config %s pay %s
  bin/kiosk-agent till --serial %s      (a till on an ECR line: "status", "qr %s", "last")
Ctrl-C stops the demo.

`, title, h.Agent.DisplayLogin(), v.Page, h.Agent.TillURL(),
		string(h.TillToken.Reveal()), v.Phone, title, h.SandboxURL,
		h.Agent.MetricsURL(), h.ConfigPath, v.Amount, v.TillDevice, v.Amount)

	news := make(chan payment.Payment, 64)
	defer h.Agent.Watch(func(p payment.Payment) {
		select {
		case news <- p:
		default: // a terminal that is not read misses news, never holds up a payment
		}
	})()
	shown := map[string]bool{}
	for {
		select {
		case p := <-news:
			h.announce(out, p, shown)
		case err := <-done:
			return errors.Join(err, srv.Close(), ignoreClosed(<-served))
		}
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// announce prints a payment's news, and its code once.
func (h *House) announce(out io.Writer, p payment.Payment, shown map[string]bool) {
	fmt.Fprintf(out, "%s  %s  %s  reference %s: %s\n", time.Now().Format(time.TimeOnly), p.Till,
		p.Money, p.Reference, p.Status)
	if p.QRPayload == "" || shown[p.ID] {
		return
	}
	shown[p.ID] = true
	if code, err := qr.Encode(p.QRPayload, qr.L); err == nil {
		fmt.Fprintln(out, code.Terminal())
	}
	if p.Mode == gateways.ModeQR {
		what := "A code"
		if p.Wallet != "" {
			what = "A " + p.Wallet + " code"
		}
		fmt.Fprintf(out, "%s of the simulated %s, which no real wallet can pay: open the payment "+
			"on %s/ and pay it there.\n%s\n\n", what, h.row.Title, h.SandboxURL, p.QRPayload)
		return
	}
	fmt.Fprintf(out, "The link in the code, for a browser on this machine:\n%s\n\n", p.QRPayload)
}
