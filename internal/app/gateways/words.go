package gateways

import (
	"maps"

	"kiosk-agent/internal/conf"
)

// Words is the table words of a service's section: see payment.Words.
type Words struct {
	Paid       []string `toml:"paid"`
	Declined   []string `toml:"declined"`
	Expired    []string `toml:"expired"`
	Pending    []string `toml:"pending"`
	CodeOK     []string `toml:"code_ok"`
	TypePay    []string `toml:"type_pay"`
	TypeVoid   []string `toml:"type_void"`
	TypeRefund []string `toml:"type_refund"`
}

func noWords() Words {
	return Words{Paid: []string{}, Declined: []string{}, Expired: []string{}, Pending: []string{},
		CodeOK: []string{}, TypePay: []string{}, TypeVoid: []string{}, TypeRefund: []string{}}
}

// wordsKeys are the keys of every service's words; what its codes and types are it may say itself.
// They are never written.
var wordsKeys = conf.Keys{
	"words": {Text: "Further words of the service, as they came, with what each means."},
	"words.paid": {Text: "Statuses of a payment that was made. They count with " +
		"payment.approve_needs_query, or once kiosk-agent gateway confirm was run."},
	"words.declined":    {Text: "Statuses of one that failed."},
	"words.expired":     {Text: "Statuses of one whose time is over."},
	"words.pending":     {Text: "Statuses of one that was begun, and of which nothing is known."},
	"words.code_ok":     {Text: "Response codes that say that all is well."},
	"words.type_pay":    {Text: "Types of a transaction that is a payment."},
	"words.type_void":   {Text: "Types of one that takes a payment back before it is settled."},
	"words.type_refund": {Text: "Types of one that gives a payment back."},
}

// withKeys puts tables of keys together; a later one's keys come before an earlier one's.
func withKeys(tables ...conf.Keys) conf.Keys {
	all := conf.Keys{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}
