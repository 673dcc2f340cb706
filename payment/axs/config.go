package axs

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kiosk-agent/internal/secret"
	"kiosk-agent/internal/webaddr"
	"kiosk-agent/payment"
)

// Limits that AXS documents, and those that this agent sets itself.
const (
	MaxAmount  = 999_999_900 // cents: the largest amount of a checkout link (AXS)
	MaxRef     = 40          // characters of a merchantRef (AXS)
	MinSecret  = 20          // bytes: each link is an offline guessing oracle
	P2C        = 1000        // PBKDF2 iterations, fixed by AXS
	CeilingP2C = 10_000      // the most that Config.MaxP2C may allow

	defaultGrace = 30 * time.Second
	defaultQuery = 10 * time.Second
	maxQuery     = 30 * time.Second
	maxURL       = 512 // characters: every one of them makes the QR code denser
	maxClientID  = 128
	maxTerminal  = 64
)

// The values of Config.AmountAs.
const (
	AmountString = "string" // "amount":"1023", as in AXS's examples
	AmountNumber = "number" // "amount":1023, as in AXS's shop modules
)

// knownSchemes are the words of AXS's scheme parameter.
var knownSchemes = [...]string{cards, "paynow", "alipay", "wechatpay"}

// cards is the scheme that has a page and no code.
const cards = "credit_card"

// Config says how to reach AXS. New checks all of it.
type Config struct {
	// PaymentLink is https://{domain}/hpp/checkout/{merchantLinkId}, as copied from the Merchant
	// Portal. http is accepted for a loopback host only (the sandbox). Required.
	PaymentLink string
	// ClientID is the application's, from the portal. It travels in every link. Required.
	ClientID string
	// Secret is the application's, at least MinSecret bytes of UTF-8. It mints and opens. Required.
	Secret secret.Value
	// PreviousSecret opens too, during a rotation. Zero = none.
	PreviousSecret secret.Value
	// TerminalID is the text that the portal shows beside a payment. "" = not sent.
	TerminalID string
	// WebhookURL is where AXS sends its notification; no query string. "" = not sent, the portal's
	// preset holds.
	WebhookURL string
	// SuccessURL, FailURL and CancelURL are where AXS sends the customer's browser. "" = not sent.
	SuccessURL, FailURL, CancelURL string
	// QueryURL is the transaction query, https://{domain}/api/hpp/v2/transaction; the payment
	// link's merchantLinkId is appended. http is accepted for a loopback host only. "" = no query.
	QueryURL string
	// QRURL is the request for a code, https://{domain}/api/hpp/v1/qrcode; the payment link's
	// merchantLinkId is appended. http is accepted for a loopback host only. "" = no codes.
	QRURL string
	// QueryTimeout bounds one query or one request for a code, from resolving the name to the last
	// byte, at most 30 s. 0 = 10 s.
	QueryTimeout time.Duration
	// AmountAs is AmountString or AmountNumber. "" = AmountString.
	AmountAs string
	// SendExpiry adds expiry (whole seconds) to links: the request's timeout and ExpiryGrace. Not
	// documented by AXS for links, but sent by its shop modules.
	SendExpiry bool
	// ExpiryGrace lets AXS's page outlive the kiosk's QR code, so that who pays in the last second
	// still can. 0 = 30 s.
	ExpiryGrace time.Duration
	// Schemes are the ways to pay that this terminal offers: credit_card, paynow, alipay,
	// wechatpay. Empty = all.
	Schemes []string
	// MaxP2C is the most PBKDF2 iterations an incoming token may ask for, P2C to CeilingP2C. 0 =
	// P2C.
	MaxP2C int
	// Currency is that of the account; a notification that states none is of it. "" = SGD.
	Currency payment.Currency
	// Words are further words of statuses, response codes and types.
	Words payment.Words
	// Members are further names of what AXS sends.
	Members Members
	// QueryList is where a query's answer has its records, when the answer is no list: the name of
	// the member that holds the list, with a dot between the names of one within another, or "."
	// for one record that is the answer itself. "" = the answer is a list.
	QueryList string
	// QueryTypeDefault is the type of a query's record that states none: TypePay. "" = such a
	// record is refused.
	QueryTypeDefault string
	// LinkPath is what stands before the merchantLinkId in the payment link's path, besides
	// /hpp/checkout/. "" = nothing else does.
	LinkPath string
	// KeyIDs are what the kid of an incoming token may be, besides ClientID.
	KeyIDs []string
	// Reference says how a merchantRef is written: ReferenceExact, ReferenceLoose or
	// ReferencePlain.
	Reference string
	// Observe is told what AXS's answers really are beside what its pages say, one call for each
	// answer. It must not block. nil = nobody listens.
	Observe func([]payment.Observed) `json:"-"`
	// MaxAmount is the largest amount in cents. 0 = MaxAmount, AXS's own limit.
	MaxAmount int64
}

// ConfigError is one fault of a Config. Its text names the key of the configuration file and is
// safe to show: it never repeats what was configured, because people paste secrets into the wrong
// line.
type ConfigError struct {
	Key     string // "axs.payment_link"
	Problem string // what is wrong
	Hint    string // what to do
}

// ConfigKey is Key.
func (e *ConfigError) ConfigKey() string { return e.Key }

func (e *ConfigError) Error() string { return e.Key + " " + e.Problem + ": " + e.Hint }

// check fills in the defaults and reports every fault at once.
func (c *Config) check() error {
	if c.AmountAs == "" {
		c.AmountAs = AmountString
	}
	if c.ExpiryGrace == 0 {
		c.ExpiryGrace = defaultGrace
	}
	if c.QueryTimeout == 0 {
		c.QueryTimeout = defaultQuery
	}
	if c.Currency == "" {
		c.Currency = payment.SGD
	}
	if c.MaxP2C == 0 {
		c.MaxP2C = P2C
	}
	if c.MaxAmount == 0 {
		c.MaxAmount = MaxAmount
	}
	var faults []error
	report := func(ok bool, key, problem, hint string) {
		if !ok {
			faults = append(faults, &ConfigError{key, problem, hint})
		}
	}
	problem, hint := checkPaymentLink(c.PaymentLink, c.LinkPath)
	report(problem == "", "axs.payment_link", problem, hint)
	report(webaddr.Printable(c.ClientID, 1, maxClientID) && !strings.Contains(c.ClientID, " "),
		"axs.client_id", "is empty, too long, or has spaces or unprintable characters",
		"copy the Client ID of the application from the AXS Merchant Portal")
	c.checkSecrets(report)
	c.checkURLs(report)
	c.checkReading(report)
	report(c.QueryTimeout > 0 && c.QueryTimeout <= maxQuery, "axs.query_url",
		"has a timeout that is negative or over 30 s", "leave the timeout at 0 for 10 seconds")
	c.checkEndpoint(report, "axs.query_url", &c.QueryURL,
		"write it like https://host.example/api/hpp/v2/transaction; leave it empty for no query")
	c.checkEndpoint(report, "axs.qr_url", &c.QRURL,
		"write it like https://host.example/api/hpp/v1/qrcode; leave it empty for no codes")
	report(webaddr.Printable(c.TerminalID, 0, maxTerminal), "terminal.id",
		"is too long or not printable ASCII",
		fmt.Sprintf("use at most %d letters, digits and signs", maxTerminal))
	report(c.AmountAs == AmountString || c.AmountAs == AmountNumber, "axs.amount_as",
		"is neither string nor number", `write "string" unless AXS asks for a number`)
	for i, s := range c.Schemes {
		report(!slices.Contains(c.Schemes[:i], s), "axs.schemes", "has a word twice",
			"name each once")
		report(slices.Contains(knownSchemes[:], s), "axs.schemes",
			"has a word that AXS does not know",
			"use "+strings.Join(knownSchemes[:], ", ")+"; an empty list offers all")
	}
	report(c.MaxP2C >= P2C && c.MaxP2C <= CeilingP2C, "axs.max_p2c", "is out of range",
		fmt.Sprintf("use %d, or at most %d if AXS has announced more iterations", P2C, CeilingP2C))
	report(c.MaxAmount > 0 && c.MaxAmount <= MaxAmount, "terminal.max_amount", "is out of range",
		fmt.Sprintf("use 1 to %d cents", MaxAmount))
	report(c.ExpiryGrace > 0 && c.ExpiryGrace <= time.Hour, "axs.send_expiry",
		"has a grace that is negative or over an hour", "leave the grace at 0 for 30 seconds")
	return errors.Join(faults...)
}

func (c *Config) checkSecrets(report func(ok bool, key, problem, hint string)) {
	for _, s := range []struct {
		key      string
		value    secret.Value
		optional bool
	}{{"axs.secret", c.Secret, false}, {"axs.previous_secret", c.PreviousSecret, true}} {
		if s.optional && s.value.IsZero() {
			continue
		}
		b := s.value.Reveal()
		report(len(b) >= MinSecret, s.key,
			fmt.Sprintf("has %d bytes, fewer than %d", len(b), MinSecret),
			"every QR code lets a stranger guess at a short secret: create a new application "+
				"credential in the portal")
		report(utf8.Valid(b) && !bytes.ContainsFunc(b, unicode.IsControl) &&
			len(bytes.TrimSpace(b)) == len(b), s.key,
			"has line breaks, spaces at an end, or bytes that are no text",
			"store the Secret alone in its file, on one line, exactly as the portal shows it")
	}
}

func (c *Config) checkURLs(report func(ok bool, key, problem, hint string)) {
	for _, u := range []struct{ key, value string }{
		{"relay.hook_url", c.WebhookURL}, {"axs.success_url", c.SuccessURL},
		{"axs.fail_url", c.FailURL}, {"axs.cancel_url", c.CancelURL},
	} {
		if u.value == "" {
			continue
		}
		_, problem := webaddr.Check(u.value, maxURL)
		report(problem == "", u.key, problem, "write it like https://host.example/path")
	}
	report(!strings.ContainsAny(c.WebhookURL, "?#"), "relay.hook_url",
		"has a query string or a fragment",
		"give AXS the hook's URL without them: AXS appends ?data=… itself")
}

// checkEndpoint takes a trailing slash off a URL that is asked, so that one endpoint is written in
// one way.
func (c *Config) checkEndpoint(report func(ok bool, key, problem, hint string), key string,
	address *string, want string) {
	if *address == "" {
		return
	}
	*address = strings.TrimRight(*address, "/")
	u, problem := webaddr.Check(*address, maxURL)
	if problem != "" {
		report(false, key, problem, want)
		return
	}
	report(!strings.ContainsAny(*address, "?#"), key, "has a query string or a fragment", want)
	id := lastSegment(c.PaymentLink)
	report(id == "" || lastSegment(u.Path) != id, key, "ends with the merchantLinkId",
		"leave that away: the agent appends the payment link's")
}

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// pathOfLinks stands before the merchantLinkId, as AXS documents it.
const pathOfLinks = "/hpp/checkout/"

// linkName is a merchantLinkId.
var linkName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$`)

// pathOfLink reports whether the path is that of a payment link: its last segment is the
// merchantLinkId. further is what may stand before that, besides AXS's own.
func pathOfLink(path, further string) bool {
	id := lastSegment(path)
	before := strings.TrimSuffix(path, id)
	return linkName.MatchString(id) && (before == pathOfLinks || further != "" && before == further)
}

func checkPaymentLink(raw, further string) (problem, hint string) {
	const want = "copy the link from the portal, " +
		"https://{domain}/hpp/checkout/{merchantLinkId}, with nothing after it"
	if raw == "" {
		return "is missing", want
	}
	u, problem := webaddr.Check(raw, maxURL)
	switch {
	case problem != "":
		return problem, want
	case strings.ContainsAny(raw, "?#"):
		return "has a query string or a fragment", want
	case !pathOfLink(u.EscapedPath(), further):
		return "has another path than /hpp/checkout/{merchantLinkId}",
			want + "; where the portal's own link has another path, write that without the " +
				"merchantLinkId into axs.link_path"
	}
	return "", ""
}
