package payment

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Currency is an ISO 4217 alphabetic code.
type Currency string

// The currencies that the gateways of this agent take.
const (
	SGD Currency = "SGD"
	IDR Currency = "IDR"
)

// Exponent is the number of decimals of the currency's minor unit by ISO 4217 (SGD 2: cents; IDR
// 2). ok is false for a currency that this agent does not take.
func (c Currency) Exponent() (digits int, ok bool) {
	switch c {
	case SGD, IDR:
		return 2, true
	default:
		return 0, false
	}
}

// Money is an amount in ISO 4217 minor units (SGD: cents) with its currency. It is compared with
// ==.
type Money struct {
	Amount   int64    `json:"amount"`
	Currency Currency `json:"currency"`
}

// ErrMoney is what every malformed amount or currency wraps.
var ErrMoney = errors.New("malformed amount")

// maxDecimalLen bounds the text that ParseMoney looks at: 17 digits, a point and the decimals fit.
const maxDecimalLen = 20

// ParseMoney reads a decimal amount such as "10.23" (minor units 1023). It accepts digits with
// exactly the currency's decimals, or none at all ("10"); one leading zero only before the point;
// nothing else: no sign, space, exponent, separator, no "10.2", no ".50", nothing negative, nothing
// that overflows 64 bits. The error wraps ErrMoney and is safe to show.
func ParseMoney(s string, c Currency) (Money, error) {
	digits, ok := c.Exponent()
	if !ok {
		return Money{}, fmt.Errorf("%w: currency %.8q is not one that is taken here", ErrMoney,
			string(c))
	}
	if len(s) > maxDecimalLen {
		return Money{}, fmt.Errorf("%w: %d characters are too long", ErrMoney, len(s))
	}
	whole, frac, pointed := strings.Cut(s, ".")
	if !allDigits(whole) || len(whole) > 1 && whole[0] == '0' {
		return Money{}, fmt.Errorf("%w: %q", ErrMoney, s)
	}
	if !pointed {
		frac = strings.Repeat("0", digits)
	} else if len(frac) != digits || !allDigits(frac) {
		return Money{}, fmt.Errorf("%w: %q needs exactly %d decimals", ErrMoney, s, digits)
	}
	n, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil {
		return Money{}, fmt.Errorf("%w: %q is too large", ErrMoney, s)
	}
	return Money{Amount: n, Currency: c}, nil
}

// Decimal is the amount with its decimals and without its currency: 1023 cents are "10.23".
// ParseMoney reads it back for every amount that is not negative.
func (m Money) Decimal() string {
	digits, ok := m.Currency.Exponent()
	if !ok {
		digits = 2
	}
	sign, n := "", uint64(m.Amount)
	if m.Amount < 0 {
		sign = "-"
		n = uint64(-(m.Amount + 1)) + 1 // also right for math.MinInt64
	}
	unit := uint64(math.Pow10(digits))
	return fmt.Sprintf("%s%d.%0*d", sign, n/unit, digits, n%unit)
}

// String is for people: "SGD 10.23".
func (m Money) String() string { return string(m.Currency) + " " + m.Decimal() }

// allDigits reports whether s is one or more ASCII digits.
func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
