package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/displayclient"
	"kiosk-agent/internal/app/tillclient"
	"kiosk-agent/internal/app/timeline"
	"kiosk-agent/payment"
)

// onceWithin bounds the whole sale.
const onceWithin = 90 * time.Second

// browsers are tried in this order.
var browsers = []string{"chromium", "chromium-browser", "google-chrome"}

// moment is one line of the printed timeline.
type moment struct {
	at   time.Time
	who  string
	what string
}

// sale plays one sale and notes when what happened.
type sale struct {
	h       *House
	out     io.Writer
	moments []moment
}

func (s *sale) note(who, format string, args ...any) {
	s.moments = append(s.moments, moment{time.Now(), who, fmt.Sprintf(format, args...)})
}

// Sale is the one that PlayOnce plays.
type Sale struct {
	Amount string // as people write it
	// the display's; "" = a Chromium on PATH, else a small display client; "none" = that client
	Browser string
}

// PlayOnce plays one sale through the real parts: till, agent, display, simulated phone and
// gateway, relay, and back. It prints the sale's timeline; the error says that the till has not
// heard approved and acknowledged it.
func (h *House) PlayOnce(parent context.Context, sold Sale, out io.Writer) error {
	ctx, stop := context.WithTimeout(parent, onceWithin)
	defer stop()
	runCtx, stopHouse := context.WithCancel(context.WithoutCancel(ctx))
	defer stopHouse()
	done := make(chan error, 1)
	go func() { done <- h.Run(runCtx) }()
	stopDisplay, err := startDisplay(ctx, h, sold.Browser, out)
	if err == nil {
		s := &sale{h: h, out: out}
		err = s.play(ctx, sold.Amount)
		err = errors.Join(err, stopDisplay())
	}
	stopHouse()
	return errors.Join(err, <-done)
}

// startDisplay opens the customer display in headless Chromium where there is one, and says which
// display it is.
func startDisplay(ctx context.Context, h *House, browser string, out io.Writer) (
	stop func() error, err error) {
	for _, name := range browsers {
		if browser != "" {
			break
		}
		browser, _ = exec.LookPath(name) // not found: the next one, or none
	}
	if browser == "" || browser == "none" {
		why := "no Chromium found"
		if browser == "none" {
			why = "as asked"
		}
		fmt.Fprintf(out, "Display: a small display client (%s)\n", why)
		displayCtx, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() {
			ended <- displayclient.Run(displayCtx, h.Agent.DisplayURL(), h.Agent.DisplayToken(),
				displayclient.Options{})
		}()
		return func() error { cancel(); return <-ended }, nil
	}
	fmt.Fprintln(out, "Display: headless", browser)
	profile, err := os.MkdirTemp("", "kiosk-demo-chromium-")
	if err != nil {
		return nil, err
	}
	args := []string{
		"--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--hide-scrollbars", "--window-size=1080,1920",
		"--remote-debugging-port=0", "--user-data-dir=" + profile,
	}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // Chromium's sandbox refuses root
	}
	cmd := exec.CommandContext(ctx, browser, append(args, h.Agent.DisplayLogin())...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() error {
		killErr := cmd.Process.Kill()
		_ = cmd.Wait() // it was killed: its exit status says just that
		return errors.Join(killErr, removeProfile(profile))
	}, nil
}

// removeProfile removes the browser's files, some of which its helpers may still be writing.
func removeProfile(dir string) error {
	var err error
	for range 20 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func (s *sale) play(ctx context.Context, amount string) error {
	money, err := payment.ParseMoney(amount, s.h.row.Currency)
	if err != nil {
		return fmt.Errorf("--amount: %w (write it like 10.23)", err)
	}
	till, err := tillclient.Dial(ctx, s.h.Agent.TillURL(), s.h.TillToken)
	if err != nil {
		return err
	}
	defer till.Close()
	if err := waitReady(ctx, till, s.out); err != nil {
		return err
	}
	s.note("till", "payment.start: %s, reference DEMO-1", money)
	var pay device.Payment
	if err := till.Call(ctx, "payment.start",
		map[string]any{"reference": "DEMO-1", "amount": money.Amount}, &pay); err != nil {
		return err
	}
	s.note("till", "has the payment %s: %s", pay.ID, pay.Status)
	if err := s.waitShown(ctx, pay.ID); err != nil {
		return err
	}
	for _, step := range []func(context.Context, device.Payment) (string, error){
		s.h.Gateway.Scan, s.h.Gateway.Pay} {
		did, err := step(ctx, pay)
		if err != nil {
			return err
		}
		if did != "" {
			s.note("phone", "%s", did)
		}
	}
	for !pay.Final {
		select {
		case next, ok := <-till.Changes():
			if !ok {
				return tillclient.ErrClosed
			}
			if next.ID == pay.ID {
				pay = next
			}
		case <-ctx.Done():
			return fmt.Errorf("no outcome: %w", ctx.Err())
		}
	}
	proof := []string{pay.Scheme, pay.ProviderRef}
	if pay.Scheme == "" { // not every gateway's word about a payment names the way to pay
		proof = proof[1:]
	}
	s.note("till", "heard %s (%s)", pay.Status, strings.Join(proof, ", "))
	if err := till.Call(ctx, "payment.acknowledge",
		map[string]any{"id": pay.ID, "revision": pay.Revision}, nil); err != nil {
		return err
	}
	s.note("till", "stored it and acknowledged revision %d", pay.Revision)
	return s.conclude(pay, s.h.row.Title)
}

// waitReady waits until the terminal takes sales: the relay path is proved and the display shows
// idle.
func waitReady(ctx context.Context, till *tillclient.Client, out io.Writer) error {
	fmt.Fprint(out, "Waiting until the terminal is ready")
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var st struct {
			Ready   bool `json:"ready"`
			Reasons []payment.Reason
		}
		if err := till.Call(ctx, "terminal.status", nil, &st); err != nil {
			return err
		}
		if st.Ready {
			fmt.Fprintln(out, ": ready")
			return nil
		}
		select {
		case <-tick.C:
			fmt.Fprint(out, ".")
		case <-ctx.Done():
			return fmt.Errorf("never ready: %+v", st.Reasons)
		}
	}
}

// waitShown waits until the display has confirmed the code, as a customer would before scanning it.
func (s *sale) waitShown(ctx context.Context, id string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		facts, err := s.h.Agent.Facts(id)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(facts, func(f payment.Fact) bool {
			return f.Kind() == payment.KindShown
		}) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the display never showed the code: %w", ctx.Err())
		}
	}
}

// conclude prints the timeline and says whether the sale went as it must.
func (s *sale) conclude(pay device.Payment, gateway string) error {
	facts, err := s.h.Agent.Facts(pay.ID)
	if err != nil {
		return err
	}
	for _, f := range facts {
		s.moments = append(s.moments, moment{f.At, "journal",
			strings.TrimSpace(string(f.Kind()) + "  " + timeline.Describe(f.Data))})
	}
	for _, w := range s.h.Gateway.Webhooks() {
		if !w.SentAt.IsZero() {
			s.moments = append(s.moments, moment{w.SentAt, gateway,
				fmt.Sprintf("webhook %s, the relay answered %d", w.State, w.Answer)})
		}
	}
	slices.SortStableFunc(s.moments, func(a, b moment) int { return a.at.Compare(b.at) })
	fmt.Fprintf(s.out, "\nTimeline of payment %s, %s %s\n\n", pay.ID, pay.Currency,
		payment.Money{Amount: pay.Amount, Currency: pay.Currency}.Decimal())
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, m := range s.moments {
		fmt.Fprintf(w, "  %s\t%+5d ms\t%s\t%s\n", m.at.Local().Format("15:04:05.000"),
			m.at.Sub(s.moments[0].at).Milliseconds(), m.who, m.what)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	p, _ := payment.Fold(facts)
	if p.Status != payment.StatusApproved || !p.Acknowledged {
		return fmt.Errorf("the till heard %s, acknowledged: %t", p.Status, p.Acknowledged)
	}
	fmt.Fprintf(s.out, "\nApproved: the till heard it and acknowledged it.\n")
	return nil
}
