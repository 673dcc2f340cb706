package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// shell is an Engine over a real journal, with a display and a prober that count.
type shell struct {
	*engine.Engine
	t       *testing.T
	j       *flaky
	gw      *gateway
	began   time.Time
	views   chan engine.View // nil = nobody looks
	canary  atomic.Int64
	heads   atomic.Int64
	appends atomic.Int64
	rests   atomic.Int64
	stop    context.CancelFunc
	ended   chan error
}

func (s *shell) Now() engine.Now {
	up := time.Since(s.began)
	return engine.Now{Wall: day.Add(up), Boot: "boot-1", Up: time.Hour + up}
}

func (s *shell) Show(v engine.View) {
	if s.views != nil {
		s.views <- v
	}
}

func (s *shell) SendCanary() { s.canary.Add(1) }
func (s *shell) TellHead()   { s.heads.Add(1) }

func (s *shell) Query(_ payment.Account, _ string, reply func(payment.QueryAnswer)) {
	go reply(payment.QueryAnswer{HTTPStatus: 200})
}

func (s *shell) Mint(_ payment.MintRequest, reply func(payment.MintAnswer)) {
	go reply(payment.MintAnswer{Minted: payment.Minted{Payload: "code"}})
}

func (s *shell) Close(payment.Account, string, string) {}

func (s *shell) AdoptJournal(payment.Head) {}
func (s *shell) ReadAgain()                {}

// counted is the shell's journal: it counts what the shell tries.
type counted struct {
	*flaky
	s *shell
}

func (c counted) Append(facts []payment.Fact, pos *payment.Position) error {
	c.s.appends.Add(1)
	return c.flaky.Append(facts, pos)
}

func (c counted) Rest() error {
	c.s.rests.Add(1)
	return c.flaky.Rest()
}

// openJournal is done outside of a synctest bubble, whose clock its connections must not know.
func openJournal(t *testing.T) *flaky {
	t.Helper()
	j, err := offline.Open(offline.Config{Path: filepath.Join(t.TempDir(), "journal.db"),
		Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return &flaky{Journal: j}
}

func newShell(t *testing.T, j *flaky, views chan engine.View) *shell {
	s := &shell{t: t, j: j, gw: &gateway{secret: "right"}, began: time.Now(), views: views,
		ended: make(chan error, 1)}
	m := engine.NewMachine(config(), engine.Ports{
		Journal: j, Gateway: s.gw, Display: &paper{}, IDs: &counter{},
	})
	s.Engine = engine.New(m, counted{j, s}, s, s, s, slog.New(slog.DiscardHandler))
	return s
}

// run runs the engine, ready for sales, until the test ends.
func (s *shell) run() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() { s.ended <- s.Run(ctx) }()
	s.ready()
}

func (s *shell) ready() {
	if err := s.CheckAnchor(context.Background(), payment.Head{}); err != nil {
		s.t.Errorf("no hello is said: %v", err)
	}
	s.Post(engine.RelayChanged{Connected: true})
	s.Post(engine.CanaryReturned{SentUp: s.Now().Up})
	s.Post(engine.DisplayChanged{Connected: true})
	s.Post(engine.DisplayShows{Kind: payment.ScreenIdle})
}

func (s *shell) end() {
	s.t.Helper()
	s.stop()
	if err := <-s.ended; err != nil {
		s.t.Errorf("Run: %v", err)
	}
}

type outcome struct {
	p   payment.Payment
	err error
}

func outcomes() (chan outcome, func(payment.Payment, error)) {
	got := make(chan outcome, 1)
	return got, func(p payment.Payment, err error) { got <- outcome{p, err} }
}

func (s *shell) start(till, reference string) payment.Payment {
	s.t.Helper()
	got, reply := outcomes()
	s.Start(till, request(reference), reply)
	o := <-got
	if o.err != nil {
		s.t.Fatal(o.err)
	}
	s.Post(engine.DisplayShows{Kind: payment.ScreenPay, Payment: o.p.ID, Revision: o.p.Revision})
	return o.p
}

func (s *shell) deliver(seq uint64, records ...payment.Record) error {
	return s.Deliver(context.Background(), seal("right", records...),
		payment.Position{Epoch: "E", Seq: seq, ID: "D"}, false)
}

// sell makes sales that are paid, with a pause in a bubble's time behind each start and payment.
func (s *shell) sell(n int, pause time.Duration) {
	s.t.Helper()
	for i := range n {
		p := s.start(till1, fmt.Sprintf("R%d", i))
		time.Sleep(pause)
		if err := s.deliver(uint64(i+1), paid(p)); err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(pause)
	}
}
