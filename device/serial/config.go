package serial

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Config is one line. The zero value of each setting means its default.
type Config struct {
	// Till is the name of the till on this line: a label of logs and metrics.
	Till string
	// Device says what to open; Parse lists the forms.
	Device string

	// Baud is the speed in bits per second. Default 9600.
	Baud int
	// DataBits per character, 5-8. Default 8.
	DataBits int
	// Parity is "none", "odd", "even", "mark" or "space". Default "none".
	Parity Parity
	// StopBits is 1 or 2. Default 1.
	StopBits int
	// Flow is "none" or "rtscts" (the latter on Linux only). XON/XOFF is not offered: it would eat
	// two of the byte values that ECR frames are made of. Default "none".
	Flow Flow

	// AllowFrom are the addresses that may connect to a tcp-listen line. None: loopback only, which
	// a listener on another address refuses to start with.
	AllowFrom []netip.Prefix

	// WriteWait bounds one Write, beyond twice the time that its bytes need at the line's speed.
	// Default 5 s.
	WriteWait time.Duration
	// RetryMin and RetryMax bound the wait before the line is opened again. Defaults 0.2 s and 5 s.
	RetryMin, RetryMax time.Duration
	// StopWait is how long serve may take to end after the context has, before the line is closed
	// under it. Default 3 s.
	StopWait time.Duration
	// LockDir holds the lock files. Default /run/lock, or the directory for temporary files where
	// that cannot be written.
	LockDir string
}

// Parity is a parity setting.
type Parity string

// The parities.
const (
	ParityNone  Parity = "none"
	ParityOdd   Parity = "odd"
	ParityEven  Parity = "even"
	ParityMark  Parity = "mark"
	ParitySpace Parity = "space"
)

// Flow is a way of flow control.
type Flow string

// The ways of flow control.
const (
	FlowNone   Flow = "none"
	FlowRTSCTS Flow = "rtscts"
)

func (c Config) withDefaults() Config {
	c.Baud, c.DataBits, c.StopBits = cmp.Or(c.Baud, 9600), cmp.Or(c.DataBits, 8),
		cmp.Or(c.StopBits, 1)
	c.Parity, c.Flow = cmp.Or(c.Parity, ParityNone), cmp.Or(c.Flow, FlowNone)
	c.WriteWait, c.StopWait = cmp.Or(c.WriteWait, 5*time.Second), cmp.Or(c.StopWait, 3*time.Second)
	c.RetryMin, c.RetryMax = cmp.Or(c.RetryMin, 200*time.Millisecond),
		cmp.Or(c.RetryMax, 5*time.Second)
	return c
}

// Check says what is wrong with c, or nil.
func (c Config) Check() error {
	t, err := Parse(c.Device)
	if err != nil {
		return err
	}
	c = c.withDefaults()
	switch {
	case c.Baud < 50 || c.Baud > 4_000_000:
		return fmt.Errorf("baud = %d is not 50-4000000", c.Baud)
	case c.DataBits < 5 || c.DataBits > 8:
		return fmt.Errorf("data_bits = %d is not 5-8", c.DataBits)
	case c.StopBits != 1 && c.StopBits != 2:
		return fmt.Errorf("stop_bits = %d is not 1 or 2", c.StopBits)
	case c.WriteWait < 0 || c.StopWait < 0 || c.RetryMin < 0 || c.RetryMax < c.RetryMin:
		return errors.New("a wait is negative, or the longest retry is shorter than the shortest")
	}
	if _, ok := parities[c.Parity]; !ok {
		return fmt.Errorf("parity = %.20q is not none, odd, even, mark or space", string(c.Parity))
	}
	if c.Flow != FlowNone && c.Flow != FlowRTSCTS {
		return fmt.Errorf(
			"flow = %.20q is not none or rtscts (XON/XOFF cannot carry binary frames)",
			string(c.Flow))
	}
	if c.Flow == FlowRTSCTS && !canRTSCTS {
		return errors.New(`flow = "rtscts" is offered on Linux only`)
	}
	if t.Kind != TCPListen && len(c.AllowFrom) > 0 {
		return errors.New("allow_from is for tcp-listen lines")
	}
	if t.Kind == TCPListen && len(c.AllowFrom) == 0 && !loopback(t.Address) {
		return fmt.Errorf(
			"%s can be reached from other machines: say in allow_from which of them may connect",
			c.Device)
	}
	return nil
}

// loopback reports whether a listener on this address hears this machine only.
func loopback(address string) bool {
	ap, err := netip.ParseAddrPort(address)
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// wireTime is how long n bytes take at the line's speed: a start bit, the data bits, parity and
// stop bits each.
func (c Config) wireTime(n int) time.Duration {
	bits := 1 + c.DataBits + c.StopBits
	if c.Parity != ParityNone {
		bits++
	}
	return time.Duration(n) * time.Duration(bits) * time.Second / time.Duration(c.Baud)
}
