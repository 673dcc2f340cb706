package e2e_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kiosk-agent/internal/app/demo"
	"kiosk-agent/internal/secret"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/test/programs"
)

// stage is a house that runs in this process, with everything that its programs log.
type stage struct {
	t       testing.TB
	h       *demo.House
	dir     string
	log     *record
	display *display // nil until showScreen
	options demo.Options
	stop    func() // ends the house and waits for it
}

// newStage opens a house and runs it until the test ends.
func newStage(t testing.TB, change ...func(*demo.Options)) *stage {
	t.Helper()
	s := &stage{t: t, dir: programs.Dir(t), log: &record{}}
	o := demo.Options{
		Dir: s.dir, Version: "test", MerchantName: "Kopi & Toast", Settle: time.Second,
		Log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&o)
	}
	s.options = o
	s.run()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("end of the log:\n%s", s.log.tail())
		}
	})
	return s
}

// run opens the house and runs it until stop.
func (s *stage) run() {
	s.t.Helper()
	var err error
	if s.h, err = demo.Open(s.t.Context(), s.options); err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.h.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		stop()
		if err := <-done; err != nil {
			s.t.Errorf("the demo ended with %v", err)
		}
	})
}

// restart ends everything and opens it again; it returns a till of the new process, with a display.
func (s *stage) restart() *till {
	s.t.Helper()
	s.stop()
	s.run()
	s.showScreen()
	return s.till()
}

// showScreen starts a small display client.
func (s *stage) showScreen() *display {
	s.t.Helper()
	s.display = startDisplay(s.t, s.h.Agent.DisplayURL(), s.h.Agent.DisplayToken(), wholeBox)
	return s.display
}

// till connects the first till, or a named one.
func (s *stage) till(name ...string) *till {
	s.t.Helper()
	token := s.h.TillToken
	if len(name) > 0 {
		token = s.h.TillTokens[name[0]]
	}
	return dialTill(s.t, s.h.Agent.TillURL(), token)
}

// open is a stage with a display and a till, ready for sales.
func open(t testing.TB, change ...func(*demo.Options)) (*stage, *till) {
	t.Helper()
	s := newStage(t, change...)
	s.showScreen()
	x := s.till()
	x.ready()
	return s, x
}

// facts are a payment's facts.
func (s *stage) facts(id string) []payment.Fact {
	s.t.Helper()
	facts, err := s.h.Agent.Facts(id)
	if err != nil {
		s.t.Fatal(err)
	}
	return facts
}

// until waits for a fact of this kind about a payment.
func (s *stage) until(id string, kind payment.Kind) {
	s.t.Helper()
	eventually(s.t, "the fact "+string(kind), func() error { return lacks(s.facts(id), kind) })
}

// journal is every fact.
func (s *stage) journal() []payment.Fact {
	s.t.Helper()
	return readJournal(s.t, s.dir)
}

func readJournal(t testing.TB, dir string) []payment.Fact {
	t.Helper()
	r, err := offline.OpenReadOnly(filepath.Join(dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []payment.Fact
	if err := r.Each(1, func(f payment.Fact, _ string) error {
		all = append(all, f)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func count(facts []payment.Fact, kind payment.Kind) (n int) {
	for _, f := range facts {
		if f.Kind() == kind {
			n++
		}
	}
	return n
}

func lacks(facts []payment.Fact, kind payment.Kind) error {
	if count(facts, kind) > 0 {
		return nil
	}
	return fmt.Errorf("there are only %v", kinds(facts))
}

func kinds(facts []payment.Fact) []payment.Kind {
	out := make([]payment.Kind, len(facts))
	for i, f := range facts {
		out[i] = f.Kind()
	}
	return out
}

// hookURL is the address that the gateway calls.
func (s *stage) hookURL() string { return readFile(s.t, s.dir, "hook.url") }

// axsSecret is the application's Secret.
func (s *stage) axsSecret() string { return readFile(s.t, s.dir, "axs.secret") }

func readText(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// readFile reads a file that holds one secret.
func readFile(t testing.TB, dir, name string) string {
	t.Helper()
	v, err := secret.Resolve("file:"+filepath.Join(dir, name), "")
	if err != nil {
		t.Fatal(err)
	}
	return string(v.Reveal())
}

// formBody encodes a form; nil is no body.
func formBody(form url.Values) io.Reader {
	if form == nil {
		return http.NoBody
	}
	return strings.NewReader(form.Encode())
}
