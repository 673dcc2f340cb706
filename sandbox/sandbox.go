// Package sandbox is a simulated AXS Checkout: hosted payment page, QR strings, webhooks and
// transaction query, with scripted faults.
//
// It is written from docs/protocols/axs.md alone and shares no code with the client that it
// tests, so that one mistake is not made twice. It checks every field of a link strictly and says
// on the page what is wrong with it, because that page is what an integrator debugs with. It moves
// no money, knows nothing of AXS's own reserved amounts or test cards, and authenticates nobody on
// its control endpoints (mount it on a loopback listener).
//
// A [Server] may be used by any number of goroutines. Webhooks are sent by Run alone, one after the
// other in the order in which they fall due, so that a test sees the same order each time. Nothing
// survives a crash or a restart: it is a simulator. With [Config.Book], payments do. Secrets and
// tokens never reach its log.
package sandbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/sandbox/simkit"
)

// minSecret is the shortest secret accepted: a link is an offline guessing oracle at 1000
// iterations.
const minSecret = 20

// Merchant is one account at the simulated gateway.
type Merchant struct {
	// Name is what the customer reads on the page. Default: the ClientID.
	Name string
	// ClientID is the kid of every token and the clientId of every link. Required, unique.
	ClientID string
	// Secret opens links and seals webhooks. Required, at least 20 bytes.
	Secret secret.Value
	// LinkIDs are the merchantLinkIds of the type "Redirect to Payment Page". At least one, unique
	// among all merchants.
	LinkIDs []string
	// WebhookURL, SuccessURL and FailURL are the portal's presets, used when a link brings none. ""
	// = none.
	WebhookURL, SuccessURL, FailURL string
	// Carriage is how webhooks carry their token. Default: QueryGET.
	Carriage Carriage
}

// Clock is the time that the sandbox lives by.
type Clock = simkit.Clock

// UnknownAnswer is how the query answers for a reference without any record. The document leaves it
// open.
type UnknownAnswer string

// The ways to answer for a reference that has no record.
const (
	UnknownEmpty UnknownAnswer = "empty" // 200 and []
	Unknown404   UnknownAnswer = "404"
)

// QueryForm is how the query wraps its answer. The document leaves it open.
type QueryForm string

// The ways to wrap the answer of a query.
const (
	QueryPlain   QueryForm = "plain"   // the JSON array itself
	QueryData    QueryForm = "data"    // {"data": "<compact JWE>"}
	QueryCompact QueryForm = "compact" // the compact JWE alone
)

// Config says how the sandbox behaves. Only Merchants is required.
type Config struct {
	Merchants []Merchant
	// BasePath stands before every path, for example "/axs". Default: "".
	BasePath string
	// Outcomes decides by amount (cents) what a press of a pay button leads to; other amounts are
	// decided by the customer. nil = DefaultOutcomes(); an empty map = the customer always decides.
	Outcomes map[int64]Outcome
	// Faults are in force from the start; more can be added while it runs.
	Faults []Fault
	// Unknown is the query's answer for a reference without records. Default: UnknownEmpty.
	Unknown UnknownAnswer
	// QueryForm wraps the query's answer and that of a request for a code. Default: QueryPlain.
	QueryForm QueryForm
	// As is the name of a Deviation that is played all the time. Default: none.
	As string
	// NumbersAsText writes a code's expiry and createdAt as JSON strings. The document leaves it
	// open. Default: numbers.
	NumbersAsText bool
	// DefaultExpiry is the life of a link that brings no expiry, from its first opening. Default:
	// 10 minutes (our choice).
	DefaultExpiry time.Duration
	// ExpiredCode is the responseCode of EXPIRED records. The document names none. Default: "", the
	// key is left out.
	ExpiredCode string
	// Retry are the pauses before each further try of a webhook that was not answered 2xx. Default:
	// none, one try only.
	Retry []time.Duration
	// Book is the file that keeps payments over a crash: each change is in it, synced, before
	// anybody is told. It holds the links that were opened: keep it to yourself. Default: "", none.
	Book string
	// MaxQueue bounds webhooks that wait to be sent; further ones are logged as dropped. Default:
	// 4096.
	MaxQueue int
	// Client sends webhooks. Default: 10 s in all, no redirects followed.
	Client *http.Client
	// Clock defaults to the system's.
	Clock Clock
	// Rand gives transaction references, salts and forged secrets. Default: crypto/rand. The
	// content encryption key and nonce of a token always come from crypto/rand.
	Rand io.Reader
}

// Server is the simulated gateway. Make one with New.
type Server struct {
	cfg     Config
	log     *slog.Logger
	clock   Clock
	client  *http.Client
	byLink  map[string]*Merchant
	handler http.Handler
	bend    bend // of Config.As

	rand io.Reader // safe for concurrent use

	mu       sync.Mutex // guards everything below
	payments []*payment // in the order of their first opening
	byRef    map[refKey]*payment
	txRefs   map[string]bool
	salts    map[string][32]byte // salt seen → hash of the token that brought it
	faults   *simkit.Faults[FaultKind, Fault, *Webhook]
	book     simkit.Book
	queue    *simkit.Queue[job]
	hooks    []*Webhook
}

// refKey names a payment: a merchantRef is unique per merchant.
type refKey struct{ clientID, ref string }

// New checks cfg and returns a sandbox whose Handler works at once; webhooks go out while Run runs.
// log may be nil.
func New(cfg Config, log *slog.Logger) (*Server, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if cfg.Outcomes == nil {
		cfg.Outcomes = DefaultOutcomes()
	}
	cfg.Unknown = cmp.Or(cfg.Unknown, UnknownEmpty)
	cfg.QueryForm = cmp.Or(cfg.QueryForm, QueryPlain)
	cfg.DefaultExpiry = cmp.Or(cfg.DefaultExpiry, 10*time.Minute)
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	cfg.MaxQueue = cmp.Or(cfg.MaxQueue, 4096)
	cfg.BasePath = strings.TrimSuffix(cfg.BasePath, "/")
	s := &Server{
		cfg: cfg, log: log, clock: cfg.Clock, client: cfg.Client, rand: &sharedRand{r: cfg.Rand},
		byLink: map[string]*Merchant{}, byRef: map[refKey]*payment{}, txRefs: map[string]bool{},
		salts:  map[string][32]byte{},
		faults: simkit.NewFaults[FaultKind, Fault, *Webhook](FaultKinds()),
	}
	if s.clock == nil {
		s.clock = simkit.SystemClock{}
	}
	s.queue = simkit.NewQueue(&s.mu, s.clock, job.sends, s.perform)
	if s.client == nil {
		s.client = &http.Client{
			Timeout: 10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		}
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	for _, f := range cfg.Faults {
		if _, err := s.AddFault(f); err != nil {
			return nil, err
		}
	}
	if cfg.Book != "" {
		if err := s.readBook(); err != nil {
			return nil, fmt.Errorf("sandbox: book %s: %w", cfg.Book, err)
		}
	}
	s.handler = s.routes()
	return s, nil
}

// check refuses a configuration that could not work, and fills byLink.
func (s *Server) check() error {
	cfg := &s.cfg
	if cfg.BasePath != "" && (cfg.BasePath[0] != '/' ||
		strings.ContainsAny(cfg.BasePath, "{}?# ")) {
		return errors.New("base path must begin with / and hold no { } ? # or space")
	}
	if cfg.Unknown != UnknownEmpty && cfg.Unknown != Unknown404 {
		return fmt.Errorf("unknown answer %q: use empty or 404", cfg.Unknown)
	}
	if cfg.QueryForm != QueryPlain && cfg.QueryForm != QueryData && cfg.QueryForm != QueryCompact {
		return fmt.Errorf("query form %q: use plain, data or compact", cfg.QueryForm)
	}
	if cfg.DefaultExpiry < time.Second || cfg.MaxQueue < 0 {
		return errors.New("default expiry must be at least one second and max queue not negative")
	}
	as, err := FindDeviation(cfg.As)
	if err != nil {
		return err
	}
	if s.bend = as.bend; s.bend.path == "" {
		s.bend.path = "/hpp/checkout/"
	}
	if s.bend.form != "" {
		cfg.QueryForm = s.bend.form
	}
	for amount, o := range cfg.Outcomes {
		if err := o.check(); err != nil {
			return fmt.Errorf("outcome of amount %d: %w", amount, err)
		}
	}
	if len(cfg.Merchants) == 0 {
		return errors.New("no merchant")
	}
	cfg.Merchants = append([]Merchant(nil), cfg.Merchants...)
	seen := map[string]bool{}
	for i := range cfg.Merchants {
		m := &cfg.Merchants[i]
		if err := s.checkMerchant(m); err != nil {
			return fmt.Errorf("merchant %q: %w", m.ClientID, err)
		}
		if seen[m.ClientID] {
			return fmt.Errorf("merchant %q is there twice", m.ClientID)
		}
		seen[m.ClientID] = true
	}
	return nil
}

func (s *Server) checkMerchant(m *Merchant) error {
	if m.ClientID == "" || len(m.LinkIDs) == 0 {
		return errors.New("client id and at least one merchant link id are needed")
	}
	if m.Secret.Len() < minSecret {
		return fmt.Errorf("the secret has fewer than %d bytes", minSecret)
	}
	m.Name = cmp.Or(m.Name, m.ClientID)
	m.Carriage = cmp.Or(m.Carriage, QueryGET)
	if !m.Carriage.known() {
		return fmt.Errorf("carriage %q is not one of %v", m.Carriage, Carriages())
	}
	for _, u := range []string{m.WebhookURL, m.SuccessURL, m.FailURL} {
		if u != "" && !webURL(u) {
			return errors.New("a preset URL is not an absolute http or https URL")
		}
	}
	for _, id := range m.LinkIDs {
		if id == "" || id != url.PathEscape(id) || s.byLink[id] != nil {
			return fmt.Errorf("link id %q is empty, not a plain path segment, or there twice", id)
		}
		s.byLink[id] = m
	}
	return nil
}

// Handler serves everything, under Config.BasePath:
//
//	GET    /                                          index for a person, refreshes itself
//	GET    /hpp/checkout/{merchantLinkId}?data=JWE    payment page
//	POST   /hpp/checkout/{merchantLinkId}/act         its buttons: form data, action, scheme
//	GET    /api/hpp/v2/transaction/{merchantLinkId}   transaction query, ?data=JWE
//	GET    /sandbox/payments, /sandbox/payments/{merchantRef}, /sandbox/webhooks, /sandbox/collected
//	POST   /sandbox/act      {"merchantRef", "action", "scheme", "responseCode", "clientId"}
//	GET    /sandbox/faults   the faults in force; POST adds one (a Fault as JSON), DELETE ends all
//	POST   /sandbox/release  sends what out_of_order holds back
//
// Nobody is authenticated. Requests of other sites' pages are refused, but names that were rebound
// are not: the mounting program checks Host.
func (s *Server) Handler() http.Handler { return s.handler }

// Format keeps fmt from printing what is inside: it would reach the merchants' secrets through
// unexported fields, where no method of theirs is asked.
func (s *Server) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, "sandbox.Server") }

// Deliver does what Run does, in the caller's goroutine and only for what is due now, and returns
// how much it did. A simulation with its own scheduler calls it instead of Run, never beside it.
func (s *Server) Deliver(ctx context.Context) int { return s.queue.Deliver(ctx) }

// NextDue is when Deliver will have something to do; ok is false when nothing waits.
func (s *Server) NextDue() (at time.Time, ok bool) { return s.queue.NextDue() }

// Run sends webhooks until ctx ends, and returns nil once the last exchange is over. It must run at
// most once at a time.
func (s *Server) Run(ctx context.Context) error {
	s.queue.Run(ctx)
	return nil
}

// sharedRand lets any number of goroutines read from one source.
type sharedRand struct {
	mu sync.Mutex
	r  io.Reader
}

func (s *sharedRand) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return io.ReadFull(s.r, p)
}
