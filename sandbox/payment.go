package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Errors of Act and of the look-ups; test with errors.Is.
var (
	ErrUnknown   = errors.New("no such payment: its link was not opened yet, or no such code made")
	ErrAmbiguous = errors.New("two merchants use this reference")
	ErrPaid      = errors.New("already paid: only pay_again, void and refund are possible")
	ErrExpired   = errors.New("the link has expired")
	ErrNotPaid   = errors.New("not paid yet")
	ErrAction    = errors.New("no such action, or not with this scheme")
	ErrScheme    = errors.New("the link does not allow this scheme")
)

// Verb is what somebody does with a payment.
type Verb string

// The verbs. Decline needs a card, Expire and ShowCode need a wallet; Abandon needs no scheme.
// PayAgain, Void and Refund need a paid payment; Void and Refund stand for the merchant's staff in
// the portal and send no webhook.
const (
	Pay      Verb = "pay"
	Decline  Verb = "decline"
	Expire   Verb = "expire"
	ShowCode Verb = "show_code"
	Abandon  Verb = "abandon"
	PayAgain Verb = "pay_again"
	Void     Verb = "void"
	Refund   Verb = "refund"
)

// Action is one thing that a customer (or staff) does. A Scheme left empty means the first that
// fits.
type Action struct {
	Do     Verb
	Scheme Scheme
	// ResponseCode of a Decline. Default: "05".
	ResponseCode string
	// ClientID tells two merchants with the same reference apart. Default: "", any.
	ClientID string
}

// Status is the status of a record, as the document names them.
type Status string

// The statuses of records. SENT: code generated, not yet paid.
const (
	StatusSuccess  Status = "SUCCESS"
	StatusDeclined Status = "DECLINED"
	StatusExpired  Status = "EXPIRED"
	StatusSent     Status = "SENT"
)

// Record is one transaction: an attempt of the customer, a void or a refund.
type Record struct {
	Type           string    `json:"transactionType"` // PAY, VOID, REFUND
	TransactionRef string    `json:"transactionRef"`  // 19 digits
	Amount         int64     `json:"amountCents"`
	Currency       string    `json:"currency"`
	Status         Status    `json:"status"`
	ResponseCode   string    `json:"responseCode,omitempty"`
	Scheme         Scheme    `json:"paymentScheme"`
	At             time.Time `json:"at"`
}

// State is where a payment stands for its customer.
type State string

// The states. A declined or abandoned payment is still open.
const (
	StateOpen    State = "open"
	StatePaid    State = "paid"
	StateExpired State = "expired"
)

// Payment is a copy of what the sandbox knows about one opened link or one code.
type Payment struct {
	MerchantRef string    `json:"merchantRef"`
	ClientID    string    `json:"clientId"`
	Merchant    string    `json:"merchant"`
	LinkID      string    `json:"merchantLinkId"`
	Amount      int64     `json:"amountCents"`
	Currency    string    `json:"currency"`
	TerminalID  string    `json:"terminalId,omitempty"`
	Schemes     []Scheme  `json:"schemes"`
	State       State     `json:"state"`
	Abandoned   bool      `json:"abandoned"`          // the customer's last act was to leave
	QRString    string    `json:"qrString,omitempty"` // of a code
	OpenedAt    time.Time `json:"openedAt"`
	ExpiresAt   time.Time `json:"expiresAt"`
	Records     []Record  `json:"records"`
	Notes       []string  `json:"notes,omitempty"`
}

// Collected is what was really collected for one reference, whatever webhooks and queries claim.
type Collected struct {
	Currency string `json:"currency"`
	Paid     int64  `json:"paidCents"`     // sum of successful payments
	Payments int    `json:"payments"`      // how many
	Reversed int64  `json:"reversedCents"` // sum of voids and refunds
}

// payment is the live state; the Server's mutex guards it.
type payment struct {
	merchant  *Merchant
	linkID    string
	link      checkoutLink
	token     string // the link's own token, for the page and for the echo fault; never logged
	openedAt  time.Time
	expiresAt time.Time
	abandoned bool
	records   []*Record
	code      bool // made as a code: one wallet, one attempt
}

func (p *payment) paid() bool {
	return slices.ContainsFunc(p.records, succeeded)
}

func succeeded(r *Record) bool { return r.Type == "PAY" && r.Status == StatusSuccess }

func (p *payment) state(now time.Time) State {
	switch {
	case p.paid():
		return StatePaid
	case !now.Before(p.expiresAt), p.code && len(p.records) > 0 &&
		p.records[0].Status == StatusExpired:
		return StateExpired
	}
	return StateOpen
}

func (p *payment) copy(now time.Time) Payment {
	c := Payment{
		MerchantRef: p.link.MerchantRef, ClientID: p.merchant.ClientID, Merchant: p.merchant.Name,
		LinkID: p.linkID, Amount: p.link.Amount, Currency: p.link.Currency,
		TerminalID: p.link.TerminalID, Schemes: slices.Clone(p.link.Schemes), State: p.state(now),
		Abandoned: p.abandoned, OpenedAt: p.openedAt, ExpiresAt: p.expiresAt, Records: []Record{},
		Notes: slices.Clone(p.link.Notes), QRString: p.qrString(),
	}
	for _, r := range p.records {
		c.Records = append(c.Records, *r)
	}
	return c
}

// open registers the first opening of a link, or finds it again. conflict is true for a second link
// with a used reference; p is nil when the book takes no entries. The caller holds s.mu.
func (s *Server) open(in incoming, l checkoutLink) (p *payment, conflict bool, err error) {
	key := refKey{in.merchant.ClientID, l.MerchantRef}
	if p = s.byRef[key]; p != nil {
		return p, p.token != in.token || p.linkID != in.linkID, nil
	}
	now := s.clock.Now()
	if err := s.keep(bookLine{At: now,
		Opened: &openedLine{LinkID: in.linkID, Token: in.token}}); err != nil {
		return nil, false, err
	}
	p = s.register(in, l, now)
	s.log.Info("link opened", "merchant_ref", l.MerchantRef, "amount", l.Amount)
	if outcome, fixed := s.cfg.Outcomes[l.Amount]; fixed && outcome.AtOnce {
		scheme := outcome.Scheme
		if !slices.Contains(l.Schemes, scheme) {
			scheme = l.Schemes[0]
		}
		err = s.act(p, Action{Do: Pay, Scheme: scheme})
	}
	return p, false, err
}

func (s *Server) register(in incoming, l checkoutLink, now time.Time) *payment {
	p := &payment{merchant: in.merchant, linkID: in.linkID, link: l, token: in.token, openedAt: now,
		expiresAt: now.Add(l.Expiry)}
	s.payments = append(s.payments, p)
	s.byRef[refKey{in.merchant.ClientID, l.MerchantRef}] = p
	return p
}

// Act does something with a payment, like the buttons of its page. It returns the payment after
// that, or one of the errors above.
func (s *Server) Act(merchantRef string, a Action) (Payment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(a.ClientID, merchantRef)
	if err != nil {
		return Payment{}, err
	}
	err = s.act(p, a)
	return p.copy(s.clock.Now()), err
}

// act carries an action out. The caller holds s.mu.
func (s *Server) act(p *payment, a Action) error {
	now := s.clock.Now()
	state := p.state(now)
	switch a.Do {
	case PayAgain, Void, Refund:
		if state != StatePaid {
			return ErrNotPaid
		}
	case Pay, Decline, Expire, ShowCode, Abandon:
		if p.code && a.Do == ShowCode { // it is shown already
			return ErrAction
		}
		if state == StatePaid {
			return ErrPaid
		}
		if state == StateExpired {
			return ErrExpired
		}
	default:
		return fmt.Errorf("%w: %.40q", ErrAction, string(a.Do))
	}
	if a.Do == Abandon {
		p.abandoned = true
		return nil
	}
	if err := p.chooseScheme(&a); err != nil {
		return err
	}
	p.abandoned = false
	if outcome, fixed := s.cfg.Outcomes[p.link.Amount]; fixed && a.Do == Pay {
		a = outcome.impose(p, a)
	}
	return s.carryOut(p, a, now)
}

// chooseScheme fills in or checks the scheme of an action.
func (p *payment) chooseScheme(a *Action) error {
	fits := func(scheme Scheme) bool {
		switch a.Do {
		case Decline:
			return scheme.Card()
		case Expire, ShowCode:
			return !scheme.Card()
		}
		return true
	}
	if i := slices.IndexFunc(p.records, succeeded); a.Scheme == "" && i >= 0 {
		a.Scheme = p.records[i].Scheme // staff void and refund what was paid
	}
	if a.Scheme == "" {
		i := slices.IndexFunc(p.link.Schemes, fits)
		if i < 0 {
			return ErrAction
		}
		a.Scheme = p.link.Schemes[i]
		return nil
	}
	if !slices.Contains(p.link.Schemes, a.Scheme) {
		return fmt.Errorf("%w: %.40q", ErrScheme, string(a.Scheme))
	}
	if !fits(a.Scheme) {
		return ErrAction
	}
	return nil
}

// impose turns a press of a pay button into what the amount's outcome demands.
func (o Outcome) impose(p *payment, a Action) Action {
	failed := 0
	for _, r := range p.records {
		if r.Status == StatusDeclined || r.Status == StatusExpired {
			failed++
		}
	}
	if !o.Fail || o.FailFirst > 0 && failed >= o.FailFirst {
		return a
	}
	if a.Scheme.Card() {
		return Action{Do: Decline, Scheme: a.Scheme, ResponseCode: o.ResponseCode}
	}
	return Action{Do: Expire, Scheme: a.Scheme}
}

// carryOut writes the record of a checked action and lets the webhook follow.
func (s *Server) carryOut(p *payment, a Action, now time.Time) error {
	switch a.Do {
	case Pay, PayAgain:
		return s.settle(p, a.Scheme, StatusSuccess, "00", now)
	case Decline:
		code := a.ResponseCode
		if code == "" {
			code = "05"
		}
		return s.settle(p, a.Scheme, StatusDeclined, code, now)
	case Expire:
		return s.settle(p, a.Scheme, StatusExpired, s.cfg.ExpiredCode, now)
	case ShowCode:
		r, err := s.addRecord(p, "PAY", a.Scheme, StatusSent, "", now)
		if err != nil {
			return err
		}
		s.queue.Add(p.expiresAt, job{code: r, payment: p})
		return nil
	default: // Void, Refund
		kind := map[Verb]string{Void: "VOID", Refund: "REFUND"}[a.Do]
		_, err := s.addRecord(p, kind, a.Scheme, StatusSuccess, "00", now)
		return err
	}
}

// settle ends an attempt and queues its webhook. A code already on the customer's screen (SENT)
// with this scheme is the attempt that ends.
func (s *Server) settle(p *payment, scheme Scheme, status Status, code string,
	now time.Time) error {
	i := slices.IndexFunc(p.records,
		func(r *Record) bool { return r.Status == StatusSent && r.Scheme == scheme })
	var r *Record
	if i >= 0 {
		r = p.records[i]
		if err := s.change(p, r, status, code, now); err != nil {
			return err
		}
	} else {
		var err error
		if r, err = s.addRecord(p, "PAY", scheme, status, code, now); err != nil {
			return err
		}
	}
	s.log.Info("attempt ended", "merchant_ref", p.link.MerchantRef, "status", string(status),
		"scheme", string(scheme))
	s.announce(p, r)
	return nil
}

func (s *Server) addRecord(p *payment, kind string, scheme Scheme, status Status, code string,
	now time.Time) (*Record, error) {
	ref, err := s.transactionRef(now)
	if err != nil {
		return nil, err
	}
	r := &Record{Type: kind, TransactionRef: ref, Amount: p.link.Amount, Currency: p.link.Currency,
		Status: status, ResponseCode: code, Scheme: scheme, At: now}
	if err := s.keepRecord(p, *r); err != nil {
		return nil, err
	}
	p.records = append(p.records, r)
	return r, nil
}

// change ends the attempt of a record.
func (s *Server) change(p *payment, r *Record, status Status, code string, now time.Time) error {
	next := *r
	next.Status, next.ResponseCode, next.At = status, code, now
	if err := s.keepRecord(p, next); err != nil {
		return err
	}
	*r = next
	return nil
}

func (s *Server) keepRecord(p *payment, r Record) error {
	return s.keep(bookLine{At: r.At,
		Record: &recordLine{p.merchant.ClientID, p.link.MerchantRef, r}})
}
