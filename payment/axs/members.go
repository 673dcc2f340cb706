package axs

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kiosk-agent/internal/webaddr"
)

// Members are further names of what AXS sends, beside those of its pages: the lists of
// [axs.members]. They are compared letter by letter. A value is read only where exactly one of its
// names is there; where two are, nobody knows which of them counts, and the record is refused.
type Members struct {
	Status, MerchantRef, TransactionRef, Amount, Currency, ResponseCode, Type []string
	// Token are names under which a token comes: of a query parameter, a form's field or a JSON
	// member.
	Token []string
}

// member is one list of Members: AXS's own name, and the key of the list.
type member struct {
	name, key string
	further   func(Members) []string
}

// membersRead are what a record is read from.
func membersRead() []member {
	return []member{
		{"status", "status", func(m Members) []string { return m.Status }},
		{"merchantRef", "merchant_ref", func(m Members) []string { return m.MerchantRef }},
		{"transactionRef", "transaction_ref", func(m Members) []string { return m.TransactionRef }},
		{"amount", "amount", func(m Members) []string { return m.Amount }},
		{"currency", "currency", func(m Members) []string { return m.Currency }},
		{"responseCode", "response_code", func(m Members) []string { return m.ResponseCode }},
		{"transactionType", "type", func(m Members) []string { return m.Type }},
	}
}

// named is a record under AXS's own names.
func (ms Members) named(m map[string]json.RawMessage) (map[string]json.RawMessage, *OpenError) {
	out := m
	own := false // out is a copy
	for _, f := range membersRead() {
		var there []string
		for _, name := range append([]string{f.name}, f.further(ms)...) {
			if _, has := m[name]; has {
				there = append(there, name)
			}
		}
		if len(there) > 1 {
			return nil, &OpenError{ReasonTwoNames,
				shown(there[0]) + " and " + shown(there[1]) + " (axs.members." + f.key + ")"}
		}
		if len(there) == 0 || there[0] == f.name {
			continue
		}
		if !own {
			out, own = maps.Clone(m), true
		}
		out[f.name] = out[there[0]]
		delete(out, there[0])
	}
	return out, nil
}

// maxName is how long a further name may be.
const maxName = 64

// check reports each fault of the lists.
func (ms Members) check(report func(ok bool, key, problem, hint string)) {
	const own = "clientId"
	reserved := []string{own, "paymentScheme", "paymentDateTime", "terminalId"}
	for _, f := range membersRead() {
		reserved = append(reserved, f.name)
	}
	var seen []string
	for _, f := range membersRead() {
		for _, name := range f.further(ms) {
			key := "axs.members." + f.key
			checkName(report, key, name)
			report(!slices.Contains(reserved, name), key, "has a name that AXS's pages give to "+
				"something else or to this", "leave it out: it is read where it belongs")
			report(!slices.Contains(seen, name), key, "has a name that stands in these lists twice",
				"write it into one list")
			seen = append(seen, name)
		}
	}
	for i, name := range ms.Token {
		checkName(report, "axs.members.token", name)
		report(!slices.Contains(ms.Token[:i], name) && !slices.Contains(carriers[:], name),
			"axs.members.token", "has a name twice, or one of "+strings.Join(carriers[:], ", "),
			"leave it out: those are looked at anyway")
	}
}

func checkName(report func(ok bool, key, problem, hint string), key, name string) {
	report(webaddr.Printable(name, 1, maxName), key,
		fmt.Sprintf("has a name that is empty, longer than %d bytes or not printable", maxName),
		"write the member's name as it came, in its letter case")
}
