package engine

import (
	"fmt"
	"slices"
	"time"

	"kiosk-agent/payment"
)

// Config is what the engine is told at start. Durations are on the boot clock.
type Config struct {
	Tag        string           // 8 characters [A-Z0-9]: the start of each merchantRef
	Currency   payment.Currency // the terminal's
	MaxAmount  int64            // minor units
	Provider   string           // journaled with each payment
	Account    string           // of the gateway, journaled with each payment: payment.Account.Name
	Mode       string           // "link", "qr"
	Schemes    []string         // what tills may ask for
	Timeout    time.Duration    // the customer's time when the till names none; default 180 s
	MinTimeout time.Duration    // default 30 s
	MaxTimeout time.Duration    // default 900 s
	Policy     payment.Policy   // journaled with each payment
	// how long a final, unacknowledged answer answers its repeated request; default 10 min
	ReuseWindow   time.Duration
	RequireCanary time.Duration // the confirmation path proved this recently; 0 = not required
	RequireScreen bool          // a display must show what it is told
	// a display confirms a new code this fast, or the payment is cancelled; default 5 s
	ShowWithin time.Duration
	ResultFor  time.Duration // how long an outcome stays on the display; default 10 s
	// places for deliveries that do not open and are kept whole; default 256
	ParkedCap int
	// bytes of all that have a place; default 4 MiB. One delivery must be well below it.
	ParkedBytes int64
	// one keeps its place this long, by the relay's clock; default 3 days. It must be less than the
	// relay's retention: what found no place then is read again before the relay drops it.
	ParkedFor    time.Duration
	DisplayTills []string  // tills that show the code themselves
	NotBefore    time.Time // a wall clock before this is wrong for sure
	// the gateway makes the code: it is asked for, and its answer comes later
	Remote bool
	// with Remote: what the customer chooses from, the usual one first, which is taken where nobody
	// can choose; none = the gateway knows
	Wallets []string
	// with Remote: a link of our own where the request provably never left
	FallbackLink bool
	// the gateway's codes end at a moment of a wall clock: its own where it is known, else the
	// relay's, which may be wrong by this much; 0 = they do not
	CodeClock time.Duration
	// names what the transaction query asks, and changes with it; "" = there is no query
	QueryEndpoint string
	QueryEvery    time.Duration // between two queries about one payment; default 5 s
	// the accounts that were sold at before: their payments are asked for there
	Previous []payment.Account
	// why no sale starts while this process runs, whatever happens; none: the terminal is open
	Closed []payment.Reason
}

// Machine is the step machine. It is for one goroutine.
type Machine struct {
	cfg     Config
	journal Reader
	gateway Gateway
	display Display
	ids     IDs

	open     []*account // payments that are not final, oldest first
	attached map[string]int
	parking  parking
	retry    bool // the parked deliveries are still to be tried again
	debts    []debt
	unsaid   []Owed
	doubt    bool // a commit failed: the journal may hold more than open

	relayUp       bool
	relayCause    string
	canaryUp      time.Duration   // -1: none has returned in this process
	odd           map[string]bool // what has been told of the gateway's answers
	caughtUp      bool
	judged        bool           // the journal was compared with what the relay remembers of it
	unjudged      []payment.Head // that could not be compared yet, oldest first
	rollback      *rollback      // nil: the journal is the newest that is known
	displayUp     bool
	displayTouch  bool // the customer can choose on it
	displayProved bool // this connection of the display has confirmed a screen that it was told
	displayCause  string

	view      View
	viewUntil time.Duration // of an outcome; 0 = until something else happens
	ready     string        // the reasons' codes, as last told
	toldUp    time.Duration // boot clock of the last look at them

	inquiries  inquiries
	relayClock otherClock
	// the clock that the gateway's codes end by
	gatewayClock otherClock
}

// account is one open payment with what does not need to survive a crash.
type account struct {
	facts    []payment.Fact
	p        payment.Payment
	waiters  []Ticket      // who asked to cancel
	showBy   time.Duration // boot clock; 0 = nobody needs to confirm
	answerBy time.Duration // boot clock; set when the payment has ended
	canaryAt time.Duration // when the next proof is asked for
	starters []Ticket      // who waits for the code
	// boot clock; the gateway makes the code, or says what became of it, until then; 0 = nobody
	// waits
	mintBy   time.Duration
	doubtful bool   // the answer to the mint was lost: one question is asked about it
	doubt    string // why
	told     bool   // unknown was told without a commit
	// its code has left the screen, though that could not be committed: it does not come back
	dark    bool
	resumes bool // read at the start: the restart rules are still to be applied
}

// Ports are what the machine reads and asks synchronously.
type Ports struct {
	Journal Reader
	Gateway Gateway
	Display Display
	IDs     IDs
}

// NewMachine makes a machine that knows of no payment; Start must be its first step.
func NewMachine(cfg Config, ports Ports) *Machine {
	cfg.Timeout = orDefault(cfg.Timeout, 180*time.Second)
	cfg.MinTimeout = orDefault(cfg.MinTimeout, 30*time.Second)
	cfg.MaxTimeout = orDefault(cfg.MaxTimeout, 900*time.Second)
	cfg.ReuseWindow = orDefault(cfg.ReuseWindow, 10*time.Minute)
	cfg.ShowWithin = orDefault(cfg.ShowWithin, 5*time.Second)
	cfg.ResultFor = orDefault(cfg.ResultFor, 10*time.Second)
	cfg.QueryEvery = orDefault(cfg.QueryEvery, queryEvery)
	cfg.Policy.Query = cfg.QueryEndpoint != ""
	cfg.ParkedFor = orDefault(cfg.ParkedFor, 72*time.Hour)
	if cfg.ParkedCap == 0 {
		cfg.ParkedCap = 256
	}
	if cfg.ParkedBytes == 0 {
		cfg.ParkedBytes = 4 << 20
	}
	return &Machine{
		cfg: cfg, journal: ports.Journal, gateway: ports.Gateway, display: ports.Display,
		ids: ports.IDs, attached: make(map[string]int), canaryUp: -1,
		view: View{Kind: payment.ScreenIdle},
		inquiries: inquiries{every: cfg.QueryEvery, sentUp: -1, accounts: append(
			payment.Accounts{{Name: cfg.Account, Provider: cfg.Provider,
				Endpoint: cfg.QueryEndpoint}}, cfg.Previous...)},
	}
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// Step decides what follows from one event. The caller commits Output.Facts and Output.Position,
// then calls Committed or Failed, and carries out Then or Else.
func (m *Machine) Step(now Now, ev Event) Output {
	s := &step{m: m, now: now}
	if m.doubt {
		s.reread()
	}
	s.payDebts()
	s.sayNow()
	s.judgeAgain()
	switch ev := ev.(type) {
	case StartAsked:
		s.start(ev)
	case CancelAsked:
		s.cancel(ev)
	case GetAsked:
		s.get(ev)
	case ListAsked:
		s.list(ev)
	case SoldAsked:
		s.sold(ev)
	case Acknowledged:
		s.acknowledge(ev)
	case Offering:
		s.offering(ev)
	case Superseding:
		s.superseding(ev)
	case TillShows:
		s.tillShows(ev)
	case Attached:
		s.attach(ev)
	case Detached:
		m.attached[ev.Till] = max(0, m.attached[ev.Till]-1)
	case Delivered:
		s.delivered(ev)
	case GapFound:
		s.gapFound(ev)
	case Resuming:
		s.resuming(ev)
	case RelayChanged:
		m.relayUp, m.relayCause, m.caughtUp = ev.Connected, ev.Cause, false
		if ev.Connected {
			m.parking.retention = ev.Retention
		}
	case CaughtUp:
		m.caughtUp = true
		s.missed()
	case CanaryReturned:
		s.canaryReturned(ev)
	case RelayRemembered:
		s.relayRemembered(ev)
	case ClockLearned:
		s.clockLearned(ev)
	case GatewayTime:
		m.gatewayClock.learn(now, ev.Offset, ev.Uncertainty)
	case Queried:
		s.queried(ev)
	case MintReturned:
		s.mintReturned(ev)
	case Resolving:
		s.resolving(ev)
	case Confirming:
		s.confirming(ev)
	case Claiming:
		s.claiming(ev)
	case Recovering:
		s.recovering(ev)
	case DisplayChanged:
		s.displayChanged(ev)
	case WalletChosen:
		s.walletChosen(ev)
	case DisplayShows:
		s.displayShows(ev)
	case DisplayRefused:
		s.displayRefused(ev)
	case Inspected:
		s.read(Answer{To: ev.To, State: m.snapshot(now)})
	case Ticked:
	default:
		panic(fmt.Sprintf("engine: no case for the event %T", ev))
	}
	s.tick()
	s.tickParking()
	if err := s.retryParked(); err != nil {
		s.then(Note{Warn: true, Text: "the parked deliveries could not be tried again",
			Args: []any{"error", err}})
	}
	s.inquire()
	return s.finish()
}

// Committed takes over what the step staged: the facts are on the disk.
func (m *Machine) Committed(out Output) {
	for _, a := range out.staged {
		i := slices.IndexFunc(m.open, func(o *account) bool { return o.p.ID == a.p.ID })
		switch {
		case i >= 0 && a.p.Final:
			m.open = slices.Delete(m.open, i, i+1)
			m.inquiries.watch(a.p, out.at+watchFirst, out.at+a.p.Policy.Watch.Duration())
		case i >= 0:
			if a.p.Withdrawn && !m.open[i].p.Withdrawn {
				m.inquiries.askNow(a.p.ID, out.at)
			}
			m.open[i] = a
			m.inquiries.open(a.p, out.at+awaitingEvery, 0)
		case !a.p.Final:
			m.open = append(m.open, a)
			m.inquiries.open(a.p, out.at+awaitingEvery, 0)
		default:
			m.inquiries.turned(a.p)
		}
	}
	for _, do := range out.onDone {
		do()
	}
}

// Failed notes that nothing of the step was committed, as far as is known. What was staged is
// forgotten; time will bring the step again.
func (m *Machine) Failed(out Output) {
	m.doubt = true
	for _, do := range out.onFail {
		do()
	}
}

// step is the work on one event: the facts to commit, the accounts that they change, and what
// follows.
type step struct {
	m     *Machine
	now   Now
	out   Output
	tells []string // payments whose change is told, in order
	// the machine's parking, as this step leaves it; nil while it leaves it alone
	parked *parking
	asked  []asked // what is told of payments as the step leaves them
}

// booked reports whether this step books a fact of this kind about a payment; "" = the journal.
func (s *step) booked(id string, kind payment.Kind) bool {
	return slices.ContainsFunc(s.out.Facts,
		func(f payment.Fact) bool { return f.Payment == id && f.Kind() == kind })
}

// fact stages one fact. For a payment's fact the account is staged with it.
func (s *step) fact(id string, d payment.Data) {
	f := payment.Fact{
		Payment: id, At: s.now.Wall.UTC().Truncate(time.Millisecond), Boot: s.now.Boot,
		Up: s.now.Up.Truncate(time.Millisecond), Data: d,
	}
	s.out.Facts = append(s.out.Facts, f)
	if id == "" {
		return
	}
	a := s.stage(id)
	a.facts = append(a.facts, f)
	a.p, _ = payment.Fold(a.facts)
}

// stage is the account that this step changes: a copy of the open one, or one folded from the
// journal.
func (s *step) stage(id string) *account {
	for _, a := range s.out.staged {
		if a.p.ID == id {
			return a
		}
	}
	a := &account{p: payment.Payment{ID: id}}
	if o := s.m.account(id); o != nil {
		c := *o
		c.facts = slices.Clip(o.facts)
		c.waiters, c.starters = slices.Clone(o.waiters), slices.Clone(o.starters)
		a = &c
	}
	s.out.staged = append(s.out.staged, a)
	return a
}

// account is the open payment with this id, or nil.
func (m *Machine) account(id string) *account {
	for _, a := range m.open {
		if a.p.ID == id {
			return a
		}
	}
	return nil
}

// load stages a payment from the journal when it is not open. ok is false when there is no such
// payment.
func (s *step) load(id string) (a *account, ok bool, err error) {
	for _, st := range s.out.staged {
		if st.p.ID == id {
			return st, true, nil
		}
	}
	if s.m.account(id) != nil {
		return s.stage(id), true, nil
	}
	facts, err := s.m.journal.Facts(id)
	if err != nil || len(facts) == 0 {
		return nil, false, err
	}
	p, ok := payment.Fold(facts)
	if !ok {
		return nil, false, nil
	}
	a = &account{facts: facts, p: p}
	s.out.staged = append(s.out.staged, a)
	return a, true, nil
}

// finish offers what is newly final to its till, tells the changes and picks the view.
func (s *step) finish() Output {
	for _, a := range slices.Clone(s.out.staged) {
		s.settle(a)
	}
	for _, q := range s.asked {
		s.offer(q.a)
		s.then(q.say(q.a.p))
	}
	for _, a := range s.out.staged {
		if slices.Contains(s.tells, a.p.ID) {
			s.then(Changed{a.p})
		}
	}
	s.views()
	s.readiness()
	s.carryHead()
	s.out.at = s.now.Up
	return s.out
}

// settle follows up on one changed payment: the till that asked is told, and so is whoever waits
// for the end.
func (s *step) settle(a *account) {
	before := payment.Payment{}
	if o := s.m.account(a.p.ID); o != nil {
		before = o.p
	} else if p, ok := payment.Fold(s.committed(a)); ok {
		before = p
	}
	if before.Revision == a.p.Revision && before.Status == a.p.Status {
		// the status, too: what the disk has written and denied may count as far as what was
		// thought to be there
		return
	}
	s.tells = append(s.tells, a.p.ID)
	if a.p.Final && (s.m.attached[a.p.Till] > 0 || len(a.waiters) > 0 || len(a.starters) > 0) {
		s.offer(a)
	}
	if a.p.Final || a.p.Minted {
		for _, w := range a.starters {
			s.then(Answer{To: w, Payment: a.p})
		}
		a.starters = nil
	}
	if !a.p.Final {
		return
	}
	for _, w := range a.waiters {
		// they go on waiting when the commit fails: the end may be told later
		s.then(Answer{To: w, Payment: a.p})
	}
	a.waiters = nil
}

// committed are the facts of the account that the journal already holds.
func (s *step) committed(a *account) []payment.Fact {
	n := 0
	for _, f := range s.out.Facts {
		if f.Payment == a.p.ID {
			n++
		}
	}
	return a.facts[:len(a.facts)-n]
}

func (s *step) then(e Effect) { s.out.Then = append(s.out.Then, e) }

// answer replies after the commit; when that fails, the caller hears that nothing could be
// committed.
func (s *step) answer(a Answer) {
	if a.To == 0 {
		return
	}
	s.then(a)
	if a.Err != nil {
		s.out.Else = append(s.out.Else, a)
		return
	}
	s.out.Else = append(s.out.Else, Answer{To: a.To, Err: errJournal()})
}

// read replies whether or not the commit succeeds: reads go on when the journal takes no writes.
func (s *step) read(a Answer) {
	if a.To == 0 {
		return
	}
	s.then(a)
	s.out.Else = append(s.out.Else, a)
}

// refuse replies with an error; nothing needs to be committed for it.
func (s *step) refuse(to Ticket, err *payment.Error) { s.read(Answer{To: to, Err: err}) }
