package payment

// Evidence is what a payment's facts say, reduced to what Decide looks at.
type Evidence struct {
	Minted     bool // there is something a customer could have paid
	MintFailed bool
	Paid       bool // a record that satisfies guarantee 1
	Reversed   bool // a VOID or REFUND was on record before approved was first offered
	// Contradicts: SUCCESS with a wrong amount, currency or response code, or one transactionRef
	// that was reported in two ways.
	Contradicts bool
	Declined    bool // on record when the payment ended
	Expired     bool // on record when the payment ended
	Finish      bool // policy: an attempt's end is the payment's end
	Cancel      bool // cancel asked, or the display was lost
	Deadline    bool
	Searched    bool // the evidence rule ran to its end and found no payment
	Undecided   bool // the time to answer ran out before that
}

// Decide is the status function. It is pure: no clock, no configuration, no I/O. The first row
// whose needs are all met wins; what a row does not name may be either way. TestDecideTruthTable
// enumerates every combination against this very table.
//
//	row | needs                                  | status
//	 1  | paid, reversed                         | unknown (reversed)
//	 2  | paid                                   | approved
//	 3  | contradicts                            | unknown
//	 4  | mint_failed, not minted                | cancelled
//	 5  | finish, declined                       | declined
//	 6  | finish, expired                        | expired
//	 7  | cancel or deadline, searched, declined | declined
//	 8  | cancel or deadline, searched, expired  | expired
//	 9  | cancel, searched                       | cancelled
//	10  | deadline, searched                     | expired
//	11  | cancel or deadline, undecided          | unknown
//	12  | minted                                 | awaiting
//	13  |                                        | created
//
// Precedence, as the table reads: matching SUCCESS > contradiction > DECLINED > EXPIRED > cancelled
// > deadline.
func Decide(e Evidence) Status {
	ended := e.Cancel || e.Deadline
	switch {
	case e.Paid && e.Reversed:
		return StatusUnknown
	case e.Paid:
		return StatusApproved
	case e.Contradicts:
		return StatusUnknown
	case e.MintFailed && !e.Minted:
		return StatusCancelled
	case e.Finish && e.Declined:
		return StatusDeclined
	case e.Finish && e.Expired:
		return StatusExpired
	case ended && e.Searched && e.Declined:
		return StatusDeclined
	case ended && e.Searched && e.Expired:
		return StatusExpired
	case ended && e.Searched && e.Cancel:
		return StatusCancelled
	case ended && e.Searched:
		return StatusExpired
	case ended && e.Undecided:
		return StatusUnknown
	case e.Minted:
		return StatusAwaiting
	default:
		return StatusCreated
	}
}
