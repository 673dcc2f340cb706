package singapay

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kiosk-agent/sandbox"
)

// Errors of Act; test with errors.Is.
var (
	ErrUnknown = errors.New("no such payment")
	ErrPaid    = errors.New("already paid: only pay_again, settle and refund are possible")
	ErrClosed  = errors.New("the link or code is closed or has expired")
	ErrNotPaid = errors.New("not paid yet")
	ErrNothing = errors.New("nothing was picked that could be acted on")
	ErrAction  = errors.New("no such action here")
	ErrMethod  = errors.New("the link does not allow this method")
)

// Verb is what somebody does with a link or a code.
type Verb string

// The verbs. Pay, Fail and Expire act on what was picked last, and pick first if nothing is
// pending. PayAgain needs a payment, and takes no notice of max_usage. PayLate pays what was shown,
// however long ago. Settle and Refund stand for the gateway and its dashboard. A code knows Pay,
// PayLate, Expire, Settle and Refund.
const (
	View     Verb = "view"
	Pick     Verb = "pick"
	Pay      Verb = "pay"
	Fail     Verb = "fail"
	Expire   Verb = "expire"
	PayAgain Verb = "pay_again"
	PayLate  Verb = "pay_late"
	Settle   Verb = "settle"
	Refund   Verb = "refund"
)

// Action is one thing that a customer does.
type Action struct {
	Do Verb
	// Method is a code such as QRIS or VA_BRI. Default: the one picked last, or the first that is
	// allowed.
	Method string
}

// Act does something with the link whose reff_no is ref, or with the newest code whose
// merchant_reff_no or QR text is ref.
func (s *Server) Act(ref string, a Action) (Payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if s.book.Err() != nil {
		return Payment{}, s.book.Err()
	}
	if l := s.linkByRef(ref); l != nil {
		if err := s.actLink(l, a, now); err != nil {
			return Payment{}, err
		}
		s.keep(line{Link: l})
		return s.linkCopy(l, now), s.book.Err()
	}
	for _, q := range slices.Backward(s.codes) {
		if ref != "" && (q.MerchantReff == ref || q.Data == ref) {
			if err := s.actCode(q, a.Do, now); err != nil {
				return Payment{}, err
			}
			s.keep(line{Code: q})
			return s.codeCopy(q, now), s.book.Err()
		}
	}
	return Payment{}, ErrUnknown
}

func (s *Server) actLink(l *link, a Action, now time.Time) error {
	last := find(reversed(l.Attempts),
		func(t *Attempt) bool { return a.Method == "" || t.Method == a.Method })
	switch a.Do {
	case View:
		s.inquireView(l, now)
		return nil
	case Pick:
		_, err := s.pick(l, a.Method, now)
		return err
	case Settle, Refund:
		done := find(reversed(l.Attempts), (*Attempt).paid)
		if done == nil {
			return ErrNotPaid
		}
		if a.Do == Refund {
			done.Refunded = true
		} else {
			done.Status, done.SettledAt = settled, now
		}
		return nil
	case PayLate:
		if last == nil || last.paid() {
			return ErrNothing
		}
		s.collect(l, last, now)
		return nil
	case PayAgain:
		if !slices.ContainsFunc(l.Attempts, (*Attempt).paid) {
			return ErrNotPaid
		}
		if last == nil || last.computed(now) != pending {
			last = s.attempt(l, a.Method, now)
		}
		s.collect(l, last, now)
		return nil
	case Pay, Fail, Expire:
	default:
		return ErrAction
	}
	if last == nil || last.computed(now) != pending {
		var err error
		if last, err = s.pick(l, a.Method, now); err != nil {
			return err
		}
	}
	switch a.Do {
	case Pay:
		s.collect(l, last, now)
	case Fail:
		last.Status = failed
	default:
		last.ExpiresAt = now
		s.expireAttempt(l, last, now)
	}
	return nil
}

func reversed[T any](all []T) []T {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}

// pick begins an attempt if the page still offers any.
func (s *Server) pick(l *link, code string, now time.Time) (*Attempt, error) {
	switch {
	case l.usedUp():
		return nil, ErrPaid
	case l.computed(now) != open:
		return nil, ErrClosed
	case code != "" && !slices.ContainsFunc(l.allowed(),
		func(m method) bool { return m.Code == code }):
		return nil, ErrMethod
	}
	return s.attempt(l, code, now), nil
}

func (s *Server) attempt(l *link, code string, now time.Time) *Attempt {
	m := methodOf(code)
	if m == nil {
		m = &l.allowed()[0]
	}
	s.histID++
	stamp := now.In(jakarta).Format("20060102150405.000")
	a := &Attempt{
		ID: s.histID, Method: m.Code, Amount: l.Amount, Status: pending, CreatedAt: now,
		ExpiresAt: now.Add(s.cfg.AttemptLife),
		Reff: fmt.Sprintf("%d%d%s%s", l.ID, s.histID, strings.Replace(stamp, ".", "", 1),
			s.text(8, len(alphabet))),
	}
	a.Value = fmt.Sprintf("8%015d", s.cfg.Rand.Uint64()%1e15)
	switch m.Group {
	case "card":
		a.Value = a.Reff
	case "qris":
		a.Value = qrText(s.accounts[l.Account].owner.Name, a.Reff[:min(20, len(a.Reff))], l.Amount)
	case "retail":
		a.Additional = fmt.Sprintf(`{"retail_code":%q,"partner_reff":%q}`, m.Code, s.text(12, 10))
	}
	l.Attempts = append(l.Attempts, a)
	s.inquire(l, a, EventInquiry, now)
	s.queue.Add(a.ExpiresAt, job{link: l, attempt: a})
	return a
}

// collect pays an attempt and tells the merchant.
func (s *Server) collect(l *link, a *Attempt, now time.Time) {
	a.Status, a.PaidAt = paid, now
	l.Usage++
	if l.usedUp() && s.cfg.ClosePaid {
		l.Status = closed
	}
	if s.keep(line{Link: l}); s.book.Err() == nil {
		s.announceLink(l, a, now)
	}
}

func (s *Server) actCode(q *code, do Verb, now time.Time) error {
	switch do {
	case Pay, PayLate:
		if q.paid() {
			return ErrPaid
		}
		if do == Pay && q.computed(now) != open {
			return ErrClosed
		}
		q.Status, q.PaidAt = paid, now
		if s.keep(line{Code: q}); s.book.Err() == nil {
			s.announceCode(q, now)
		}
	case Expire:
		if q.Status != open {
			return ErrPaid
		}
		q.ExpiresAt = now
		s.scheduleSweep(s.accounts[q.Account].owner, now)
	case Settle, Refund:
		if !q.paid() {
			return ErrNotPaid
		}
		q.Refunded = q.Refunded || do == Refund
		if do == Settle {
			q.Status = settled
		}
	default:
		return ErrAction
	}
	return nil
}

// Payment is a copy of what the sandbox knows about one link or code. Amounts are ISO minor units.
type Payment struct {
	MerchantRef string    `json:"merchantRef"`
	ClientID    string    `json:"clientId"`
	Merchant    string    `json:"merchant"`
	Account     string    `json:"account"`
	Kind        string    `json:"kind"` // link or qris
	ID          int64     `json:"id"`
	Amount      int64     `json:"amountCents"`
	Currency    string    `json:"currency"`
	URL         string    `json:"url,omitempty"`
	QR          string    `json:"qr,omitempty"`
	Status      string    `json:"status"`   // as stored
	Computed    string    `json:"computed"` // as of now
	Usage       int64     `json:"usage"`
	MaxUsage    int64     `json:"maxUsage"`
	State       string    `json:"state"` // for the customer: open, paid, closed, expired
	CreatedAt   time.Time `json:"createdAt"`
	ExpiresAt   time.Time `json:"expiresAt,omitzero"`
	Attempts    []Attempt `json:"attempts"`
	Notes       []string  `json:"notes,omitempty"`
}

func (s *Server) linkCopy(l *link, now time.Time) Payment {
	owner := s.accounts[l.Account].owner
	p := Payment{
		MerchantRef: l.Reff, ClientID: owner.ClientID, Merchant: owner.Name, Account: l.Account,
		Kind: "link", ID: l.ID, Amount: minor(l.Amount), Currency: "IDR", URL: s.payURL(l),
		Status: l.Status, Computed: l.computed(now), Usage: l.Usage, MaxUsage: l.MaxUsage,
		State: l.computed(now), CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
		Attempts: []Attempt{}, Notes: slices.Clone(l.Notes),
	}
	if l.usedUp() {
		p.State = paid
	}
	for _, a := range l.Attempts {
		c := *a
		c.Amount = minor(a.Amount)
		p.Attempts = append(p.Attempts, c)
	}
	return p
}

func (s *Server) codeCopy(q *code, now time.Time) Payment {
	owner := s.accounts[q.Account].owner
	p := Payment{
		MerchantRef: q.MerchantReff, ClientID: owner.ClientID, Merchant: owner.Name,
		Account: q.Account, Kind: "qris", ID: q.ID, Amount: minor(q.Amount), Currency: "IDR",
		QR: q.Data, Status: q.Status, Computed: q.computed(now), MaxUsage: 1,
		State: q.computed(now), CreatedAt: q.CreatedAt, ExpiresAt: q.ExpiresAt,
		Attempts: []Attempt{}, Notes: slices.Clone(q.Notes),
	}
	if q.paid() {
		p.Usage, p.State = 1, paid
	}
	return p
}

// Payments returns every link (deleted ones too) in the order of creation, then every code.
func (s *Server) Payments() []Payment {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	all := []Payment{}
	for _, l := range s.links {
		all = append(all, s.linkCopy(l, now))
	}
	for _, q := range s.codes {
		all = append(all, s.codeCopy(q, now))
	}
	return all
}

// Collected returns, by reff_no or merchant_reff_no, what was really collected: the same book as
// sandbox.Server.Collected keeps for AXS. References without a payment are left out.
func (s *Server) Collected() map[string]sandbox.Collected {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]sandbox.Collected{}
	add := func(ref string, rupiah int64, refunded bool) {
		c := all[ref]
		c.Currency = "IDR"
		c.Paid += minor(rupiah)
		c.Payments++
		if refunded {
			c.Reversed += minor(rupiah)
		}
		all[ref] = c
	}
	for _, l := range s.links {
		for _, a := range l.Attempts {
			if a.paid() {
				add(l.Reff, a.Amount, a.Refunded)
			}
		}
	}
	for _, q := range s.codes {
		if q.paid() {
			add(q.MerchantReff, q.Amount, q.Refunded)
		}
	}
	return all
}
