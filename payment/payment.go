package payment

import "time"

// Status is the one word that a till acts on.
type Status string

// The statuses. All but the first two are final.
const (
	StatusCreated   Status = "created"
	StatusAwaiting  Status = "awaiting"
	StatusApproved  Status = "approved"
	StatusDeclined  Status = "declined"
	StatusExpired   Status = "expired"
	StatusCancelled Status = "cancelled"
	StatusUnknown   Status = "unknown"
)

// Final reports whether a till may act on the status.
func (s Status) Final() bool { return s != StatusCreated && s != StatusAwaiting && s != "" }

// Flag qualifies a status; each one puts the payment on the staff's worklist, except unconfirmed.
type Flag string

// The flags, in the order in which a Payment lists them.
const (
	// paid after declined, expired or cancelled was offered
	FlagLate           Flag = "late"
	FlagDuplicate      Flag = "duplicate"       // a second, distinct payment of the same link
	FlagAmountMismatch Flag = "amount_mismatch" // SUCCESS with another amount or currency
	// no payment found, but no query was there to confirm it
	FlagUnconfirmed Flag = "unconfirmed"
	FlagReversed    Flag = "reversed" // a VOID or REFUND is on record
)

// Attempt is one try of the customer on the hosted page that did not pay.
type Attempt struct {
	Status string    `json:"status"` // "declined" or "expired"
	Scheme string    `json:"scheme,omitempty"`
	At     time.Time `json:"at"`
}

// What staff can find out about a payment.
const (
	ResolvedApproved = "approved"
	ResolvedNotPaid  = "not-paid"
	ResolvedNoted    = "noted" // it closes nothing that is owed, and comes back with any movement
)

// Resolution is what staff found out about a payment.
type Resolution struct {
	Outcome string    `json:"outcome"` // ResolvedApproved or ResolvedNotPaid
	By      string    `json:"by"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
	Finding Finding   `json:"finding,omitempty"` // "" in journals before schema 3
	// the payments that were given back, and what the portal or the till's book calls it
	Refs      []string `json:"refs,omitempty"`
	PortalRef string   `json:"portal_ref,omitempty"`
	// money or a dispute has come after it, which it did not foresee: it settles nothing any more
	Contradicted bool     `json:"contradicted,omitempty"`
	News         []string `json:"news,omitempty"` // that, in words
}

// Claim is what a customer told staff: that he has paid.
type Claim struct {
	Claimed
	Seq int64
	At  time.Time
}

// Transmission is one sending of an outcome on an ECR line.
type Transmission struct {
	Revision int64
	Status   Status
	Frame    []byte
	Boot     string
	Up       time.Duration
}

// Payment is what follows from a payment's facts (see Fold). The first group is what a till may
// see.
type Payment struct {
	ID           string
	Till         string
	Reference    string
	MerchantRef  string
	Money        Money
	Status       Status
	Final        bool
	Flags        []Flag
	Revision     int64 // grows only when something in this group, other than Acknowledged, changes
	Provider     string
	ProviderRef  string
	Scheme       string
	ResponseCode string
	Attempts     []Attempt
	Reason       *Reason
	Resolution   *Resolution
	CreatedAt    time.Time
	DeadlineAt   time.Time // wall clock, for people
	PaidAt       time.Time
	Acknowledged bool   // the present revision is
	QRPayload    string // while awaiting: what the customer scans; for the owner only

	// For the engine and for staff.
	Description string
	Schemes     []string
	Mode        string
	Policy      Policy
	Boot        string        // boot in which it was requested
	RequestedUp time.Duration // boot clock of that, valid in that boot
	Deadline    time.Duration // boot clock, valid in that boot
	Owed        bool          // final, and its present revision is not acknowledged
	OfferedRev  int64         // newest revision that the till was told
	AckedRev    int64         // newest revision that the till has stored
	Shown       bool
	Opened      bool // the customer has opened the link, where the gateway tells
	MintSent    bool
	// the scheme that the gateway's code is for; "" where it is for none in particular
	Wallet      string
	Minted      bool
	EndedBy     Kind   // cancel_requested, display_lost, deadline_passed or ""
	EndedBoot   string // boot and boot clock of that fact
	EndedUp     time.Duration
	Withdrawn   bool
	WithdrawnUp time.Duration
	FinalBoot   string // boot and boot clock of the fact that made it final
	FinalUp     time.Duration
	Line        *Line          // on an ECR line: how it was asked for
	Sent        []Transmission // on an ECR line: every sending of an outcome, oldest first
	// on an ECR line: another sale was asked for while the response was due
	Superseded bool
	// what staff were told by the customer, newest last
	Claims []Claim
	// what money moved, in the order in which it was stated, and what could not be counted
	Movements []Movement
	Doubts    []Doubt
	// the codes of tasks that staff have settled, and nothing has contradicted since
	Settled []string
	// the revision of which staff say that the till's book says the same
	CheckedRev int64
	// how often a receipt of it was printed
	Receipts int
	Account  string // the gateway account that it was made at; "" before schema 3
	Lane     string // the display that shows it; "" = the only one
	Disputed bool   // paid, and the gateway has also said something that does not fit
	// the gateway's references of every payment of the right amount; "" where it has stated none
	Transactions []string
	LastSeq      int64
}
