package till

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// desk is the engine as a session on a line sees it: it keeps real facts and folds them, decides
// how a payment ends when the test says so, and survives the machines (and boots) of a test. It is
// safe for concurrent use; replies come synchronously.
type desk struct {
	mu       sync.Mutex
	now      func() Now
	facts    map[string][]payment.Fact
	order    []string // payments, oldest first
	watchers []func(payment.Payment)
	fail     map[string]error // method → error
	hold     bool             // cancels wait for finish
	query    bool             // a query confirms that nobody paid
	waiting  []func(payment.Payment, error)
	calls    []string
	asked    payment.Request // the newest start
}

var _ device.LinePayments = (*desk)(nil)

func newDesk(now func() Now) *desk {
	return &desk{now: now, facts: make(map[string][]payment.Fact), fail: make(map[string]error),
		query: true}
}

func (d *desk) add(id string, data ...payment.Data) payment.Payment {
	n := d.now()
	for _, x := range data {
		d.facts[id] = append(d.facts[id], payment.Fact{
			Seq: int64(len(d.facts[id]) + 1), Payment: id, At: n.Wall, Boot: n.Boot, Up: n.Up,
			Data: x,
		})
	}
	return d.get(id)
}

func (d *desk) get(id string) payment.Payment {
	p, _ := payment.Fold(d.facts[id])
	return p
}

func (d *desk) called(method, what string) error {
	d.calls = append(d.calls, method+" "+what)
	return d.fail[method]
}

func broken(method string) error {
	return &payment.Error{Code: payment.CodeJournalUnavailable, Op: method,
		Message: "the disk is full", Retryable: true}
}

func (d *desk) Start(till string, r payment.Request, reply func(payment.Payment, error)) {
	p, err := d.start(till, r)
	reply(p, err)
	if err == nil {
		d.tell(p)
	}
}

func (d *desk) start(till string, r payment.Request) (payment.Payment, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = r
	if err := d.called("start", r.Reference); err != nil {
		return payment.Payment{}, err
	}
	for _, id := range d.order {
		p := d.get(id)
		switch {
		case p.Reference == r.Reference && p.Money != r.Money:
			return payment.Payment{}, &payment.Error{Code: payment.CodeReferenceConflict,
				Op: "start", Payment: &p}
		case p.Reference == r.Reference && p.AckedRev == 0:
			return p, nil
		case p.Reference == r.Reference:
			return payment.Payment{}, &payment.Error{Code: payment.CodeReferenceReused, Op: "start",
				Payment: &p}
		case !p.Final:
			return payment.Payment{}, &payment.Error{Code: payment.CodeBusy, Op: "start",
				Payment: &p}
		}
	}
	if r.Money.Amount <= 0 {
		return payment.Payment{}, &payment.Error{Code: payment.CodeAmountInvalid, Op: "start"}
	}
	id := fmt.Sprintf("P%d", len(d.order)+1)
	d.order = append(d.order, id)
	n := d.now()
	return d.add(id, payment.Requested{
		Till: till, Reference: r.Reference, MerchantRef: "TAG-" + id, Money: r.Money,
		Schemes: r.Schemes, Description: r.Description,
		DeadlineUp: payment.ToMillis(n.Up + 180*time.Second), Line: r.Line,
		Policy: payment.Policy{Query: d.query, AnswerWithin: 25_000},
	}, payment.Minted{Payload: "https://pay.example/" + id, ProviderRef: "LINK-" + id}), nil
}

func (d *desk) Cancel(_ string, key payment.Key, reply func(payment.Payment, error)) {
	d.mu.Lock()
	err := d.called("cancel", key.ID)
	p := d.get(key.ID)
	switch {
	case err != nil:
	case p.Final:
		err = &payment.Error{Code: payment.CodeNotCancellable, Op: "cancel", Payment: &p}
	case d.hold:
		d.add(key.ID, payment.CancelRequested{}, payment.Withdrawn{})
		d.waiting = append(d.waiting, reply)
		d.mu.Unlock()
		return
	}
	d.mu.Unlock()
	if err != nil {
		reply(payment.Payment{}, err)
		return
	}
	d.waiting = append(d.waiting, reply)
	d.finish(key.ID, payment.StatusCancelled)
}

func (d *desk) Last(_ string, reply func(payment.Payment, error)) {
	d.mu.Lock()
	err := d.called("last", "")
	var p payment.Payment
	if err == nil && len(d.order) == 0 {
		err = &payment.Error{Code: payment.CodeNotFound, Op: "last"}
	}
	if err == nil {
		p = d.get(d.order[len(d.order)-1])
	}
	d.mu.Unlock()
	reply(p, err)
}

func (d *desk) Browse(till string, q payment.ListQuery, reply func(payment.Page, error)) {
	d.List(till, q, reply)
}

func (d *desk) List(_ string, q payment.ListQuery, reply func(payment.Page, error)) {
	d.mu.Lock()
	var page payment.Page
	for _, id := range slices.Backward(d.order) {
		page.Payments = append(page.Payments, d.get(id))
	}
	page.Payments = page.Payments[:min(len(page.Payments), q.Limit)]
	err := d.fail["list"]
	d.mu.Unlock()
	reply(page, err)
}

func (d *desk) Offer(_, id string, revision int64, frame []byte, reply func(error)) {
	d.mu.Lock()
	err := d.called("offer", id)
	if p := d.get(id); err == nil {
		status, known := p.Status, p.Final && revision == p.Revision
		for _, t := range p.Sent {
			if t.Revision == revision {
				status, known = t.Status, true
			}
		}
		if known {
			d.add(id, payment.Offered{Revision: revision, Status: status,
				Frame: slices.Clone(frame)})
		} else {
			err = &payment.Error{Code: payment.CodeInvalid, Op: "offer"}
		}
	}
	d.mu.Unlock()
	reply(err)
}

func (d *desk) Acknowledge(_, id string, revision int64, reply func(error)) {
	d.mu.Lock()
	err := d.called("acknowledge", id)
	if err == nil {
		d.add(id, payment.Acknowledged{Revision: revision})
	}
	d.mu.Unlock()
	reply(err)
}

func (d *desk) Supersede(_ string, key payment.Key, reply func(error)) {
	d.mu.Lock()
	err := d.called("supersede", key.ID+key.Reference)
	id := key.ID
	for _, x := range d.order {
		if d.get(x).Reference == key.Reference {
			id = x
		}
	}
	switch {
	case err != nil:
	case id == "":
		err = &payment.Error{Code: payment.CodeNotFound, Op: "supersede"}
	default:
		d.add(id, payment.Superseded{})
	}
	d.mu.Unlock()
	reply(err)
}

func (d *desk) Watch(changed func(payment.Payment), _ func()) (detach func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watchers = append(d.watchers, changed)
	i := len(d.watchers) - 1
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.watchers[i] = nil
	}
}

func (d *desk) tell(p payment.Payment) {
	d.mu.Lock()
	all := slices.Clone(d.watchers)
	d.mu.Unlock()
	for _, w := range all {
		if w != nil {
			w(p)
		}
	}
}

func (d *desk) Sold(till string, from, until time.Time, reply func(payment.Sold, error)) {
	d.mu.Lock()
	var sold payment.Sold
	err := d.called("sold", till)
	for id := range d.facts {
		p := d.get(id)
		for _, m := range p.Movements {
			at := d.facts[id][m.Seq-1].At
			if p.Till == till && m.Class == payment.ClassSale && p.Left() > 0 &&
				!at.Before(from) && at.Before(until) {
				sold.Count, sold.Amount = sold.Count+1, sold.Amount+p.Left()
			}
		}
	}
	d.mu.Unlock()
	reply(sold, err)
}

// finish ends a payment as the engine would, or corrects it.
func (d *desk) finish(id string, how payment.Status) payment.Payment {
	d.mu.Lock()
	p := d.get(id)
	paid := payment.Record{
		MerchantRef: p.MerchantRef, TransactionRef: "TXN-" + id, Type: payment.TypePay,
		Status: payment.RecordSuccess, ResponseCode: "00", Amount: p.Money.Amount,
		Currency: string(p.Money.Currency), Scheme: "PAYNOW", PaidAt: wall,
	}
	var end payment.Data = payment.DeadlinePassed{}
	switch how {
	case payment.StatusApproved:
		d.add(id, payment.Notified{Record: paid})
		end = nil
	case payment.StatusDeclined:
		paid.Status, paid.ResponseCode = payment.RecordDeclined, "05"
		d.add(id, payment.Notified{Record: paid})
	case payment.StatusCancelled:
		end = payment.CancelRequested{}
	case payment.StatusUnknown:
		d.add(id, end, payment.Undecided{})
		end = nil
	}
	if end != nil {
		d.add(id, end, payment.Withdrawn{}, payment.QueryEmpty{}, payment.QueryEmpty{},
			payment.PathProved{})
	}
	p = d.get(id)
	waiting := d.waiting
	d.waiting = nil
	d.mu.Unlock()
	for _, reply := range waiting {
		reply(p, nil)
	}
	d.tell(p)
	return p
}

// count is how many calls of a method there were.
func (d *desk) count(method string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.calls {
		if len(c) > len(method) && c[:len(method)+1] == method+" " {
			n++
		}
	}
	return n
}

func (d *desk) payment(id string) payment.Payment {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.get(id)
}

// The rest of device.Payments is nothing that a session on a line calls.

func (d *desk) Get(string, payment.Key, func(payment.Payment, error))        { panic("get") }
func (d *desk) Shown(string, string, func(error))                            { panic("shown") }
func (d *desk) Attach(string, func(payment.Payment), func()) (detach func()) { panic("attach") }
