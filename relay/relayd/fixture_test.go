package relayd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay"
	"kiosk-agent/test/crashfs"
	"kiosk-agent/test/testlog"
)

func TestMain(m *testing.M) {
	crashfs.Main()
	goleak.VerifyTestMain(m)
}

const patience = 20 * time.Second

// rig is a running relay with its log.
type rig struct {
	*Server
	t    testing.TB
	log  *testlog.Buffer
	stop func()
}

// startRelay runs a relay on port 0; change may adjust its configuration.
func startRelay(t testing.TB, dir string, change func(*Config)) *rig {
	t.Helper()
	cfg := Config{
		PublicListen: "127.0.0.1:0", AdminListen: "127.0.0.1:0",
		AdminToken: secret.New([]byte("admin-canary-secret")),
		Store:      StoreConfig{Dir: dir, MaxBytes: 64 << 20}, HookRate: 1e6, HookBurst: 1e6,
	}
	if change != nil {
		change(&cfg)
	}
	log := new(testlog.Buffer)
	srv, err := New(t.Context(), cfg,
		slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if t.Failed() {
			t.Logf("relay's log:\n%s", log)
		}
	})
	t.Cleanup(stop)
	return &rig{srv, t, log, stop}
}

func (r *rig) add(id string) Credentials {
	r.t.Helper()
	c, err := r.AddTerminal(r.t.Context(), id, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// post sends a hook and returns the answer's status.
func post(t testing.TB, url, body string) int {
	t.Helper()
	res, err := http.Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

func mustPost(t testing.TB, url, body string) {
	t.Helper()
	if status := post(t, url, body); status != http.StatusOK {
		t.Fatalf("POST %q: status %d", body, status)
	}
}

// agent is a client with a journal in memory.
type agent struct {
	t      testing.TB
	client *relay.Client
	cancel context.CancelFunc
	done   chan error
	events chan relay.Observation // unbounded enough for the tests: 4096
	got    chan string            // bodies of hooks, "mark", "gap:reason", as they were committed

	mu     sync.Mutex
	memory *memory
	refuse error // what Deliver answers instead of committing
}

// memory is what survives an agent.
type memory struct {
	position relay.Position
	has      bool
	head     relay.Head
}

func newMemory(journal string) *memory {
	return &memory{head: relay.Head{JournalID: journal, Hash: "h0"}}
}

func (a *agent) commit(p *relay.Position, what string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse != nil {
		return a.refuse
	}
	if p != nil {
		a.memory.position, a.memory.has = *p, true
	}
	a.memory.head.Seq++
	a.got <- what
	return nil
}

func (a *agent) Deliver(_ context.Context, d relay.Delivery) error {
	what := string(d.Hook.Body)
	if d.Kind == relay.KindMark {
		what = "mark"
	}
	return a.commit(&d.Position, what)
}

func (a *agent) Gap(_ context.Context, reason string) error { return a.commit(nil, "gap:"+reason) }

func (a *agent) Position(context.Context) (relay.Position, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.memory.position, a.memory.has, nil
}

func (a *agent) Head(context.Context) (relay.Head, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.memory.head, nil
}

type bootClock struct{}

var testStart = time.Now()

func (bootClock) Now() relay.Now {
	return relay.Now{Wall: time.Now(), Boot: "boot", Up: time.Since(testStart)}
}

// startAgent connects an agent; change may adjust its configuration.
func startAgent(t testing.TB, r *rig, c Credentials, m *memory, change func(*relay.Config)) *agent {
	t.Helper()
	a := &agent{t: t, memory: m, events: make(chan relay.Observation, 4096),
		got: make(chan string, 4096), done: make(chan error, 1)}
	cfg := relay.Config{
		URL: strings.Replace(r.PublicURL(), "http", "ws", 1), Token: c.Token, HookURL: c.HookURL,
		Agent: "test", BackoffMin: 10 * time.Millisecond, BackoffMax: 50 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	log := slog.New(slog.NewTextHandler(r.log, nil))
	if a.client, err = relay.NewClient(cfg, a, a, bootClock{}, log, nil,
		func(e relay.Observation) { a.events <- e }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	go func() { a.done <- a.client.Run(ctx) }()
	t.Cleanup(a.stop)
	return a
}

func (a *agent) stop() {
	a.cancel()
	if err, ok := <-a.done; ok {
		close(a.done)
		if err != nil {
			a.t.Errorf("client: %v", err)
		}
	}
}

// want waits for the next commits, exactly these.
func (a *agent) want(what ...string) {
	a.t.Helper()
	for _, w := range what {
		select {
		case got := <-a.got:
			if got != w {
				a.t.Fatalf("committed %.60q, want %.60q", got, w)
			}
		case <-time.After(patience):
			a.t.Fatalf("waited in vain for %.60q", w)
		}
	}
}

// nothing checks that nothing more was committed.
func (a *agent) nothing() {
	a.t.Helper()
	select {
	case got := <-a.got:
		a.t.Fatalf("committed %.60q, want nothing", got)
	default:
	}
}

// await waits for an event of type E that satisfies ok, and returns it.
func await[E relay.Observation](a *agent, ok func(E) bool) E {
	a.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-a.events:
			if e, is := e.(E); is && (ok == nil || ok(e)) {
				return e
			}
		case <-deadline:
			var e E
			a.t.Fatalf("waited in vain for %T", e)
		}
	}
}

var errRefused = errors.New("the journal is full")
