package deviation_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

const (
	till     = "till-1"
	tag      = "KIOSK001"
	hookPath = "/hook/AAAAAAAAAAAAAAAAAAAAAA"
)

// gateway is an adapter as a rig uses it.
type gateway interface {
	engine.Gateway
	Endpoint() string
	Query(ctx context.Context, merchantRef string) payment.QueryAnswer
	Make(ctx context.Context, r payment.MintRequest) payment.MintAnswer
	Close(ctx context.Context, providerRef string) error
	Describe(e payment.Envelope) []payment.Observed
}

// clock is moved by hand.
type clock struct{ past atomic.Int64 }

var morning = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

func (c *clock) Now() time.Time { return morning.Add(time.Duration(c.past.Load())) }

// At never comes: who would wait for it is asked by hand.
func (*clock) At(time.Time) <-chan time.Time { return nil }

// rig is a kiosk with one till: the engine's shell on a journal, and a relay that hands over what
// it gets at once.
type rig struct {
	*engine.Engine
	t     *testing.T
	clock *clock
	gw    gateway
	hook  *httptest.Server // where the gateway notifies
	// delivers what the simulated gateway has to send now
	deliver func(context.Context) int
	blocked atomic.Bool // nobody answers a question
	seq     atomic.Uint64
	sales   atomic.Int64

	mu     sync.Mutex
	flying int        // requests to the gateway under way
	landed *sync.Cond // on mu: one of them is over
	// what differs, with a key and what to write there
	differs []payment.Observed
	said    []string // everything that staff could read: reasons, cures, failures, lines
	view    engine.View
}

// told notes what staff could read.
func (r *rig) told(lines ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, lines...)
}

// observe notes the lines about what came.
func (r *rig) observe(lines []payment.Observed) {
	for _, l := range lines {
		if l.Key != "" && l.Fit == payment.FitDiffers {
			r.told(l.Key + " = " + l.Value)
			r.mu.Lock()
			r.differs = append(r.differs, l)
			r.mu.Unlock()
		}
	}
}

// names reports whether any of it names the key.
func (r *rig) names(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(strings.Join(r.said, "\n"), key)
}

func (r *rig) Now() engine.Now {
	return engine.Now{Wall: r.clock.Now(), Boot: "boot-1",
		Up: time.Hour + time.Duration(r.clock.past.Load())}
}

func (r *rig) Show(v engine.View) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view = v
}

func (*rig) SendCanary()               {}
func (*rig) TellHead()                 {}
func (*rig) AdoptJournal(payment.Head) {}
func (*rig) ReadAgain()                {}
func (*rig) Fits(string) error         { return nil }

func (*rig) NewID(at time.Time) string {
	return ulid.MustNew(ulid.Timestamp(at), rand.Reader).String()
}

// asks runs a request to the gateway beside the engine.
func (r *rig) asks(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying++
	go func() {
		f()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.flying--
		r.landed.Broadcast()
	}()
}

func (r *rig) Query(_ payment.Account, ref string, reply func(payment.QueryAnswer)) {
	r.asks(func() {
		if r.blocked.Load() {
			reply(payment.QueryAnswer{Failure: "nobody answers"})
			return
		}
		a := r.gw.Query(context.Background(), ref)
		if a.Failure != "" {
			r.told(a.Failure)
		}
		for _, record := range a.Records {
			r.told(record.AmountText)
		}
		reply(a)
	})
}

func (r *rig) Mint(q payment.MintRequest, reply func(payment.MintAnswer)) {
	r.asks(func() {
		a := r.gw.Make(context.Background(), q)
		if a.Failure != "" {
			r.told(a.Failure)
		}
		reply(a)
	})
}

func (r *rig) Close(_ payment.Account, _, providerRef string) {
	r.asks(func() { _ = r.gw.Close(context.Background(), providerRef) })
}

// notify takes a notification as the relay does: stored, and handed over.
func (r *rig) notify(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	e := payment.Envelope{Method: q.Method, Query: q.URL.RawQuery, Headers: q.Header, Body: body,
		ReceivedAt: r.clock.Now()}
	r.observe(r.gw.Describe(e))
	records, err := r.gw.Open(e)
	if mends, ok := err.(payment.Curable); ok {
		r.told(err.Error(), mends.Cure())
	}
	for _, record := range records {
		r.told(record.AmountText)
	}
	n := r.seq.Add(1)
	if err := r.Deliver(q.Context(), e, payment.Position{Epoch: "E", Seq: n, ID: "D"},
		false); err != nil {
		r.t.Errorf("a delivery is not taken: %v", err)
	}
	_, _ = io.WriteString(w, "OK")
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, clock: &clock{}}
	r.landed = sync.NewCond(&r.mu)
	mux := http.NewServeMux()
	mux.HandleFunc(hookPath, r.notify)
	mux.HandleFunc(hookPath+"/", r.notify)
	r.hook = httptest.NewServer(mux)
	t.Cleanup(r.hook.Close)
	return r
}

// run starts the kiosk at this adapter.
func (r *rig) run(gw gateway, c engine.Config) {
	j, err := offline.Open(offline.Config{Path: filepath.Join(r.t.TempDir(), "journal.db"),
		Create: true})
	if err != nil {
		r.t.Fatal(err)
	}
	r.gw = gw
	c.Tag, c.MaxAmount, c.QueryEndpoint = tag, 999_999_900, gw.Endpoint()
	c.Account, c.DisplayTills, c.RequireScreen = c.Provider+":account", nil, true
	c.Policy.Settle, c.Policy.AnswerWithin, c.Policy.Watch = 5000, 25_000, 86_400_000
	c.NotBefore = morning.AddDate(0, -1, 0)
	m := engine.NewMachine(c, engine.Ports{Journal: j, Gateway: gw, Display: r, IDs: r})
	r.Engine = engine.New(m, j, r, r, r, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.t.Cleanup(func() {
		r.settle()
		stop()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
		j.Close()
	})
	if err := r.CheckAnchor(context.Background(), payment.Head{}); err != nil {
		r.t.Fatal(err)
	}
	r.Post(engine.RelayChanged{Connected: true})
	r.Post(engine.DisplayChanged{Connected: true})
	r.Attach(till, func(payment.Payment) {}, func() {})
	r.settle()
}

// settle lets everything happen that is to happen now.
func (r *rig) settle() {
	for quiet := 0; quiet < 2; {
		sent := r.deliver(context.Background())
		r.mu.Lock()
		for r.flying > 0 {
			r.landed.Wait()
		}
		v := r.view
		r.mu.Unlock()
		r.Post(engine.DisplayShows{Kind: v.Kind, Payment: v.Payment, Revision: v.Revision})
		if _, err := r.Inspect(context.Background()); err != nil {
			return
		}
		r.mu.Lock()
		if quiet++; sent > 0 || r.flying > 0 {
			quiet = 0
		}
		r.mu.Unlock()
	}
}

// pass lets time pass until the sale is final or it is over.
func (r *rig) pass(id string, atMost time.Duration) payment.Payment {
	r.t.Helper()
	return r.passUntil(id, atMost, func(p payment.Payment) bool { return p.Final })
}

// passUntil lets time pass, second by second.
func (r *rig) passUntil(id string, atMost time.Duration,
	done func(payment.Payment) bool) payment.Payment {
	r.t.Helper()
	for p := r.payment(id); ; p = r.payment(id) {
		if done(p) || atMost <= 0 {
			return p
		}
		atMost -= time.Second
		r.clock.past.Add(int64(time.Second))
		r.Post(engine.Ticked{})
		r.settle()
	}
}

func (r *rig) payment(id string) payment.Payment {
	r.t.Helper()
	type got struct {
		p   payment.Payment
		err error
	}
	answer := make(chan got, 1)
	r.Get(till, payment.Key{ID: id}, func(p payment.Payment, err error) { answer <- got{p, err} })
	a := <-answer
	if a.err != nil {
		r.t.Fatal(a.err)
	}
	if a.p.Reason != nil {
		r.told(a.p.Reason.Message)
	}
	for _, d := range a.p.Doubts {
		r.told(d.Why)
	}
	return a.p
}

// acknowledge has the till store the outcome.
func (r *rig) acknowledge(id string) {
	r.t.Helper()
	done := make(chan error, 1)
	r.Acknowledge(till, id, r.payment(id).Revision, func(err error) { done <- err })
	if err := <-done; err != nil {
		r.t.Fatal(err)
	}
}

// sell asks for a sale and waits until there is a code, or none.
func (r *rig) sell(m payment.Money) payment.Payment {
	r.t.Helper()
	started := make(chan payment.Payment, 1)
	r.Start(till, payment.Request{Reference: fmt.Sprintf("R%d", r.sales.Add(1)), Money: m,
		Timeout: time.Minute},
		func(p payment.Payment, err error) {
			if err != nil {
				r.t.Error(err)
			}
			started <- p
		})
	p := <-started
	if p.ID == "" {
		r.t.Fatal("no sale has started")
	}
	r.settle()
	return r.payment(p.ID)
}
