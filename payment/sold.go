package payment

// Sold is what a till has sold in a time: how many approved sales of which something is left, and
// how much that is, in minor units. It is made of movements, as all totals are, and belongs to the
// day on which the journal recorded the sale's payment.
type Sold struct {
	Count  int
	Amount int64
}

// Left is what is left of an approved sale: what came in, up to its amount, less what was given
// back, on whichever day. A second payment of it is no sale, and giving that back takes nothing
// from it. Where nobody can tell how much was given back it is nothing.
func (p Payment) Left() (amount int64) {
	if p.Status != StatusApproved {
		return 0
	}
	for _, m := range p.Movements {
		switch same := m.Stated && m.Currency == string(p.Money.Currency); {
		case same:
			amount += m.Amount
		case m.Class == ClassBack:
			return 0
		}
	}
	return min(max(amount, 0), p.Money.Amount)
}
