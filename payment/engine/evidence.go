package engine

import (
	"slices"
	"strings"
	"time"

	"kiosk-agent/payment"
)

// proofEvery is how often a canary is asked for while an ended payment waits for its proof.
const proofEvery = 2 * time.Second

// delivered takes one delivery of the relay: what it states and the position are one commit. The
// answer is what lets the relay client acknowledge it. A delivery that cannot be looked up is left
// for later: booked without its payment, the money in it would never be found again.
func (s *step) delivered(ev Delivered) {
	if !ev.Mark {
		records, closed, err := s.opened(ev.Envelope)
		switch {
		case err != nil:
		case closed != nil:
			err = s.keep(ev, closed)
		default:
			err = s.book(records, source{by: payment.SourceWebhook, delivery: ev.Position.ID})
		}
		if err != nil {
			s.refuse(ev.To, journalUnreadable("deliver", err))
			return
		}
	}
	s.arrived(ev.Position)
	s.out.Position = &ev.Position
	s.answer(Answer{To: ev.To})
}

// source is where verified records came from.
type source struct {
	by       string // "webhook" or "query"
	delivery string // the relay's id of the delivery
	parked   int64  // Seq of the parked fact that now opened
}

// book books verified records: with their payment, or as unmatched when they carry our tag, so that
// no money goes unseen. All are looked up before the first is booked: on error nothing is. What
// came before is dropped by its content, but for payments of one answer that say the same and are
// more than are known.
func (s *step) book(records []payment.Record, from source) error {
	accounts, seen := make([]*account, len(records)), make([]bool, len(records))
	records = slices.Clone(records)
	for i, r := range records {
		var err error
		if accounts[i], err = s.byMerchantRef(r.MerchantRef); err != nil {
			return err
		}
		records[i] = s.inWords(r, accounts[i])
		if seen[i], err = s.m.journal.Seen(records[i].Content()); err != nil {
			return err
		}
	}
	for i, r := range records {
		again := seen[i] || slices.ContainsFunc(records[:i],
			func(e payment.Record) bool { return e.Content() == r.Content() })
		a, payments := accounts[i], 0
		if a != nil && from.by == payment.SourceQuery {
			payments = a.p.PaymentsIn(records)
			again = again && !a.p.Missing(r, records) && !a.p.Confirms(r)
		}
		if payments < 2 {
			payments = 0
		}
		switch {
		case from.parked == 0 && (again ||
			from.by == payment.SourceQuery && r.Status == payment.RecordSent):
		case a != nil && from.by == payment.SourceWebhook && from.parked == 0 &&
			r.Status == payment.RecordSent:
			if !a.p.Opened && !a.p.Final && a.p.EndedBy == "" {
				// nothing is decided: the customer is looking at it
				s.fact(a.p.ID, payment.Opened{})
			}
		case a != nil:
			open := !a.p.Final && a.p.EndedBy == ""
			s.fact(a.p.ID, payment.Notified{Record: r, Source: from.by, Delivery: from.delivery,
				FromParked: from.parked, Payments: payments})
			if open && a.p.Final && a.p.Status != payment.StatusApproved {
				s.closeCode(a, a.p.ProviderRef) // nobody may pay what is told as not paid
			}
			if a.p.AwaitsQuery() && !a.p.Final && a.p.EndedBy == "" {
				s.end(a, payment.DeadlinePassed{Reason: payment.ReasonNotified})
			}
			if !payment.Known(r) || r.MerchantRef != a.p.MerchantRef || a.p.AwaitsQuery() {
				s.m.inquiries.askNow(a.p.ID, s.now.Up)
			}
		case s.m.tagged(r.MerchantRef) != "", from.parked != 0:
			s.fact("", payment.Unmatched{Record: r, Source: from.by, Delivery: from.delivery,
				FromParked: from.parked})
			s.then(Note{Warn: true, Text: "a verified record names no payment of this journal",
				Args: []any{"merchant_ref", r.MerchantRef, "source", from.by, "delivery",
					from.delivery}})
		default:
			s.then(Note{Text: "a verified record of another terminal was passed over",
				Args: []any{"source", from.by, "delivery", from.delivery}})
		}
	}
	return nil
}

// inWords is a record as it counts for its payment: what only a configured word has made a payment
// of is one where the query must say so, too, or where staff have confirmed every such word.
func (s *step) inWords(r payment.Record, a *account) payment.Record {
	words := r.Raised()
	if len(words) == 0 || a != nil && a.p.Policy.ApproveNeedsQuery {
		return r
	}
	if a != nil {
		at, ok := s.m.inquiries.accounts.Of(a.p)
		if ok && !slices.ContainsFunc(words,
			func(w string) bool { return !s.m.inquiries.confirmed(at, w) }) {
			return r
		}
	}
	return r.AsSaid()
}

// byMerchantRef finds the payment of a reference, also where somebody has written it in another
// case, with a space around it or without its dash: it is ours, though such a statement decides
// nothing.
func (s *step) byMerchantRef(ref string) (*account, error) {
	if ours := s.m.tagged(ref); ours != "" {
		ref = ours
	}
	for _, a := range s.m.open {
		if a.p.MerchantRef == ref {
			return s.stage(a.p.ID), nil
		}
	}
	id, err := s.m.journal.ByMerchantRef(ref)
	if err != nil || id == "" {
		return nil, err
	}
	a, _, err := s.load(id)
	return a, err
}

// tagged is a reference with this journal's tag, as we write it: the tag, a dash and a ULID in
// capitals. The dash may be lost where as much follows as a ULID has. "" where it has no tag.
func (m *Machine) tagged(ref string) string {
	const ulid = 26
	ref = strings.TrimSpace(ref)
	n := len(m.cfg.Tag)
	if len(ref) <= n+1 || !strings.EqualFold(ref[:n], m.cfg.Tag) {
		return ""
	}
	rest, dash := strings.CutPrefix(ref[n:], "-")
	if !dash && len(rest) != ulid {
		return ""
	}
	return m.cfg.Tag + "-" + strings.ToUpper(rest)
}

// canaryReturned proves the confirmation path up to the moment at which the canary was sent.
func (s *step) canaryReturned(ev CanaryReturned) {
	s.m.canaryUp = max(s.m.canaryUp, ev.SentUp)
	if s.m.doubt {
		// the journal may hold a payment that is not known here: nothing is concluded from silence
		return
	}
	if s.m.judged && s.m.rollback == nil {
		s.then(Anchored{}) // the connection lives on which that was found
	}
	for _, o := range s.m.open {
		if s.m.provable(o) && ev.SentUp >= proofFrom(o, s.now) && !s.unheard(o) {
			s.fact(o.p.ID, payment.PathProved{SentUp: payment.ToMillis(ev.SentUp)})
		}
	}
}

// provable reports whether a proved path is what the evidence rule waits for. What is said about a
// payment of another account may come by another path.
func (m *Machine) provable(a *account) bool {
	return a.p.EndedBy != "" && a.p.Withdrawn && !a.p.Final && !a.p.Policy.Query &&
		m.inquiries.accounts.Present(a.p)
}

// unheard reports whether something was said while the customer could pay, or may have been, that
// nobody here has heard: the way was open, and still it was no silence.
func (s *step) unheard(a *account) bool {
	more := s.m.parking.more
	if asked := a.facts[0]; more.n > 0 && (asked.Boot != s.now.Boot || more.up >= asked.Up) {
		return true
	}
	unheard, err := s.m.journal.Unheard(a.p.ID)
	if err != nil {
		s.then(Note{Warn: true, Text: "whether everything was heard could not be read",
			Args: []any{"payment", a.p.ID, "error", err}})
	}
	return unheard || err != nil
}

// proofFrom is the boot clock from which a canary must have been sent to count: settle after the
// withdrawal, so that a payment made in the last moment had time to be reported. Of a withdrawal of
// an earlier boot no more is known than that it was before this boot.
func proofFrom(a *account, now Now) time.Duration {
	if w := newestOf(a.facts, payment.KindWithdrawn); w.Boot == now.Boot {
		return w.Up + a.p.Policy.Settle.Duration()
	}
	return a.p.Policy.Settle.Duration()
}

// newestOf is the newest fact of one kind; its zero value when there is none.
func newestOf(facts []payment.Fact, kind payment.Kind) payment.Fact {
	for _, f := range slices.Backward(facts) {
		if f.Kind() == kind {
			return f
		}
	}
	return payment.Fact{}
}

// end closes the customer's time: the cause and the withdrawal are one commit, and the display
// follows at once.
func (s *step) end(a *account, cause payment.Data) {
	if s.m.choosing(a) {
		s.unchosen(a, cause)
		return
	}
	s.fact(a.p.ID, cause)
	s.fact(a.p.ID, payment.Withdrawn{})
	a.showBy = 0
	s.closeCode(a, a.p.ProviderRef)
	within := a.p.Policy.AnswerWithin.Duration()
	a.answerBy = s.now.Up + within
	d, _ := cause.(payment.DeadlinePassed)
	if a.p.EndedBy == payment.KindDeadlinePassed && d.Reason != payment.ReasonNotified &&
		a.p.Boot == s.now.Boot && a.p.Deadline+within > s.now.Up {
		a.answerBy = a.p.Deadline + within
	}
	a.canaryAt = s.now.Up + a.p.Policy.Settle.Duration()
}
