package sim

import (
	"fmt"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
	"kiosk-agent/relay"
)

const tag = "K001SIMU"

// agent is one process of the agent: the machines, and what their shells do.
type agent struct {
	w      *World
	m      *engine.Machine
	client *client
	lines  []*line // one for each of World.ecrs

	queue     []engine.Event
	ticket    engine.Ticket
	waiting   []waiter
	starts    map[engine.Ticket]*sale  // who a start is for; only looked up
	now       engine.Event             // being stepped
	secrets   []string                 // as configured when the process began
	accounts  payment.Accounts         // too, the present one first
	asked     map[uint64]time.Duration // when the query of a round was sent; only looked up
	flying    int                      // queries without an answer
	unread    int                      // look-ups that had failed before this step
	sessions  []session
	screen    engine.View // as last told to the display
	failed    bool        // the newest step could not be committed
	dead      bool
	canaryUp  time.Duration // when the newest canary that came back was sent; -1 = none has
	judged    bool          // the engine has heard what the relay remembers of the journal
	told      told          // what the relay has said of it, for the newest connection
	caughtUp  bool          // on the present connection
	behindAt  time.Duration // true time since which it has not
	lostRelay time.Duration // true time since which there is no connection; -1 = there is one
	taking    bool
	wake      uint64 // number of the newest alarm
}

// waiter is who asked and has no answer yet.
type waiter struct {
	to    engine.Ticket
	since time.Duration
	what  string
	about string // of a cancel: the payment's id, or its till and reference
	reply func(engine.Answer)
}

// session is a connection of a till, or a line's watch (which is no connection).
type session struct {
	to      engine.Ticket
	till    string
	changed func(payment.Payment)
	live    bool
}

func (w *World) engineConfig(known payment.Accounts) engine.Config {
	c := engine.Config{
		Tag: tag, Currency: w.prof.currency, MaxAmount: w.prof.maxAmount, Mode: "link",
		Provider: known[0].Provider, Account: known[0].Name, Previous: known[1:],
		Schemes: schemes(),
		Policy:  w.prof.policy(), ReuseWindow: w.prof.reuse,
		RequireCanary: w.prof.canary, RequireScreen: true,
		ParkedCap: w.prof.parked, ParkedBytes: w.prof.parkedBytes, ParkedFor: w.prof.parkedFor,
		NotBefore: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	}
	if w.prof.query {
		c.QueryEndpoint, c.QueryEvery = known[0].Endpoint, w.prof.every
	}
	if w.prof.ownShow {
		c.DisplayTills = []string{"till-2"}
	}
	if w.prof.remote {
		c.Mode, c.Remote, c.FallbackLink, c.Wallets = "qr", true, w.prof.fallback, w.wallets()
	}
	return c
}

// wallets are those that codes are made for.
func (w *World) wallets() []string { return schemes()[1 : 1+w.prof.wallets] }

func schemes() []string { return []string{"credit_card", "paynow", "alipay", "wechatpay"} }

const watch = 24 * time.Hour

// startAgent begins a process.
func (w *World) startAgent() {
	w.proc++ // what was meant for nobody does not reach it
	w.say("agent", "process %d starts", w.proc)
	a := &agent{
		w: w, screen: engine.View{Kind: payment.ScreenIdle}, canaryUp: -1, behindAt: w.t,
		starts: map[engine.Ticket]*sale{}, asked: map[uint64]time.Duration{},
		secrets: w.gw.configured, accounts: w.configured(),
	}
	if err := w.disk.open(); err != nil {
		w.dies(false, "the journal cannot be opened: "+err.Error())
		return
	}
	w.agent = a
	w.oracle.starts()
	a.m = engine.NewMachine(w.engineConfig(a.accounts), engine.Ports{
		Journal: w.disk,
		Gateway: &agentGateway{w: w, agent: a}, Display: w.screen, IDs: w,
	})
	a.client = newClient(a)
	for _, t := range w.ecrs {
		a.lines = append(a.lines, newLine(a, t))
	}
	out, err := a.m.Start(w.now())
	if err != nil {
		w.dies(false, "the engine cannot start: "+err.Error())
		return
	}
	a.conclude(out, "start")
	if a.dead {
		return
	}
	a.alarm()
	a.retains()
	w.screen.agentStarts()
	a.client.step(startClient())
	for _, t := range w.everyTill() {
		t.agentStarts()
	}
}

// dies ends the process at once, as kill -9 or a power cut do.
func (w *World) dies(reboot bool, how string) {
	w.say("agent", "process %d dies: %s", w.proc, how)
	if w.agent != nil {
		w.oracle.diesMinting()
		if w.agent.flying > 0 {
			w.met(diedAsking)
		}
		w.agent.dead = true
		w.agent.client.vanishes()
	}
	w.agent = nil
	w.proc++
	w.cov.Crashes++
	w.screen.agentGone()
	for _, t := range w.everyTill() {
		t.agentGone()
	}
	if reboot {
		w.boots++ // everything that runs on the computer ends with it
		w.screen.powerGone()
	}
	proc := w.proc
	w.after(0, func() { w.bury(proc, reboot) })
}

// bury closes what the process had open, and lets the next one begin.
func (w *World) bury(proc int, reboot bool) {
	w.disk.close()
	away := w.between(200*time.Millisecond, 5*time.Second)
	if reboot {
		away = w.between(15*time.Second, 90*time.Second)
	}
	if w.prof.enabled[journalRestored] && w.chance(0.1) {
		w.disk.backsUp()
	}
	switch {
	case w.disk.backup != nil && w.hit(journalRestored):
		w.disk.restore()
		away += w.between(0, 10*time.Minute)
		for i := range pick(w, 40, 40, 0) { // in a hurry
			w.after(away+time.Duration(i)*50*time.Millisecond, w.staff.recovers)
		}
	case w.disk.made < maxJournals && w.hit(journalLost):
		w.disk.lose()
		away += w.between(0, 10*time.Minute)
	}
	if w.gw.rotated && w.chance(0.7) {
		w.gw.configure()
	}
	w.after(away, func() {
		if w.proc != proc {
			return
		}
		if reboot {
			w.bootAt = w.t - w.between(5*time.Second, 30*time.Second)
			if w.hit(clockJumpsYears) {
				w.jump(pick(w, -1, 1))
			}
			w.screen.powerBack()
		}
		w.startAgent()
	})
}

// post hands an event to the writer; the queue is first in, first out.
func (a *agent) post(ev engine.Event) {
	if a.dead {
		return
	}
	a.queue = append(a.queue, ev)
	if len(a.queue) == 1 && !a.taking {
		a.w.inside(a.w.between(0, 3*time.Millisecond), a.take)
	}
}

// take works through the queue.
func (a *agent) take() {
	a.taking = true
	for len(a.queue) > 0 && !a.dead {
		ev := a.queue[0]
		a.queue = a.queue[1:]
		a.step(ev)
	}
	a.taking = false
}

func (a *agent) step(ev engine.Event) {
	if e, ok := ev.(engine.Attached); ok {
		a.w.oracle.attaches(e.Till)
		for i := range a.sessions {
			if a.sessions[i].to == e.Session {
				a.sessions[i].live = true
			}
		}
	}
	if e, ok := ev.(engine.StartAsked); ok {
		a.w.gw.asking = a.starts[e.To]
	}
	if e, ok := ev.(engine.RelayRemembered); ok {
		a.judged = true
		a.w.oracle.remembers(e.Known)
	}
	a.now, a.unread = ev, a.w.disk.unread
	out := a.m.Step(a.w.now(), ev)
	a.conclude(out, fmt.Sprintf("%T", ev))
	if !a.dead {
		a.alarm()
	}
}

// conclude commits a step and carries out what follows, in order, unless the process dies on the
// way.
func (a *agent) conclude(out engine.Output, why string) {
	w := a.w
	effects := out.Then
	failed := false
	if out.Durable() {
		if w.hit(crashBeforeCommit) {
			w.dies(w.hit(powerCut), "before the commit of"+kinds(out.Facts)+" ("+why+")")
			return
		}
		if err := w.disk.Append(out.Facts, out.Position); err != nil {
			a.m.Failed(out)
			failed, effects = true, out.Else
		} else if w.hit(crashAfterCommit) {
			w.dies(w.hit(powerCut), "after the commit of"+kinds(out.Facts))
			return
		}
	}
	a.failed = failed
	if !failed {
		a.m.Committed(out)
	}
	if !failed {
		w.oracle.follows(out)
		if !out.Durable() {
			w.oracle.booksAnswer()
		}
	}
	for i, ef := range effects {
		if out.Durable() && i > 0 && w.hit(crashBetweenEffects) {
			w.dies(w.hit(powerCut), fmt.Sprintf("before %T", ef))
			return
		}
		a.carry(ef)
		if a.dead {
			return
		}
	}
	w.oracle.afterStep(a)
}

func (a *agent) carry(ef engine.Effect) {
	w := a.w
	switch ef := ef.(type) {
	case engine.Answer:
		a.reply(ef)
	case engine.Changed:
		for _, s := range a.sessions {
			if s.live {
				s.changed(ef.Payment)
			}
		}
	case engine.Owed:
		for _, s := range a.sessions {
			if s.to == ef.Session {
				w.oracle.owes(s.till, ef.Payment)
				s.changed(ef.Payment)
			}
		}
	case engine.Show:
		a.screen = ef.View
		w.oracle.shows(ef.View)
		w.screen.show(ef.View)
	case engine.SendCanary:
		a.client.asks(relay.CanaryAsked{})
	case engine.CarryHead:
		a.client.asks(relay.HeadWanted{})
	case engine.SendQuery:
		a.query(ef)
	case engine.SendMint:
		a.mint(ef)
	case engine.CloseCode:
		w.gw.closes(ef)
	case engine.Anchored:
		w.disk.Anchored()
	case engine.AdoptJournal:
		a.client.supersede(ef.Lost)
	case engine.ReadAgain:
		w.met(roomAgain)
		a.client.asks(relay.ResumeAsked{})
	case engine.TerminalChanged, engine.Note:
	default:
		w.fail("an effect that nobody knows: %T", ef)
	}
}

// query asks the gateway; the answer comes exactly once.
func (a *agent) query(ask engine.SendQuery) {
	w := a.w
	w.say("engine", "queries %s, round %d", short(ask.MerchantRef), ask.Round)
	a.asked[ask.Round] = w.t
	if a.flying++; a.flying >= 3 {
		w.met(askedTogether)
	}
	w.gw.asked(ask.Account, ask.MerchantRef, func(ans payment.QueryAnswer, late time.Duration) {
		w.inside(late, func() {
			w.say("gateway", "answers the query for %s: %s", short(ask.MerchantRef),
				answerText(ans))
			a.flying--
			w.oracle.answerComes(ask, a.asked[ask.Round], ans)
			a.post(engine.Queried{Payment: ask.Payment, Account: ask.Account, Round: ask.Round,
				Answer: ans})
		})
	})
}

// ask posts an event that is answered at most once: not when the process dies before.
func (a *agent) ask(event func(engine.Ticket) engine.Event, reply func(engine.Answer)) {
	a.ticket++
	ev := event(a.ticket)
	x := waiter{to: a.ticket, since: a.w.t, what: fmt.Sprintf("%T", ev), reply: reply}
	if c, ok := ev.(engine.CancelAsked); ok {
		if x.about = c.Key.ID; x.about == "" {
			x.about = c.Till + "/" + c.Key.Reference
		}
	}
	a.waiting = append(a.waiting, x)
	a.post(ev)
}

func (a *agent) reply(ans engine.Answer) {
	for i, x := range a.waiting {
		if x.to == ans.To {
			a.waiting = append(a.waiting[:i], a.waiting[i+1:]...)
			if x.what == "engine.StartAsked" && ans.Err == nil {
				a.w.oracle.isNotOld(ans.Payment)
			}
			x.reply(ans)
			return
		}
	}
}

// attach registers a connection of a till, or, without a till, a line's watch.
func (a *agent) attach(till string, changed func(payment.Payment)) (detach func()) {
	a.ticket++
	t := a.ticket
	a.sessions = append(a.sessions, session{to: t, till: till, changed: changed,
		live: till == ""})
	if till != "" {
		a.post(engine.Attached{Till: till, Session: t})
	}
	return func() {
		for i, s := range a.sessions {
			if s.to == t {
				a.sessions = append(a.sessions[:i:i], a.sessions[i+1:]...)
				break
			}
		}
		if till != "" {
			a.post(engine.Detached{Till: till})
		}
	}
}

// alarm wakes the machine when it wants to be woken: the timer of the shell.
func (a *agent) alarm() {
	a.wake++
	n := a.wake
	at, ok := a.m.NextWake()
	up := a.w.now().Up
	d := at - up
	switch {
	case a.failed:
		d = time.Second
	case !ok:
		return
	}
	a.w.inside(d, func() {
		if a.wake == n {
			a.step(engine.Ticked{})
			if err := a.w.disk.Rest(); err != nil {
				a.w.fail("the journal is not put in order: %v", err)
			}
		}
	})
}
