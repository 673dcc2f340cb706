package payment

// Finding is what staff found out, in one of a closed set of words. Which of them fits a payment or
// an entry, and to which outcome it leads, Findings says.
type Finding string

// The findings.
const (
	// the sale is in the books as paid, or the goods were handed over for it
	FindingBooked Finding = "booked"
	// every payment, or all but one of them, or the payment of another amount was given back:
	// Resolved.Refs names them
	FindingGivenBack Finding = "given-back"
	// the difference between what was paid and what was asked for was settled in another way
	FindingSettled Finding = "settled"
	// the gateway's portal shows the reversal, and the money was kept all the same
	FindingKept Finding = "kept"
	// the gateway's portal shows the payment: Resolved.PortalRef names it
	FindingPaid Finding = "paid"
	// the gateway's portal shows none
	FindingNotPaid Finding = "not-paid"
	// the till's book says what the status says
	FindingTillChecked Finding = "till-checked"
	// the sale of an unmatched record was found in a till's book
	FindingSaleFound Finding = "sale-found"
	// a difference is explained, or was handed to the gateway
	FindingExplained Finding = "explained"
	FindingHandedOn  Finding = "handed-on"
	// a parked delivery is somebody's junk
	FindingJunk Finding = "junk"
	// none of these: a supervisor's words stand in the reason
	FindingOther Finding = "other"
)
