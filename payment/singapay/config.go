package singapay

import (
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

// Limits that SingaPay documents, and those that this agent sets itself.
const (
	// minor units: the smallest amount of a payment link (SingaPay, v1); for QRIS codes none is
	// known
	MinAmount = 10_000 * 100
	MaxRef    = 40 // characters of a reff_no (SingaPay)
	MinSecret = 20 // bytes

	defaultTimeout = 10 * time.Second
	maxTimeout     = 30 * time.Second
	defaultGrace   = 30 * time.Second
	defaultWindow  = 300 * time.Second
	maxWindow      = 15 * time.Minute
	ceilingAmount  = 1_000_000_000 * 100 // minor units: SingaPay states no largest amount
	maxURL         = 512                 // characters: every one of them makes the QR code denser
	maxID          = 128
	maxText        = 255 // characters of a link's description

	leastClockError = 5 * time.Second // a clock is read to the second, over a network
	mostClockError  = 30 * time.Second
)

// The values of Config.Mode.
const (
	ModeLink = "link" // a payment link: the QR code leads to SingaPay's page
	ModeQR   = "qr"   // a QRIS code, which a bank's or wallet's app scans
)

// methodQRIS is the one way to pay in mode qr.
const methodQRIS = "QRIS"

// Config says how to reach SingaPay. New checks all of it.
type Config struct {
	// BaseURL is https://payment-b2b.singapay.id or the sandbox's host, with no path. http is
	// accepted for a loopback host only. Required.
	BaseURL string
	// ClientID is the credential's, from the dashboard. Required.
	ClientID string
	// ClientSecret is the credential's, at least MinSecret bytes of text. It signs and verifies.
	// Required.
	ClientSecret secret.Value
	// PreviousSecret verifies notifications too, during a rotation. Zero = none.
	PreviousSecret secret.Value
	// APIKey is the credential's API key, which SingaPay also calls Partner ID. Required.
	APIKey string
	// AccountID is the account that gets the money, a ULID. The credential must own it. Required.
	AccountID string
	// WebhookPath is the path, and the query string if there is one, of the notification URL
	// exactly as the dashboard has it: /hook/ROUTE. It is part of what SingaPay signs. Required.
	WebhookPath string
	// Mode is ModeLink or ModeQR. "" = ModeLink.
	Mode string
	// Methods are the payment method codes that a link offers, such as QRIS, VA_BCA or
	// EWALLET_DANA. Empty = all of the account's.
	Methods []string
	// Description is what the customer reads on SingaPay's page. "" = not sent.
	Description string
	// CustomerName and CustomerEmail spare the customer a form that SingaPay's page may ask to be
	// filled in: the shop's own, never a customer's. Both or none.
	CustomerName, CustomerEmail string
	// SuccessURL and ExpiredURL are where SingaPay sends the customer's browser. "" = not sent.
	SuccessURL, ExpiredURL string
	// ExpiryGrace lets a link or code outlive the kiosk's screen, so that who pays in the last
	// second still can. 0 = 30 s.
	ExpiryGrace time.Duration
	// CreateTimeout bounds Mint, QueryTimeout bounds Query and Close, each with all of its
	// requests, at most 30 s. 0 = 10 s.
	CreateTimeout, QueryTimeout time.Duration
	// ReplayWindow is how far X-Timestamp may be from the relay's time of receipt, at most 15
	// minutes. 0 = 300 s.
	ReplayWindow time.Duration
	// Words, Members, Events, Answers and Headers are what SingaPay has been seen to write
	// otherwise than its pages say. Zero = nothing.
	Words   payment.Words
	Members Members
	Events  Events
	Answers Answers
	Headers Headers
	// Reference is how our reference is written: "" = as it is, TAG-ULID; ReferenceLoose = SingaPay
	// may send it back without its dash, or in another case; ReferencePlain = and it is sent
	// without.
	Reference string
	// MaxAmount is the largest amount in minor units. 0 = a thousand million rupiah.
	MaxAmount int64
	// Now is the best that is known of SingaPay's clock: the token's signature has a date in it, a
	// link an end. Required.
	Now func() time.Time
	// Heard takes what an answer says of SingaPay's clock, which was read within the last took, to
	// the second; Now should follow it. It must not block. nil = nobody listens.
	Heard func(theirs time.Time, took time.Duration)
	// Observe is told of each answer what it looks like, beside what SingaPay's pages say. It must
	// not block. nil = nobody listens.
	Observe func([]payment.Observed)
}

// ClockError is how far the clock that a link's end is made by may be from SingaPay's: less than
// the grace, so that no link ends while it is on the screen.
func ClockError(grace time.Duration) time.Duration {
	return max(leastClockError, min(grace, mostClockError))
}

// ConfigError is one fault of a Config. Its text names the key of the configuration file and is
// safe to show: it never repeats what was configured, because people paste secrets into the wrong
// line.
type ConfigError struct {
	Key     string // "singapay.base_url"
	Problem string // what is wrong
	Hint    string // what to do
}

// ConfigKey is Key.
func (e *ConfigError) ConfigKey() string { return e.Key }

func (e *ConfigError) Error() string { return e.Key + " " + e.Problem + ": " + e.Hint }

type reporter func(ok bool, key, problem, hint string)

// fill puts the defaults in place of zeros.
func (c *Config) fill() {
	if c.Mode == "" {
		c.Mode = ModeLink
	}
	if c.ExpiryGrace == 0 {
		c.ExpiryGrace = defaultGrace
	}
	if c.CreateTimeout == 0 {
		c.CreateTimeout = defaultTimeout
	}
	if c.QueryTimeout == 0 {
		c.QueryTimeout = defaultTimeout
	}
	if c.ReplayWindow == 0 {
		c.ReplayWindow = defaultWindow
	}
	if c.MaxAmount == 0 {
		c.MaxAmount = ceilingAmount
	}
}

var ulid = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)

// check fills in the defaults and reports every fault at once.
func (c *Config) check() error {
	c.fill()
	var faults []error
	report := func(ok bool, key, problem, hint string) {
		if !ok {
			faults = append(faults, &ConfigError{key, problem, hint})
		}
	}
	for _, id := range []struct{ key, value string }{{"singapay.client_id", c.ClientID},
		{"singapay.api_key", c.APIKey}} {
		report(webaddr.Printable(id.value, 1, maxID) && !strings.Contains(id.value, " "), id.key,
			"is empty, too long, or has spaces or unprintable characters",
			"copy it from the credential's page in the SingaPay dashboard")
	}
	report(ulid.MatchString(c.AccountID), "singapay.account_id", "is not a ULID of 26 characters",
		"copy the account's ID from the SingaPay dashboard")
	report(c.Mode == ModeLink || c.Mode == ModeQR, "payment.mode", "is neither link nor qr",
		`write "link" for SingaPay's page or "qr" for a QRIS code`)
	report(c.Now != nil, "singapay", "has no clock", "report this: it is a fault of the agent")
	c.checkURLs(report)
	c.checkSecrets(report)
	c.checkOffer(report)
	c.checkTimes(report)
	c.checkSettings(report)
	return errors.Join(faults...)
}

func (c *Config) checkTimes(report reporter) {
	for _, t := range []struct {
		key   string
		value time.Duration
	}{{"singapay.create_timeout", c.CreateTimeout}, {"singapay.query_timeout", c.QueryTimeout}} {
		report(t.value > 0 && t.value <= maxTimeout, t.key, "is negative or over 30 s",
			"leave it at 10s")
	}
	report(c.ReplayWindow > 0 && c.ReplayWindow <= maxWindow, "singapay.replay_window",
		"is negative or over 15 minutes", "leave it at 300s")
	report(c.ExpiryGrace > 0 && c.ExpiryGrace <= time.Hour, "singapay.expiry_grace",
		"is negative or over an hour", "leave it at 30s")
}

func (c *Config) checkSecrets(report reporter) {
	for _, s := range []struct {
		key      string
		value    secret.Value
		optional bool
	}{{"singapay.client_secret", c.ClientSecret, false},
		{"singapay.previous_secret", c.PreviousSecret, true}} {
		if s.optional && s.value.IsZero() {
			continue
		}
		b := string(s.value.Reveal())
		report(len(b) >= MinSecret, s.key,
			fmt.Sprintf("has %d bytes, fewer than %d", len(b), MinSecret),
			"copy the whole Client Secret from the SingaPay dashboard")
		report(utf8.ValidString(b) && !strings.ContainsFunc(b, unicode.IsControl) &&
			strings.TrimSpace(b) == b, s.key,
			"has line breaks, spaces at an end, or bytes that are no text",
			"store it alone in its file, on one line, exactly as the dashboard shows it")
	}
}

// methodCode is the form of a payment method's code; which there are differs by merchant, and
// SingaPay adds some.
var methodCode = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,39}$`)

// checkOffer looks at what the customer is offered and told.
func (c *Config) checkOffer(report reporter) {
	for i, m := range c.Methods {
		report(methodCode.MatchString(m), "singapay.methods",
			"has a word that is no payment method code",
			"write codes such as QRIS, VA_BCA, EWALLET_DANA; an empty list offers all")
		report(!slices.Contains(c.Methods[:i], m), "singapay.methods", "has a code twice",
			"write each code once")
	}
	report(c.Mode != ModeQR || len(c.Methods) == 0 || slices.Equal(c.Methods, []string{methodQRIS}),
		"singapay.methods", "offers something else than QRIS in mode qr",
		"leave it empty, or use mode link")
	report(text255(c.Description), "singapay.description", "is too long or has control characters",
		fmt.Sprintf("use at most %d characters on one line", maxText))
	report((c.CustomerName == "") == (c.CustomerEmail == ""), "singapay.customer_name",
		"and customer_email do not go together", "write both, or none")
	report(text255(c.CustomerName), "singapay.customer_name",
		"is too long or has control characters", "write the shop's name")
	at := strings.Index(c.CustomerEmail, "@")
	report(c.CustomerEmail == "" || webaddr.Printable(c.CustomerEmail, 3, maxText) && at > 0 &&
		at < len(c.CustomerEmail)-1 && !strings.Contains(c.CustomerEmail, " "),
		"singapay.customer_email", "is not an e-mail address", "write the shop's own address")
	report(c.MaxAmount >= MinAmount && c.MaxAmount <= ceilingAmount, "terminal.max_amount",
		"is out of range",
		fmt.Sprintf("use %d (IDR 10000) to %d, in 1/100 rupiah", MinAmount, int64(ceilingAmount)))
}

// text255 accepts a line of text as a person writes it.
func text255(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxText &&
		!strings.ContainsFunc(s, unicode.IsControl)
}

// checkURLs takes a trailing slash off the base URL, so that one host is written in one way.
func (c *Config) checkURLs(report reporter) {
	const want = "write https://payment-b2b.singapay.id, or " +
		"https://sandbox-payment-b2b.singapay.id for the sandbox"
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	u, problem := webaddr.Check(c.BaseURL, maxURL)
	if problem == "" && (u.Path != "" || strings.ContainsAny(c.BaseURL, "?#")) {
		problem = "has a path, a query string or a fragment"
	}
	report(problem == "", "singapay.base_url", problem, want)
	for _, u := range []struct{ key, value string }{{"singapay.success_url", c.SuccessURL},
		{"singapay.expired_url", c.ExpiredURL}} {
		if u.value != "" {
			_, problem := webaddr.Check(u.value, maxURL)
			report(problem == "", u.key, problem, "write it like https://host.example/path")
		}
	}
	report(webaddr.Printable(c.WebhookPath, 2, maxURL) && c.WebhookPath[0] == '/' &&
		c.WebhookPath[1] != '/' && !strings.ContainsAny(c.WebhookPath, " #"),
		"singapay.webhook_path", "is not a path such as /hook/ROUTE",
		"write what follows the host in the dashboard's notification URL, exactly")
}
