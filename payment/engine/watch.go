package engine

import (
	"cmp"
	"slices"
	"time"

	"kiosk-agent/payment"
)

// Final payments are asked for until their watch is over: money may still come. One that is not
// approved goes before one that is, the newest before an older one.
const (
	watchFirst = 30 * time.Second // after the end, then doubling
	watchMost  = time.Hour
	// watchCap is how many are asked for: each once an hour, with half of the questions that the
	// limits allow. The other half is for sales.
	watchCap = int(watchMost / (2 * queriesApart))
	// one question is left to a sale however slowly the gateway answers
	watchInFlight = maxInFlight - 1
	// watchKnown is how many are remembered: what has no place gets one when another's watch is
	// over. A quarter of a kilobyte each.
	watchKnown = 4 * watchCap
	// watchOver is how many payments whose watch is over end the search for more in the journal,
	// which has them in the order of their beginning, not of their end.
	watchOver = 64
)

// watch goes on asking for a payment that is final, until its watch is over. One for which nothing
// was sent is not asked for, unless this process found it so: a journal that was restored says that
// of a sale that may have gone on.
func (q *inquiries) watch(p payment.Payment, due, until time.Duration) {
	x := q.of(p.ID)
	q.forget(p.ID)
	if x == nil {
		x = &inquiry{id: p.ID, ref: p.MerchantRef, sentUp: -1}
	}
	q.add(x, p, due, until)
	q.seat()
}

// add takes in a payment that is newer than all others, without a place.
func (q *inquiries) add(x *inquiry, p payment.Payment, due, until time.Duration) {
	unsent := !p.Minted && !p.MintSent && (p.Reason == nil || p.Reason.Code != "mint_failed")
	account, known := q.accounts.Of(p)
	if known && account.Endpoint == "" || unsent || until <= 0 {
		return
	}
	if x.account, x.gone = account, !known; x.gone {
		x.account.Name = cmp.Or(p.Account, p.Provider)
	}
	x.final, x.due, x.until, x.wait = true, due, until, watchFirst
	x.approved = p.Status == payment.StatusApproved
	q.all = append(q.all, x)
}

// turned takes a change of a payment that is final.
func (q *inquiries) turned(p payment.Payment) {
	approved := p.Status == payment.StatusApproved
	if x := q.of(p.ID); x != nil && x.final && x.approved != approved {
		x.approved = approved
		q.seat()
	}
}

// seat gives the places to the payments that may still be paid, the newest first, then to those
// that are approved, and forgets the last of those that find none.
func (q *inquiries) seat() {
	places := watchCap
	known := watchKnown
	for _, approved := range []bool{false, true} {
		for i, x := range slices.Backward(q.all) {
			if x == nil || !x.final || x.approved != approved {
				continue
			}
			if x.left = x.gone || places <= 0; !x.left {
				places--
			}
			if known--; known < 0 {
				q.all[i] = nil
			}
		}
	}
	if known < 0 {
		q.all = slices.DeleteFunc(q.all, func(x *inquiry) bool { return x == nil })
	}
}

// rest puts off the next query: for a payment that is watched, twice as long each time.
func (x *inquiry) rest(now time.Duration) {
	if !x.final {
		x.due = now + awaitingEvery
		return
	}
	x.due = now + x.wait
	x.wait = min(2*x.wait, watchMost)
}

// expire gives up the queries that were not answered, and the payments whose watch is over.
func (q *inquiries) expire(now time.Duration) {
	before := len(q.all)
	q.all = slices.DeleteFunc(q.all, func(x *inquiry) bool { return x.final && now >= x.until })
	if len(q.all) < before {
		q.seat()
	}
	for _, x := range q.all {
		if x.round != 0 && now >= x.sentUp+queryTimeout {
			x.round = 0
			x.rest(now)
		}
	}
}

// Watch is what becomes of the payments that are final and whose watch is not over: those that are
// asked for, and those that are not, because there are too many, or because they have waited for
// their question an hour longer than they should.
type Watch struct {
	Asked        int
	Left         int // money may still come
	LeftApproved int
}

func (q *inquiries) watched(now time.Duration) (w Watch) {
	for _, x := range q.all {
		switch late := x.round == 0 && now > x.due+watchMost; {
		case !x.final:
		case !x.left && !late:
			w.Asked++
		case x.approved:
			w.LeftApproved++
		default:
			w.Left++
		}
	}
	return w
}

// Gone is an account that is not configured any more, and how many payments were made at it whose
// watch is not over and that may still be paid.
type Gone struct {
	Account  string // payment.Account.Name; of before schema 3 the provider
	Payments int
}

func (q *inquiries) goneFrom(now time.Duration) (gone []Gone) {
	for _, x := range q.all {
		if !x.gone || x.approved || now >= x.until {
			continue
		}
		i := slices.IndexFunc(gone, func(g Gone) bool { return g.Account == x.account.Name })
		if i < 0 {
			i, gone = len(gone), append(gone, Gone{Account: x.account.Name})
		}
		gone[i].Payments++
	}
	return gone
}

// rememberWatched takes over the payments of the journal whose watch is not over: the newest, and
// where those are too many, the newest of those that may still be paid.
func (m *Machine) rememberWatched(now Now) error {
	found, ages := make(map[string]bool), bootAges{now.Boot: {from: now.Up, up: now.Up}}
	var final []payment.Payment
	for _, unpaid := range []bool{false, true} {
		ids, err := m.journal.Watched(unpaid, watchKnown)
		if err != nil {
			return err
		}
		over := 0
		for _, id := range ids {
			if found[id] {
				continue
			}
			found[id] = true
			facts, err := m.journal.Facts(id)
			if err != nil {
				return err
			}
			p, ok := payment.Fold(facts)
			if !ok || !p.Final {
				continue
			}
			ages.learn(facts)
			if ages.of(p) >= p.Policy.Watch.Duration() {
				if over++; over >= watchOver {
					break
				}
				continue
			}
			over = 0
			final = append(final, p)
		}
	}
	q := &m.inquiries
	for _, p := range slices.Backward(final) {
		q.add(&inquiry{id: p.ID, ref: p.MerchantRef, sentUp: -1}, p, now.Up,
			now.Up+p.Policy.Watch.Duration()-ages.of(p))
	}
	q.seat()
	return nil
}

// bootAges says how old a payment is at least, by boot clocks alone: the wall clock may be wrong by
// years. The time that no fact tells of does not count, such as that of a machine that was switched
// off, so that a watch is never too short.
type bootAges map[string]bootAge

// bootAge is what the facts that were read say of a boot.
type bootAge struct {
	first, last int64         // sequences of its facts; 0 = none was read
	from, up    time.Duration // boot clock: of the first fact, and the latest that is known
}

func (a bootAges) learn(facts []payment.Fact) {
	for _, f := range facts {
		b, known := a[f.Boot]
		if !known || b.first == 0 || f.Seq < b.first {
			b.first, b.from = f.Seq, f.Up
		}
		b.last, b.up = max(b.last, f.Seq), max(b.up, f.Up)
		a[f.Boot] = b
	}
}

// of is the least time since the payment became final.
func (a bootAges) of(p payment.Payment) time.Duration {
	own := a[p.FinalBoot]
	age := own.up - p.FinalUp
	for boot, b := range a {
		if boot != p.FinalBoot && (b.first == 0 || b.first > own.last) {
			age += b.up - b.from
		}
	}
	return age
}
