package sandbox

import (
	"fmt"
	"slices"
)

// Scheme is a paymentScheme as webhooks and records name it.
type Scheme string

// The schemes of the document. It calls the set open; the sandbox offers these.
const (
	Visa       Scheme = "VISA"
	Mastercard Scheme = "MASTERCARD"
	PayNow     Scheme = "PAYNOW"
	Alipay     Scheme = "ALIPAY"
	WeChatPay  Scheme = "WECHATPAY"
)

// AllSchemes lists every scheme, in the order of the page.
func AllSchemes() []Scheme { return []Scheme{Visa, Mastercard, PayNow, Alipay, WeChatPay} }

// Card reports whether s is a card: cards are DECLINED, wallets EXPIRE.
func (s Scheme) Card() bool { return s == Visa || s == Mastercard }

func (s Scheme) known() bool { return slices.Contains(AllSchemes(), s) }

// Title is the scheme's name for a person.
func (s Scheme) Title() string {
	switch s {
	case Visa:
		return "Visa"
	case Mastercard:
		return "Mastercard"
	case PayNow:
		return "PayNow"
	case Alipay:
		return "Alipay"
	case WeChatPay:
		return "WeChat Pay"
	}
	return string(s)
}

// schemesOf maps a link's scheme value to the schemes of records; nil for a value that the document
// does not have.
func schemesOf(value string) []Scheme {
	switch value {
	case "credit_card":
		return []Scheme{Visa, Mastercard}
	case "paynow":
		return []Scheme{PayNow}
	case "alipay":
		return []Scheme{Alipay}
	case "wechatpay":
		return []Scheme{WeChatPay}
	}
	return nil
}

// Outcome is what an amount leads to, whatever the customer wishes.
type Outcome struct {
	// Fail makes an attempt fail in the way of its scheme: a card is DECLINED, a wallet's code has
	// EXPIRED.
	Fail bool
	// ResponseCode is the code of a DECLINED card. Default: "05".
	ResponseCode string
	// FailFirst > 0 limits Fail to that many attempts; the next one succeeds.
	FailFirst int
	// AtOnce plays the customer too: the attempt is made when the link is first opened, without any
	// button.
	AtOnce bool
	// Scheme is what AtOnce pays with. Default: the first that the link allows; a Scheme not
	// allowed falls back to that.
	Scheme Scheme
}

func (o Outcome) check() error {
	if o.Scheme != "" && !o.Scheme.known() {
		return fmt.Errorf("scheme %q is not one of %v", o.Scheme, AllSchemes())
	}
	if o.FailFirst < 0 || o.FailFirst > 0 && !o.Fail {
		return fmt.Errorf("fail first %d needs fail, and is not negative", o.FailFirst)
	}
	return nil
}

// DefaultOutcomes is the built-in table, cents → outcome. It is the sandbox's own and says nothing
// about AXS, whose "Reserved Amounts" are not known to us. Every amount that is not in it is
// decided by the customer on the page.
//
//	1000.01  paid at once with the first scheme allowed
//	1000.02  a card is declined with 05 at once, and each time again (a wallet's code expires)
//	1000.03  a PayNow code expires at once, and each time again (a card is declined)
//	1000.04  the first attempt fails, the next one is paid; the customer presses
//	1000.05  every press fails with 05
//	1000.51  every press fails with 51
//	1000.54  every press fails with 54
//	1000.91  every press fails with 91
func DefaultOutcomes() map[int64]Outcome {
	return map[int64]Outcome{
		100001: {AtOnce: true},
		100002: {Fail: true, AtOnce: true, ResponseCode: "05", Scheme: Visa},
		100003: {Fail: true, AtOnce: true, Scheme: PayNow},
		100004: {Fail: true, FailFirst: 1},
		100005: {Fail: true, ResponseCode: "05"},
		100051: {Fail: true, ResponseCode: "51"},
		100054: {Fail: true, ResponseCode: "54"},
		100091: {Fail: true, ResponseCode: "91"},
	}
}
