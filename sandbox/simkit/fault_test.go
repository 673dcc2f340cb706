package simkit

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

type kind string

const (
	lost, outOfOrder kind = "lost", "out_of_order"
	duplicate, delay kind = kindDuplicate, kindDelay
)

var kinds = []kind{lost, outOfOrder, duplicate, delay}

// mishap is a gateway's own description of a fault.
type mishap Script[kind]

func (m mishap) Script() Script[kind] { return Script[kind](m) }

func force(t *testing.T, all ...mishap) *Faults[kind, mishap, string] {
	t.Helper()
	fs := NewFaults[kind, mishap, string](kinds)
	for i, m := range all {
		if id, err := fs.Add(m); err != nil || id != i+1 {
			t.Fatalf("%+v: %d, %v", m, id, err)
		}
	}
	return fs
}

func every(mishap) bool { return true }

func TestFaultsStrike(t *testing.T) {
	fs := force(t,
		mishap{Kind: lost, MerchantRef: "R-1", Times: 2}, mishap{Kind: lost, Amount: 500},
		mishap{Kind: duplicate, Count: 3}, mishap{Kind: delay, Delay: Duration(time.Minute)})
	for _, tc := range []struct {
		ref    string
		amount int64
		meets  func(mishap) bool
		want   string
	}{
		{"R-1", 100, every, "lost duplicate delay"},
		{"R-1", 500, every, "lost duplicate delay"}, // the first of a kind strikes, the second not
		{"R-1", 100, every, "duplicate delay"},      // used up
		{"R-2", 500, every, "lost duplicate delay"},
		{"", 0, every, "duplicate delay"},
		{"R-2", 500, func(m mishap) bool { return m.Kind == lost }, "lost"},
	} {
		strikes := fs.Strike(tc.ref, tc.amount, tc.meets)
		var names []string
		for _, k := range strikes.Names(kinds) {
			names = append(names, string(k))
		}
		if got := strings.Join(names, " "); got != tc.want {
			t.Errorf("%s %d: %s, want %s", tc.ref, tc.amount, got, tc.want)
		}
	}
	counts := ""
	fs.Each(func(id int, m mishap, struck, _ int) { counts += string(rune('0' + struck)) })
	if counts != "2255" {
		t.Errorf("struck %s", counts)
	}
}

func TestStrikesOnAWebhook(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	none := force(t).Strike("", 0, every)
	if none.Copies() != 1 || none.Delayed(now) != now {
		t.Error("without a fault", none.Copies(), none.Delayed(now))
	}
	some := force(t, mishap{Kind: duplicate}, mishap{Kind: delay, Delay: Duration(time.Hour)}).
		Strike("", 0, every)
	if some.Copies() != 2 || some.Delayed(now) != now.Add(time.Hour) {
		t.Error(some.Copies(), some.Delayed(now))
	}
}

func TestHeldIsReleasedNewestFirst(t *testing.T) {
	fs := force(t, mishap{Kind: outOfOrder, Count: 3})
	hold := func(hook string) []string { return fs.Hold(fs.Strike("", 0, every)[outOfOrder], hook) }
	if got := append(hold("a"), hold("b")...); got != nil {
		t.Errorf("released too soon: %q", got)
	}
	if got := hold("c"); !slices.Equal(got, []string{"c", "b", "a"}) {
		t.Errorf("released %q", got)
	}
	hold("d")
	hold("e")
	held := 0
	fs.Each(func(_ int, _ mishap, _, n int) { held += n })
	if got := fs.Release(); held != 2 || !slices.Equal(got, []string{"e", "d"}) {
		t.Errorf("%d held, released %q", held, got)
	}
	hold("f")
	if got := fs.Clear(); !slices.Equal(got, []string{"f"}) || len(fs.Strike("", 0, every)) != 0 {
		t.Errorf("cleared %q", got)
	}
}

func TestFaultsAreChecked(t *testing.T) {
	for want, m := range map[string]mishap{
		`"fire" is not one of [lost out_of_order duplicate delay]`: {Kind: "fire"},
		"not negative":   {Kind: lost, Times: -1},
		"count (≤ 1000)": {Kind: lost, Count: 1001},
		"needs a delay":  {Kind: delay},
	} {
		fs := force(t)
		if id, err := fs.Add(m); err == nil || id != 0 || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %d, %v", m, id, err)
		}
	}
}

func TestDurationInJSON(t *testing.T) {
	var d Duration
	err := json.Unmarshal([]byte(`"1.5s"`), &d)
	if err != nil || d != Duration(1500*time.Millisecond) {
		t.Error(d, err)
	}
	if text, err := json.Marshal(d); err != nil || string(text) != `"1.5s"` {
		t.Errorf("%s, %v", text, err)
	}
	for _, bad := range []string{`1.5`, `"soon"`} {
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestOtherRef(t *testing.T) {
	for ref, want := range map[string]string{"R-1": "R-0", "R-0": "R-1", "": "0", "Ré": "R0"} {
		if got := OtherRef(ref); got != want {
			t.Errorf("%q: %q, want %q", ref, got, want)
		}
	}
}
