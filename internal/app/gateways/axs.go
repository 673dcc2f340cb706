package gateways

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"kiosk-agent/internal/conf"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/payment/axs"
)

// AXS is [axs].
type AXS struct {
	PaymentLink    string   `toml:"payment_link"`
	ClientID       string   `toml:"client_id"`
	Secret         string   `toml:"secret"`
	PreviousSecret string   `toml:"previous_secret"`
	QueryURL       string   `toml:"query_url"`
	QRURL          string   `toml:"qr_url"`
	Schemes        []string `toml:"schemes"`
	AmountAs       string   `toml:"amount_as"`
	SendExpiry     bool     `toml:"send_expiry"`
	SuccessURL     string   `toml:"success_url"`
	FailURL        string   `toml:"fail_url"`
	CancelURL      string   `toml:"cancel_url"`
	MaxP2C         int      `toml:"max_p2c"`
	KeyIDs         []string `toml:"key_ids"`
	LinkPath       string   `toml:"link_path"`
	Reference      string   `toml:"reference"`
	QueryList      string   `toml:"query_list"`
	QueryType      string   `toml:"query_type_default"`

	Words   Words      `toml:"words"`
	Members AXSMembers `toml:"members"`

	Previous []PastAXS `toml:"previous"`
}

// AXSMembers is [axs.members].
type AXSMembers struct {
	Status         []string `toml:"status"`
	MerchantRef    []string `toml:"merchant_ref"`
	TransactionRef []string `toml:"transaction_ref"`
	Amount         []string `toml:"amount"`
	Currency       []string `toml:"currency"`
	ResponseCode   []string `toml:"response_code"`
	Type           []string `toml:"type"`
	Token          []string `toml:"token"`
}

// PastAXS is an entry of [[axs.previous]].
type PastAXS struct {
	PaymentLink string `toml:"payment_link"`
	ClientID    string `toml:"client_id"`
	Secret      string `toml:"secret"`
	QueryURL    string `toml:"query_url"`
}

// axsKeys are the keys of [axs]. They are never written.
var axsKeys = withKeys(wordsKeys, conf.Keys{
	"payment_link": {Text: "The payment link of the portal: " +
		"https://HOST/hpp/checkout/LINKID. Required.",
		Example: `"https://checkout.svc.uat.pay.axs.com.sg/hpp/checkout/merchantLinkId"`},
	"client_id": {Text: "The application's Client ID. Required.",
		Example: `"..."`},
	"secret": {Text: "Where the application's Secret is: file:PATH or credential:NAME; at " +
		"least 20 bytes. Required.",
		Example: `"file:/etc/kiosk-agent/axs.secret"`},
	"previous_secret": {Text: "Where the secret before a rotation is: it opens " +
		"notifications too."},
	"query_url": {Text: "The transaction query, without the LINKID at its end; empty: none. " +
		"Without it, a sale that ends unpaid is only ever unconfirmed.",
		Example: `"https://member.uat.pay.axs.com.sg/api/hpp/v2/transaction"`},
	"qr_url": {Text: "Mode qr: the request for a code, without the LINKID at its end.",
		Example: `"https://payment.uat.pay.axs.com.sg/api/hpp/v1/qrcode"`},
	"schemes": {Text: "Of credit_card, paynow, alipay, wechatpay; empty: all. Mode qr has " +
		"no credit_card; where the till names none of several, the customer chooses on the " +
		"display (display.touch), else the first is taken; empty: paynow."},
	"amount_as":   {Text: "string or number: how the amount is written in the link."},
	"send_expiry": {Text: "The link says when it ends: timeout + 30 s."},
	"success_url": {Text: "Where the customer's phone goes after paying; proves nothing. " +
		"Empty: not sent."},
	"fail_url":   {Text: "Where the customer's phone goes after a failure. Empty: not sent."},
	"cancel_url": {Text: "Where the customer's phone goes after giving up. Empty: not sent."},
	"max_p2c": {Text: "Most PBKDF2 rounds that an incoming token may ask for.",
		Range: conf.Numbers(1000, 10_000)},
	"key_ids": {Text: "What the kid of an incoming token may be besides client_id, as " +
		"kiosk-agent gateway probe shows it."},
	"link_path": {Text: "What stands between the host and the LINKID of the portal's link, where " +
		"that is not /hpp/checkout/. Empty: nothing else."},
	"reference": {Text: "How the merchant reference is written. Empty: as it is made, and read " +
		"only so. loose: AXS may send it back in another case, or without its dash. plain: sent " +
		"without its dash, where AXS refuses that, and read as loose. With either, what the " +
		"query does not find in the one form is asked for in the other; who goes back from " +
		"plain writes loose."},
	"query_list": {Text: "Where the query's answer has its records when it is no list: the name " +
		"of the member with the list, a dot before one within it; \".\": the answer is one " +
		"record, which counts where it is a payment, and is no silence where it is none. A list " +
		"that may go on elsewhere is refused."},
	"query_type_default": {Text: "PAY, where the query's records state no type. Empty: such a " +
		"record is refused, for a refund could pass for a payment."},
	"members": {Text: "Further names under which AXS has been seen to send a value, in their " +
		"letter case."},
	"members.status": {Text: "For status. It is read where exactly one of its names is there, " +
		"as all of these are."},
	"members.merchant_ref":    {Text: "For merchantRef."},
	"members.transaction_ref": {Text: "For transactionRef."},
	"members.amount":          {Text: "For amount: dollars."},
	"members.currency":        {Text: "For currency."},
	"members.response_code":   {Text: "For responseCode."},
	"members.type":            {Text: "For transactionType."},
	"members.token": {Text: "For data, jwe and token: the query parameter, form field or JSON " +
		"member with the token."},
	"previous": {Text: "Accounts sold at before, and applications before a rotation: still heard " +
		"and asked for."},
	"previous[].payment_link": {Text: "The payment link of that time. Empty: that of axs, with " +
		"its query_url: another application of the same account.",
		Example: `"https://checkout.svc.uat.pay.axs.com.sg/hpp/checkout/linkIdBefore"`},
	"previous[].client_id": {Text: "The application's Client ID of that time. Required.",
		Example: `"..."`},
	"previous[].secret": {Text: "Where that application's Secret is: file:PATH or " +
		"credential:NAME. Required.",
		Example: `"file:/etc/kiosk-agent/axs-before.secret"`},
	"previous[].query_url": {Text: "The transaction query of that time, without the LINKID at " +
		"its end; empty: its payments are not asked for.",
		Example: `"https://member.uat.pay.axs.com.sg/api/hpp/v2/transaction"`},
})

// creditCard is AXS's word for the way to pay that has no code of its own.
const creditCard = "credit_card"

// AXSRow is AXS: links that the agent makes, and codes for one wallet.
func AXSRow() Row {
	wallets := []string{"paynow", "alipay", "wechatpay"}
	return Row{
		Name: "axs", Title: "AXS", Currency: payment.SGD,
		Modes: []Mode{
			{Name: ModeLink, Schemes: append([]string{creditCard}, wallets...)},
			{Name: ModeQR, Remote: true, Fallback: true, Schemes: wallets, Wallet: "paynow"},
		},
		Section: AXS{Schemes: []string{}, AmountAs: "string", SendExpiry: true, MaxP2C: 1000,
			KeyIDs: []string{}, Words: noWords(), Members: noAXSMembers()},
		Keys:   axsKeys,
		Doc:    "The AXS checkout, from its Merchant Portal.",
		Secret: "secret", PreviousSecret: "previous_secret",
		Check: checkAXS, Account: accountAXS, Previous: previousAXS, New: newAXS,
		Plausible: axs.Plausible,
		Tried:     "made a link with the gateway's secret and opened it; nothing left this machine",
		Proved:    "it opens",
		Schemes:   func(s Settings) []string { return section[AXS](s).Schemes },
		Brands:    map[string][]string{creditCard: {"visa", "mastercard"}},
		Sample:    sampleAXS,
		Asked:     func(s Settings) bool { return section[AXS](s).QueryURL != "" },
		QueryKey:  "query_url",
		LinkKeys:  []string{"axs.amount_as", "axs.send_expiry", "axs.reference", "axs.link_path"},
		Shorter:   "a shorter link (axs.success_url and its like make it longer)",
		Hosts: func(s Settings) []string {
			a := section[AXS](s)
			return []string{a.PaymentLink, a.QueryURL, a.QRURL}
		},
		Questions: []Question{
			{Flag: "payment-link", Key: "payment_link", Usage: "AXS payment link, a `URL`",
				Ask: "AXS payment link (https://HOST/hpp/checkout/LINKID)"},
			{Flag: "client-id", Key: "client_id", Usage: "AXS Client `ID`", Ask: "AXS Client ID"},
			{Flag: "query-url", Key: "query_url",
				Usage: "AXS transaction query, a `URL` without the LINKID",
				Ask: "AXS transaction query (https://HOST/…/transaction, without the LINKID; " +
					"empty: none)", Optional: true},
		},
	}
}

func noAXSMembers() AXSMembers {
	return AXSMembers{[]string{}, []string{}, []string{}, []string{}, []string{}, []string{},
		[]string{}, []string{}}
}

func checkAXS(s Settings, k Checks) {
	a := section[AXS](s)
	k.Need(a.PaymentLink != "", "payment_link", "copy it from the AXS Merchant Portal",
		"is required")
	k.Need(a.ClientID != "", "client_id", "copy it from the AXS Merchant Portal", "is required")
	k.OneOf("amount_as", a.AmountAs, "string", "number")
	if s.MaxAmount > 0 { // an entry of previous reads as the section does, and has no amounts
		c := axs.Config{ClientID: a.ClientID, KeyIDs: a.KeyIDs, LinkPath: a.LinkPath,
			Reference: a.Reference, QueryList: a.QueryList, QueryTypeDefault: a.QueryType,
			Words: payment.Words(a.Words), Members: axs.Members(a.Members)}
		for _, fault := range c.CheckReading() {
			k.Need(false, strings.TrimPrefix(fault.Key, "axs."), fault.Hint, "%s", fault.Problem)
		}
	}
	if s.Mode == ModeQR {
		k.Need(a.QRURL != "", "qr_url", "write it like https://HOST/api/hpp/v1/qrcode",
			"is required in mode qr")
		k.Need(!slices.Contains(a.Schemes, creditCard), "schemes",
			"use paynow, alipay, wechatpay", "credit_card has no QR code: mode qr is for wallets")
	}
}

// accountAXS is the checkout host and the merchantLinkId of the payment link.
func accountAXS(s Settings) string {
	link := section[AXS](s).PaymentLink
	return accountAt(link, link[strings.LastIndexByte(link, '/')+1:])
}

func previousAXS(s Settings) (all []Settings) {
	now := section[AXS](s)
	for _, p := range now.Previous {
		a := AXSRow().Section.(AXS)
		a.PaymentLink, a.ClientID, a.Secret, a.QueryURL = p.PaymentLink, p.ClientID, p.Secret,
			p.QueryURL
		// how AXS writes is how it wrote then, too
		a.KeyIDs, a.LinkPath, a.Reference = now.KeyIDs, now.LinkPath, now.Reference
		a.QueryList, a.QueryType = now.QueryList, now.QueryType
		a.Words, a.Members = now.Words, now.Members
		if a.MaxP2C = now.MaxP2C; p.PaymentLink == "" {
			a.PaymentLink, a.QueryURL = now.PaymentLink, cmp.Or(p.QueryURL, now.QueryURL)
		}
		all = append(all, Settings{Terminal: s.Terminal, Mode: ModeLink, Section: &a})
	}
	return all
}

// axsGateway makes links on this machine, and asks for codes.
type axsGateway struct{ *axs.Gateway }

func newAXS(s Settings, keys Keys, _ Clock) (Gateway, error) {
	a := section[AXS](s)
	g, err := axs.New(axs.Config{
		PaymentLink: a.PaymentLink, ClientID: a.ClientID, Secret: keys.Secret,
		PreviousSecret: keys.Previous, TerminalID: s.Terminal, WebhookURL: s.HookURL,
		SuccessURL: a.SuccessURL, FailURL: a.FailURL, CancelURL: a.CancelURL,
		AmountAs: a.AmountAs, SendExpiry: a.SendExpiry, Schemes: a.Schemes, MaxP2C: a.MaxP2C,
		MaxAmount: s.MaxAmount, Currency: s.Currency, QueryURL: a.QueryURL, QRURL: a.QRURL,
		KeyIDs: a.KeyIDs, LinkPath: a.LinkPath, Reference: a.Reference, QueryList: a.QueryList,
		QueryTypeDefault: a.QueryType, Words: payment.Words(a.Words),
		Members: axs.Members(a.Members), Observe: s.Observe,
	})
	return axsGateway{g}, err
}

func (g axsGateway) Make(ctx context.Context, r payment.MintRequest) payment.MintAnswer {
	return g.FetchCode(ctx, r)
}

// Close has nothing to do: links and codes end by themselves.
func (axsGateway) Close(context.Context, string) error { return nil }

// Try opens a link of its own: that it is then told apart from a notification says that the secret
// works.
func (g axsGateway) Try(r payment.MintRequest) error {
	m, err := g.Mint(r)
	if err != nil {
		return err
	}
	_, query, _ := strings.Cut(m.Payload, "?")
	_, err = g.Open(payment.Envelope{Query: query})
	if e, ok := errors.AsType[*axs.OpenError](err); ok && e.Reason == axs.ReasonOwnLink {
		return nil
	}
	return errors.Join(errors.New("the link does not open"), err)
}

// sampleAXS is a link that is sealed with a secret that AXS does not know: nobody can pay it.
func sampleAXS(s Settings, r payment.MintRequest) string {
	g, err := newAXS(s, Keys{Secret: secret.Generate()}, Clock{})
	if err != nil {
		return ""
	}
	m, err := g.Mint(r)
	if err != nil {
		return ""
	}
	return m.Payload
}
