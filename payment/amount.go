package payment

import (
	"strings"
)

// ReadAmount reads an amount as a gateway may write it, in minor units of c. Equal by value is
// equal: 10.2300, 10.23 and 1023E-2 are one amount, and 10.5 is ten and a half. Thousands may be
// grouped where a decimal sign at the end leaves no doubt what groups: 1,023.00 and 1.023,00, but
// neither 1,023 nor 15.000, which is fifteen to some and fifteen thousand to others. No float is
// made of it. ok is false for anything else: a sign, a space, an unknown
// currency, a part of a minor unit, more than 18 digits.
func ReadAmount(s string, c Currency) (minor int64, ok bool) { return read(s, c, true) }

// ReadNumber is ReadAmount of a number in JSON, which is never grouped: 15.000 is fifteen.
func ReadNumber(literal string, c Currency) (minor int64, ok bool) {
	return read(literal, c, false)
}

func read(s string, c Currency, groups bool) (minor int64, ok bool) {
	exponent, known := c.Exponent()
	if !known || len(s) > maxDecimalLen {
		return 0, false
	}
	mantissa, power, ok := scientific(s)
	if !ok {
		return 0, false
	}
	whole, decimals, ok := ungrouped(mantissa, groups && mantissa == s)
	if !ok {
		return 0, false
	}
	digits, shift := whole+decimals, power+exponent-len(decimals)
	for ; shift < 0; shift++ {
		if !strings.HasSuffix(digits, "0") {
			return 0, false // a part of a minor unit
		}
		digits = digits[:len(digits)-1]
	}
	digits = strings.TrimLeft(digits+strings.Repeat("0", shift), "0")
	if len(digits) > 18 {
		return 0, false
	}
	for i := range len(digits) {
		minor = minor*10 + int64(digits[i]-'0')
	}
	return minor, true
}

// scientific cuts an exponent off: 1E+1 is 1 and 1.
func scientific(s string) (mantissa string, power int, ok bool) {
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return s, 0, true
	}
	sign, digits := 1, s[i+1:]
	switch {
	case strings.HasPrefix(digits, "-"):
		sign, digits = -1, digits[1:]
	case strings.HasPrefix(digits, "+"):
		digits = digits[1:]
	}
	if !allDigits(digits) || len(digits) > 2 {
		return "", 0, false
	}
	for i := range len(digits) {
		power = power*10 + int(digits[i]-'0')
	}
	return s[:i], sign * power, true
}

// ungrouped takes an amount apart at its decimal sign, and takes the signs between thousands away.
// groups says whether there may be any: what has an exponent has none.
func ungrouped(s string, groups bool) (whole, decimals string, ok bool) {
	sign, group := ".", ","
	if strings.LastIndexByte(s, ',') > strings.LastIndexByte(s, '.') {
		sign, group = ",", "."
	}
	whole, decimals, pointed := strings.Cut(s, sign)
	switch grouped := strings.Contains(whole, group); {
	case !grouped && (sign == "," || groups && len(decimals) == 3 &&
		threes(whole+sign+decimals, sign) &&
		whole[0] != '0'): // 1,5 or 1,500; 15.000 may be fifteen thousand
		return "", "", false
	case grouped && (len(decimals) != 2 || !threes(whole, group)):
		return "", "", false
	case grouped:
		whole = strings.ReplaceAll(whole, group, "")
	}
	if !allDigits(whole) || len(whole) > 1 && whole[0] == '0' || pointed && !allDigits(decimals) {
		return "", "", false
	}
	return whole, decimals, true
}

// threes reports whether a number is grouped by thousands: one to three digits, then threes.
func threes(s, sign string) bool {
	for i, part := range strings.Split(s, sign) {
		if len(part) != 3 && (i > 0 || part == "" || len(part) > 3) {
			return false
		}
	}
	return true
}
