// Package ecrtill is a till written from docs/protocols/ecr-family.md alone, for tests: the
// ECR line protocol as somebody who integrates tills would read it. It shares no code with the
// terminal's side and never imports device/..., so that an error shared by both ends cannot hide.
//
// It frames, sends, acknowledges and keeps a Book of what it believes happened with each sale. It
// can be told to misbehave. It starts nothing but what Run starts; every other method may be called
// from any goroutine. Nothing survives the process: Reboot is a till that has lost its memory, and
// the Book stays what an auditor wrote down beside it.
package ecrtill

import "time"

// Verdict is what a till believes about a sale.
type Verdict string

// The verdicts. Only Approved is money.
const (
	Open      Verdict = "open"      // asked, not answered
	Approved  Verdict = "approved"  // 00 to this very sale
	NotPaid   Verdict = "not_paid"  // a definite answer other than 00
	Uncertain Verdict = "uncertain" // TO, or no answer that counts: staff have to look
	// the terminal's newest sale is another one: this one never began
	NotStarted Verdict = "not_started"
	Forgotten  Verdict = "forgotten" // the till lost its memory while it waited
)

// Dialect is a set of functions and response codes. Framing is the same in both.
type Dialect struct {
	Name       string
	Status     string
	Cancel     string // "" = none
	LastResult string
	QR, Card   string
	Void       string             // "" = none
	Logon      string             // "" = none
	Settlement string             // "" = none
	Codes      map[string]Verdict // of a sale's response and of the last result
	// the last result's code while the sale still runs (nets: uncertain)
	Running  string
	Purchase map[string]string // function → field T2; nil = no such field
}

// Paycube is the dialect of AXS PayCube's functions.
func Paycube() Dialect {
	return Dialect{
		Name: "paycube", Status: "A1", Cancel: "A5", LastResult: "56", QR: "Q1", Card: "C1",
		Void: "C2", Running: "E6",
		Codes: map[string]Verdict{
			"00": Approved, "51": NotPaid, "01": NotPaid, "02": NotPaid, "E1": NotPaid,
			"E2": NotPaid, "E3": NotPaid, "E4": NotPaid, "E6": NotPaid, "XX": NotPaid,
			"TO": Uncertain,
		},
	}
}

// Nets is the dialect of tills integrated with NETS terminals.
func Nets() Dialect {
	return Dialect{
		Name: "nets", Status: "55", LastResult: "56", QR: "30", Card: "I0", Logon: "80",
		Settlement: "81", Running: "TO",
		Codes: map[string]Verdict{
			"00": Approved, "51": NotPaid, "US": NotPaid, "01": NotPaid, "20": NotPaid,
			"HS": NotPaid, "LR": NotPaid, "TO": Uncertain,
		},
		Purchase: map[string]string{"30": "04"},
	}
}

// Timers of the till's side.
type Timers struct {
	ACK      time.Duration // how long a frame waits for ACK or NAK
	Gap      time.Duration // silence inside a frame that ends it
	Response time.Duration // how long a request waits for its response, after its ACK
	Poll     time.Duration // between two questions for the last result while the sale still runs
}

// DefaultTimers are the document's, for a payment of 180 s + 25 s.
func DefaultTimers() Timers {
	return Timers{ACK: 2 * time.Second, Gap: 500 * time.Millisecond, Response: 205 * time.Second,
		Poll: time.Second}
}

// Divide makes the line's timers n times shorter; Response and Poll stay in proportion.
func (t Timers) Divide(n int) Timers {
	d := time.Duration(n)
	return Timers{ACK: t.ACK / d, Gap: t.Gap / d, Response: t.Response / d, Poll: t.Poll / d}
}

// transmissions is how often one frame may be sent.
const transmissions = 3

// Policy is how a till numbers its requests.
type Policy string

// The policies that are seen in the field.
const (
	Counting   Policy = "counting"   // each request has the next number
	Constant   Policy = "constant"   // every request has the same number
	Restarting Policy = "restarting" // counts, and begins again with each reboot
)
