package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/demo"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/programs"
)

// TestAXSDeviates plays a sale at an AXS that differs from its pages, in each way that the
// simulation knows: the whole house, as it is delivered and with the key that mends it. Nothing is
// ever approved that was not collected, nothing is lost where the query is right, and what does not
// go as it must names the key.
func TestAXSDeviates(t *testing.T) {
	t.Parallel()
	rows := deviants()
	for _, d := range sandbox.Deviations() {
		if !slices.ContainsFunc(rows, func(r deviant) bool { return r.as == d.Name }) {
			t.Errorf("nobody sells at %s", d.Name)
		}
	}
	// Those that end as unknown take as long as answer_within, one beside the other.
	const together = 12
	for group := range slices.Chunk(rows, together) {
		t.Run("from "+group[0].as, func(t *testing.T) {
			var plays []*deviantPlay
			for _, row := range group {
				plays = append(plays, row.begin(t))
			}
			for _, p := range plays {
				t.Run(p.row.as, p.end)
			}
		})
	}
}

// deviantPlay is a row that is played: its sale without the key, and with it.
type deviantPlay struct {
	row           deviant
	d             sandbox.Deviation
	without, with *deviantSale
}

func (row deviant) begin(t *testing.T) *deviantPlay {
	t.Helper()
	d, err := sandbox.FindDeviation(row.as)
	if err != nil {
		t.Fatal(err)
	}
	if (d.Keys == "") != (row.settings == "") {
		t.Errorf("%s: the simulation says that %q mends it, this test %q", row.as, d.Keys,
			row.settings)
	}
	p := &deviantPlay{row: row, d: d}
	if row.named != "refused" {
		p.without = row.sell(t, "", quick)
	}
	if row.settings == "" {
		return p
	}
	policy := quick
	for _, raises := range []string{"words.paid", "words.code_ok", "words.type_pay"} {
		if strings.Contains(row.settings, raises) {
			policy = needsQuery
		}
	}
	p.with = row.sell(t, row.settings+"\n", policy)
	return p
}

// end waits for the ends, and compares them.
func (p *deviantPlay) end(t *testing.T) {
	if p.without == nil {
		p.row.refused(t, p.d)
	} else {
		p.without.ended(t, p.row.without)
		p.without.names(p.row, strings.Fields(p.d.Keys))
	}
	if p.with != nil {
		want := p.row.ends
		if want == "" {
			want = approved
		}
		p.with.ended(t, want)
	}
}

// deviantSale is one that has begun.
type deviantSale struct {
	*stage
	t      *testing.T
	x      *till
	p      device.Payment
	hooks  *hookRecorder
	answer func(*testing.T) device.Payment // to the cancel; nil = it has ended by itself
}

func (row deviant) options(settings, policy string, hooks *hookRecorder) func(*demo.Options) {
	return func(o *demo.Options) {
		o.As, o.Settings, o.Policy, o.Query = row.as, settings, policy, true
		o.Simulation = demo.AXSOptions{Client: &http.Client{Transport: hooks}}
		if row.way == "axs-qr" {
			withCodes(o)
		}
	}
}

// sell plays the row's sale: the customer does what he does, and the till cancels what has not
// ended by itself once the gateway has said all that it says.
func (row deviant) sell(t *testing.T, settings, policy string) *deviantSale {
	t.Helper()
	hooks := &hookRecorder{}
	s, x := open(t, row.options(settings, policy, hooks))
	sold := &deviantSale{stage: s, t: t, x: x, hooks: hooks}
	sold.p = x.asks("SALE", 1023)
	if sold.p.Final {
		return sold
	}
	row.act(t, s, sold.p)
	if err := s.h.Sandbox().Quiet(soon(t)); err != nil {
		t.Fatal(err)
	}
	if sold.p = x.get(sold.p.ID); !sold.p.Final {
		sold.answer = giveUp(x, sold.p.ID)
	}
	return sold
}

// giveUp cancels a sale that may have ended a moment ago, and returns what waits for its end.
func giveUp(x *till, id string) (end func(t *testing.T) device.Payment) {
	ctx, refused := soon(x.t), make(chan error, 1)
	go func() { refused <- x.Call(ctx, "payment.cancel", object{"id": id}, nil) }()
	return func(t *testing.T) device.Payment {
		t.Helper()
		err := <-refused
		p := x.get(id)
		if !p.Final {
			t.Fatalf("it has not ended: %v", err)
		}
		return p
	}
}

// act is what the customer does with the code.
func (row deviant) act(t *testing.T, s *stage, p device.Payment) {
	t.Helper()
	press, scheme := row.press, row.scheme
	if press == "" {
		press = "pay"
	}
	if scheme == "" {
		scheme = "PAYNOW"
	}
	if row.way == "axs-qr" {
		scanned(t, s.h.Sandbox(), p.QRPayload, sandbox.Verb(press))
		return
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	if status, _ := fetch(t, client, http.MethodGet, p.QRPayload, nil); status != http.StatusOK {
		return // the page shows an error, and the customer goes
	}
	scan(t, p.QRPayload).press(press, scheme)
}

// ended compares how the sale ended with how it must, and an approval with what was collected.
func (s *deviantSale) ended(t *testing.T, want payment.Status) {
	if s.t = t; s.answer != nil {
		s.p = s.answer(t)
	}
	if s.p.Status == unknown && want == approved {
		// it was told as another amount, and the query has it right
		eventually(t, "the correction", func() error {
			if s.p = s.x.get(s.p.ID); s.p.Status != want {
				return fmt.Errorf("it is %s", s.p.Status)
			}
			return nil
		})
	}
	if s.p.Status != want {
		s.t.Errorf("ended %s, want %s: %v", s.p.Status, want, kinds(s.facts(s.p.ID)))
		s.t.Log(s.hints())
	}
	var collected int64
	for _, c := range s.h.Sandbox().Collected() {
		collected += c.Paid
	}
	if s.p.Status == approved && collected != s.p.Amount {
		s.t.Errorf("approved, and %d was collected", collected)
	}
	if s.p.Status != approved && s.p.Status != unknown && collected > 0 {
		s.t.Errorf("told %s, and %d was collected", s.p.Status, collected)
	}
}

// names wants each key to be named where the kiosk shows it.
func (s *deviantSale) names(row deviant, keys []string) {
	s.t.Helper()
	text := s.hints()
	if row.named == "page" {
		text = readText(s.t, "../../docs/INSTALL-AXS.md")
	}
	for _, key := range keys {
		if !strings.Contains(text, key) {
			s.t.Errorf("nothing names %s:\n%s", key, text)
		}
	}
	if p, _ := payment.Fold(s.facts(s.p.ID)); s.p.Status == unknown && len(p.Tasks()) == 0 {
		s.t.Error("unknown, and nobody is asked to look")
	}
}

// hints is all that the kiosk says about the sale: tasks, failures, and what is observed.
func (s *deviantSale) hints() string {
	s.t.Helper()
	var b strings.Builder
	facts := s.facts(s.p.ID)
	p, _ := payment.Fold(facts)
	for _, task := range p.Tasks() {
		fmt.Fprintln(&b, "task:", task.Text)
	}
	for _, f := range append(s.journal(), facts...) {
		switch d := f.Data.(type) {
		case payment.Parked:
			for _, task := range payment.EntryWork(d) {
				fmt.Fprintln(&b, "entry:", task.Text)
			}
		case payment.MintFailed:
			fmt.Fprintf(&b, "not made: %+v\n", d)
		}
	}
	c, err := config.Load(s.h.ConfigPath)
	if err != nil {
		s.t.Fatal(err)
	}
	chosen, err := c.Gateway()
	if err != nil {
		s.t.Fatal(err)
	}
	observe := func(lines []payment.Observed) {
		for _, o := range lines {
			if o.Key != "" {
				fmt.Fprintf(&b, "%s %s is %s: %s = %s\n", o.Path, o.What, o.Is, o.Key, o.Value)
			}
		}
	}
	g, err := chosen.Observing(observe).Open("", gateways.Clock{})
	if err != nil {
		s.t.Fatal(err)
	}
	if failure := g.Query(soon(s.t), p.MerchantRef).Failure; failure != "" {
		fmt.Fprintln(&b, "query:", failure)
	}
	for _, e := range s.hooks.envelopes() {
		observe(g.Describe(e))
	}
	return b.String()
}

// refused: the configuration as it is copied from the portal does not start, and the mistake names
// the key.
func (row deviant) refused(t *testing.T, d sandbox.Deviation) {
	t.Helper()
	var out record
	o := demo.Options{Dir: programs.Dir(t), Version: "test", MerchantName: "Kopi & Toast",
		Settle: time.Second,
		Log:    slog.New(slog.NewTextHandler(&out, nil))}
	row.options("", quick, &hookRecorder{})(&o)
	_, err := demo.Open(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), d.Keys) {
		t.Errorf("%v names no %s", err, d.Keys)
	}
}

// hookRecorder is the simulated gateway's way to the relay; it keeps what went along it.
type hookRecorder struct {
	mu  sync.Mutex
	all []payment.Envelope
}

func (h *hookRecorder) RoundTrip(r *http.Request) (*http.Response, error) {
	e := payment.Envelope{Method: r.Method, Query: r.URL.RawQuery, Headers: r.Header.Clone()}
	if r.Body != nil {
		var err error
		if e.Body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(e.Body))
	}
	h.mu.Lock()
	h.all = append(h.all, e)
	h.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

func (h *hookRecorder) envelopes() []payment.Envelope {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.all)
}
