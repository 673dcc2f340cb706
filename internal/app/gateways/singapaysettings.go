package gateways

import "kiosk-agent/internal/conf"

// SingaPayMembers is [singapay.members]: see singapay.Members.
type SingaPayMembers struct {
	Status         []string `toml:"status"`
	MerchantRef    []string `toml:"merchant_ref"`
	TransactionRef []string `toml:"transaction_ref"`
	Amount         []string `toml:"amount"`
	Currency       []string `toml:"currency"`
	AttemptStatus  []string `toml:"attempt_status"`
	AttemptLink    []string `toml:"attempt_link"`
	AttemptRef     []string `toml:"attempt_ref"`
	AttemptAmount  []string `toml:"attempt_amount"`
	MadeID         []string `toml:"made_id"`
	MadeRef        []string `toml:"made_ref"`
	MadeAmount     []string `toml:"made_amount"`
	MadeStatus     []string `toml:"made_status"`
	MadeUsage      []string `toml:"made_usage"`
	PaymentURL     []string `toml:"payment_url"`
	QRData         []string `toml:"qr_data"`
	AccessToken    []string `toml:"access_token"`
}

// SingaPayEvents is [singapay.events]: see singapay.Events.
type SingaPayEvents struct {
	Link  []string `toml:"link"`
	QR    []string `toml:"qr"`
	Other []string `toml:"other"`
}

// SingaPayAnswers is [singapay.answers]: see singapay.Answers.
type SingaPayAnswers struct {
	Object  []string `toml:"object"`
	List    []string `toml:"list"`
	Single  bool     `toml:"single"`
	Unpaged bool     `toml:"unpaged"`
}

// SingaPayHeaders is [singapay.headers]: see singapay.Headers.
type SingaPayHeaders struct {
	Signature  []string `toml:"signature"`
	Timestamp  []string `toml:"timestamp"`
	Token      []string `toml:"token"`
	BareToken  bool     `toml:"bare_token"`
	OtherTimes bool     `toml:"other_times"`
}

func noMembers() SingaPayMembers {
	return SingaPayMembers{
		Status:         []string{},
		MerchantRef:    []string{},
		TransactionRef: []string{},
		Amount:         []string{},
		Currency:       []string{},
		AttemptStatus:  []string{},
		AttemptLink:    []string{},
		AttemptRef:     []string{},
		AttemptAmount:  []string{},
		MadeID:         []string{},
		MadeRef:        []string{},
		MadeAmount:     []string{},
		MadeStatus:     []string{},
		MadeUsage:      []string{},
		PaymentURL:     []string{},
		QRData:         []string{},
		AccessToken:    []string{},
	}
}

// singaPaySettingsKeys are the keys of [singapay]'s tables that say what SingaPay does otherwise
// than its pages say. They are never written.
var singaPaySettingsKeys = conf.Keys{
	"words.code_ok":  {Text: "Values of response_code that are as good as SP000."},
	"words.type_pay": {Text: "Values of data.transaction.type of a payment, as pl and qris are."},
	"members": {Text: "Further names, as paths with dots. Exactly one of a value's names may be " +
		"there."},
	"members.status": {Text: "Of data.transaction.status, such as " +
		"data.transaction.state."},
	"members.merchant_ref":    {Text: "Of our reference in the notification of a transaction."},
	"members.transaction_ref": {Text: "Of data.transaction.reff_no."},
	"members.amount": {Text: "Of data.transaction.amount.value; of a QRIS code what was " +
		"paid in all."},
	"members.currency":       {Text: "Of data.transaction.amount.currency."},
	"members.attempt_status": {Text: "Of status of an attempt that the query lists."},
	"members.attempt_link":   {Text: "Of payment_link_reff_no of an attempt: whose it is."},
	"members.attempt_ref":    {Text: "Of reff_no of an attempt."},
	"members.attempt_amount": {Text: "Of amount of an attempt."},
	"members.made_id":        {Text: "Of id of a link or code."},
	"members.made_ref": {Text: "Of reff_no of a link, or merchant_reff_no of a code: our " +
		"reference."},
	"members.made_amount":  {Text: "Of total_amount of a link, or amount of a code."},
	"members.made_status":  {Text: "Of status of a link or code."},
	"members.made_usage":   {Text: "Of current_usage of a link: how often it was paid."},
	"members.payment_url":  {Text: "Of payment_url of a link: what customers scan."},
	"members.qr_data":      {Text: "Of qr_data of a code: what customers scan."},
	"members.access_token": {Text: "Of access_token in the answer with it."},
	"events":               {Text: "Further events. A delivery of an unknown one is parked."},
	"events.link": {Text: "Those of a payment link's transaction, as " +
		"payment-link-transaction is."},
	"events.qr": {Text: "Those of a QRIS code's transaction, as " +
		"qris-acquirer-transaction is."},
	"events.other": {Text: "Those of the merchant's other business: passed over. Never one of " +
		"money that goes back."},
	"answers": {Text: "Further shapes of SingaPay's answers."},
	"answers.object": {Text: "Where the link or code is, beside data: a path with dots below the " +
		"answer, such as data.payment_link."},
	"answers.list": {Text: "Where the elements of a list are, beside data, such as data.data; " +
		"their pagination may stand beside them."},
	"answers.single": {Text: "true: an object in place of a list is its one element, or holds " +
		"its elements under numbers. It never proves that there is no other."},
	"answers.unpaged": {Text: "true: the same page again is the end of a list, if there are " +
		"fewer than ten, or they reach back behind the sale."},
	"headers":           {Text: "Further ways to carry what SingaPay signs."},
	"headers.signature": {Text: "Further names of X-Signature."},
	"headers.timestamp": {Text: "Further names of X-Timestamp."},
	"headers.token": {Text: "Further names of Authorization, such as X-Forwarded-Authorization " +
		"behind a proxy that takes it."},
	"headers.bare_token":  {Text: "true: the token may come without Bearer, or not at all."},
	"headers.other_times": {Text: "true: X-Timestamp may be Unix milliseconds or ISO 8601."},
}
