package engine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

const (
	tag     = "K001TEST"
	till1   = "till-1"
	till2   = "till-2"
	tillOwn = "till-own" // shows the code itself
)

var (
	day   = time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)
	sgd10 = payment.Money{Amount: 1023, Currency: payment.SGD}
)

var errDisk = errors.New("input/output error")

// flaky is the real journal with switches for what a disk can do wrong.
type flaky struct {
	*offline.Journal
	refuse  func(facts []payment.Fact) bool // Append fails and nothing is committed; nil = never
	lie     bool                            // Append commits, and says that it failed
	unread  bool                            // look-ups fail
	blind   string                          // the one look-up that fails
	fails   int                             // as many HashAt fail
	commits int
}

func (f *flaky) Append(facts []payment.Fact, pos *payment.Position) error {
	if f.refuse != nil && f.refuse(facts) {
		return errDisk
	}
	if err := f.Journal.Append(facts, pos); err != nil {
		return err
	}
	f.commits++
	if f.lie {
		return errDisk
	}
	return nil
}

func (f *flaky) Facts(id string) ([]payment.Fact, error) {
	if f.unread || f.blind == "Facts" {
		return nil, errDisk
	}
	return f.Journal.Facts(id)
}

func (f *flaky) ByMerchantRef(ref string) (string, error) {
	if f.unread || f.blind == "ByMerchantRef" {
		return "", errDisk
	}
	return f.Journal.ByMerchantRef(ref)
}

func (f *flaky) ByReference(till, reference string) (string, error) {
	if f.unread || f.blind == "ByReference" {
		return "", errDisk
	}
	return f.Journal.ByReference(till, reference)
}

func (f *flaky) Seen(content string) (bool, error) {
	if f.unread || f.blind == "Seen" {
		return false, errDisk
	}
	return f.Journal.Seen(content)
}

func (f *flaky) HashAt(seq int64) (string, bool, error) {
	if f.fails > 0 {
		f.fails--
		return "", false, errDisk
	}
	if f.unread || f.blind == "HashAt" {
		return "", false, errDisk
	}
	return f.Journal.HashAt(seq)
}

func (f *flaky) GivenUp(h payment.Head) (bool, error) {
	if f.unread || f.blind == "GivenUp" {
		return false, errDisk
	}
	return f.Journal.GivenUp(h)
}

func (f *flaky) BeforeLoss() (int64, time.Time, error) {
	if f.unread || f.blind == "BeforeLoss" {
		return 0, time.Time{}, errDisk
	}
	return f.Journal.BeforeLoss()
}

func (f *flaky) Kept(content string) (bool, error) {
	if f.unread || f.blind == "Kept" {
		return false, errDisk
	}
	return f.Journal.Kept(content)
}

func (f *flaky) Unheard(id string) (bool, error) {
	if f.unread || f.blind == "Unheard" {
		return false, errDisk
	}
	return f.Journal.Unheard(id)
}

func (f *flaky) Places(since time.Time) (int, int64, error) {
	if f.unread || f.blind == "Places" {
		return 0, 0, errDisk
	}
	return f.Journal.Places(since)
}

func (f *flaky) Left() ([]payment.Fact, error) {
	if f.unread || f.blind == "Left" {
		return nil, errDisk
	}
	return f.Journal.Left()
}

func (f *flaky) Position() (payment.Position, bool, error) {
	if f.unread || f.blind == "Position" {
		return payment.Position{}, false, errDisk
	}
	return f.Journal.Position()
}

func (f *flaky) Writable() error {
	if f.refuse != nil && f.refuse(nil) {
		return errDisk
	}
	return f.Journal.Writable()
}

// always and never are for flaky.refuse.
func always([]payment.Fact) bool { return true }

// on refuses appends that hold a fact of this kind.
func on(k payment.Kind) func([]payment.Fact) bool {
	return func(facts []payment.Fact) bool {
		return slices.ContainsFunc(facts, func(f payment.Fact) bool { return f.Kind() == k })
	}
}

// gateway is a payment service whose secret is a word: an envelope opens when it was sealed with
// the same one.
type gateway struct {
	cure   string
	secret string
	minted []payment.MintRequest
	fail   error
}

type sealed struct {
	Secret  string
	Records []payment.Record
}

func (g *gateway) Mint(r payment.MintRequest) (payment.Minted, error) {
	if g.fail != nil {
		return payment.Minted{}, g.fail
	}
	g.minted = append(g.minted, r)
	return payment.Minted{Payload: "https://pay.test/" + r.MerchantRef}, nil
}

func (g *gateway) Open(e payment.Envelope) ([]payment.Record, error) {
	var s sealed
	if err := json.Unmarshal(e.Body, &s); err != nil {
		return nil, fmt.Errorf("%w, %w: no JSON", payment.ErrUnopened, payment.ErrJunk)
	}
	if s.Secret != g.secret {
		return nil, cured{g.cure}
	}
	return s.Records, nil
}

// cured is a refusal that says what mends it.
type cured struct{ cure string }

func (c cured) Error() string { return payment.ErrUnopened.Error() + ": another secret" }
func (c cured) Unwrap() error { return payment.ErrUnopened }
func (c cured) Cure() string  { return c.cure }

func seal(secret string, records ...payment.Record) payment.Envelope {
	body, err := json.Marshal(sealed{secret, records})
	if err != nil {
		panic(err)
	}
	return payment.Envelope{Method: "POST", Body: body, ReceivedAt: day}
}

// paper is a display that draws codes unless it is too small.
type paper struct{ tooSmall error }

func (p *paper) Fits(string) error { return p.tooSmall }

// counter makes identifiers in order.
type counter struct{ n int }

func (c *counter) NewID(time.Time) string {
	c.n++
	return fmt.Sprintf("01JTESTTESTTESTTESTTEST%03d", c.n)
}

// rig drives a Machine over a real journal as the shell does, on a clock that stands still until it
// is told to go on.
type rig struct {
	t    rapid.TB
	cfg  engine.Config
	path string
	j    *flaky
	m    *engine.Machine
	gw   *gateway
	disp *paper
	ids  *counter
	now  engine.Now
	seq  uint64

	ticket engine.Ticket
	// the first one for each ticket: the shell drops the others
	answers     map[engine.Ticket]engine.Answer
	extra       int // answers that came too late
	changed     []payment.Payment
	owed        []engine.Owed
	screen      engine.View // what the customer sees
	screens     []engine.View
	ready       int // TerminalChanged
	reasonsTold string
	notes       []engine.Note
	canary      int // SendCanary
	carries     int // CarryHead
	asked       []engine.SendQuery
	askedUp     time.Duration // of the newest
	adopted     []payment.Head
	rereads     int // ReadAgain
	mints       []engine.SendMint
	checks      bool                          // the gateway looks at amounts first
	wrap        func(*gateway) engine.Gateway // around the gateway; nil = it as it is
	closes      []engine.CloseCode
	wakes       int
	failed      bool                                 // the newest step could not be committed
	watch       func(payment.Payment, engine.Effect) // is shown everything that is told
	die         death
	dead        bool
	lean        bool // benchmarks: what is told is not compared with the journal
}

func config() engine.Config {
	return engine.Config{
		Tag: tag, Currency: payment.SGD, MaxAmount: 999_999_900, Provider: "axs", Mode: "link",
		Schemes:       []string{"paynow", "credit_card"},
		Policy:        payment.Policy{Settle: 5000, AnswerWithin: 25000, Watch: 86_400_000},
		RequireCanary: time.Minute, RequireScreen: true, ParkedCap: 3,
		DisplayTills: []string{tillOwn}, NotBefore: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	}
}

// newRig is a machine on an empty journal that nothing stands in the way of a sale of, with till-1
// attached.
func newRig(t testing.TB, change ...func(*engine.Config)) *rig {
	r := bareRig(t, change...)
	r.begin()
	r.makeReady()
	r.attach(till1)
	return r
}

// bareRig has not started its machine yet.
func bareRig(t testing.TB, change ...func(*engine.Config)) *rig {
	r := rigIn(t, t.TempDir(), change...)
	t.Cleanup(func() { r.j.Close() })
	return r
}

func rigIn(t rapid.TB, dir string, change ...func(*engine.Config)) *rig {
	r := &rig{
		t: t, cfg: config(), path: filepath.Join(dir, "journal.db"), gw: &gateway{secret: "right"},
		disp: &paper{}, ids: &counter{},
		now:     engine.Now{Wall: day, Boot: "boot-1", Up: time.Hour},
		answers: map[engine.Ticket]engine.Answer{}, j: &flaky{},
	}
	for _, c := range change {
		c(&r.cfg)
	}
	r.open()
	return r
}

func (r *rig) open() {
	r.t.Helper()
	j, err := offline.Open(offline.Config{Path: r.path, Create: true})
	if err != nil {
		r.t.Fatal(err)
	}
	r.j.Journal = j
}

// begin makes a machine and starts it.
func (r *rig) begin() {
	r.t.Helper()
	var gw engine.Gateway = r.gw
	if r.checks {
		gw = choosy{r.gw}
	}
	if r.wrap != nil {
		gw = r.wrap(r.gw)
	}
	r.m = engine.NewMachine(r.cfg, engine.Ports{
		Journal: r.j, Gateway: gw, Display: r.disp, IDs: r.ids,
	})
	r.screen = engine.View{Kind: payment.ScreenIdle}
	out, err := r.m.Start(r.now)
	if err != nil {
		r.t.Fatal(err)
	}
	r.conclude(out)
}

// crash drops the machine and opens the journal again: everything that was not committed is gone.
func (r *rig) crash() {
	r.t.Helper()
	if err := r.j.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.open()
	r.begin()
}

// reboot is a crash of the whole machine.
func (r *rig) reboot() {
	r.t.Helper()
	r.now.Boot, r.now.Up, r.now.Wall = r.now.Boot+"'", 30*time.Second, r.now.Wall.Add(time.Minute)
	r.crash()
}

func (r *rig) makeReady() {
	r.step(engine.RelayChanged{Connected: true})
	r.step(engine.RelayRemembered{})
	r.step(engine.CanaryReturned{SentUp: r.now.Up})
	r.step(engine.DisplayChanged{Connected: true})
	r.step(engine.DisplayShows{Kind: payment.ScreenIdle})
}

func (r *rig) attach(till string) {
	r.ticket++
	r.step(engine.Attached{Till: till, Session: r.ticket})
}

// step does what the shell does with one event.
func (r *rig) step(ev engine.Event) {
	r.t.Helper()
	if !r.dead {
		r.conclude(r.m.Step(r.now, ev))
	}
}

func (r *rig) conclude(out engine.Output) {
	r.t.Helper()
	effects := out.Then
	r.failed = false
	if r.dead = r.die != alive; r.die == beforeCommit {
		return
	}
	if out.Durable() {
		if err := r.j.Append(out.Facts, out.Position); err != nil {
			r.failed, effects = true, out.Else
			r.m.Failed(out)
		}
	}
	if !r.failed {
		r.m.Committed(out)
	}
	if r.die == afterCommit {
		return
	}
	for _, ef := range effects {
		r.carry(ef)
	}
}

// death is where in a step the process ends.
type death int

const (
	alive death = iota
	beforeCommit
	afterCommit
)

func (r *rig) carry(ef engine.Effect) {
	r.t.Helper()
	switch ef := ef.(type) {
	case engine.Answer:
		if _, twice := r.answers[ef.To]; twice {
			r.extra++
			return
		}
		r.answers[ef.To] = ef
		if ef.Err == nil && ef.Payment.ID != "" {
			r.tell(ef.Payment, ef)
		}
		for _, p := range ef.Page.Payments {
			if p.Final {
				// a page is as old as the step: what its time ends in this very step is told as a
				// change
				r.tell(p, ef)
			}
		}
	case engine.Changed:
		r.changed = append(r.changed, ef.Payment)
		r.tell(ef.Payment, ef)
	case engine.Owed:
		r.owed = append(r.owed, ef)
		r.tell(ef.Payment, ef)
	case engine.TerminalChanged:
		r.ready++
	case engine.Show:
		r.screen = ef.View
		r.screens = append(r.screens, ef.View)
		r.mustBePayable(ef.View)
	case engine.SendCanary:
		r.canary++
	case engine.SendQuery:
		r.asked, r.askedUp = append(r.asked, ef), r.now.Up
	case engine.SendMint:
		r.mints = append(r.mints, ef)
	case engine.CloseCode:
		r.closes = append(r.closes, ef)
	case engine.CarryHead:
		r.carries++
	case engine.Anchored:
		r.j.Anchored()
	case engine.AdoptJournal:
		r.adopted = append(r.adopted, ef.Lost)
	case engine.ReadAgain:
		r.rereads++
	case engine.Note:
		r.notes = append(r.notes, ef)
	default:
		r.t.Fatalf("unknown effect %T", ef)
	}
}

func (r *rig) tell(p payment.Payment, how engine.Effect) {
	r.t.Helper()
	r.mustBeCommitted(p)
	if r.watch != nil {
		r.watch(p, how)
	}
}

// unwritten reports whether this is the unknown that may be told without a commit.
func unwritten(p payment.Payment) bool {
	return p.Status == payment.StatusUnknown && p.Reason != nil &&
		p.Reason.Code == "journal_unavailable"
}

// mustBeCommitted fails when a till is told what the journal does not say. Unknown without a commit
// is the one exception; and what is told while a commit's outcome is not known and the journal
// cannot be asked may be the state before it.
func (r *rig) mustBeCommitted(p payment.Payment) {
	r.t.Helper()
	if r.lean || unwritten(p) || r.j.unread || r.failed && r.j.lie {
		return
	}
	got := r.payment(p.ID)
	// the journal gives sequences when it commits
	if d := cmp.Diff(got, p, cmpopts.IgnoreFields(payment.Payment{}, "LastSeq", "OfferedRev"),
		cmpopts.IgnoreFields(payment.Movement{}, "Seq"),
		cmpopts.IgnoreFields(payment.Doubt{}, "Seq"),
		cmpopts.IgnoreFields(payment.Claim{}, "Seq")); d != "" {
		r.t.Fatalf("told is not what is committed (-committed +told):\n%s", d)
	}
}

// mustBePayable fails when a code is put on the screen that the journal does not call payable.
func (r *rig) mustBePayable(v engine.View) {
	r.t.Helper()
	if r.lean || v.Payload == "" {
		return
	}
	if p := r.payment(v.Payment); p.Final || p.EndedBy != "" || p.QRPayload != v.Payload ||
		p.Boot != r.now.Boot {
		r.t.Fatalf("a code is shown that nobody may pay: %+v, payment %+v", v, p)
	}
}

// payment is what the journal says.
func (r *rig) payment(id string) payment.Payment {
	r.t.Helper()
	p, ok, err := r.j.Payment(id)
	if err != nil || !ok {
		r.t.Fatalf("payment %q: %v %v", id, ok, err)
	}
	return p
}
