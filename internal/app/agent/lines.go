package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"kiosk-agent/device"
	"kiosk-agent/device/jsonrpc"
	"kiosk-agent/device/serial"
	"kiosk-agent/device/till"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/payment"
)

// lineTill is one till on a line: the link that keeps its line open, and what serves it.
type lineTill struct {
	cfg   config.Serial
	link  *serial.Link
	serve serial.Serve
	// what is wrong with the line though it is open, and what to do about it
	trouble  func() (text, cure string)
	takeover *serial.Takeover // of an ECR line over TCP
}

// buildLines makes the tills on a line. They open their lines in Run: a line that is missing keeps
// nobody from starting.
func (a *Agent) buildLines() error {
	return a.buildEachLine(func(_ string, err error) error {
		return err
	})
}

// buildEachLine asks about each line that cannot be served: an error of unserved ends it.
func (a *Agent) buildEachLine(unserved func(till string, err error) error) error {
	if len(a.cfg.Till.Serial) == 0 {
		return nil
	}
	metrics, err := serial.NewMetrics(a.registry)
	if err != nil {
		return err
	}
	for i, s := range a.cfg.Till.Serial {
		l, err := a.buildLine(i, s, metrics)
		if err != nil {
			if _, known := errors.AsType[*gateways.SecretError](err); !known {
				err = fmt.Errorf("till.serial[%d]: %s: %w", i, s.Name, err)
			}
			if err := unserved(s.Name, err); err != nil {
				return err
			}
			continue
		}
		a.lines = append(a.lines, l)
	}
	return nil
}

// buildLine makes the line of entry i.
func (a *Agent) buildLine(i int, s config.Serial, metrics *serial.Metrics) (l lineTill, err error) {
	l.cfg = s
	if s.Protocol == "jsonrpc" {
		l.serve, err = a.serveJSON(i, s)
	} else {
		err = a.serveECR(s, &l)
	}
	if err != nil {
		return l, err
	}
	c := serial.Config{
		Till: s.Name, Device: s.Device, Baud: s.Baud, DataBits: s.DataBits,
		Parity: serial.Parity(s.Parity), StopBits: s.StopBits,
		Flow: serial.Flow(s.Flow),
	}
	for _, cidr := range s.AllowFrom {
		p, err := netip.ParsePrefix(cidr)
		if err != nil {
			return l, fmt.Errorf("allow_from: %w", err)
		}
		c.AllowFrom = append(c.AllowFrom, p)
	}
	l.link, err = serial.New(c, serial.Options{Log: a.log.With("part", "line"), Metrics: metrics,
		Takeover: l.takeover, Refusals: a.throttle,
		Listen: a.opts.Ports.Listen})
	return l, err
}

// serveJSON is the till API on a line.
func (a *Agent) serveJSON(i int, s config.Serial) (serial.Serve, error) {
	t := jsonrpc.Till{Name: s.Name}
	if s.Token != "" {
		token, err := a.secretAt(lineToken(i), s.Token)
		if err != nil {
			return nil, err
		}
		t.Token = token
	}
	return func(ctx context.Context, c serial.Conn) error {
		return a.tills.ServeLine(ctx, t, c, s.IsTCP())
	}, nil
}

// lineToken is the key of the token of entry i.
func lineToken(i int) string { return fmt.Sprintf("till.serial[%d].token", i) }

// serveECR is an ECR session. It lives as long as the agent, and is handed one connection after the
// other.
func (a *Agent) serveECR(s config.Serial, l *lineTill) error {
	d, err := config.LoadDialect(s.Dialect)
	if err != nil {
		return err
	}
	session, err := till.New(till.Config{
		Till: s.Name, Network: s.IsTCP(), Merchant: a.cfg.Display.MerchantName,
		TerminalID: a.cfg.Terminal.ID, Currency: payment.Currency(a.cfg.Terminal.Currency),
		Schemes: a.chosen.Schemes(), AnswerWithin: a.cfg.Payment.AnswerWithin.Of(),
		Refusals: a.throttle,
	}, d, a.core, terminal{a}, a.clock, a.log.With("part", "till"), a.registry)
	if err != nil {
		return err
	}
	l.trouble = func() (text, cure string) {
		t := session.Trouble()
		return t.Text(), t.Cure()
	}
	l.takeover = &serial.Takeover{Wait: d.Timers().ACK, Busy: session.Busy,
		Speaks: func(first []byte) bool { return till.Speaks(d, first) }}
	l.serve = func(ctx context.Context, c serial.Conn) error {
		err := session.Run(ctx, c)
		if errors.Is(err, till.ErrHostile) {
			return &serial.HostileError{Reason: "noise"}
		}
		return err
	}
	return nil
}

// status is one till on a line, for terminal.status.
func (l lineTill) status() device.TillStatus {
	st := l.link.State()
	t := device.TillStatus{Name: l.cfg.Name, Kind: st.Kind.String(), Connected: st.Open,
		Device: st.Device, Error: st.LastError, Hint: st.Hint}
	if t.Connected && l.trouble != nil {
		if text, cure := l.trouble(); text != "" {
			t.Error, t.Hint = text, cure
		}
	}
	return t
}
