package agent

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// ProbeTill is the name under which a probe's payment stands in the journal. No till has it.
const ProbeTill = "gateway-probe"

const (
	probeSeen  = 1000            // lines that a probe keeps
	probePoll  = 8 * time.Second // how long one question about a running probe waits for news
	probeQuery = 6 * time.Second // before the probe's own question: no gateway wants two at once
)

// ProbeRequest is the body of POST /v1/probe on the admin socket: the amount in minor units.
type ProbeRequest struct {
	Amount    int64  `json:"amount"`
	Reference string `json:"reference"`
}

// Probed answers GET /v1/probe?after=N: how the payment stands, and what has been seen since the
// first N lines.
type Probed struct {
	Payment  device.Payment     `json:"payment"`
	Observed []payment.Observed `json:"observed"`
	Next     int                `json:"next"` // N of the next question
	// what staff would read about the payment
	Tasks []payment.Task `json:"tasks,omitempty"`
	// what the gateway said of the payment, in order
	Told []Told `json:"told,omitempty"`
	// nothing more will come
	Done bool `json:"done"`
}

// Told is one statement of the gateway about the probe's payment, as it is on record.
type Told struct {
	Source string `json:"source"` // payment.SourceWebhook or SourceQuery
	Words  string `json:"words"`  // "PAY SUCCESS", "PAY PAID (SUCCESS)"
}

// probe is a payment of nobody's sale, and what the gateway really sent meanwhile.
type probe struct {
	mu        sync.Mutex
	on        bool
	reference string // of its payment; what an earlier probe is still owed is another one
	payment   payment.Payment
	seen      []payment.Observed
	done      bool
	news      chan struct{} // closed at the next change
	detach    func()
}

// listening reports whether anybody wants to know what comes.
func (x *probe) listening() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.on
}

// saw takes what came; while no probe runs it is dropped.
func (x *probe) saw(lines []payment.Observed) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if room := probeSeen - len(x.seen); x.on && room > 0 {
		x.seen = append(x.seen, lines[:min(room, len(lines))]...)
		x.tell()
	}
}

// tell wakes who waits. The caller holds x.mu.
func (x *probe) tell() {
	if x.news != nil {
		close(x.news)
	}
	x.news = make(chan struct{})
}

func (x *probe) begin(reference string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.on {
		return &payment.Error{Code: payment.CodeBusy, Op: "probe",
			Message: "a probe is running already", Hint: "wait for its end"}
	}
	x.on, x.done, x.seen, x.payment = true, false, nil, payment.Payment{}
	x.reference = reference
	x.tell()
	return nil
}

func (x *probe) end() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.on, x.done = false, true
	if x.detach != nil {
		x.detach()
		x.detach = nil
	}
	x.tell()
}

// changed takes over the probe's payment; ended is true once, when it has its outcome.
func (x *probe) changed(p payment.Payment) (ended bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.on || p.Reference != x.reference || p.Revision < x.payment.Revision {
		return false
	}
	ended = p.Final && !x.payment.Final
	x.payment = p
	x.tell()
	return ended
}

// since is what there is after the first n lines, and what is closed when there is more.
func (x *probe) since(n int) (Probed, <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n = max(0, min(n, len(x.seen)))
	seen := append([]payment.Observed{}, x.seen[n:]...)
	// nobody is owed a probe's outcome
	tasks := slices.DeleteFunc(x.payment.Tasks(),
		func(t payment.Task) bool { return t.Code == "owed" })
	return Probed{Payment: device.NewPayment(x.payment), Observed: seen, Next: len(x.seen),
		Tasks: tasks, Done: x.done}, x.news
}

// asked reports whether an answer of the query was seen.
func (x *probe) asked() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, o := range x.seen {
		if o.Path == payment.PathQuery {
			return true
		}
	}
	return false
}

// startProbe begins a payment as a till that there is not: its code is on the display like any
// other, and its outcome is acknowledged here.
func (a *Agent) startProbe(r *http.Request) (any, error) {
	var q ProbeRequest
	if err := readAdmin(r, &q); err != nil {
		return nil, err
	}
	if a.gateway == nil {
		return nil, &payment.Error{Code: payment.CodeNotReady, Op: "probe",
			Message: "the agent is out of service", Hint: "kiosk-agent doctor says why"}
	}
	if err := a.probe.begin(q.Reference); err != nil {
		return nil, err
	}
	detach := a.core.Attach(ProbeTill, a.probeChanged, func() {})
	a.probe.mu.Lock()
	a.probe.detach = detach
	a.probe.mu.Unlock()
	p, err := a.await(r.Context(), func(reply func(payment.Payment, error)) {
		a.core.Start(ProbeTill, payment.Request{Reference: q.Reference, Money: payment.Money{
			Amount: q.Amount, Currency: payment.Currency(a.cfg.Terminal.Currency)}}, reply)
	})
	if err != nil {
		a.probe.end()
		return nil, err
	}
	a.probeChanged(p)
	go a.askEarly(p)
	return device.NewPayment(p), nil
}

// askEarly asks once before anybody has paid: what shape an answer has is seen at once.
func (a *Agent) askEarly(p payment.Payment) {
	if a.gateway.Endpoint() == "" {
		return
	}
	select {
	case <-time.After(probeQuery):
	case <-a.queries.Done():
		return
	}
	if a.probe.listening() {
		// what it says is seen on its way in; the engine asks for itself
		_ = a.gateway.Query(a.queries, p.MerchantRef)
	}
}

// await is the answer to one question to the core.
func (a *Agent) await(ctx context.Context,
	ask func(reply func(payment.Payment, error))) (payment.Payment, error) {
	type answer struct {
		p   payment.Payment
		err error
	}
	answers := make(chan answer, 1)
	ask(func(p payment.Payment, err error) { answers <- answer{p, err} })
	select {
	case x := <-answers:
		return x.p, x.err
	case <-ctx.Done():
		return payment.Payment{}, ctx.Err()
	}
}

// probeChanged follows the probe's payment; at its end the gateway is asked once more, so that its
// query is seen, too.
func (a *Agent) probeChanged(p payment.Payment) {
	if p.Till != ProbeTill {
		return
	}
	if p.Final {
		a.core.Acknowledge(ProbeTill, p.ID, p.Revision, func(err error) {
			if err != nil {
				a.log.Warn("a probe's outcome was not acknowledged", "payment", p.ID, "error", err)
			}
		})
	}
	if a.probe.changed(p) {
		go a.endProbe(p)
	}
}

func (a *Agent) endProbe(p payment.Payment) {
	defer a.probe.end()
	if a.gateway.Endpoint() == "" || a.probe.asked() || !p.Minted {
		return
	}
	select {
	case <-time.After(probeQuery):
	case <-a.queries.Done():
		return
	}
	// what it says is seen on its way in; the engine asks for itself
	_ = a.gateway.Query(a.queries, p.MerchantRef)
}

// probed tells how a probe goes on, as soon as there is news.
func (a *Agent) probed(r *http.Request) (any, error) {
	after, err := strconv.Atoi(r.URL.Query().Get("after"))
	if err != nil {
		return nil, &AdminError{Code: payment.CodeInvalid, Message: "after is not a number"}
	}
	revision, err := strconv.ParseInt(r.URL.Query().Get("revision"), 10, 64)
	if err != nil {
		return nil, &AdminError{Code: payment.CodeInvalid, Message: "revision is not a number"}
	}
	wait := time.NewTimer(probePoll)
	defer wait.Stop()
	for {
		now, news := a.probe.since(after)
		now.Told = a.told(now.Payment.ID)
		if now.Next > after || now.Done || now.Payment.Revision > revision {
			return now, nil
		}
		select {
		case <-news:
		case <-wait.C:
			return now, nil
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// told is what is on record of the gateway's words about a payment.
func (a *Agent) told(id string) (all []Told) {
	if id == "" {
		return nil
	}
	facts, err := a.journal.Facts(id)
	if err != nil {
		a.log.Warn("what the gateway said of a probe's payment cannot be read", "error", err)
	}
	for _, f := range facts {
		if d, ok := f.Data.(payment.Notified); ok {
			all = append(all, Told{d.Source, d.Record.Words()})
		}
	}
	return all
}

// cancelProbe cancels the probe's payment.
func (a *Agent) cancelProbe(r *http.Request) (any, error) {
	now, _ := a.probe.since(0)
	if now.Done || now.Payment.ID == "" {
		return nil, errors.New("no probe is running")
	}
	a.core.Cancel(ProbeTill, payment.Key{ID: now.Payment.ID}, func(_ payment.Payment, err error) {
		if err != nil {
			a.log.Warn("a probe could not be cancelled", "payment", now.Payment.ID, "error", err)
		}
	})
	return now.Payment, nil // its end comes as every change of it
}

// ConfirmRequest is the body of POST /v1/confirm on the admin socket: the payment by which the
// words of its notification are confirmed.
type ConfirmRequest struct {
	ID string `json:"id"`
	By string `json:"by,omitempty"` // "" = the peer's user
}

// Confirmed answers it: the words, such as "status PAID".
type Confirmed struct {
	Words []string `json:"words"`
	By    string   `json:"by"`
}

func (a *Agent) confirm(r *http.Request) (any, error) {
	var q ConfirmRequest
	if err := readAdmin(r, &q); err != nil {
		return nil, err
	}
	by := signature(q.By, peerUID(r))
	words, err := a.core.Confirm(r.Context(), q.ID, by)
	return Confirmed{words, by}, err
}
