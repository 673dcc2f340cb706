package sim

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
	"kiosk-agent/relay"
)

// oracle knows what was committed, what each till was told and what the gateway collected, and
// fails the run at once when a guarantee is broken. It folds nothing: what it concludes, it
// concludes from single facts.
type oracle struct {
	w        *World
	facts    []entry // the journal as it must be
	accounts map[string]*account
	byAsk    map[string]*account // till and reference
	contents map[string]bool     // of notified, unmatched and parked facts
	parking  parkingBook
	waited   [][]byte       // acknowledged while they had no place
	gone     map[int64]bool // facts whose bodies retention has dropped; nil = to be read
	losses
	anchor
}

// entry is one committed fact and its true time.
type entry struct {
	f    payment.Fact
	at   time.Duration
	most int // payments of one answer that this was the last fact of
	// of silence: true time at which the question was sent
	asked time.Duration
}

// account is one payment of the journal.
type account struct {
	id, ref, till string
	reference     string
	schemes       []string // that the till named
	boot          string
	at            time.Duration // true time of the request
	link          *link
	// cancel, deadline, display lost, or paid: nobody is asked to pay any more
	ended         bool
	endedBy       payment.Kind  // which of the first three
	withdrawn     bool          //
	withdrawnAt   time.Duration // true time
	withdrawnUp   time.Duration // and boot clock
	withdrawnBoot string
	policy        payment.Policy
	denied        bool            // the disk said that it had not written that it was requested
	deadline      time.Duration   // boot clock
	frames        []offered       // on the line
	empties       []time.Duration // true times of the questions whose silence counts
	paid          bool            // a right SUCCESS is in the journal
	toldNotPaid   bool            // declined, expired or cancelled was offered before that
	offered       int64
	acking        int64 // newest revision that its own till has said that it stored
	acked         int64
	toldApproved  bool
	heard         bool // a till has heard of the approval
	superseded    bool // its till on a line has asked for another sale
	// its till on a line has acknowledged it, whether that is booked or not
	lineAcked bool
	overAt    time.Duration // true time at which its end was decided; 0 = it was not
	overBoot  string
	money     moneyBook
	mint      mint
}

func newOracle(w *World) *oracle {
	o := &oracle{w: w, losses: newLosses(), anchor: anchor{whole: math.MaxInt}}
	o.forget()
	return o
}

func (o *oracle) forget() {
	o.facts, o.accounts, o.byAsk, o.contents = nil, map[string]*account{}, map[string]*account{},
		map[string]bool{}
	o.parking, o.gone = newParkingBook(), nil
	o.open, o.givenUp, o.unrecovered = nil, map[payment.Head]bool{}, false
}

// committed takes what is now in the journal.
func (o *oracle) committed(facts []payment.Fact) {
	for _, f := range facts {
		o.w.cov.Facts[f.Kind()]++
		o.hashed(f)
		o.take(entry{f: f, at: o.w.t})
	}
	o.booksAnswer()
}

func (o *oracle) take(e entry) {
	o.facts = append(o.facts, e)
	if c := payment.Content(e.f.Data); c != "" {
		if o.contents[c] && !fromParked(e.f.Data) && !o.isMissing(e.f) && o.live(e) &&
			!o.wasDropped(c) {
			o.w.fail("one statement becomes two facts: %s", e.f.Kind())
		}
		o.contents[c] = true
	}
	o.parks(e)
	if r, ok := e.f.Data.(payment.Requested); ok {
		o.requested(e, r)
		return
	}
	a := o.accounts[e.f.Payment]
	if a == nil {
		switch d := e.f.Data.(type) {
		case payment.RolledBack:
			o.foundRolledBack(e, d)
		case payment.Recovered:
			o.recovered(e, d)
		case payment.Unmatched:
			if !ours(d.Record.MerchantRef) && d.FromParked == 0 {
				o.w.fail("%s is booked, which is another kiosk's", d.Record.MerchantRef)
			}
		}
		if e.f.Payment != "" {
			o.w.fail("a %s fact is about %s, which was never requested", e.f.Kind(), e.f.Payment)
		}
		return
	}
	o.byItsOwner(e, a)
	a.money.most = max(a.money.most, e.most)
	switch d := e.f.Data.(type) {
	case payment.CancelRequested, payment.DeadlinePassed, payment.DisplayLost:
		if !a.ended {
			a.endedBy = e.f.Kind()
		}
		a.ended = true
		a.isOver(e)
	case payment.MintFailed:
		a.isOver(e)
		o.mintFailed(a)
	case payment.Minted:
		o.minted(e, a, d)
	case payment.MintSent:
		if a.mint.sent {
			o.w.fail("a second mint of %s is committed", a.id)
		}
		a.mint.sent = true
	case payment.Withdrawn:
		if !a.withdrawn {
			a.withdrawn, a.withdrawnAt, a.withdrawnUp, a.withdrawnBoot = true, e.at, e.f.Up,
				e.f.Boot
		}
	case payment.Notified:
		r := d.Record
		if d.Source == payment.SourceQuery && a.link.rightly(r) {
			a.money.asked = true
			set(&a.money.confirmed, r.Content(), true)
		}
		if x := o.w.agent; x != nil && d.Source == payment.SourceQuery &&
			x.accounts[0].Name != a.link.account {
			o.w.met(previousAsked)
		}
		if r.Type == payment.TypePay && r.Status == payment.RecordSuccess {
			a.ended = true
			a.isOver(e)
			a.paid = a.paid || a.link.rightly(r)
		}
		if r.Type == payment.TypePay && r.Status == payment.RecordDeclined &&
			a.policy.FinishDeclined {
			a.isOver(e) // a correction begins no new window
		}
		a.money.hears(a.link, r, int64(len(o.facts)))
		o.wasStated(r)
	case payment.Superseded:
		a.superseded = true
	case payment.Resolved:
		a.money.settles(d)
	case payment.Offered:
		a.offered = max(a.offered, d.Revision)
		if d.Frame != nil {
			a.frames = append(a.frames, offered{d.Frame, o.w.prof.crossed})
		}
		switch d.Status {
		case payment.StatusDeclined, payment.StatusExpired, payment.StatusCancelled:
			a.toldNotPaid = a.toldNotPaid || !a.paid
		case payment.StatusApproved:
			a.money.approved, a.toldApproved = true, true
		}
	case payment.PathProved:
		if x := o.w.agent; x != nil && e.at == o.w.t && x.accounts[0].Name != a.link.account {
			o.w.fail("the path of %s is proved, which was made at another account", a.id)
		}
		if a.policy.Query {
			o.w.fail("the path of %s is proved, and its gateway was to be asked", a.id)
		}
		if !a.withdrawn || e.f.Boot == a.withdrawnBoot &&
			d.SentUp.Duration() < a.withdrawnUp+a.policy.Settle.Duration()-time.Millisecond {
			o.w.fail("the path of %s is proved by a canary from before its withdrawal and settle",
				a.id)
		}
	case payment.Acknowledged:
		a.acked = max(a.acked, d.Revision)
	case payment.QueryEmpty:
		o.emptyQuery(e, a)
	}
}

func (o *oracle) requested(e entry, r payment.Requested) {
	w := o.w
	l := w.gw.byRef[r.MerchantRef]
	if l == nil && w.prof.remote {
		l = w.gw.begins(r.MerchantRef, r.Money)
	}
	if l == nil || l.money != r.Money {
		w.fail("%s is requested and no such link was made", r.MerchantRef)
	}
	if r.Account != l.account {
		w.fail("%s is made at %s and says %q", r.MerchantRef, l.account, r.Account)
	}
	a := &account{id: e.f.Payment, ref: r.MerchantRef, till: r.Till, reference: r.Reference,
		schemes: r.Schemes, boot: e.f.Boot, at: e.at, link: l,
		policy: r.Policy, deadline: r.DeadlineUp.Duration()}
	key := r.Till + "/" + r.Reference
	if first := o.byAsk[key]; first != nil {
		w.fail("a second payment for one reference: %s is %s and now %s", key, first.id, a.id)
	}
	o.accounts[a.id], o.byAsk[key] = a, a
	if e.at == w.t && w.agent != nil && l.begun == w.t {
		o.confirmable(a)
		if r.Policy != w.prof.policy() || r.Money.Amount > w.prof.maxAmount ||
			r.Money.Currency != w.prof.currency {
			w.fail("%s is made for %d with %+v, configured is %+v", a.id, r.Money.Amount, r.Policy,
				w.prof.settings)
		}
	}
	if s := l.sale; s != nil && !slices.Contains(s.ids, a.id) {
		s.ids, s.links = append(s.ids, a.id), append(s.links, l)
		s.deadline = w.t + max(0, r.DeadlineUp.Duration()-e.f.Up)
		if s.line != nil && e.at == w.t {
			o.beginsOnLine(s, a)
		}
	}
}

// wasStated fails when a verified record is in the journal that the gateway never stated.
func (o *oracle) wasStated(r payment.Record) {
	if r.Status == payment.RecordSent {
		return
	}
	if l := o.w.gw.byRef[r.MerchantRef]; l != nil && (l.stated(r) || slices.ContainsFunc(l.records,
		func(s *statement) bool { return s.rec.Content() == r.Content() })) {
		return
	}
	if r.Status == payment.RecordSuccess {
		o.w.fail("an invented statement is in the journal: %+v", r)
	}
}

// emptyQuery checks that silence is the answer to a question that was asked after the code had left
// the screen.
func (o *oracle) emptyQuery(e entry, a *account) {
	w := o.w
	if w.agent == nil { // read again after a loss
		a.empties = append(a.empties, e.asked)
		return
	}
	q, ok := w.agent.now.(engine.Queried)
	if !ok || q.Payment != a.id {
		w.fail("query_empty for %s, and nothing was answered about it", a.id)
	}
	if !a.withdrawn || w.agent.asked[q.Round] < a.withdrawnAt {
		w.fail("query_empty for %s answers a question from before the withdrawal", a.id)
	}
	for _, r := range q.Answer.Records {
		if r.MerchantRef != a.ref || !payment.Known(r) || r.Type == payment.TypePay &&
			r.Status == payment.RecordSuccess {
			w.fail("query_empty for %s, and the answer was %s", a.id, answerText(q.Answer))
		}
	}
	o.facts[len(o.facts)-1].asked = w.agent.asked[q.Round]
	a.empties = append(a.empties, w.agent.asked[q.Round])
	if q.Account.Name != a.link.account {
		w.fail("query_empty for %s, which was made at %s, is the silence of %s", a.id,
			a.link.account, q.Account.Name)
	}
	if q.Answer.Failure != "" || q.Answer.NotFound && !w.gw.hasProved(q.Account) {
		w.fail("query_empty for %s, and the answer was %s", a.id, answerText(q.Answer))
	}
}

// captured counts what was really collected for a link, right and not, and how often money was
// given back.
func (l *link) captured() (good, bad, back int) {
	for _, c := range l.caps {
		switch {
		case c.good:
			good++
		default:
			bad++
		}
		back += c.backs
	}
	return good, bad, back
}

// net counts the payments of the right amount of which nothing was given back.
func (l *link) net() (n int) {
	for _, c := range l.caps {
		if c.good && c.kept() {
			n++
		}
	}
	return n
}

// exposed: a customer sees a code.
func (o *oracle) exposed(l *link) {
	l.exposed = true
	for _, a := range o.accounts {
		if a.link == l {
			return
		}
	}
	if !o.erasedRefs[l.ref] {
		o.w.fail("a code is shown whose sale was never committed: %s", l.ref)
	}
}

// shows checks every view that the engine sends to the display.
func (o *oracle) shows(v engine.View) {
	o.w.cov.Screens[v.Kind]++
	if v.Kind != payment.ScreenPay && v.Kind != payment.ScreenOpened {
		if v.Payload != "" {
			o.w.fail("a code is on the screen %s", v.Kind)
		}
		return
	}
	a := o.accounts[v.Payment]
	switch {
	case a == nil:
		o.w.fail("a code is shown for a payment that is not in the journal: %s", v.Payment)
	case a.ended:
		o.w.fail("a code is shown after its end was decided: %s", v.Payment)
	case a.link.account != o.w.agent.accounts[0].Name:
		o.w.fail("a code of another account is shown: %s", v.Payment)
	case a.boot != o.w.now().Boot:
		o.w.fail("a code of an earlier boot is shown: %s", v.Payment)
	case v.Payload != a.link.payload || v.Money != a.link.money:
		o.w.fail("the code of another payment is shown: %+v", v)
	}
}

// afterStep checks what the display was left with, and that who cancels is answered in time.
func (o *oracle) afterStep(a *agent) {
	w := o.w
	if v := a.screen; v.Payload != "" {
		x := o.accounts[v.Payment]
		if x == nil || x.ended {
			w.fail("the code of %s stays on the screen after its end was committed", v.Payment)
		}
		if w.now().Up >= x.deadline {
			w.fail("the code of %s stays on the screen after its deadline", v.Payment)
		}
		x.link.mustBeValid(w)
	}
	for _, x := range a.waiting {
		if within := o.answerWithin(x.about); x.what == "engine.CancelAsked" &&
			w.t-max(x.since, w.asleepUntil) > within+2*time.Second {
			w.fail("a cancel is not answered within %s", within)
		}
		o.startsInTime(x)
	}
}

// answerWithin is the time that a payment was made with; the longest where it is not known.
func (o *oracle) answerWithin(about string) time.Duration {
	a := o.accounts[about]
	if a == nil {
		a = o.byAsk[about]
	}
	if a == nil {
		return slowest
	}
	return a.policy.AnswerWithin.Duration()
}

// acknowledges checks that what the relay is told to be in the journal is there.
func (o *oracle) acknowledges(a relay.Ack) {
	m := o.w.relay.at(a.Position)
	switch {
	case m == nil || m.Kind != relay.KindHook: // of a store that is gone, or a mark
	case !o.kept(m, a.Position.Epoch):
		o.w.fail("delivery %d is acknowledged, and its content is neither in the journal nor "+
			"read again: %s", a.Position.Seq, m.Body)
	case plausible(m.Body) && !o.booked(m.Body):
		o.waited = append(o.waited, m.Body)
	}
}

// names reports whether a delivery is the gateway's own word about a payment in the journal.
func (o *oracle) names(body []byte) bool {
	var s sealed
	if json.Unmarshal(body, &s) != nil {
		return false
	}
	return slices.ContainsFunc(s.Records, func(r payment.Record) bool {
		l := o.w.gw.byRef[r.MerchantRef]
		if l == nil || !l.stated(r) {
			return false // somebody has made it up
		}
		for _, a := range o.accounts {
			if a.link == l {
				return true
			}
		}
		return false
	})
}

// stated reports whether the gateway has said this by webhook.
func (l *link) stated(r payment.Record) bool {
	return slices.ContainsFunc(l.records,
		func(st *statement) bool { return st.hook.Content() == r.Content() }) ||
		slices.ContainsFunc(l.bent,
			func(b payment.Record) bool { return b.Content() == r.Content() })
}

// booked reports whether a delivery's content is in the journal, in one form or the other.
func (o *oracle) booked(body []byte) bool {
	if o.contents[envelopeOf(body).Content()] {
		return true
	}
	var s sealed
	if json.Unmarshal(body, &s) != nil || len(s.Records) == 0 {
		return false
	}
	for _, r := range s.Records {
		if r.Status != payment.RecordSent && ours(r.MerchantRef) && !o.contents[r.Content()] {
			return false
		}
	}
	return true
}
