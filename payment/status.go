package payment

// Evidence is what a payment's facts say, reduced to what Decide looks at.
type Evidence struct {
	Minted     bool // there is something a customer could have paid
	MintFailed bool
	Paid       bool // a record that satisfies promise 1
	Reversed   bool // a VOID or REFUND was on record before approved was first offered
	// SUCCESS with a wrong amount, currency or response code, or one transactionRef reported in two
	// ways
	Contradicts bool
	Declined    bool // on record when the payment ended
	Expired     bool // on record when the payment ended
	Finish      bool // policy: an attempt's end is the payment's end
	Cancel      bool // cancel asked, or the display was lost
	Deadline    bool
	Searched    bool // the evidence rule ran to its end and found no payment
	Undecided   bool // the time to answer ran out before that
}

// Decide is the status function. It is pure: no clock, no configuration, no I/O. The first row that
// matches wins; a blank cell is "either". TestDecideTruthTable enumerates every combination against
// this very table.
//
//	row | paid reversed | contradicts | minted mint_failed | finish declined expired | cancel deadline | searched undecided | status
//	 1  |  x      x     |             |                    |                         |                 |                    | unknown (reversed)
//	 2  |  x            |             |                    |                         |                 |                    | approved
//	 3  |               |      x      |                    |                         |                 |                    | unknown
//	 4  |               |             |   no        x      |                         |                 |                    | cancelled
//	 5  |               |             |                    |   x       x             |                 |                    | declined
//	 6  |               |             |                    |   x               x     |                 |                    | expired
//	 7  |               |             |                    |           x             | one or both     |    x               | declined
//	 8  |               |             |                    |                   x     | one or both     |    x               | expired
//	 9  |               |             |                    |                         |   x             |    x               | cancelled
//	10  |               |             |                    |                         |           x     |    x               | expired
//	11  |               |             |                    |                         | one or both     |             x      | unknown
//	12  |               |             |    x               |                         |                 |                    | awaiting
//	13  |               |             |                    |                         |                 |                    | created
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
