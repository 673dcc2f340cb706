package singapay

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// TestMoment: the forms of time that SingaPay has, in answers and in notifications.
func TestMoment(t *testing.T) {
	at := time.Date(2026, 10, 16, 5, 3, 30, 0, time.UTC)
	for _, tc := range []struct {
		said any
		want time.Time // zero = it cannot be read
	}{
		{"2026-10-16T12:03:30+07:00", at},
		{"2026-10-16T05:03:30Z", at},
		{"2026-10-16T05:03:30.000000Z", at},
		{"2026-10-16T12:03:30+0700", at},
		{"2026-10-16T12:03:30", at}, // without an offset it is Jakarta's
		{"2026-10-16 12:03:30", at},
		{"16 Oct 2026 12:03:30", at},
		{"06 Oct 2026 12:03:30", at.AddDate(0, 0, -10)},
		{"1792127010000", at},
		{json.Number("1792127010000"), at},
		{json.Number("1792127010"), at},
		{"16 Okt 2026 12:03:30", time.Time{}},
		{"0", time.Time{}},
		{"2026-10-16", time.Time{}},
		{"1999-12-31T00:00:00Z", time.Time{}},
		{"9999-12-31T23:59:59-07:00", time.Time{}},
		{"", time.Time{}},
		{nil, time.Time{}},
		{true, time.Time{}},
		{object{}, time.Time{}},
	} {
		if got := moment(tc.said); !got.Equal(tc.want) {
			t.Errorf("%v is %s, want %s", tc.said, got, tc.want)
		}
	}
}

// TestAmount: text and numbers are one; what is no whole number of rupiah stays as text, which
// equals no payment.
func TestAmount(t *testing.T) {
	for _, tc := range []struct {
		said  any
		minor int64
		text  string
	}{
		{json.Number("27000"), 2_700_000, ""},
		{"27000.00", 2_700_000, ""},
		{"27000", 2_700_000, ""},
		{"27000.0", 2_700_000, ""},
		{"0.00", 0, ""},
		{json.Number("27000.00"), 2_700_000, ""},
		{"119.84", 11_984, ""},
		{"27000.50", 2_700_050, ""},
		{"27000.000", 2_700_000, ""},
		{"27.000", -1, "27.000"},
		{json.Number("27.000"), 2_700, ""},
		{"27000.", -1, "27000."},
		{".00", -1, ".00"},
		{"-27000.00", -1, "-27000.00"},
		{"+27000", -1, "+27000"},
		{json.Number("2.7e4"), 2_700_000, ""},
		{"27.000,00", 2_700_000, ""},
		{"27,000.00", 2_700_000, ""},
		{" 27000", -1, " 27000"},
		{"Rp27000", -1, "Rp27000"},
		{"\u0662\u0667", -1, "??"},
		{"99999999999999999999", -1, "99999999999999999999"},
		{strings.Repeat("9", 40), -1, strings.Repeat("9", 32)},
		{"", -1, ""},
		{nil, -1, ""},
		{true, -1, "not a number"},
		{object{}, -1, "not a number"},
	} {
		if minor, text := amount(tc.said); minor != tc.minor || text != tc.text ||
			payment.UnreadableAmount != -1 {
			t.Errorf("%v is %d %q, want %d %q", tc.said, minor, text, tc.minor, tc.text)
		}
	}
}
