package till

import (
	"errors"

	"kiosk-agent/device/ecr"
	"kiosk-agent/payment"
)

// cancelAsked cancels the sale that runs. One that is over is cancelled or not; a till that has not
// heard of an approval is not told that it was cancelled.
func (m *Machine) cancelAsked(r *ecr.Request) {
	req, s := header(r), m.current()
	m.cancel = nil
	switch {
	case m.blind():
		m.reply(req, ecr.KindCancel, ecr.CancelRefused, r.Echo())
	case s == nil:
		m.reply(req, ecr.KindCancel, ecr.CancelDone, r.Echo())
	case s.running():
		s.conn = m.link.conn
		m.cancel = &asked{header: req, echo: r.Echo()}
		m.cancelNow()
	case s.due || m.telling(s):
		s.conn = m.link.conn
		m.reply(req, ecr.KindCancel, strictly(s), r.Echo())
	case s.acked || notPaid(s.p) || s.p.Boot != m.now.Boot || m.now.Up > s.dueBy:
		// idle, as far as this till is concerned
		m.reply(req, ecr.KindCancel, ecr.CancelDone, r.Echo())
	default:
		m.reply(req, ecr.KindCancel, ecr.CancelRefused, r.Echo())
	}
}

// strictly is the answer to a cancel of this very sale: done only if it was cancelled for certain.
func strictly(s *sale) ecr.Outcome {
	if s.p.Status == payment.StatusCancelled && notPaid(s.p) {
		return ecr.CancelDone
	}
	return ecr.CancelRefused
}

// cancelNow hands the cancel that somebody waits for to the engine.
func (m *Machine) cancelNow() {
	s := m.sale
	if m.cancel == nil || m.starting != nil || s.cancelling || !s.running() {
		return
	}
	s.cancelling = true
	m.cancelTo = m.ticket()
	m.do(AskCancel{To: m.cancelTo, Key: payment.Key{ID: s.p.ID}})
}

// cancelled is the engine's answer: the sale's end, or why there is none.
func (m *Machine) cancelled(ev Cancelled) {
	if ev.To != m.cancelTo || ev.To == 0 || m.sale == nil {
		return
	}
	m.cancelTo = 0
	s := m.sale
	code, about := refusedBy(ev.Err)
	switch {
	case ev.Err == nil && ev.Payment.ID == s.p.ID:
		m.update(ev.Payment)
	case code == payment.CodeNotCancellable && about != nil && about.ID == s.p.ID:
		m.update(*about)
	case code == payment.CodeNotCancellable && s.running():
		// It is final: the change is on its way.
	default:
		s.cancelling = false
		m.warn("the sale could not be cancelled; it goes on", "payment", s.p.ID, "error", ev.Err)
		if m.cancel != nil {
			m.answerCancel(ecr.CancelRefused)
		}
	}
}

// answerCancel ends the till's wait. The sale's own response goes first: pump sees to that.
func (m *Machine) answerCancel(o ecr.Outcome) {
	c := m.cancel
	m.cancel = nil
	m.answer(c, ecr.KindCancel, o)
}

// statusAsked answers at once while a sale runs here, else with the terminal's readiness.
func (m *Machine) statusAsked(r *ecr.Request) {
	req := header(r)
	m.status = nil
	if s := m.current(); s != nil && s.running() {
		m.reply(req, ecr.KindStatus, ecr.Busy, r.Echo())
		return
	}
	m.dropKind(ecr.KindStatus)
	m.status, m.statusTo = &asked{header: req, echo: r.Echo()}, m.ticket()
	m.do(AskStatus{To: m.statusTo})
}

func (m *Machine) statusRead(ev StatusRead) {
	if ev.To != m.statusTo || m.status == nil {
		return
	}
	q := m.status
	m.status = nil
	outcome := ecr.Ready
	switch {
	case ev.Err != nil:
		outcome = ecr.NotReady
		m.warn("the terminal's status could not be read", "error", ev.Err)
	case ev.Status.Active != nil:
		outcome = ecr.Busy
	case !ev.Status.Ready:
		outcome = ecr.RefusalOf(&payment.Error{Code: payment.CodeNotReady, Op: "status",
			Reasons: ev.Status.Reasons})
	}
	m.answer(q, ecr.KindStatus, outcome)
}

// settlementAsked closes nothing: where the dialect has fields for it the answer tells what the
// till has sold today.
func (m *Machine) settlementAsked(r *ecr.Request) {
	if !m.dialect.TellsSold(r.Function) {
		m.reply(header(r), ecr.KindSettlement, ecr.SettlementDone, r.Echo())
		return
	}
	m.dropKind(ecr.KindSettlement)
	if m.sold != nil { // the answer to that is this one's, too: adding up is work
		m.sold = &asked{header: header(r), echo: r.Echo()}
		return
	}
	from, until := m.dialect.Day(m.now.Wall)
	m.sold, m.soldTo = &asked{header: header(r), echo: r.Echo()}, m.ticket()
	m.do(AskSold{To: m.soldTo, From: from, Until: until})
}

// soldRead answers the settlement. Where the journal cannot be read no number is told.
func (m *Machine) soldRead(ev SoldRead) {
	if ev.To != m.soldTo || m.sold == nil {
		return
	}
	q := m.sold
	m.sold = nil
	if ev.Err != nil {
		m.warn("what the till has sold cannot be read", "error", ev.Err)
		m.answer(q, ecr.KindSettlement, ecr.JournalBefore)
		return
	}
	data := m.plain(payment.Money{}, q.echo)
	data.Totals = &ecr.Totals{Count: ev.Sold.Count, Sum: ev.Sold.Amount}
	m.queue(&answer{kind: ecr.KindSettlement, asked: q,
		frame: m.dialect.Respond(q.header, ecr.SettlementDone, data)})
}

// offered says that the bytes may go out, or that nothing could be committed.
func (m *Machine) offered(ev Offered) {
	a := m.link.out
	if a == nil || ev.To != a.to || m.link.phase != offering {
		return
	}
	code, _ := refusedBy(ev.Err)
	switch {
	case a.tries == 0 && (ev.Err == nil && a.status != a.s.p.Status ||
		code == payment.CodeInvalid && a.rev != a.s.p.Revision):
		a.frame = nil // the truth has changed before the first byte: tell that
		m.transmit()
	case ev.Err == nil:
		m.link.phase = ready
	case code == payment.CodeInternal:
		m.warn("an outcome cannot be told now", "payment", a.s.p.ID, "error", ev.Err)
		m.over(false) // the agent is stopping: the next process tells
		m.link.quietUntil, m.link.quietFor = m.now.Up+retryAfter, nil
	case a.tries > 0:
		m.warn("an outcome is not repeated: the journal takes no entry", "payment", a.s.p.ID,
			"error", ev.Err)
		m.over(false)
	default:
		m.warn("TO is told instead of the outcome: the journal takes no entry", "payment", a.s.p.ID,
			"error", ev.Err)
		m.count(CounterUncommitted)
		a.tell = false
		a.frame = m.dialect.Respond(a.header(), ecr.JournalAfter, m.plain(a.s.p.Money, a.s.echo))
		m.link.phase = ready
	}
}

// plain is what a response says that tells no outcome.
func (m *Machine) plain(money payment.Money, echo []ecr.Field) ecr.ResponseData {
	return ecr.ResponseData{
		At: m.now.Wall, TerminalID: m.cfg.TerminalID, Money: money, Merchant: m.cfg.Merchant,
		MerchantID: m.cfg.MerchantID, Echo: echo,
	}
}

// book says that the till has stored an outcome.
func (m *Machine) book(id string, revision int64) {
	m.debt = &AskAcknowledge{ID: id, Revision: revision}
	m.debtTo, m.debtAt = 0, m.now.Up
}

func (m *Machine) acknowledged(ev Acknowledged) {
	if ev.To != m.debtTo || ev.To == 0 {
		return
	}
	m.debtTo = 0
	if e, ok := errors.AsType[*payment.Error](ev.Err); ok &&
		e.Code == payment.CodeJournalUnavailable {
		m.debtAt = m.now.Up + retryAfter
		return
	}
	if ev.Err != nil {
		m.warn("a till's ACK could not be booked", "payment", m.debt.ID, "error", ev.Err)
	}
	m.debt = nil
}
