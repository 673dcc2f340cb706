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
// They are never written. A word may have a blank around it, and is people's for that.
var wordsKeys = conf.Keys{
	"words": {Text: "Further words of the service, as they came, with what each means."},
	"words.paid": {Text: "Statuses of a payment that was made. They count with " +
		"payment.approve_needs_query, or once kiosk-agent gateway confirm was run.", People: true},
	"words.declined":    {Text: "Statuses of one that failed.", People: true},
	"words.expired":     {Text: "Statuses of one whose time is over.", People: true},
	"words.pending":     {Text: "Statuses of one that is not paid yet.", People: true},
	"words.code_ok":     {Text: "Response codes of success; as paid.", People: true},
	"words.type_pay":    {Text: "Types of one that is a payment; as paid.", People: true},
	"words.type_void":   {Text: "Types of one that undoes a payment the same day.", People: true},
	"words.type_refund": {Text: "Types of one that gives a payment back.", People: true},
}

// withKeys puts tables of keys together; a later one's keys come before an earlier one's.
func withKeys(tables ...conf.Keys) conf.Keys {
	all := conf.Keys{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}
