package reports

import "testing"

// TestCells: a spreadsheet takes none of the values for a formula, and numbers stay numbers.
func TestCells(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "plain": "plain", "12.80": "12.80", "-12.80": "-12.80", "+1": "+1",
		"=1+1": "'=1+1", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "-2+3+cmd": "'-2+3+cmd",
		"@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "a=1": "a=1",
		"2026-11-28T14:03:00.000Z": "2026-11-28T14:03:00.000Z", "-": "'-", "+Inf": "'+Inf",
	} {
		if got := cell(value); got != want {
			t.Errorf("%q is written as %q, want %q", value, got, want)
		}
	}
}
