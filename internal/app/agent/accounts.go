package agent

import (
	"fmt"
	"slices"
	"strings"

	"kiosk-agent/payment/engine"
)

// Accounts are the gateway accounts that this terminal knows, by their names.
type Accounts struct {
	Present  string   `json:"present"`  // where it sells
	Previous []string `json:"previous"` // still heard, and asked for late money
	// not configured any more, though money may still come there
	Gone []Gone `json:"gone"`
}

// Gone is such an account, and how many of its payments may still be paid.
type Gone struct {
	Name     string `json:"name"`
	Payments int    `json:"payments"`
}

func (a *Agent) accounts(snap engine.Snapshot) Accounts {
	known := a.chosen.Accounts()
	all := Accounts{Present: known[0].Name, Previous: []string{}, Gone: []Gone{}}
	for _, p := range known[1:] {
		if p.Name != all.Present && !slices.Contains(all.Previous, p.Name) {
			all.Previous = append(all.Previous, p.Name)
		}
	}
	for _, g := range snap.Gone {
		all.Gone = append(all.Gone, Gone{g.Account, g.Payments})
	}
	return all
}

// accountRow is bad where money may come that nobody here would hear of.
func accountRow(known Accounts) statusRow {
	row := statusRow{Name: "Gateway account", Value: known.Present, Bad: len(known.Gone) > 0}
	if len(known.Previous) > 0 {
		row.Value += "; before: " + strings.Join(known.Previous, ", ")
	}
	for _, g := range known.Gone {
		row.Value += fmt.Sprintf("; not configured any more, and %d payments there may still be "+
			"paid: %s", g.Payments, g.Name)
	}
	return row
}
