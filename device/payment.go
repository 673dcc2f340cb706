package device

import (
	"kiosk-agent/payment"
)

// Payment is a payment as its own till sees it (docs/INTEGRATION.md). NewPayment makes it.
type Payment struct {
	ID           string           `json:"id"`
	Till         string           `json:"till"`
	Reference    string           `json:"reference"`
	MerchantRef  string           `json:"merchant_ref"`
	Amount       int64            `json:"amount"` // minor units
	Currency     payment.Currency `json:"currency"`
	Status       payment.Status   `json:"status"`
	Final        bool             `json:"final"`
	Flags        []payment.Flag   `json:"flags"` // never nil
	Revision     int64            `json:"revision"`
	Provider     string           `json:"provider"`
	ProviderRef  string           `json:"provider_ref,omitempty"`
	Scheme       string           `json:"scheme,omitempty"`
	ResponseCode string           `json:"response_code,omitempty"`
	Attempts     []Attempt        `json:"attempts"` // never nil
	Reason       *Cause           `json:"reason,omitempty"`
	Resolution   *Resolution      `json:"resolution,omitempty"`
	CreatedAt    Time             `json:"created_at"`
	// the customer's; a till waits until this + answer_within
	DeadlineAt   Time   `json:"deadline_at"`
	PaidAt       Time   `json:"paid_at,omitzero"`
	Acknowledged bool   `json:"acknowledged"`
	QRPayload    string `json:"qr_payload,omitempty"` // while awaiting
	Receipt      string `json:"receipt,omitempty"`    // the till's receipt number, from an ECR line
}

// Attempt is one try of the customer that did not pay.
type Attempt struct {
	Status string `json:"status"` // "declined" or "expired"
	Scheme string `json:"scheme"` // "" when the gateway does not say
	At     Time   `json:"at"`
}

// Cause says why a payment has its status.
type Cause struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Resolution is what staff found out.
type Resolution struct {
	Outcome      string `json:"outcome"` // "approved" or "not-paid"
	By           string `json:"by"`
	Reason       string `json:"reason"`
	At           Time   `json:"at"`
	Contradicted bool   `json:"contradicted,omitempty"` // the gateway has said otherwise since
}

// Outline is what a till may see of another till's payment: that there is one, how it stands and
// until when it may last, but nothing about the sale.
type Outline struct {
	ID         string         `json:"id"`
	Till       string         `json:"till"`
	Status     payment.Status `json:"status"`
	Final      bool           `json:"final"`
	Flags      []payment.Flag `json:"flags"` // never nil
	Revision   int64          `json:"revision"`
	DeadlineAt Time           `json:"deadline_at"`
}

// View is a payment as one till may see it: a Payment for its owner, an Outline for everybody else.
type View interface{ view() }

func (Payment) view() {}
func (Outline) view() {}

// ViewFor is p as this till may see it. It is the only door by which payments reach tills.
func ViewFor(p payment.Payment, till string) View {
	if p.Till == till {
		return NewPayment(p)
	}
	return NewOutline(p)
}

// NewPayment is p for its owner.
func NewPayment(p payment.Payment) Payment {
	v := Payment{
		ID: p.ID, Till: p.Till, Reference: p.Reference, MerchantRef: p.MerchantRef,
		Amount: p.Money.Amount, Currency: p.Money.Currency, Status: p.Status, Final: p.Final,
		Flags: append([]payment.Flag{}, p.Flags...), Revision: p.Revision, Provider: p.Provider,
		ProviderRef: p.ProviderRef, Scheme: p.Scheme, ResponseCode: p.ResponseCode,
		Attempts: make([]Attempt, 0, len(p.Attempts)), CreatedAt: Time{p.CreatedAt},
		DeadlineAt: Time{p.DeadlineAt}, PaidAt: Time{p.PaidAt}, Acknowledged: p.Acknowledged,
	}
	for _, a := range p.Attempts {
		v.Attempts = append(v.Attempts, Attempt{Status: a.Status, Scheme: a.Scheme, At: Time{a.At}})
	}
	if r := p.Reason; r != nil {
		v.Reason = &Cause{Code: r.Code, Message: r.Message}
	}
	if r := p.Resolution; r != nil {
		v.Resolution = &Resolution{Outcome: r.Outcome, By: r.By, Reason: r.Reason, At: Time{r.At},
			Contradicted: r.Contradicted}
	}
	if p.Line != nil {
		v.Receipt = p.Line.Receipt
	}
	if p.Status == payment.StatusAwaiting {
		v.QRPayload = p.QRPayload
	}
	return v
}

// NewOutline is p for everybody but its owner.
func NewOutline(p payment.Payment) Outline {
	return Outline{
		ID: p.ID, Till: p.Till, Status: p.Status, Final: p.Final,
		Flags: append([]payment.Flag{}, p.Flags...), Revision: p.Revision,
		DeadlineAt: Time{p.DeadlineAt},
	}
}
