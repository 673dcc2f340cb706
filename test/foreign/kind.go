package foreign

import (
	"fmt"
	"time"
)

// Kind is a till's make: how it writes what it asks for.
type Kind struct {
	Name    string
	Dialect string // of the agent's line
	// Version is what its requests have after the function.
	Version string
	// Wait is how long such a till waits for a sale's answer.
	Wait time.Duration
	// Poll is the function by which it asks what became of a sale, "" where it cannot.
	Poll string
	// Receipt is the field with the receipt's number, "" where it has none.
	Receipt  string
	head     func(t *Till) string
	receipt  func(n int) string
	sale     map[Tender]word
	commands map[Command]word
	answers  func(request Frame) (head string) // the head that an answer must have
}

// word is a function and the fields that it brings besides amount and receipt.
type word struct {
	function string
	before   []Field // stand before the amount
	after    []Field // stand after the amount
}

// Tender is how the customer wants to pay.
type Tender string

// The tenders that a cashier can choose.
const (
	Card   Tender = "card"
	QR     Tender = "qr"
	Any    Tender = "any"
	Alipay Tender = "alipay"
)

// Command is anything that a till asks besides a sale.
type Command string

// The commands.
const (
	Status Command = "status"
	Cancel Command = "cancel"
	Last   Command = "last" // what became of the last sale
	Settle Command = "settle"
	Logon  Command = "logon"
	Void   Command = "void"
	Refund Command = "refund"
	Totals Command = "totals" // the day's, where another word than Settle asks for them
)

// Commands are all of them.
func Commands() []Command {
	return []Command{Status, Cancel, Last, Settle, Logon, Void, Refund, Totals}
}

// Has reports whether this till can ask it.
func (k Kind) Has(c Command) bool {
	_, ok := k.commands[c]
	return ok
}

// sameHead is the head of an answer that repeats the request's.
func sameHead(r Frame) string { return r.Head }

// answerHead is the head of an answer in the Link POS family: its last character is 1.
func answerHead(r Frame) string { return r.Head[:11] + "1" }

// PayCube is a till that was written for an AXS PayCube terminal. It has no receipt number.
func PayCube() Kind {
	return Kind{
		Name: "PayCube", Dialect: "paycube", Version: "01", Wait: 4 * time.Minute,
		head: (*Till).stamp, answers: sameHead,
		sale: map[Tender]word{Card: {function: "C1"}, QR: {function: "Q1"}, Any: {function: "Q1"}},
		commands: map[Command]word{Status: {function: "A1"}, Cancel: {function: "A5"},
			Void: {function: "C2"}, Last: {function: "56"}},
	}
}

// netsCommands are those that both tills of NETS send.
func netsCommands() map[Command]word {
	return map[Command]word{
		Status: {function: "I1"}, Settle: {function: "I5"}, Logon: {function: "80"},
		Totals: {function: "81"}, Last: {function: "56"},
	}
}

// purchase is function 30 with a transaction type, as a Singapore till's library writes it: also
// with cash-back fields that it leaves empty.
func purchase(transaction string) word {
	return word{function: "30", before: []Field{{"T2", transaction}, {"43", "0"}},
		after: []Field{{"42", "0" + string(make([]byte, 11))}}}
}

// credit is a card sale with the fields that the same library sends.
func credit(function string) word {
	return word{function: function, after: []Field{{"9G", "0000000000"}, {"H4", "0000000000"}}}
}

func netsReceipt(n int) string { return fmt.Sprintf("R%012d", n) }

// NETS2 is a till of ECR2: version 01, and the time as its number.
func NETS2() Kind {
	return Kind{
		Name: "NETS ECR2", Dialect: "nets", Version: "01", Wait: 120 * time.Second,
		head: (*Till).stamp, answers: sameHead, Receipt: "HD", receipt: netsReceipt,
		sale:     map[Tender]word{Any: purchase("01"), QR: purchase("04"), Card: credit("I0")},
		commands: netsCommands(),
	}
}

// NETS1 is a till of ECR1: version 00, and twelve zeros for ever.
func NETS1() Kind {
	k := NETS2()
	k.Name, k.Version = "NETS ECR1", "00"
	k.head = func(*Till) string { return "000000000000" }
	k.sale = map[Tender]word{Any: purchase("01"), QR: purchase("04"), Card: credit("I6")}
	return k
}

// linkHead is the address that the Link POS family sends for ever: 60, source and destination,
// version 1, and 0 for a request.
func linkHead(*Till) string { return "60" + "0000" + "0000" + "1" + "0" }

// LinkPOS is a vending machine's till of the Link POS family. It waits 15 seconds, then polls.
func LinkPOS() Kind {
	return Kind{
		Name: "Link POS", Dialect: "linkpos", Version: "00", Wait: 15 * time.Second, Poll: "74",
		head: linkHead, answers: answerHead, Receipt: "45",
		receipt: func(n int) string { return fmt.Sprintf("%06d", n) },
		sale: map[Tender]word{Card: {function: "20"}, QR: {function: "70"},
			Any: {function: "70"}},
		commands: map[Command]word{
			Status: {function: "D0"}, Cancel: {function: "CQ"}, Last: {function: "IQ"},
			Settle: {function: "50", before: []Field{{"HN", "999"}}},
			Void:   {function: "26", before: []Field{{"65", "000001"}}},
			Refund: {function: "27"},
		},
	}
}

// UOB is a Singapore till for UOB's terminals: Link POS's header, other functions, no polling.
func UOB() Kind {
	return Kind{
		Name: "UOB", Dialect: "uob", Version: "00", Wait: 120 * time.Second,
		head: linkHead, answers: answerHead, Receipt: "D8",
		receipt: func(n int) string { return fmt.Sprintf("00000000R%010d", n) },
		sale: map[Tender]word{Card: {function: "20"}, Any: {function: "UE"},
			Alipay: {function: "UE", after: []Field{{"35", "ALIPAY"}}},
			QR:     {function: "UE", after: []Field{{"35", "WECHAT"}}}},
		commands: map[Command]word{Last: {function: "49"}},
	}
}

// Kinds are all of them.
func Kinds() []Kind { return []Kind{PayCube(), NETS1(), NETS2(), LinkPOS(), UOB()} }
