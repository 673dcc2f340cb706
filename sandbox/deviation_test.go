package sandbox

import (
	"strings"
	"testing"
)

// TestDeviationsAreWhole: each has a name of its own, says what it does in a sentence, and bends
// something.
func TestDeviationsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range Deviations() {
		if d.Name == "" || seen[d.Name] || !strings.HasSuffix(d.Says, ".") || d.Paper == "" {
			t.Errorf("%+v", d)
		}
		for key := range strings.FieldsSeq(d.Keys) {
			if !strings.HasPrefix(key, "axs.") {
				t.Errorf("%s: %s is no key of AXS's section", d.Name, key)
			}
		}
		seen[d.Name] = true
		if _, err := New(Config{As: d.Name, Merchants: []Merchant{testMerchant}}, nil); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
	if len(seen) < 35 {
		t.Errorf("%d deviations", len(seen))
	}
	if _, err := New(Config{As: "no", Merchants: []Merchant{testMerchant}}, nil); err == nil {
		t.Error("one that there is not is played")
	}
}

// TestMembers: what is bent keeps its order, and nothing else is touched.
func TestMembers(t *testing.T) {
	const object = `{"amount":"10.23","status":"SUCCESS","n":12345678901234567}`
	for want, change := range map[string]func(*members){
		object: nil,
		`{"amount":"10.23","state":"SUCCESS","n":12345678901234567}`: renamed("status", "state"),
		`{"amount":10.23,"status":"SUCCESS","n":12345678901234567}`:  value("amount", "10.23"),
		`{"status":"SUCCESS","n":12345678901234567}`:                 without("amount"),
		`{"amount":"10.23","status":"PAID","n":12345678901234567}`: instead("status",
			"SUCCESS", "PAID"),
		`{"amount":"10.23","status":"success","n":12345678901234567}`: changed("status",
			strings.ToLower),
	} {
		if got := string(bent([]byte(object), change)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
