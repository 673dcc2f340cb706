package ecr

import (
	"encoding/hex"
	"strings"
	"testing"
)

// unhex reads hex with spaces.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func dialect(t testing.TB, name string) *Dialect {
	t.Helper()
	d, err := Builtin(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The two frames of docs/protocols/ecr-family.md.
const (
	docStatus = "02 0018 323531323130303931343031 4131 3031 30 1c 03 4e"
	docSale   = "02 0035 323531323130303931343031 4331 3031 30 1c 3430 0012 " +
		"303030303030303031303233 1c 03 6b"
)

func TestDocumentFrames(t *testing.T) {
	d := dialect(t, "paycube")
	amount, err := d.AmountField(1023)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, hex string
		req       Request
		kind      Kind
	}{
		{"status", docStatus, d.NewRequest("251210091401", "A1"), KindStatus},
		{"sale", docSale, d.NewRequest("251210091401", "C1", amount), KindSale},
	} {
		want := unhex(t, tc.hex)
		got, err := d.Append(nil, tc.req.Message)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: encoded %x (%v), want %x", tc.name, got, err, want)
		}
		ev, rest := d.NewRequestScanner().Next(want)
		if ev.Kind != Frame || ev.Err != nil || len(rest) != 0 || ev.Request.Kind() != tc.kind ||
			string(ev.Request.ECN) != "251210091401" {
			t.Errorf("%s: read %+v, %d bytes left", tc.name, ev, len(rest))
		}
		if n, err := ev.Request.Amount(); tc.kind == KindSale && (n != 1023 || err != nil) {
			t.Errorf("%s: amount %d (%v)", tc.name, n, err)
		}
	}
}
