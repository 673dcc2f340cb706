package till

import (
	"slices"
	"strings"
	"time"

	"kiosk-agent/device/ecr"
	"kiosk-agent/payment"
)

// A cashier whose till has given up tries again, with a new ECN and the receipt number of before.
// That is the same sale where it is certain to be (sameSale, mayHear), TO where it may be, and a
// new one once the till has acknowledged the outcome or receiptWindow is over. A till that fills in
// the same receipt number always has told nothing by it: it never hears an old approval.

const (
	// receiptWindow is how long after a sale's end its receipt number may mean that sale.
	receiptWindow = 10 * time.Minute
	// receiptsBefore is how many sales before a sale must have had different receipt numbers: then
	// the till numbers its receipts.
	receiptsBefore = 3
	// fillers are what a till writes into a field for which it has no number.
	fillers = "0 -"
)

// saleRequest is what a sale's request says beside its bytes.
type saleRequest struct {
	line   payment.Line
	amount int64 // 0 where it has none that can be read
}

// orderOf is how the till asked, and for how much.
func (m *Machine) orderOf(r *ecr.Request) saleRequest {
	amount, err := r.Amount()
	if err != nil {
		amount = 0 // it is refused, or busy, before the amount matters
	}
	o := saleRequest{line: lineOf(r), amount: amount}
	o.line.TillWaits = payment.ToMillis(m.timers.TillWaits)
	return o
}

// sameReceipt reports whether a request has the receipt number and amount of this sale.
func (s *sale) sameReceipt(o saleRequest) bool {
	return o.line.Receipt != "" && o.amount > 0 && o.line.Receipt == s.line.Receipt &&
		o.amount == s.amount
}

// sameSale reports whether a request with another ECN asks for this very sale, as long as it runs.
func (s *sale) sameSale(o saleRequest) bool {
	return s.sameReceipt(o) && o.line.Function == s.line.Function && o.line.ECN != s.line.ECN
}

// numbered reports whether the till had numbered the receipts of the sales before this one.
func (s *sale) numbered() bool {
	if len(s.before) < receiptsBefore {
		return false
	}
	for i, r := range s.before {
		if r == "" || slices.Contains(s.before[:i], r) {
			return false
		}
	}
	return true
}

// onlyOnce reports whether the till had numbered its receipts, and this number is one: that of no
// sale before, and of no request that was refused. A till that uses a number again because nothing
// was sold under it gives it to the next customer, too.
func (s *sale) onlyOnce() bool {
	return s.numbered() && !s.usedAgain && !slices.Contains(s.before, s.line.Receipt) &&
		strings.Trim(s.line.Receipt, fillers) != ""
}

// turnedDown notes that a request with this receipt number started nothing.
func (m *Machine) turnedDown(receipt string) {
	if s := m.current(); s != nil && s.line.Receipt == receipt {
		s.usedAgain = true
	}
	all := append([]string{receipt}, m.refusedReceipts...)
	m.refusedReceipts = all[:min(len(all), receiptsBefore)]
}

// receiptsBeforeNext are the receipt numbers of this sale and those before it, newest first.
func (s *sale) receiptsBeforeNext() []string {
	all := append([]string{s.line.Receipt}, s.before...)
	return all[:min(len(all), receiptsBefore)]
}

// recall takes over what the journal has of the sales before the newest, newest first.
func (m *Machine) recall(before []payment.Payment) {
	m.recent = nil
	for _, p := range slices.Backward(before) {
		if p.Line != nil {
			m.remember(m.saleOf(p, m.now))
		}
	}
	if m.sale == nil {
		return
	}
	m.sale.before = nil
	for _, p := range before[:min(len(before), receiptsBefore)] {
		receipt := ""
		if p.Line != nil {
			receipt = p.Line.Receipt
		}
		m.sale.before = append(m.sale.before, receipt)
	}
}

// remember keeps a sale that is not the newest any more as long as its receipt number may mean it.
func (m *Machine) remember(s *sale) {
	m.recent = slices.DeleteFunc(m.recent, func(x *sale) bool { return !m.mayMean(x) })
	if m.mayMean(s) {
		m.recent = append(m.recent, s)
	}
}

// succeed makes a sale the newest one.
func (m *Machine) succeed(s *sale) {
	if old := m.sale; old != nil {
		s.before = old.receiptsBeforeNext()
		m.remember(old)
	}
	m.sale = s
}

// mayMean reports whether the receipt number of a sale that is over may mean that sale still.
func (m *Machine) mayMean(s *sale) bool {
	return s.line.Receipt != "" && !s.acked && !s.running() && s.finalBoot == m.now.Boot &&
		m.now.Up-s.finalUp < receiptWindow
}

// byReceipt is the sale that a request may mean by its receipt number, nil if there is none. An ECN
// that does not change tells nothing: only a till that numbers its receipts means by the same
// request the same sale.
func (m *Machine) byReceipt(o saleRequest) *sale {
	means := func(s *sale) bool {
		return s != nil && s.sameReceipt(o) && m.mayMean(s) &&
			(s.line.ECN != o.line.ECN || s.numbered())
	}
	if means(m.sale) {
		return m.sale
	}
	if i := slices.IndexFunc(m.recent, means); i >= 0 {
		return m.recent[i]
	}
	return nil
}

// mayHear reports whether a till that asks by the receipt number of a sale that is over hears what
// became of it. Else it might be another customer's.
func (m *Machine) mayHear(s *sale, o saleRequest) bool {
	if s != m.sale || s.line.Function != o.line.Function || s.p.Boot != m.now.Boot ||
		!s.onlyOnce() || s.line.TillWaits == 0 || s.waitUnknown {
		return false
	}
	gaveUp := s.askedUp + s.line.TillWaits.Duration()
	return m.now.Up >= gaveUp && (!s.told || s.toldUp >= gaveUp)
}

// takesOver lets the running sale's response be the answer to the newest of its requests. The
// journal knows the first one only: after a crash its ECN would be a wrong answer, and nothing is
// due.
func (m *Machine) takesOver(s *sale, o saleRequest, r *ecr.Request) {
	// The engine has taken back a word that the till may have heard, or the customer's time is
	// over: whoever has paid need not be the customer of now.
	if s.told || s.timeIsOver(m.now) && !s.onlyOnce() {
		m.supersede()
		m.queue(m.doubt(s, header(r), r.Echo()))
		return
	}
	m.rejection = nil
	m.dropAll(s)
	if !s.p.Superseded {
		m.askSupersede(s)
		m.link.ackTo = s.supersedeTo
	}
	m.readdress(s, o, r)
	s.askedUp, s.waitUnknown = m.now.Up, false
	s.due, s.superseded = true, false
	if s == m.starting {
		m.startReq = header(r)
	}
	m.note("the same sale by its receipt number: it is running", "payment", s.p.ID)
}

// timeIsOver reports whether no customer can pay this sale any more. The engine's word may be on
// its way still: after a suspend the requests of minutes are read before it.
func (s *sale) timeIsOver(now Now) bool {
	return s.p.EndedBy != "" ||
		s.p.Boot == now.Boot && s.p.Deadline > 0 && now.Up >= s.p.Deadline
}

// readdress makes a request the one that the sale's response answers.
func (m *Machine) readdress(s *sale, o saleRequest, r *ecr.Request) {
	waits, wasNew, ecn := s.line.TillWaits, s.line.ECNIsNew, s.line.ECN
	s.line = o.line
	s.line.ECNIsNew, s.line.TillWaits = wasNew || o.line.ECN != ecn, waits
	s.echo, s.conn, s.frame = r.Echo(), m.link.conn, nil
}

// askedByReceipt answers a request that may mean a sale that is over.
func (m *Machine) askedByReceipt(s *sale, o saleRequest, r *ecr.Request) {
	hears := m.mayHear(s, o)
	m.supersede()
	if !hears {
		m.queue(m.doubt(s, header(r), r.Echo()))
		return
	}
	m.rejection = nil
	m.count(CounterRepeat)
	m.note("the same sale by its receipt number: the till had given up before it was answered",
		"payment", s.p.ID)
	m.readdress(s, o, r)
	m.toldOf(s)
	m.queue(&answer{kind: ecr.KindSale, s: s, own: true, tell: true})
}
