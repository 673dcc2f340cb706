package ui

import (
	"slices"
	"strings"
	"time"

	"kiosk-agent/internal/refusals"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

// What a page shows by itself, and reports; nobody asks for it.
const (
	screenWait   payment.Screen = "wait"   // the page has not heard the agent for 3 s
	screenHidden payment.Screen = "hidden" // the page is there, but not visible
)

// Reasons that the hub itself gives for out_of_service: what tills hear as display_too_small
// (payment.Unready has both names), and what nobody but the display knows.
const (
	reasonTooSmall = "code_too_small" // under 3 px per module
	reasonTooLong  = "code_too_long"  // no code holds it

	reasonStarting  = "starting"   // the engine has not said yet what to show
	reasonBadScreen = "bad_screen" // it was told a screen that it does not know
)

// Screen is everything that the customer should see: a snapshot, not a change.
type Screen struct {
	Kind payment.Screen
	// id, shown small on results so that staff can find it; "" when there is none
	Payment  string
	Revision int64  // 0 when there is none
	Amount   string // decimal, "10.23"; shown with thousands separators
	Currency string // "SGD"
	// text of the QR code, kind pay; it is drawn here and never sent to the page as text
	Payload string
	// only a wallet's app reads the code, whatever it looks like: some wallets' codes are addresses
	App bool
	// codes or names; known codes are shown by name, in this order; kind choose: what there is to
	// choose from
	Schemes []string
	// choose, pay, opened: time left at the moment of Show; ≤ 0 means that it is over, and nothing
	// payable is shown
	Deadline time.Duration
	// code ([a-z0-9_.-], at most 40) for staff on out_of_service and unknown; anything else is not
	// shown
	Reason string
}

// State is what is known about the display.
type State struct {
	Connected bool           // an authenticated page is there and answers
	Showing   payment.Screen // what it has confirmed last; "" before the first report
	BoxPx     int            // device pixels, the side of the square for the code
	ViewportW int            // CSS pixels
	ViewportH int            // CSS pixels
	DPR       float64        // device pixels per CSS pixel
	Touch     bool           // it can send what the customer touches
	Warn      string         // for staff: the code is small, does not fit, the page is hidden
}

// Config of a Hub. Token, Languages and MerchantName have no defaults.
type Config struct {
	Token        secret.Value // display token, at least 20 bytes
	MerchantName string       // 1 to 80 characters
	Logo         []byte       // PNG, JPEG, WebP or SVG, at most 512 KiB; nil: none
	Languages    []string     // of Languages(); the first is shown large
	Hosts        []string     // accepted Host values besides loopback, see guard.Policy
	Origins      []string     // accepted Origin values besides the page's own
	// Open lets every page in, without a token or a cookie, and ignores Token. It is for a terminal
	// that takes no sale and whose token cannot be read, and for no other: a screen must be able to
	// say so.
	Open bool
	// between heartbeats while something is for sale; three of them without an answer:
	// disconnected. Default 1 s
	Beat time.Duration
	// Now is the clock of the countdown, in time since any fixed moment. It must run on in suspend
	// (CLOCK_BOOTTIME) for the countdown to be right after one. Default: Go's monotonic clock,
	// which stops in suspend.
	Now func() time.Duration
	// Refusals is the throttle of the log's lines that strangers cause. Default: one of its own.
	Refusals *refusals.Throttle
}

// Events is told what happens on the display. The methods are called one at a time and must not
// block; they may call Show, Fits and State.
type Events interface {
	// DisplayShown: the page has painted this screen. It is repeated after a reconnect, a resize or
	// a lost connection that healed.
	DisplayShown(kind payment.Screen, id string, revision int64)
	// DisplayChose: the customer has touched one of the schemes of the newest screen, which is of
	// kind choose. A finger may do so twice.
	DisplayChose(id, scheme string)
	// DisplayRefused: this payment's code cannot be shown; reason is safe to log and to show. The
	// page says so to the customer.
	DisplayRefused(id string, revision int64, reason string)
	// DisplayState is called on each change of State.
	DisplayState(State)
}

// schemeNames are the brands' own spellings. Codes are compared in lower case.
var schemeNames = map[string]string{
	"visa": "Visa", "mastercard": "Mastercard", "amex": "American Express", "unionpay": "UnionPay",
	"jcb": "JCB", "paynow": "PayNow", "alipay": "Alipay", "wechatpay": "WeChat Pay",
	"grabpay": "GrabPay", "shopeepay": "ShopeePay", "qris": "QRIS", "nets": "NETS",
	"netsqr": "NETS QR",
}

func schemeLabel(code string) string {
	if label, ok := schemeNames[strings.ToLower(code)]; ok {
		return label
	}
	return clip(code, 24)
}

func schemeLabels(codes []string) []string {
	var out []string
	for _, code := range codes {
		label := schemeLabel(code)
		if label != "" && !slices.Contains(out, label) {
			out = append(out, label)
		}
	}
	return out
}

// clip cuts s to n characters and drops what cannot be printed.
func clip(s string, n int) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, s))
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// reasonCode passes codes and drops everything else, so that no error text (and no secret in it)
// reaches the customer's screen.
func reasonCode(s string) string {
	if len(s) > 40 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != "" {
		return ""
	}
	return s
}

// groupThousands turns "9999999.00" into "9,999,999.00" and leaves alone what is not a plain
// decimal number.
func groupThousands(amount string) string {
	whole, fraction, point := strings.Cut(amount, ".")
	if whole == "" || strings.Trim(whole, "0123456789") != "" ||
		strings.Trim(fraction, "0123456789") != "" {
		return clip(amount, 24)
	}
	var b strings.Builder
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	if point {
		b.WriteString("." + fraction)
	}
	return clip(b.String(), 24)
}

// howToScan: a link is opened by the phone's camera, any other text (PayNow, QRIS, …), and what
// says so, is read by a banking or wallet app.
func howToScan(payload string, app bool) string {
	if !app && (strings.HasPrefix(payload, "https://") || strings.HasPrefix(payload, "http://")) {
		return "link"
	}
	return "app"
}
