package payment

// Class says what a movement of money is to the payment that it belongs to.
type Class string

// The classes.
const (
	ClassSale        Class = "sale"         // the right amount, for the first time
	ClassAgain       Class = "again"        // the right amount, by a further transaction
	ClassOtherAmount Class = "other_amount" // another amount or currency than the sale's
	ClassBack        Class = "back"         // given back: voided or refunded
	ClassUnmatched   Class = "unmatched"    // of a sale that this journal does not know
)
