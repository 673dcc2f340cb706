// Package gateways has one row for each payment service that the agent knows: its name and its
// section of the configuration, what it makes and who makes it, its secret, its hosts, the
// questions of init, and how its adapter is built. Every other part reads the row; none compares
// names.
//
// It decides nothing about payments, reads no file but those of secrets, and reaches nobody. A
// Table is plain data, to be changed by nobody once it is in use.
package gateways

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"kiosk-agent/internal/conf"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// All are the services that this program knows. The first is the one of a configuration that names
// none. A new one is a line here.
func All() Table { return Table{AXSRow(), SingaPayRow()} }

// The values of payment.mode.
const (
	ModeLink = "link" // the code holds a checkout link
	ModeQR   = "qr"   // the code is one that wallets read
)

// Gateway is what the agent needs of a payment service, whichever it is. docs/GATEWAYS.md says what
// each method must keep.
type Gateway interface {
	engine.Gateway
	// Endpoint names what Query asks; "" = there is no query.
	Endpoint() string
	// Query asks what became of a payment.
	Query(ctx context.Context, merchantRef string) payment.QueryAnswer
	// Make asks for a code or link, where the service makes it.
	Make(ctx context.Context, r payment.MintRequest) payment.MintAnswer
	// Close asks the service to take no payment any more; one that cannot does nothing.
	Close(ctx context.Context, providerRef string) error
	// Try proves that the secret works, as far as that can be done without anything leaving this
	// machine.
	Try(r payment.MintRequest) error
}

// Describer is a Gateway that can say what a delivery looks like, beside what the service's pages
// say.
type Describer interface {
	// Describe never fails: what cannot be read is a line, too.
	Describe(e payment.Envelope) []payment.Observed
}

// Timekeeper is a Gateway that can ask its service for the time: the answer goes to Clock.Heard.
type Timekeeper interface {
	// TellTime asks, unless the service has told the time in this process. Safe to log, the error
	// says why there was no answer.
	TellTime(ctx context.Context) error
}

// Clock is the time that an adapter works by.
type Clock struct {
	// Now is the wall clock of the service, as far as it is known.
	Now func() time.Time
	// Heard takes what the service says of its clock, which was read within the last took and is
	// cut to the second. nil = nobody listens.
	Heard func(theirs time.Time, took time.Duration)
}

// Row is all that the programs know of one service.
type Row struct {
	// payment.provider, the name of its section and of its secret; small letters
	Name  string
	Title string // as people write it
	// the currency of its terminals, and the least terminal.max_amount, in minor units; 0 = 1
	Currency payment.Currency
	Least    int64
	Modes    []Mode // at least one; the first is the usual one

	// The section of the configuration: a struct with the defaults, whose fields have the tag toml;
	// what each key means and may be, by its name there; and what the section is, in a sentence.
	Section any
	Keys    conf.Keys
	Doc     string
	// The keys of the section that name its secret and the one before a rotation, and those whose
	// values support must not see.
	Secret, PreviousSecret string
	Private                []string
	// Check finds what is wrong with the section, but for the secrets. nil = nothing can be.
	Check func(s Settings, k Checks)

	// Account is the merchant's identity at the checkout host, after the host: HOST/LINKID. No
	// credential is part of it, and no address that is only asked. "" = the section names none.
	Account func(s Settings) string
	// Previous are the settings of each entry of the section's list "previous": accounts that were
	// sold at before, or the same one with other credentials. A key that an entry leaves out is
	// the section's. Nothing is made there any more. nil = the section has no such list.
	Previous func(s Settings) []Settings

	// New builds the adapter. An error about a key has the key: see Keyed.
	New func(s Settings, keys Keys, clock Clock) (Gateway, error)
	// Plausible is whether a delivery could be one of the service's, under some secret, client id
	// or path: a cheap look. What is plausible of no row is rubbish, of which nothing is kept.
	// nil = none is, where another service is the present one.
	Plausible func(e payment.Envelope) bool
	// ClockError is for a service whose codes end at a moment that we name, by its own clock: how
	// far the clock that the moment is named by may be from that. Where it may be further, no sale
	// starts; the Gateway is a Timekeeper. nil = the service counts seconds, or codes never end.
	ClockError func(s Settings) time.Duration
	// Tried and Proved say what Try does and what is known once it went well. "" = nothing but that
	// the secret can be one.
	Tried, Proved string
	// Schemes are the ways to pay that the configuration names; none, or nil = what the mode has.
	Schemes func(s Settings) []string
	// Brands are what customers know a way to pay by, where that is not its own word.
	Brands map[string][]string
	// Sample is a code or link as long as those that customers scan, which nobody can pay.
	Sample func(s Settings, r payment.MintRequest) string
	// Asked is whether the configuration says where the service is asked about payments. nil = it
	// always is.
	Asked func(s Settings) bool
	// QueryKey is the key of the section that says so; "" = none need.
	QueryKey string
	// LinkKeys are the keys that mend a link which the service refuses, where only the customer's
	// phone shows that.
	LinkKeys []string
	// Shorter says what makes its codes shorter; "" = nothing does.
	Shorter string
	// Hosts are the addresses that the agent sends requests to; "" counts for nothing.
	Hosts func(s Settings) []string

	Questions []Question // of init
	After     string     // what else is to be done when init is through; "" = nothing
}

// Mode is one way in which a service works.
type Mode struct {
	Name   string // a value of payment.mode
	Remote bool   // the service makes what customers scan, else the adapter does
	// where the service provably made nothing, payment.offline_link lets the adapter make a link
	Fallback bool
	Schemes  []string // what tills may ask for where the configuration names nothing
	// each code is for one wallet: this one where nobody names another; "" = codes are for all
	Wallet string
}

// Question is one that init asks, by a flag or in words.
type Question struct {
	Flag     string // without dashes; two services may have the same
	Key      string // of the section
	Usage    string // of the flag
	Ask      string
	Optional bool
}

// Settings are what a row is told of the configuration.
type Settings struct {
	Terminal  string           // terminal.id
	MaxAmount int64            // terminal.max_amount
	Currency  payment.Currency // terminal.currency
	Mode      string           // payment.mode
	HookURL   string           // relay.hook_url
	Section   any              // a pointer to a struct of the row's Section
	// Observe is told what the service really answers, beside what its pages say; nil = nobody
	// listens. It must not block.
	Observe func([]payment.Observed)
}

// section is the row's own, of which the type is known there.
func section[T any](s Settings) *T { return s.Section.(*T) }

// Keys are a service's secrets. Previous is zero where there is none.
type Keys struct{ Secret, Previous secret.Value }

// Checks collects what is wrong with a section. The keys are the section's own.
type Checks interface {
	// Need reports the key unless ok.
	Need(ok bool, key, hint, format string, args ...any)
	// OneOf wants one of these values.
	OneOf(key, value string, allowed ...string)
	// WebURL wants an address with the encrypted scheme, or the plain one on this very machine.
	WebURL(key, raw, secure, plain string)
}

// Keyed is an error of New that is about one key of the configuration, such as axs.secret.
type Keyed interface {
	error
	ConfigKey() string
}

// Table is a list of rows.
type Table []Row

// UnknownError says that there is no row of this name.
type UnknownError struct {
	Name  string
	Known []string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("there is no gateway %.40q; there are: %s", e.Name,
		strings.Join(e.Known, ", "))
}

// Names are the values of payment.provider.
func (t Table) Names() []string {
	names := make([]string, len(t))
	for i, r := range t {
		names[i] = r.Name
	}
	return names
}

// Usual is the name of the first row: that of a configuration which names none. "" = there is none.
func (t Table) Usual() string {
	if len(t) == 0 {
		return ""
	}
	return t[0].Name
}

// Find is the row of this name. The error is an *UnknownError, or says what the row lacks.
func (t Table) Find(name string) (Row, error) {
	i := slices.IndexFunc(t, func(r Row) bool { return r.Name == name })
	if i < 0 {
		return Row{}, &UnknownError{name, t.Names()}
	}
	return t[i], t[i].whole()
}

// whole is nil for a row that every part can read.
func (r Row) whole() error {
	for _, has := range []struct {
		what string
		ok   bool
	}{
		{"Title", r.Title != ""}, {"Currency", r.Currency != ""}, {"Modes", len(r.Modes) > 0},
		{"Section", reflect.ValueOf(r.Section).Kind() == reflect.Struct}, {"Doc", r.Doc != ""},
		{"Account", r.Account != nil}, {"New", r.New != nil}, {"Sample", r.Sample != nil},
		{"Hosts", r.Hosts != nil},
	} {
		if !has.ok {
			return fmt.Errorf("the gateway %s has no %s", r.Name, has.what)
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeOf(r.Section)) {
		if key := f.Tag.Get("toml"); r.Keys[key].Text == "" {
			return fmt.Errorf("the gateway %s does not say what %s.%s means", r.Name, r.Name, key)
		}
	}
	for _, key := range append([]string{r.Secret, r.PreviousSecret}, r.Private...) {
		if _, ok := text(reflect.ValueOf(r.Section), key); !ok {
			return fmt.Errorf("the section of the gateway %s has no key %q", r.Name, key)
		}
	}
	return nil
}

// ModeNames are its values of payment.mode.
func (r Row) ModeNames() []string {
	names := make([]string, len(r.Modes))
	for i, m := range r.Modes {
		names[i] = m.Name
	}
	return names
}

// SecretKey is the dotted key of its secret.
func (r Row) SecretKey() string { return r.Name + "." + r.Secret }

// text is the value of a section's key that holds a text.
func text(section reflect.Value, key string) (string, bool) {
	section = reflect.Indirect(section)
	if section.Kind() != reflect.Struct {
		return "", false
	}
	for i := range section.NumField() {
		if section.Type().Field(i).Tag.Get("toml") == key &&
			section.Field(i).Kind() == reflect.String {
			return section.Field(i).String(), true
		}
	}
	return "", false
}
