package payment_test

import (
	"math/big"
	"strings"
	"testing"

	"kiosk-agent/payment"
)

func TestReadAmount(t *testing.T) {
	for text, want := range map[string]int64{
		"10.23": 1023, "10.2300": 1023, "10.5": 1050, "10": 1000, "0.01": 1, "0": 0, "0.100": 10,
		"1.023e1": 1023, "1500.000": 150000, "1E+1": 1000,
		"1e1": 1000, "1023E-2": 1023, "1,023.00": 102300, "1.023,00": 102300,
		"12,345,678.90": 1234567890, "12.345.678,90": 1234567890, "9999999.00": 999999900,
		"0.10": 10, "10.230000000000000": 1023, "0E+9": 0,
	} {
		if got, ok := payment.ReadAmount(text, payment.SGD); !ok || got != want {
			t.Errorf("%q is %d, %t; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "-1", "+1", " 1", "1 ", "1,023", "1.023", "15.000", "150.000", "1.000", "1,5", "1.5.0",
		"10,23", "1,02.00", ",023.00",
		"1,023,00", "1,0233.00", "1,023.000", "1,023.0", "0x10", "1e", "e1", "1e+", "1e999", ".50",
		"5.", "01", "10.231", "1E-9", "1 023.00", "1'023.00", "NaN", "1E17", "99999999999999999.99",
		"10.23 SGD", "$10.23", "٣", strings.Repeat("0", 30),
	} {
		if got, ok := payment.ReadAmount(text, payment.SGD); ok {
			t.Errorf("%q is read as %d", text, got)
		}
	}
	if _, ok := payment.ReadAmount("10.00", "USD"); ok {
		t.Error("an amount of a currency that nobody takes here is read")
	}
}

// FuzzReadAmount: what is read without grouping is what exact arithmetic says.
func FuzzReadAmount(f *testing.F) {
	for _, s := range []string{"10.23", "1E+1", "1,023.00", "0.0100", "7e-2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := payment.ReadAmount(s, payment.SGD)
		if !ok || strings.Contains(s, ",") {
			return
		}
		r, exact := new(big.Rat).SetString(s)
		if !exact || r.Mul(r, big.NewRat(100, 1)).Cmp(big.NewRat(got, 1)) != 0 {
			t.Errorf("%q is read as %d minor units", s, got)
		}
	})
}
