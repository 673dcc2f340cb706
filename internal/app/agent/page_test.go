package agent

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/device"
)

// TestLateMoneyIsSaid: what is asked for and what is not stand in the status of the operator
// commands and on the page, there as bad where money may still come.
func TestLateMoneyIsSaid(t *testing.T) {
	text, err := json.Marshal(Status{Version: "1.0.0", Watch: Watch{10, 2, 3}})
	if want := `"watch":{"asked":10,"left":2,"left_approved":3}`; err != nil ||
		!strings.Contains(string(text), want) {
		t.Errorf("%s (%v), want %s", text, err, want)
	}
	a := newTestAgent(t)
	defer a.close()
	for w, want := range map[Watch]statusRow{
		{Asked: 10}: {Value: "asked for, of 10 earlier payments"},
		{10, 0, 3}: {Value: "asked for, of 10 earlier payments; 3 are left out, " +
			"3 of them approved"},
		{10, 2, 3}: {Bad: true, Value: "asked for, of 10 earlier payments; 5 are left out, " +
			"3 of them approved"},
	} {
		want.Name = "Late money"
		if rows := a.statusPage(device.Status{}, w).Rows; !slices.Contains(rows, want) {
			t.Errorf("%+v: %+v has no %+v", w, rows, want)
		}
	}
}
