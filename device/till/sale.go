package till

import (
	"encoding/hex"
	"slices"
	"time"

	"kiosk-agent/device/ecr"
	"kiosk-agent/payment"
)

// sale is a sale that was started on this line, as far as the line is concerned.
type sale struct {
	p    payment.Payment // p.ID is "" while the engine has not answered yet
	ref  string          // the agent's reference
	line payment.Line    // of the request that its response answers
	echo []ecr.Field
	// what it costs, and the receipt numbers of up to three sales before it, newest first
	amount    int64
	before    []string
	usedAgain bool // a request with its receipt number was refused

	due        bool          // the response to its request is still to be given
	dueBy      time.Duration // not after this; 0 = not known yet
	conn       uint64        // the connection on which it was asked for last
	superseded bool          // the till has asked for another sale since
	// the engine is asked to commit that, or is to be asked again
	supersedeTo Ticket
	supersedeAt time.Duration
	// bytes that say what became of it have begun to go out, in whichever process and for whichever
	// request
	told        bool
	toldUp      time.Duration // when the first of them did
	askedUp     time.Duration // when it was asked for
	waitUnknown bool          // it was asked for again in an earlier process, nobody knows when
	cancelling  bool          // a cancel is with the engine
	acked       bool          // the till has acknowledged an outcome

	finalBoot string
	finalUp   time.Duration

	// transmissions of its response that have begun, in whichever process; an upper bound
	sent        int
	frame       []byte // the response as last sent; nil = none was
	frameRev    int64
	frameStatus payment.Status
}

func (s *sale) started() bool { return s.p.ID != "" }
func (s *sale) running() bool { return !s.p.Final }

// header is what a response to this sale, or about it, starts with.
func (s *sale) header(function string) ecr.Message {
	return ecr.Message{ECN: []byte(s.line.ECN), Function: []byte(function)}
}

// same reports whether the line asks for this very sale.
func (s *sale) same(l payment.Line) bool {
	return s.line.ECN == l.ECN && s.line.Function == l.Function && s.line.Digest == l.Digest
}

// take believes the engine.
func (s *sale) take(p payment.Payment, now Now) {
	if p.Revision < s.p.Revision {
		return
	}
	was := s.p.Final
	s.p = p
	s.acked = s.acked || p.AckedRev > 0
	s.dueBy = p.Deadline + p.Policy.AnswerWithin.Duration()
	switch {
	case p.FinalBoot != "":
		s.finalBoot, s.finalUp = p.FinalBoot, p.FinalUp
	case p.Final && !was: // told without a commit
		s.finalBoot, s.finalUp = now.Boot, now.Up
	}
}

// saleOf rebuilds a sale from the journal.
func (m *Machine) saleOf(p payment.Payment, now Now) *sale {
	s := &sale{ref: p.Reference, line: *p.Line, amount: p.Money.Amount, askedUp: p.RequestedUp,
		waitUnknown: p.Superseded}
	s.take(p, now)
	if f, ok := m.dialect.ReferenceField(p.Description); ok && p.Description != "" {
		s.echo = []ecr.Field{f}
	}
	for _, t := range p.Sent {
		ecn, function := m.answered(t.Frame)
		if function != s.line.Function {
			continue
		}
		s.sent++
		s.frame, s.frameRev, s.frameStatus = t.Frame, t.Revision, t.Status
		if ecn != s.line.ECN { // it answered another request for the same sale
			s.frame = nil
		}
	}
	s.superseded, s.told = p.Superseded, len(p.Sent) > 0
	if s.told {
		s.toldUp = p.Sent[0].Up
	}
	s.due = p.Boot == now.Boot && len(p.Sent) == 0 && !s.acked && !p.Superseded && now.Up < s.dueBy
	return s
}

// answered is the ECN and function that a response answers; "" if it is none of this dialect.
func (m *Machine) answered(frame []byte) (ecn, function string) {
	m.own.Reset()
	ev, _ := m.own.Next(frame)
	if ev.Kind != ecr.Frame || ev.Err != nil {
		return "", ""
	}
	return string(ev.Response.ECN), string(ev.Response.Function)
}

// inWindow reports whether a repeat of this sale's request is still that: a repeat.
func (m *Machine) inWindow(s *sale, now Now) bool {
	if s.running() || s.p.Boot != now.Boot || s.finalBoot != now.Boot {
		// a reboot in between ends it, whenever the sale ended
		return false
	}
	age := now.Up - s.finalUp
	switch {
	case m.timers.ECNUnique:
		return age < m.timers.StoredFor
	case s.acked:
		return false
	case s.line.ECNIsNew:
		return age < m.timers.RepeatWindowNewECN
	default:
		return age < m.timers.RepeatWindow
	}
}

// mayBeNew reports whether the same request again may as well be a new sale: the ECN does not
// change, and the till may have heard what became of this one, or has asked for another since.
func (m *Machine) mayBeNew(s *sale) bool {
	return !m.tellsApart(s) && (s.superseded || s.told)
}

// wouldApprove reports whether the answer to a repeat would tell of an approval that nobody may be
// told of.
func (m *Machine) wouldApprove(s *sale) bool {
	return m.mayBeNew(s) && (s.p.Status == payment.StatusApproved ||
		s.frameStatus == payment.StatusApproved)
}

// tellsApart reports whether the ECN says that a request is a repeat.
func (m *Machine) tellsApart(s *sale) bool { return m.timers.ECNUnique || s.line.ECNIsNew }

// lineOf is how the till asked.
func lineOf(r *ecr.Request) payment.Line {
	digest := r.Digest()
	receipt, err := r.Receipt()
	if err != nil {
		receipt = "" // the request is refused
	}
	return payment.Line{ECN: string(r.ECN), Function: string(r.Function),
		Digest: hex.EncodeToString(digest[:]), Receipt: receipt}
}

// reference is the agent's name for a sale. A till uses an ECN again, the engine's references are
// used once: an id makes the difference. Where the till never does that, its ECN is the reference,
// and the engine itself knows every one that was used.
func (m *Machine) reference(ecn string, now Now) string {
	if m.timers.ECNUnique {
		return ecn
	}
	id := m.cfg.IDs.NewID(now.Wall)
	return ecn[max(0, len(ecn)+1+len(id)-maxReference):] + "/" + id
}

// data is what a response about the sale says.
func (m *Machine) data(s *sale) ecr.ResponseData {
	p := s.p
	d := m.plain(p.Money, s.echo)
	d.Scheme, d.ResponseCode = p.Scheme, p.ResponseCode
	if !p.PaidAt.IsZero() {
		d.At = p.PaidAt
	}
	if p.Status == payment.StatusApproved || len(p.Transactions) > 0 {
		d.TransactionRef = p.ProviderRef // before that it names the link, not a payment
	}
	return d
}

// notPaid reports whether it is certain that no money moved.
func notPaid(p payment.Payment) bool {
	switch p.Status {
	case payment.StatusDeclined, payment.StatusExpired, payment.StatusCancelled:
		return !slices.Contains(p.Flags, payment.FlagUnconfirmed)
	default:
		return false
	}
}
