package singapay

import (
	"cmp"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/sandbox"
	"kiosk-agent/sandbox/simkit"
)

// minSecret is the shortest client secret accepted, bytes.
const minSecret = 16

// Credential is one set of keys of a merchant, with the accounts that it owns and the URLs of its
// dashboard.
type Credential struct {
	// Name is what the customer reads. Default: the ClientID.
	Name string
	// ClientID and APIKey (X-PARTNER-ID) are required and unique.
	ClientID, APIKey string
	// Secret signs token requests and webhooks. Required, at least 16 bytes.
	Secret secret.Value
	// Accounts are the account ids (ULIDs) that this credential owns. At least one, unique among
	// all credentials.
	Accounts []string
	// TransactionURL takes payments, InquiryURL inquiries, ExpirationURL and ProductExpirationURL
	// the batches of what expired. "" = none are sent. A URL needs a path.
	TransactionURL, InquiryURL, ExpirationURL, ProductExpirationURL string
}

// Envelope is the shape of an answer.
type Envelope string

// The envelopes.
const (
	V1 Envelope = "v1" // {"status", "success", "data" | "error"}
	V2 Envelope = "v2" // {"response_code", "response_message", "data"}
)

// Customer is what the gateway knows about who pays.
type Customer struct{ Name, Email, Phone string }

// Config says how the gateway behaves. Only Credentials is required. The zero value of everything
// else is the default.
type Config struct {
	Credentials []Credential
	// BasePath stands before every path, for example "/singapay". Default: "".
	BasePath string
	// PublicURL is scheme and host of payment_url. Default: http:// and the Host of the request.
	PublicURL string
	// Customer fills in the page's form of every link that names nobody, and pays every code.
	// Default: nobody, and for codes a made-up name.
	Customer Customer
	// Addresses are the registered caller addresses. Default: none, and everybody is let in.
	Addresses []netip.Prefix
	// TokenLife is the life of an access token. Default: 216000 s.
	TokenLife time.Duration
	// ExpiresInNumber gives expires_in as a number instead of a string.
	ExpiresInNumber bool
	// LinkEnvelope is the envelope of /api/v2.0/payment-link (default V2), OtherEnvelope that of
	// all other paths (default V1).
	LinkEnvelope, OtherEnvelope Envelope
	// NoDate leaves the header Date out of answers, which says what Clock says otherwise.
	NoDate bool
	// ErrorsAs200 sends errors in the v2 envelope with HTTP 200.
	ErrorsAs200 bool
	// AmountText gives amounts of links and histories as "20000.00" instead of 20000.
	AmountText bool
	// MinAmount is the smallest total_amount of a link, rupiah. Default: 10000.
	MinAmount int64
	// DuplicateSP004 answers a used reff_no with 409 and SP004 instead of 422.
	DuplicateSP004 bool
	// ClosePaid makes the status of a link closed once its max_usage is reached.
	ClosePaid bool
	// AttemptLife is how long a picked method stays payable. Default: 15 minutes.
	AttemptLife time.Duration
	// HideLinkRef leaves payment_link_reff_no out of histories.
	HideLinkRef bool
	// Hash is what is hashed for a webhook's signature. Default: HashSorted.
	Hash HashForm
	// PlainWire sends bodies without PHP's \/ and \uXXXX.
	PlainWire bool
	// OmitEvent leaves event and timestamp out of payment-link-transaction.
	OmitEvent bool
	// DocumentedNames uses the documented event names (payment_link.inquiry,
	// transaction_expiration) instead of the measured ones, and sends an inquiry for each opening
	// of a page too.
	DocumentedNames bool
	// ProductExpiry sends product expiry batches.
	ProductExpiry bool
	// ResignRetries gives each retry a fresh timestamp and signature.
	ResignRetries bool
	// Retries401 is how often an answer 401 is retried. Default: 5, as documented.
	Retries401 int
	// RetryPause is the time between the tries of a webhook. Default: one minute.
	RetryPause time.Duration
	// Unpaged leaves page and per_page out of account: each page of a list is all of it.
	Unpaged bool
	// As is the name of a Deviation that is played from the start. Default: none.
	As string
	// Faults are in force from the start.
	Faults []Fault
	// Book is the file that keeps links, codes and payments over a crash. Default: "", none.
	Book string
	// Client sends webhooks; its CheckRedirect is not used. Default: 10 s in all.
	Client *http.Client
	// Clock defaults to the system's.
	Clock sandbox.Clock
	// Rand gives tokens and references. Default: ChaCha8 with a seed of crypto/rand.
	Rand rand.Source
}

// account is an account with its owner; number is the internal id that webhooks show.
type account struct {
	owner  *Credential
	id     string
	number int
}

// Server is the simulated gateway. Make one with New.
type Server struct {
	cfg      Config
	log      *slog.Logger
	clock    sandbox.Clock
	client   *http.Client
	accounts map[string]*account
	handler  http.Handler

	bend bend // of Config.As

	mu     sync.Mutex // guards everything below
	tokens map[string]grant
	links  []*link // in the order of their creation, deleted ones too
	codes  []*code
	lastID int64 // of links and codes
	histID int64 // of attempts
	faults *simkit.Faults[FaultKind, Fault, *Webhook]
	queue  *simkit.Queue[job]
	hooks  []*Webhook
	told   map[string]bool // attempts whose payment was answered 2xx
	book   simkit.Book
}

// New checks cfg and returns a gateway whose Handler works at once; webhooks go out while Run runs.
// log may be nil.
func New(cfg Config, log *slog.Logger) (*Server, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	as, err := deviation(cfg.As)
	if err != nil {
		return nil, fmt.Errorf("singapay sandbox: %w", err)
	}
	if as.config != nil {
		as.config(&cfg)
	}
	cfg.TokenLife = cmp.Or(cfg.TokenLife, 216000*time.Second)
	cfg.LinkEnvelope, cfg.OtherEnvelope = cmp.Or(cfg.LinkEnvelope, V2),
		cmp.Or(cfg.OtherEnvelope, V1)
	cfg.MinAmount = cmp.Or(cfg.MinAmount, 10_000)
	cfg.AttemptLife = cmp.Or(cfg.AttemptLife, 15*time.Minute)
	cfg.Hash = cmp.Or(cfg.Hash, HashSorted)
	cfg.Retries401 = cmp.Or(cfg.Retries401, 5)
	cfg.RetryPause = cmp.Or(cfg.RetryPause, time.Minute)
	cfg.BasePath, cfg.PublicURL = strings.TrimSuffix(cfg.BasePath, "/"),
		strings.TrimSuffix(cfg.PublicURL, "/")
	if cfg.Rand == nil {
		var seed [32]byte
		_, _ = crand.Read(seed[:]) // never fails
		cfg.Rand = rand.NewChaCha8(seed)
	}
	if cfg.Clock == nil {
		cfg.Clock = simkit.SystemClock{}
	}
	client := http.Client{Timeout: 10 * time.Second}
	if cfg.Client != nil {
		client = *cfg.Client
	}
	client.CheckRedirect = redirects
	s := &Server{
		cfg: cfg, bend: as, log: log, clock: cfg.Clock, client: &client,
		accounts: map[string]*account{},
		tokens:   map[string]grant{}, told: map[string]bool{}, lastID: 2300, histID: 54_000,
		faults: simkit.NewFaults[FaultKind, Fault, *Webhook](FaultKinds()),
	}
	s.queue = simkit.NewQueue(&s.mu, s.clock, job.sends, s.perform)
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("singapay sandbox: %w", err)
	}
	for _, f := range cfg.Faults {
		if _, err := s.AddFault(f); err != nil {
			return nil, err
		}
	}
	if cfg.Book != "" {
		if err := s.readBook(); err != nil {
			return nil, fmt.Errorf("singapay sandbox: book %s: %w", cfg.Book, err)
		}
	}
	s.handler = s.routes()
	return s, nil
}

// check refuses a configuration that could not work, and fills accounts.
func (s *Server) check() error {
	cfg := &s.cfg
	if cfg.BasePath != "" && (cfg.BasePath[0] != '/' ||
		strings.ContainsAny(cfg.BasePath, "{}?# ")) {
		return errors.New("base path must begin with / and hold no { } ? # or space")
	}
	for _, e := range []Envelope{cfg.LinkEnvelope, cfg.OtherEnvelope} {
		if e != V1 && e != V2 {
			return fmt.Errorf("envelope %q: use v1 or v2", e)
		}
	}
	if cfg.Hash != HashSorted && cfg.Hash != HashPHP && cfg.Hash != HashRaw {
		return fmt.Errorf("hash %q: use sorted, php or raw", cfg.Hash)
	}
	if cfg.TokenLife < time.Second || cfg.AttemptLife < time.Second || cfg.RetryPause < 0 ||
		cfg.MinAmount < 0 || cfg.Retries401 < 0 {
		return errors.New("a duration or amount is too small")
	}
	if len(cfg.Credentials) == 0 {
		return errors.New("no credential")
	}
	cfg.Credentials = append([]Credential(nil), cfg.Credentials...)
	seen := map[string]bool{}
	for i := range cfg.Credentials {
		c := &cfg.Credentials[i]
		if err := s.checkCredential(c); err != nil {
			return fmt.Errorf("credential %q: %w", c.ClientID, err)
		}
		if seen["client "+c.ClientID] || seen["key "+c.APIKey] {
			return fmt.Errorf("credential %q: client id or API key is there twice", c.ClientID)
		}
		seen["client "+c.ClientID], seen["key "+c.APIKey] = true, true
	}
	return nil
}

func (s *Server) checkCredential(c *Credential) error {
	if c.ClientID == "" || c.APIKey == "" || len(c.Accounts) == 0 {
		return errors.New("client id, API key and at least one account are needed")
	}
	if c.Secret.Len() < minSecret {
		return fmt.Errorf("the secret has fewer than %d bytes", minSecret)
	}
	c.Name = cmp.Or(c.Name, c.ClientID)
	for _, target := range []string{c.TransactionURL, c.InquiryURL, c.ExpirationURL,
		c.ProductExpirationURL} {
		if target == "" {
			continue
		}
		if u, err := url.Parse(target); err != nil || !webURL(target) || u.Path == "" {
			return errors.New("a notification URL is not an absolute http or https URL with a path")
		}
	}
	for _, id := range c.Accounts {
		if id == "" || id != url.PathEscape(id) || s.accounts[id] != nil {
			return fmt.Errorf("account %q is empty, not a plain path segment, or there twice", id)
		}
		s.accounts[id] = &account{owner: c, id: id, number: 35 + len(s.accounts)}
	}
	return nil
}

func webURL(v string) bool {
	u, err := url.Parse(v)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		u.User == nil
}

// Format keeps fmt from printing what is inside: it would reach the secrets through unexported
// fields.
func (s *Server) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, "singapay.Server") }

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghijklmnopqrstuvwxyz"

// text makes n random characters: 32 kinds for a ULID, all of the alphabet otherwise. The caller
// holds s.mu.
func (s *Server) text(n, kinds int) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[s.cfg.Rand.Uint64()%uint64(kinds)]
	}
	return string(out)
}
