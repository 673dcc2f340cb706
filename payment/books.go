package payment

import "time"

// The books of a terminal: day closes, reconciliations and receipts. Facts of these kinds say what
// was counted and printed; none of them changes a payment's status, or anything that a till hears
// about one. Amounts are in minor units of their currency.

// BookLine is one line of a close: how many movements of one class there were, and their sum.
type BookLine struct {
	Section  string `json:"section"` // "period", "begun_before", "earlier_days", "staff", …
	Class    Class  `json:"class"`
	Till     string `json:"till,omitempty"`
	Currency string `json:"currency"`
	Scheme   string `json:"scheme,omitempty"`
	Count    int64  `json:"count"`
	Amount   int64  `json:"amount"` // what is given back is negative
	// movements whose amount could not be read: Amount is incomplete then
	NotStated int64 `json:"not_stated,omitempty"`
}

// TillLine compares one till with the journal at a close.
type TillLine struct {
	Till      string `json:"till"`
	Currency  string `json:"currency"`
	Journal   int64  `json:"journal"`   // paid, by the journal
	Told      int64  `json:"told"`      // approved was offered
	Confirmed int64  `json:"confirmed"` // approved was acknowledged
	// what the till itself says, where it has said anything
	Expected *Sum     `json:"expected,omitempty"`
	Differ   []string `json:"differ,omitempty"` // ids of the payments that explain a difference
}

// Sum is a number of movements and their amount.
type Sum struct {
	Count    int64  `json:"count"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

type (
	// DayClosed closes the movements with a sequence in (From, To]; To is the fact before this one.
	DayClosed struct {
		Number int64      `json:"number"` // from 1, without a gap, never reset
		Series string     `json:"series"` // "A", "B" …: each recovered fact begins the next one
		Date   string     `json:"date"`   // business date, YYYY-MM-DD, local
		Part   int        `json:"part"`   // 1; a second close of the date is 2
		From   int64      `json:"from"`
		To     int64      `json:"to"`
		By     string     `json:"by"`
		Via    string     `json:"via"`           // "command", "till", "daily", "console"
		Key    string     `json:"key,omitempty"` // a till's own: the same key is the same close
		Rules  int        `json:"rules"`         // version of the computation
		Lines  []BookLine `json:"lines,omitempty"`
		// the sum of all closes, this one included
		Running  []Sum      `json:"running,omitempty"`
		Staff    []BookLine `json:"staff,omitempty"` // what only staff say
		Tills    []TillLine `json:"tills,omitempty"`
		Open     []string   `json:"open,omitempty"` // ids and entries that were open
		Outcomes []BookLine `json:"outcomes,omitempty"`
		Note     string     `json:"note,omitempty"`
	}
	// Reconciled says that a gateway's report was compared with the journal.
	Reconciled struct {
		File   string `json:"file"`
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256"` // hex, of the whole file; of an API's answers in their order
		Map    string `json:"map"`    // the column map's name
		// the period that the report covers
		Since time.Time    `json:"since,omitzero"`
		Until time.Time    `json:"until,omitzero"`
		Sums  []ClassedSum `json:"sums,omitempty"`
		User  string       `json:"user"`
		Role  string       `json:"role,omitempty"`
	}
	// Difference is one case in which a report and the journal do not agree. It is an entry of the
	// worklist until it is resolved, or explained by a later report or movement.
	Difference struct {
		// identifies the case: an overlapping report makes no second entry of it
		Mark           string    `json:"mark"`
		Class          string    `json:"class"`
		Reconciled     int64     `json:"reconciled"` // Seq of the comparison that found it
		MerchantRef    string    `json:"merchant_ref,omitempty"`
		TransactionRef string    `json:"transaction_ref,omitempty"`
		Reported       *Sum      `json:"reported,omitempty"`
		Journal        *Sum      `json:"journal,omitempty"`
		At             time.Time `json:"at,omitzero"` // as the report says
		Row            int64     `json:"row,omitempty"`
	}
	// StaffChanged says that an account of the staff was made, changed or removed; it holds no
	// secret.
	StaffChanged struct {
		User string `json:"user"`
		Role string `json:"role,omitempty"`
		What string `json:"what"` // "added", "removed", "role", "reset", "unlocked"
		By   string `json:"by"`
	}
	// ReceiptPrinted says that a receipt of this payment was printed, or printed again.
	ReceiptPrinted struct {
		Number string `json:"number"`
		Copy   int    `json:"copy"` // 0 = the original
		To     string `json:"to"`   // "till", "printer", "screen"
		By     string `json:"by,omitempty"`
	}
)

// ClassedSum is a sum of one class of a reconciliation.
type ClassedSum struct {
	Class string `json:"class"`
	Sum
}

func (DayClosed) Kind() Kind      { return KindDayClosed }
func (Reconciled) Kind() Kind     { return KindReconciled }
func (Difference) Kind() Kind     { return KindDifference }
func (StaffChanged) Kind() Kind   { return KindStaffChanged }
func (ReceiptPrinted) Kind() Kind { return KindReceiptPrinted }
