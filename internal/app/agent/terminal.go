package agent

import (
	"context"
	"net/url"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
	"kiosk-agent/ui/qr"
)

// terminal answers terminal.info and terminal.status.
type terminal struct{ a *Agent }

func (t terminal) Info(till string) device.Info {
	c := t.a.cfg
	return device.Info{
		TerminalID: c.Terminal.ID, Till: till, Version: t.a.opts.Version, Protocol: device.Protocol,
		Currency:     payment.Currency(c.Terminal.Currency),
		AmountLimits: device.AmountLimits{Min: 1, Max: c.Terminal.MaxAmount},
		Provider:     c.Payment.Provider, Mode: c.Payment.Mode, Schemes: t.a.chosen.Schemes(),
		AnswerWithin: int(c.Payment.AnswerWithin.Of() / time.Second),
	}
}

func (t terminal) Status(ctx context.Context, till string) (device.Status, error) {
	st, _, err := t.look(ctx, till)
	return st, err
}

// look is the till's status, and what the engine said.
func (t terminal) look(ctx context.Context, till string) (device.Status, engine.Snapshot, error) {
	snap, err := t.a.core.Inspect(ctx)
	if err != nil {
		return device.Status{}, snap, err
	}
	st := device.Status{
		Ready: snap.Ready, Reasons: snap.Reasons, Relay: t.relay(), Display: t.display(),
		Journal: t.journal(), Clock: clockStatus(snap),
	}
	if snap.Active != nil {
		st.Active = device.ViewFor(*snap.Active, till)
	}
	for _, nt := range t.a.cfg.Till.WebSocket.Tills {
		ts := device.TillStatus{Name: nt.Name, Kind: "websocket",
			Connected: snap.Attached[nt.Name] > 0}
		if m := t.a.tillPort.missing(); m != nil {
			ts.Error, ts.Hint = m.Key+": "+m.Error, m.Hint
		}
		st.Tills = append(st.Tills, ts)
	}
	for _, l := range t.a.lines {
		st.Tills = append(st.Tills, l.status())
	}
	return st, snap, nil
}

func (t terminal) relay() device.RelayStatus {
	var r device.RelayStatus
	if u, err := url.Parse(t.a.cfg.Relay.URL); err == nil {
		r.Host = u.Host
	}
	if t.a.relay == nil {
		r.Error = "not asked for while the terminal is out of service"
		return r
	}
	s := t.a.relay.State()
	r.Connected, r.Error = s.Connected, s.LastError
	now := t.a.clock.Now().Up
	if s.Since > 0 {
		r.Since = device.Time{Time: t.a.clock.Now().Wall.Add(s.Since - now)}
	}
	if s.LastCanary > 0 {
		age := int((now - s.LastCanary) / time.Second)
		r.CanaryAge = &age
		r.LastCanaryAt = device.Time{Time: t.a.clock.Now().Wall.Add(s.LastCanary - now)}
	}
	return r
}

func (t terminal) display() device.DisplayStatus {
	s := t.a.display.State()
	d := device.DisplayStatus{Connected: s.Connected, Showing: string(s.Showing), Warning: s.Warn}
	if m := t.a.displayPort.missing(); m != nil {
		d.Warning = m.Key + ": " + m.Error + " (" + m.Hint + ")"
	}
	if s.Connected {
		if fit, err := qr.Fit(t.a.sampleLink(), s.BoxPx); err == nil {
			d.PxPerModule = fit.PxPerModule
		}
	}
	return d
}

func (t terminal) journal() device.JournalStatus {
	if t.a.journal == nil {
		return device.JournalStatus{}
	}
	j := device.JournalStatus{Writable: t.a.journal.Writable() == nil}
	if free, err := t.a.journal.FreeBytes(); err == nil {
		j.FreeBytes = free
	}
	if head, err := t.a.journal.Head(); err == nil {
		j.HeadSeq = head.Seq
	}
	return j
}

func clockStatus(snap engine.Snapshot) device.ClockStatus {
	c := device.ClockStatus{Plausible: snap.Clock.Plausible}
	if snap.Clock.Known {
		ms := snap.Clock.Offset.Milliseconds()
		c.OffsetMS = &ms
	}
	return c
}

// sampleLink is a link or code as long as those that customers scan; it pays nothing.
func (a *Agent) sampleLink() string {
	a.sampleOnce.Do(func() {
		a.sample = a.chosen.Sample(payment.MintRequest{
			MerchantRef: a.cfg.TerminalTag() + "-" + newULIDs().NewID(a.clock.Now().Wall),
			Money: payment.Money{Amount: a.cfg.Terminal.MaxAmount,
				Currency: payment.Currency(a.cfg.Terminal.Currency)},
			Timeout: a.cfg.Payment.Timeout.Of(),
		})
	})
	return a.sample
}
