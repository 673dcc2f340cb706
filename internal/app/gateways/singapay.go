package gateways

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"kiosk-agent/internal/conf"
	"kiosk-agent/payment"
	"kiosk-agent/payment/singapay"
)

// SingaPay is [singapay].
type SingaPay struct {
	BaseURL        string        `toml:"base_url"`
	ClientID       string        `toml:"client_id"`
	ClientSecret   string        `toml:"client_secret"`
	PreviousSecret string        `toml:"previous_secret"`
	APIKey         string        `toml:"api_key"`
	AccountID      string        `toml:"account_id"`
	WebhookPath    string        `toml:"webhook_path"`
	Methods        []string      `toml:"methods"`
	Description    string        `toml:"description"`
	CustomerName   string        `toml:"customer_name"`
	CustomerEmail  string        `toml:"customer_email"`
	SuccessURL     string        `toml:"success_url"`
	ExpiredURL     string        `toml:"expired_url"`
	ExpiryGrace    conf.Duration `toml:"expiry_grace"`
	CreateTimeout  conf.Duration `toml:"create_timeout"`
	QueryTimeout   conf.Duration `toml:"query_timeout"`
	ReplayWindow   conf.Duration `toml:"replay_window"`

	Reference string `toml:"reference"`

	Words    Words           `toml:"words"`
	Members  SingaPayMembers `toml:"members"`
	Events   SingaPayEvents  `toml:"events"`
	Answers  SingaPayAnswers `toml:"answers"`
	Headers  SingaPayHeaders `toml:"headers"`
	Previous []PastSingaPay  `toml:"previous"`
}

// PastSingaPay is an entry of [[singapay.previous]].
type PastSingaPay struct {
	BaseURL      string `toml:"base_url"`
	ClientID     string `toml:"client_id"`
	ClientSecret string `toml:"client_secret"`
	APIKey       string `toml:"api_key"`
	AccountID    string `toml:"account_id"`
	WebhookPath  string `toml:"webhook_path"`
}

// singaPayKeys are the keys of [singapay]. They are never written.
var singaPayKeys = withKeys(wordsKeys, singaPaySettingsKeys, conf.Keys{
	"base_url": {Text: "https://payment-b2b.singapay.id, or " +
		"https://sandbox-payment-b2b.singapay.id for the sandbox. Required."},
	"client_id": {Text: "The credential's Client ID. Required."},
	"client_secret": {Text: "Where the credential's Client Secret is: file:PATH or " +
		"credential:NAME; at least 20 bytes. Required."},
	"previous_secret": {Text: "Where the secret before a rotation is: it verifies " +
		"notifications too."},
	"api_key": {Text: "The credential's API key, also called Partner ID. Required."},
	"account_id": {Text: "The account that gets the money, 26 characters; the " +
		"credential must own it. Required."},
	"webhook_path": {Text: "What follows the host in the dashboard's notification URL, " +
		"exactly: it is part of the signature. Empty: that of relay.hook_url."},
	"methods": {Text: "Payment method codes such as QRIS, VA_BCA, EWALLET_DANA; empty: " +
		"all of the account's."},
	"description": {Text: "Text on SingaPay's page, at most 255 characters. Empty: " +
		"none.", People: true},
	"customer_name": {Text: "With customer_email: filled in for the customer, where " +
		"SingaPay's page would ask. The shop's own name. Empty: not sent.", People: true},
	"customer_email": {Text: "With customer_name: the shop's own address. Empty: not " +
		"sent."},
	"success_url": {Text: "Where the customer's phone goes after paying; proves " +
		"nothing. Empty: not sent."},
	"expired_url": {Text: "Where the customer's phone goes when the link has ended. " +
		"Empty: not sent."},
	"expiry_grace": {Text: "How long a link or code outlives the customer's time on " +
		"the screen, so that who pays in the last second still can.",
		Range: conf.Times(time.Second, time.Hour)},
	"create_timeout": {Text: "How long SingaPay has to make a link or code.",
		Range: conf.Times(time.Second, 30*time.Second)},
	"query_timeout": {Text: "How long one question has, with all its requests.",
		Range: conf.Times(time.Second, 30*time.Second)},
	"replay_window": {Text: "A notification signed longer before or after its receipt " +
		"is asked about and not believed.",
		Range: conf.Times(10*time.Second, 15*time.Minute)},
	"reference": {Text: "How our reference is written. Empty: as it is made, and read only so. " +
		"loose: SingaPay may send it back in another case, or without its dash. plain: sent " +
		"without its dash, where SingaPay refuses that, and read as loose; stay with it for " +
		"payment.watch."},
	"previous": {Text: "Accounts sold at before, and credentials before a rotation: still heard " +
		"and asked for."},
	"previous[].base_url": {Text: "SingaPay's address of that time. Empty: that of singapay.",
		Example: `"https://payment-b2b.singapay.id"`},
	"previous[].client_id": {Text: "The credential's Client ID of that time. Required.",
		Example: `"..."`},
	"previous[].client_secret": {Text: "Where that credential's Client Secret is: file:PATH or " +
		"credential:NAME. Required.",
		Example: `"file:/etc/kiosk-agent/singapay-before.secret"`},
	"previous[].api_key": {Text: "The API key of that time. Empty: that of singapay.",
		Example: `"..."`},
	"previous[].account_id": {Text: "The account of that time. Empty: that of singapay.",
		Example: `"01JGYPXJ6QK4RVYSSE8W4HQDPX"`},
	"previous[].webhook_path": {Text: "The webhook_path of that time. Empty: that of singapay."},
})

// SingaPayRow is SingaPay, which makes its links and codes itself.
func SingaPayRow() Row {
	return Row{
		Name: "singapay", Title: "SingaPay", Currency: payment.IDR, Least: 1_000_000,
		Modes: []Mode{{Name: ModeLink, Remote: true}, {Name: ModeQR, Remote: true}},
		Section: SingaPay{
			Words: noWords(), Members: noMembers(),
			Events:  SingaPayEvents{Link: []string{}, QR: []string{}, Other: []string{}},
			Answers: SingaPayAnswers{Object: []string{}, List: []string{}},
			Headers: SingaPayHeaders{Signature: []string{}, Timestamp: []string{},
				Token: []string{}},
			Methods: []string{}, ExpiryGrace: seconds(30), CreateTimeout: seconds(10),
			QueryTimeout: seconds(10), ReplayWindow: seconds(300),
		},
		Keys:   singaPayKeys,
		Doc:    "The SingaPay gateway, from its dashboard, for payment.provider = singapay.",
		Secret: "client_secret", PreviousSecret: "previous_secret", Private: []string{"api_key"},
		Check: checkSingaPay, Account: accountSingaPay, Previous: previousSingaPay,
		New: newSingaPay, Plausible: singapay.Plausible,
		ClockError: func(s Settings) time.Duration {
			return singapay.ClockError(section[SingaPay](s).ExpiryGrace.Of())
		},
		Schemes: func(s Settings) []string { return section[SingaPay](s).Methods },
		Sample:  sampleSingaPay,
		Hosts:   func(s Settings) []string { return []string{section[SingaPay](s).BaseURL} },
		Questions: []Question{
			{Flag: "base-url", Key: "base_url", Usage: "SingaPay's `URL`",
				Ask: "SingaPay's address (https://payment-b2b.singapay.id)"},
			{Flag: "client-id", Key: "client_id", Usage: "SingaPay Client `ID`",
				Ask: "SingaPay Client ID"},
			{Flag: "api-key", Key: "api_key", Usage: "SingaPay API `KEY`, or Partner ID",
				Ask: "SingaPay API key, or Partner ID"},
			{Flag: "account-id", Key: "account_id", Usage: "SingaPay account's `ID`",
				Ask: "SingaPay account ID"},
		},
		After: "The notification URL in SingaPay's dashboard must be relay.hook_url.",
	}
}

func seconds(n int) conf.Duration { return conf.Duration(time.Duration(n) * time.Second) }

func checkSingaPay(s Settings, k Checks) {
	p := section[SingaPay](s)
	k.WebURL("base_url", p.BaseURL, "https", "http")
	for _, id := range []struct{ key, value string }{{"client_id", p.ClientID},
		{"api_key", p.APIKey}, {"account_id", p.AccountID}} {
		k.Need(id.value != "", id.key, "copy it from the SingaPay dashboard", "is required")
	}
}

// accountSingaPay is the host and the account's ID.
func accountSingaPay(s Settings) string {
	p := section[SingaPay](s)
	return accountAt(p.BaseURL, p.AccountID)
}

func previousSingaPay(s Settings) (all []Settings) {
	now := section[SingaPay](s)
	for _, p := range now.Previous {
		a := SingaPayRow().Section.(SingaPay)
		a.BaseURL, a.AccountID = cmp.Or(p.BaseURL, now.BaseURL), cmp.Or(p.AccountID, now.AccountID)
		a.ClientID, a.ClientSecret = p.ClientID, p.ClientSecret
		a.APIKey = cmp.Or(p.APIKey, now.APIKey)
		a.WebhookPath = cmp.Or(p.WebhookPath, now.WebhookPath)
		a.QueryTimeout, a.ReplayWindow = now.QueryTimeout, now.ReplayWindow
		a.Reference, a.Words, a.Members = now.Reference, now.Words, now.Members
		a.Events, a.Answers, a.Headers = now.Events, now.Answers, now.Headers
		all = append(all, Settings{Terminal: s.Terminal, Mode: s.Mode, HookURL: s.HookURL,
			Section: &a})
	}
	return all
}

// singaGateway asks for everything.
type singaGateway struct{ *singapay.Gateway }

func newSingaPay(s Settings, keys Keys, clock Clock) (Gateway, error) {
	p := section[SingaPay](s)
	g, err := singapay.New(singapay.Config{
		BaseURL: p.BaseURL, ClientID: p.ClientID, ClientSecret: keys.Secret,
		PreviousSecret: keys.Previous, APIKey: p.APIKey, AccountID: p.AccountID,
		WebhookPath: webhookPath(s), Mode: s.Mode, Methods: p.Methods,
		Description: p.Description, CustomerName: p.CustomerName,
		CustomerEmail: p.CustomerEmail, SuccessURL: p.SuccessURL, ExpiredURL: p.ExpiredURL,
		ExpiryGrace: p.ExpiryGrace.Of(), CreateTimeout: p.CreateTimeout.Of(),
		QueryTimeout: p.QueryTimeout.Of(), ReplayWindow: p.ReplayWindow.Of(),
		MaxAmount: s.MaxAmount, Now: clock.Now, Heard: clock.Heard, Observe: s.Observe,
		Reference: p.Reference, Words: payment.Words(p.Words), Members: singapay.Members(p.Members),
		Events: singapay.Events(p.Events), Answers: singapay.Answers(p.Answers),
		Headers: singapay.Headers(p.Headers),
	})
	return singaGateway{g}, err
}

// webhookPath is the path in force: the configured one, or that of the hook's URL.
func webhookPath(s Settings) string {
	if path := section[SingaPay](s).WebhookPath; path != "" {
		return path
	}
	u, err := url.Parse(s.HookURL)
	if err != nil {
		return ""
	}
	return u.EscapedPath()
}

var errMadeElsewhere = errors.New("SingaPay makes its links and codes itself")

func (singaGateway) Mint(payment.MintRequest) (payment.Minted, error) {
	return payment.Minted{}, errMadeElsewhere
}

func (g singaGateway) Make(ctx context.Context, r payment.MintRequest) payment.MintAnswer {
	return g.Gateway.Mint(ctx, r)
}

// Try cannot prove more than New has: SingaPay's secret signs what SingaPay alone can check.
func (singaGateway) Try(payment.MintRequest) error { return nil }

// sampleSingaPay has the shape of what SingaPay's documents show: an address that ends in our
// reference, or a QRIS text.
func sampleSingaPay(s Settings, r payment.MintRequest) string {
	if s.Mode == ModeQR {
		return strings.Repeat("0", 220)
	}
	return "https://sandbox-paymentlink.singapay.id/b2b/" + r.MerchantRef
}
