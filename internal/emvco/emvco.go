// Package emvco looks at the text of a merchant-presented code in EMVCo's form, which is what the
// customer's app believes: a list of two digits of name, two of length and a value, and at its end
// a checksum.
//
// It decides whether a code is for what it was asked for, and reads no account and no reference in
// it. It keeps nothing and may be called at once.
package emvco

import (
	"fmt"
	"strconv"
	"strings"
)

// Want is what a code must be for.
type Want struct {
	Currency string // the three digits of ISO 4217: "702"
	Amount   int64  // in minor units
	Decimals int    // of the currency: 2 for SGD
	// amount, currency and checksum must be there, and the checksum must hold; else a code may
	// leave out what it does not state, and nobody looks at its checksum
	Whole bool
}

// The names that are looked at.
const (
	currencyID = "53"
	amountID   = "54"
	checksumID = "63"
)

// What Check says of a code that is for something else.
const (
	OtherCurrency = "is in another currency"
	OtherAmount   = "is for another amount"
)

// begins is the form's indicator, which comes first.
const begins = "000201"

// Is reports whether a text begins as such a code.
func Is(s string) bool { return strings.HasPrefix(s, begins) }

// Check says what is wrong with a code, after its name: "is for another amount"; "" = nothing.
func Check(s string, w Want) string {
	const malformed = "is not the text of an EMVCo code"
	if !Is(s) {
		return malformed
	}
	seen := make(map[string]bool)
	fault, sum := "", ""
	for rest := s; rest != ""; {
		name, value, tail, ok := cut(rest)
		if !ok || seen[name] || seen[checksumID] {
			return malformed
		}
		seen[name] = true
		switch problem := w.field(name, value, s[:len(s)-len(tail)]); {
		case name == checksumID:
			sum = problem
		case fault == "":
			fault = problem
		}
		rest = tail
	}
	switch {
	case fault != "":
		return fault
	case w.Whole && !seen[amountID]:
		return "states no amount"
	case w.Whole && !seen[currencyID]:
		return "states no currency"
	case w.Whole && !seen[checksumID]:
		return "has no checksum"
	}
	return sum
}

// cut takes the first field off.
func cut(s string) (name, value, rest string, ok bool) {
	if len(s) < 4 || !digits(s[:4]) {
		return "", "", "", false
	}
	length := int(s[2]-'0')*10 + int(s[3]-'0')
	if len(s) < 4+length {
		return "", "", "", false
	}
	return s[:2], s[4 : 4+length], s[4+length:], true
}

// field looks at one field; until is the text up to its end.
func (w Want) field(name, value, until string) string {
	switch name {
	case currencyID:
		if value != w.Currency {
			return OtherCurrency
		}
	case amountID:
		if !w.amount(value) {
			return OtherAmount
		}
	case checksumID:
		if w.Whole && (len(value) != 4 ||
			!strings.EqualFold(value, checksum(until[:len(until)-4]))) {
			return "has a checksum that is not its own"
		}
	}
	return ""
}

// amount reports whether a decimal is the amount, exactly.
func (w Want) amount(value string) bool {
	whole, decimals, _ := strings.Cut(value, ".")
	for len(decimals) < w.Decimals {
		decimals += "0"
	}
	if !digits(whole) || !digits(decimals) || strings.Trim(decimals[w.Decimals:], "0") != "" {
		return false
	}
	n, err := strconv.ParseInt(whole+decimals[:w.Decimals], 10, 64)
	return err == nil && n == w.Amount && whole != ""
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// checksum is CRC-16/CCITT-FALSE over a text, in hexadecimal.
func checksum(s string) string {
	crc := uint16(0xFFFF)
	for i := range len(s) {
		crc ^= uint16(s[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return fmt.Sprintf("%04X", crc)
}
