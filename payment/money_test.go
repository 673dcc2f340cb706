package payment

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestParseMoney(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want int64
	}{
		{"10.23", 1023}, {"0.01", 1}, {"0.00", 0}, {"0", 0}, {"10", 1000},
		{"9999999.00", 999999900}, {"92233720368547758.07", math.MaxInt64},
	} {
		got, err := ParseMoney(tc.in, SGD)
		if err != nil || got != (Money{tc.want, SGD}) {
			t.Errorf("ParseMoney(%q) = %v, %v", tc.in, got, err)
		}
	}
	for _, in := range []string{
		"", ".", ".50", "10.", "10.2", "10.230", "-1.00", "+1.00", " 1.00", "1.00 ", "1,00",
		"1,000.00", "1e2", "0x10", "01.00", "00", "1.0.0", "１.00", "٣.00", "NaN", "Inf", "1_0",
		"10.2\x00", "92233720368547758.08", "99999999999999999999", strings.Repeat("9", 40),
	} {
		if got, err := ParseMoney(in, SGD); !errors.Is(err, ErrMoney) {
			t.Errorf("ParseMoney(%q) = %v, %v; want an error", in, got, err)
		}
	}
	for _, c := range []Currency{"", "sgd", "USD", "SGD "} {
		if got, err := ParseMoney("1.00", c); !errors.Is(err, ErrMoney) {
			t.Errorf("ParseMoney in %q = %v, %v; want an error", c, got, err)
		}
	}
}

func TestMoneyText(t *testing.T) {
	for _, tc := range []struct {
		m    Money
		want string
	}{
		{Money{1023, SGD}, "SGD 10.23"}, {Money{5, SGD}, "SGD 0.05"}, {Money{-5, SGD}, "SGD -0.05"},
		{Money{math.MinInt64, SGD}, "SGD -92233720368547758.08"},
		{Money{1000000, IDR}, "IDR 10000.00"},
	} {
		if got := tc.m.String(); got != tc.want {
			t.Errorf("String() = %q, want %q", got, tc.want)
		}
	}
}

func FuzzParseMoney(f *testing.F) {
	for _, s := range []string{"10.23", "0.01", "9999999.00", "-1.00", "1e9",
		"92233720368547758.08", "", "01.00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMoney(s, SGD)
		if err != nil {
			if !errors.Is(err, ErrMoney) {
				t.Fatalf("error %v does not wrap ErrMoney", err)
			}
			return
		}
		if m.Amount < 0 {
			t.Fatalf("ParseMoney(%q) is negative: %d", s, m.Amount)
		}
		if strings.Contains(s, ".") && m.Decimal() != s {
			t.Fatalf("%q came back as %q", s, m.Decimal())
		}
		if back, err := ParseMoney(m.Decimal(), SGD); err != nil || back != m {
			t.Fatalf("%q does not survive a round trip: %v, %v", s, back, err)
		}
	})
}
