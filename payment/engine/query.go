package engine

import (
	"slices"
	"time"

	"kiosk-agent/payment"
)

// How often the transaction query is asked. The strictest advice of the gateways is no more than
// every 5 s for a payment.
const (
	maxInFlight  = 4           // queries under way at once
	queriesApart = time.Second // between two queries, whatever they are about
	// an answer that took longer was lost: the shell's own limit is far below
	queryTimeout = time.Minute
	// while the code is on the screen: a webhook may have been lost
	awaitingEvery = 30 * time.Second
)

// inquiry is what is known about asking for one payment. It is volatile: a restart asks anew.
type inquiry struct {
	id, ref   string
	account   payment.Account // where it was made
	due       time.Duration   // boot clock
	sentUp    time.Duration   // of the newest query; -1 = none yet
	round     uint64          // of the query under way; 0 = none is
	withdrawn bool            // the withdrawal was committed before that query was sent
	notBefore time.Duration   // boot clock: settle after an answer that counts; nothing hastens it
	// of one that is final, which is watched
	final    bool
	approved bool
	gone     bool          // its account is not configured any more: nobody can be asked
	left     bool          // others take its place, or it is gone: it is not asked for
	wait     time.Duration // before the next query
	until    time.Duration // boot clock: not watched after this
}

// inquiries keeps one inquiry for each payment that is open or watched, in the order in which they
// came.
type inquiries struct {
	all      []*inquiry
	round    uint64
	sentUp   time.Duration // of the newest query of any payment; -1 = none yet
	accounts payment.Accounts
	proved   []payment.QueryProved // the endpoints that have returned a record that could be read
	every    time.Duration         // between two queries about one payment
}

func (q *inquiries) of(id string) *inquiry {
	for _, x := range q.all {
		if x.id == id {
			return x
		}
	}
	return nil
}

// open begins to ask for a payment that is not final, once something of it may be known at the
// gateway.
func (q *inquiries) open(p payment.Payment, due, notBefore time.Duration) {
	account, askable := q.at(p)
	if askable && (p.Minted || p.MintSent) && q.of(p.ID) == nil {
		q.all = append(q.all, &inquiry{id: p.ID, ref: p.MerchantRef, account: account, due: due,
			notBefore: notBefore, sentUp: -1})
	}
}

// at is the account that is asked about a payment: the one that it was made at, and no other. ok is
// false where that is not known, or has no query.
func (q *inquiries) at(p payment.Payment) (a payment.Account, ok bool) {
	a, ok = q.accounts.Of(p)
	return a, ok && a.Endpoint != ""
}

// hasProved reports whether this account's endpoint has returned a record.
func (q *inquiries) hasProved(a payment.Account) bool {
	return slices.ContainsFunc(q.proved, func(p payment.QueryProved) bool {
		return p.Endpoint == a.Endpoint && (p.Account == "" || p.Account == a.Name)
	})
}

// confirmed reports whether staff have confirmed what a word of this account means.
func (q *inquiries) confirmed(a payment.Account, word string) bool {
	return slices.ContainsFunc(q.proved, func(p payment.QueryProved) bool {
		return p.Account == a.Name && slices.Contains(p.Words, word)
	})
}

func (q *inquiries) forget(id string) {
	q.all = slices.DeleteFunc(q.all, func(x *inquiry) bool { return x.id == id })
}

// askNow asks for one payment as soon as the limits allow, also for one that had no place.
func (q *inquiries) askNow(id string, now time.Duration) {
	if x := q.of(id); x != nil && !x.gone {
		x.due, x.left = min(x.due, now), false
	}
}

// hurry asks for every payment as soon as the limits allow: something may have been missed.
func (q *inquiries) hurry(now time.Duration) {
	for _, x := range q.all {
		x.due, x.wait = min(x.due, now), watchFirst
	}
}

// flying counts the queries under way, and those of them that are about final payments.
func (q *inquiries) flying() (all, watch int) {
	for _, x := range q.all {
		if x.round != 0 {
			all++
			if x.final {
				watch++
			}
		}
	}
	return all, watch
}

// when is the time at which this payment may be asked for.
func (q *inquiries) when(x *inquiry) time.Duration {
	if x.round != 0 {
		return x.sentUp + queryTimeout
	}
	at := max(x.due, x.notBefore)
	if x.sentUp >= 0 {
		at = max(at, x.sentUp+q.every)
	}
	return at
}

// next is the boot clock at which a query may go out; ok is false when none is to.
func (q *inquiries) next() (at time.Duration, ok bool) {
	flying, watch := q.flying()
	for _, x := range q.all {
		if x.left || x.final && x.round == 0 && watch >= watchInFlight {
			continue
		}
		if t := q.when(x); !ok || t < at {
			at, ok = t, true
		}
	}
	if flying >= maxInFlight { // the answers, or their absence, wake the machine
		return q.landing(), ok
	}
	if q.sentUp >= 0 {
		at = max(at, q.sentUp+queriesApart)
	}
	return at, ok
}

// landing is when the oldest query under way is given up.
func (q *inquiries) landing() (at time.Duration) {
	for _, x := range q.all {
		if t := x.sentUp + queryTimeout; x.round != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	return at
}

// inquire sends the query that is most urgent, if one is due: payments that a till waits for come
// first, those that are approved last.
func (s *step) inquire() {
	m, q := s.m, &s.m.inquiries
	if len(q.all) == 0 {
		return
	}
	q.expire(s.now.Up)
	flying, watch := q.flying()
	if flying >= maxInFlight || q.sentUp >= 0 && s.now.Up < q.sentUp+queriesApart {
		return
	}
	var best *inquiry
	for _, x := range q.all {
		if x.round == 0 && !x.left && !(x.final && watch >= watchInFlight) &&
			s.now.Up >= q.when(x) && !s.withdraws(x.id) &&
			(best == nil || m.urgency(x) > m.urgency(best) || m.urgency(x) == m.urgency(best) &&
				x.due < best.due) {
			best = x
		}
	}
	if best == nil {
		return
	}
	q.round++
	q.sentUp = s.now.Up
	best.round, best.sentUp = q.round, s.now.Up
	o := m.account(best.id)
	best.withdrawn = o != nil && o.p.Withdrawn && o.p.EndedBy != ""
	ask := SendQuery{Payment: best.id, MerchantRef: best.ref, Account: best.account,
		Round: best.round}
	s.then(ask)
	s.out.Else = append(s.out.Else, ask)
}

// withdraws reports whether this step takes the payment's code off the screen: the first question
// that counts comes after it.
func (s *step) withdraws(id string) bool {
	o := s.m.account(id)
	return o != nil && !o.p.Withdrawn && s.latest(o).p.Withdrawn
}

func (m *Machine) urgency(x *inquiry) int {
	switch o := m.account(x.id); {
	case o == nil && x.approved:
		return 0
	case o == nil:
		return 1
	case o.p.EndedBy == "":
		return 2
	default:
		return 3
	}
}

// queried takes the answer of a query. What it states is booked whoever it was about and however
// late it comes; silence counts only as the answer to a question that was asked after the code had
// left the screen.
func (s *step) queried(ev Queried) {
	q := &s.m.inquiries
	x := q.of(ev.Payment)
	timely := x != nil && x.round == ev.Round && ev.Round != 0
	if timely {
		x.round = 0
	}
	failure := ev.Answer.Failure
	if failure == "" {
		failure = s.bookAnswer(ev)
	}
	if failure == "" && len(ev.Answer.Records) > 0 && !q.hasProved(ev.Account) {
		proof := payment.QueryProved{Endpoint: ev.Account.Endpoint, Account: ev.Account.Name}
		s.fact("", proof)
		s.out.onDone = append(s.out.onDone, func() { q.proved = append(q.proved, proof) })
	}
	if !timely {
		return
	}
	x.rest(s.now.Up)
	o := s.m.account(ev.Payment)
	if o == nil {
		return
	}
	a := s.latest(o)
	if a.doubtful && !s.m.doubt && !a.p.Final && !a.p.Minted && a.p.EndedBy == "" {
		s.mintFailed(s.stage(a.p.ID), a.doubt)
		return
	}
	if a.p.Final || a.p.EndedBy == "" {
		return
	}
	x.due = s.now.Up // as soon as the limits allow: a till waits
	if failure == "" {
		failure = q.silence(ev.Answer, ev.Account, a.p.MerchantRef)
	}
	switch {
	case s.m.doubt || !x.withdrawn || !a.p.Policy.Query:
	case failure != "":
		s.fact(ev.Payment, payment.QueryFailed{Reason: failure})
	default:
		s.fact(ev.Payment, payment.QueryEmpty{HTTPStatus: ev.Answer.HTTPStatus,
			Records: len(ev.Answer.Records), SentUp: payment.ToMillis(x.sentUp)})
		x.notBefore = s.now.Up + a.p.Policy.Settle.Duration()
	}
}

// bookAnswer books what a query's answer states, all of it or nothing; why not, or "".
func (s *step) bookAnswer(ev Queried) (failure string) {
	vouched, err := s.vouched(ev.Answer.Records, ev.Account)
	if err == nil && !vouched {
		s.then(Note{Warn: true, Text: "a previous account's query answers about another " +
			"account's sale; that counts for nothing", Args: []any{"payment", ev.Payment}})
		return "the answer is about a sale of another account"
	}
	if err == nil {
		err = s.book(ev.Answer.Records, source{by: payment.SourceQuery})
	}
	if err != nil {
		s.then(Note{Warn: true, Text: "a query's answer could not be booked",
			Args: []any{"payment", ev.Payment, "error", err}})
		return "the journal could not be read"
	}
	return ""
}

// silence reports why an answer without a payment does not say that there is none; "" = it does.
func (q *inquiries) silence(a payment.QueryAnswer, from payment.Account, ref string) string {
	if a.NotFound && !q.hasProved(from) {
		return "404 from an endpoint that has never returned a record"
	}
	for _, r := range a.Records {
		if r.MerchantRef != ref {
			return "the answer is about another reference"
		}
		if !payment.Known(r) {
			return "the answer has something that cannot be read: " + r.Type + " " + r.Status
		}
		if r.Type == payment.TypePay && r.Status == payment.RecordSuccess {
			return "the answer reports a payment" // booked above; it says nothing about silence
		}
	}
	return ""
}
