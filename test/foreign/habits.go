package foreign

import "time"

// Habits are what tills were seen to do. The zero value is a till that does everything right.
type Habits struct {
	// Wait is how long a sale's answer is waited for; 0 is the kind's own.
	Wait time.Duration
	// Repeats is how often the cashier, after "try again", sends the sale anew: with the same
	// receipt, and with a new number where the till has one.
	Repeats int
	// NeverAcks: it acknowledges no answer.
	NeverAcks bool
	// PollEvery is the pause between two polls of a till that polls; 0 is 3 s.
	PollEvery time.Duration
	MaxPolls  int // polls of one sale; 0 is 200
	// ByText: a sale is paid when the text says APPROVED anywhere, whatever the code.
	ByText bool
	// IndexesText: it reads field 02 of each answer without a look whether there is one.
	IndexesText bool
	// AsksStatus: before each sale it asks for the status, and sells only when that is good.
	AsksStatus bool
	// Dials: it opens a connection for each command and closes it after the answer.
	Dials bool
	// OneReceipt: each sale has the same receipt number.
	OneReceipt bool
	// Floats: it counts in floats, and writes an amount as such a number is printed.
	Floats bool
	// Timers are the line's.
	Timers Timers
}

// Timers are how long a till waits for the other end of the line; 0 is the usual time.
type Timers struct {
	Ack    time.Duration // for an acknowledgement; 2 s
	Tries  int           // transmissions of one frame; 3
	Answer time.Duration // for the answer to anything but a sale; 10 s
}

func (h Habits) filled(k Kind) Habits {
	set := func(d *time.Duration, usual time.Duration) {
		if *d == 0 {
			*d = usual
		}
	}
	set(&h.Wait, k.Wait)
	set(&h.PollEvery, 3*time.Second)
	set(&h.Timers.Ack, 2*time.Second)
	set(&h.Timers.Answer, 10*time.Second)
	if h.MaxPolls == 0 {
		h.MaxPolls = 200
	}
	if h.Timers.Tries == 0 {
		h.Timers.Tries = 3
	}
	return h
}

// Mishap is what goes wrong once, in one sale.
type Mishap string

// The mishaps.
const (
	Nothing Mishap = ""
	// LostAck: the till's acknowledgement of the sale's first answer never arrives.
	LostAck Mishap = "an ACK is lost"
	// LostAcks: none of them arrives, and the till itself is sure that it sent them.
	LostAcks Mishap = "each ACK is lost"
	// Unread: the answer is not read at all; the till repeats the sale, byte for byte.
	Unread Mishap = "the answer is lost"
	// Refused: the sale's answer arrives with a bit turned over, and is sent back with a NAK.
	Refused Mishap = "the answer is damaged"
	// Damaged: the sale itself arrives with a bit turned over, the first time.
	Damaged Mishap = "the request is damaged"
	// Hangs: the connection closes once the sale was acknowledged; the till dials and repeats it,
	// byte for byte.
	Hangs Mishap = "the connection closes"
	// Twice: the till does not hear the terminal's ACK and sends the sale again.
	Twice Mishap = "the terminal's ACK is lost"
	// Unplugged: the line is out from the terminal's ACK until the till has stopped waiting.
	Unplugged Mishap = "the line is unplugged"
)
