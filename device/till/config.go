package till

import (
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"kiosk-agent/device/ecr"
	"kiosk-agent/internal/refusals"
	"kiosk-agent/payment"
)

// maxReference is the longest reference that the engine takes.
const maxReference = 40

// IDs makes identifiers: unique, growing, printable ASCII of at most 32 characters. It is a port so
// that a simulation repeats itself.
type IDs interface {
	NewID(at time.Time) string
}

// Config describes one till on one line.
type Config struct {
	// Till is the entry's name; sales, ECNs and the last result are per till.
	Till string
	// Network is true for tcp-listen and tcp-connect: three bytes of noise before the first STX end
	// such a connection. On a serial line noise is only noise.
	Network bool
	// Merchant (name and address) and MerchantID go into responses whose dialect has a field for
	// them.
	Merchant, MerchantID string
	// TerminalID, Currency and Schemes are the terminal's. New takes what is empty from
	// Terminal.Info; a Machine by itself needs Currency. Schemes are what the terminal offers;
	// empty = all.
	TerminalID string
	Currency   payment.Currency
	Schemes    []string
	// AnswerWithin is how long after the customer's time the outcome may take (answer_within): it
	// and the till's waiting cut that time. New takes it from Terminal.Info where it is 0.
	AnswerWithin time.Duration
	// Timers replace the dialect's when Timers.ACK is set: for tests that cannot wait
	// (ecr.Timers.Scaled).
	Timers ecr.Timers
	// IDs makes the unique part of references. Default: ULIDs.
	IDs IDs
	// StatusWithin bounds the making of an answer to a status request. Default 1 s.
	StatusWithin time.Duration
	// Refusals is the throttle of the log of a line over TCP, which anybody may reach: of each
	// thing that happens some are written. Default: one of its own.
	Refusals *refusals.Throttle
}

func (c Config) withDefaults(d *ecr.Dialect) Config {
	if c.Timers.ACK == 0 {
		c.Timers = d.Timers()
	}
	if c.IDs == nil {
		c.IDs = ulids{}
	}
	if c.StatusWithin == 0 {
		c.StatusWithin = time.Second
	}
	return c
}

func (c Config) check() error {
	switch {
	case c.Till == "":
		return errors.New("till: the name is empty")
	case c.Currency == "":
		return errors.New("till: the currency is not known")
	case c.Timers.Transmissions < 1:
		return errors.New("till: a frame is sent at least once")
	case c.Timers.TillWaits > 0 && c.Timers.TillWaits < c.Timers.LeastTillWaits(c.AnswerWithin):
		return fmt.Errorf("till: the till waits %v: at least %v are needed", c.Timers.TillWaits,
			c.Timers.LeastTillWaits(c.AnswerWithin))
	default:
		return nil
	}
}

type ulids struct{}

func (ulids) NewID(at time.Time) string {
	return ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String()
}
