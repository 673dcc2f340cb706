package payment

import (
	"strconv"
	"strings"
)

// Account is a gateway account: money is taken there, and asked about there. It is the provider,
// the checkout host and the merchant's identity there. Another client id, secret, address of the
// query or place of the secret makes no other account of it.
type Account struct {
	Name     string // as Requested.Account has it
	Provider string
	// names what its transaction query asks, and changes with it; "" = it has none
	Endpoint string
}

// holds reports whether the payment was made there. One of before schema 3 does not say where: its
// provider must do.
func (a Account) holds(p Payment) bool {
	return a.Provider == p.Provider && (p.Account == "" || p.Account == a.Name)
}

// Accounts are those that a configuration knows, the present one first. One may stand there twice,
// with other credentials.
type Accounts []Account

// Present reports whether the payment was made where this terminal sells now.
func (as Accounts) Present(p Payment) bool { return len(as) > 0 && as[0].holds(p) }

// Of is the account that the payment was made at, with an endpoint where any of its name has one;
// ok is false where it is not among them.
func (as Accounts) Of(p Payment) (a Account, ok bool) {
	for _, b := range as {
		switch {
		case !ok && b.holds(p):
			a, ok = b, true
		case ok && a.Endpoint == "" && b.Name == a.Name && b.Provider == a.Provider:
			a = b
		}
	}
	return a, ok
}

// goneNamed is how many merchant references GoneWork names.
const goneNamed = 20

// GoneWork is what staff must do about payments that may still be paid, at an account that is not
// configured any more. refs are their merchant references, newest first.
func GoneWork(account string, refs []string) Task {
	sales, rest := "1 sale that ended unpaid was", ""
	if n := len(refs); n > 1 {
		sales = strconv.Itoa(n) + " sales that ended unpaid were"
	}
	if n := len(refs) - goneNamed; n > 0 {
		refs, rest = refs[:goneNamed], " and "+strconv.Itoa(n)+" older ones"
	}
	return Task{"account_gone", sales + " made at " + account + ", a gateway account that the " +
		"configuration does not name any more: money that comes late there is not heard of. Name " +
		"it as a previous account (docs/OPERATIONS.md, Another gateway account), or compare with " +
		"its portal: " + strings.Join(refs, ", ") + rest + "."}
}
