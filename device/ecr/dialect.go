package ecr

import (
	"slices"
	"time"
)

// Kind is what a function asks for.
type Kind string

// The kinds. KindUnknown is a function that the dialect does not list.
const (
	KindUnknown    Kind = ""
	KindStatus     Kind = "status"
	KindCancel     Kind = "cancel"
	KindSale       Kind = "sale"
	KindVoid       Kind = "void"
	KindLast       Kind = "last"
	KindLogon      Kind = "logon"
	KindSettlement Kind = "settlement"
	kindOff        Kind = "off" // in a file: takes a function of the base away
)

// kinds in the order in which texts list them; never written.
var kinds = []Kind{KindStatus, KindCancel, KindSale, KindVoid, KindLast, KindLogon, KindSettlement}

// Timers are a dialect's times and counts; device/till gives them their meaning.
type Timers struct {
	ACK                time.Duration // how long an ACK is waited for
	Gap                time.Duration // silence inside a frame that drops it: call Scanner.Gap
	Quiet              time.Duration // silence after a frame that was sent more than once
	Transmissions      int           // of one frame, at most
	RepeatWindow       time.Duration // a repeat of a sale gets the stored response
	RepeatWindowNewECN time.Duration // the same where this ECN differs from the previous sale's
	ECNUnique          bool          // the till never uses an ECN twice
	// where ECNUnique: how long a repeat is answered from the store
	StoredFor time.Duration
	// how long the till waits for a sale's answer; 0 = not known, or it asks again by itself
	TillWaits time.Duration
}

// Scaled is t with every time divided by n, for tests that cannot wait; counts stay, and so does
// TillWaits, which is no time of the line.
func (t Timers) Scaled(n int64) Timers {
	for _, d := range []*time.Duration{&t.ACK, &t.Gap, &t.Quiet, &t.RepeatWindow,
		&t.RepeatWindowNewECN, &t.StoredFor} {
		*d /= time.Duration(n)
	}
	return t
}

// LeastCustomersTime is the least that a till's waiting must leave the customer.
const LeastCustomersTime = 30 * time.Second

// CustomersTime is how long a customer may take to pay, so that the answer is with the till before
// it gives up: TillWaits less answerWithin and three ACK timers, in whole seconds. 0 = as long as
// is configured: how long the till waits is not known.
func (t Timers) CustomersTime(answerWithin time.Duration) time.Duration {
	if t.TillWaits == 0 {
		return 0
	}
	return (t.TillWaits - answerWithin - 3*t.ACK).Truncate(time.Second)
}

// LeastTillWaits is the shortest TillWaits that leaves the customer LeastCustomersTime.
func (t Timers) LeastTillWaits(answerWithin time.Duration) time.Duration {
	return LeastCustomersTime + answerWithin + 3*t.ACK
}

// Dialect is everything that can differ between tills of this family. It never changes.
type Dialect struct {
	s spec

	stx, etx, ack, nak byte
	indicator, headSep []byte
	indicators         [][]byte // what else may stand in its place
	anyIndicator       bool
	fieldSep           []byte
	length             lengthCode // of the frame
	fieldLength        lengthCode
	overhead           int // what LEN counts besides the fields
	headerLen          int
	seed               byte
	lrcFrom            int  // offset of the first byte that the LRC covers
	lrcETX             bool // the LRC covers ETX
	timers             Timers
	zone               *time.Location
	functions          []Function // sorted by code
	codes              map[string]int
	fields             map[string][]responseFieldSpec // of the answers to each function
	only               map[string]bool                // codes of fields that no request has
	codeOnly           map[string]bool                // response codes that no request has
}

// Function is one entry of a dialect's table of functions.
type Function struct {
	Code    string
	Kind    Kind
	Schemes []string // the gateway's words; empty = all
}

// Name is the file's own name for the dialect: "paycube".
func (d *Dialect) Name() string { return d.s.Name }

// Timers are the dialect's times and counts.
func (d *Dialect) Timers() Timers { return d.timers }

// ACK is the byte that acknowledges a frame.
func (d *Dialect) ACK() byte { return d.ack }

// NAK is the byte that asks for a frame again.
func (d *Dialect) NAK() byte { return d.nak }

// MaxFrame is the size of the greatest frame that is read or written, in bytes from STX through
// LRC.
func (d *Dialect) MaxFrame() int { return d.s.Frame.Max }

// ECNWidth is the number of characters of an ECN.
func (d *Dialect) ECNWidth() int { return d.s.Header.ECN }

// Functions is the dialect's table, sorted by code. The caller must not change it.
func (d *Dialect) Functions() []Function { return d.functions }

// Answer is the response code and the text of at most 40 characters that a till gets for o. The
// table of a Dialect is complete.
func (d *Dialect) Answer(o Outcome) (code, text string) {
	a, ok := d.s.Outcomes[string(o)]
	if !ok {
		a = d.s.Outcomes[string(Internal)]
	}
	return a.Code, a.Text
}

// OutcomesWith lists the outcomes that are told with a response code: what a till's code can mean.
func (d *Dialect) OutcomesWith(code string) (list []Outcome) {
	for _, o := range outcomes {
		if d.s.Outcomes[string(o.outcome)].Code == code {
			list = append(list, o.outcome)
		}
	}
	return list
}

// function is the entry of a code, or nil.
func (d *Dialect) function(code []byte) *Function {
	i, ok := d.codes[string(code)]
	if !ok {
		return nil
	}
	return &d.functions[i]
}

// fieldsOf are the fields of the answers to a function.
func (d *Dialect) fieldsOf(function []byte) []responseFieldSpec {
	if list, ok := d.fields[string(function)]; ok {
		return list
	}
	return d.s.Response.Fields
}

// TellsSold reports whether the answer to this function has a field for the day's sales.
func (d *Dialect) TellsSold(function []byte) bool {
	f := d.function(function)
	return f != nil && f.Kind == KindSettlement &&
		slices.ContainsFunc(d.fieldsOf(function), func(s responseFieldSpec) bool {
			return (s.Source == sourceDayCount || s.Source == sourceDaySum) &&
				s.applies(f.Kind, SettlementDone)
		})
}

// Day is the day of this moment where the dialect's dates are: its first moment, and the next
// day's.
func (d *Dialect) Day(at time.Time) (from, until time.Time) {
	y, m, day := at.In(d.zone).Date()
	from = time.Date(y, m, day, 0, 0, 0, 0, d.zone)
	return from, from.AddDate(0, 0, 1)
}

// frameLen is the size of a frame with so many bytes of fields.
func (d *Dialect) frameLen(fields int) int { return 1 + d.length.width + d.headerLen + fields + 2 }

// lrc is the check byte of a whole frame; its last byte, the LRC itself, is not looked at.
func (d *Dialect) lrc(frame []byte) byte {
	end := len(frame) - 1
	if !d.lrcETX {
		end--
	}
	sum := d.seed
	for _, b := range frame[d.lrcFrom:end] {
		sum ^= b
	}
	return sum
}
