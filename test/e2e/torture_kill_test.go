package e2e_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/programs"
)

// step is a fact after which the agent kills itself, and what makes that fact come about. Not
// here are: mint_sent and mint_failed (only remote mints make them, and crashes right after
// requested, which a local mint never separates from minted), opened (no gateway says it),
// rolled_back and recovered (loseJournal arms for these), clock_offset (one machine has one
// clock), junk and left (nobody posts rubbish).
type step struct {
	kind    payment.Kind
	wish    wish
	noQuery bool // in this life the agent has no transaction query
	blind   bool // the display confirms no code
	restore bool // the relay's store is replaced by an old copy
	staff   bool // staff resolve something
	up      bool // the life ends while a code is up
	// an older journal is in place: staff recover it, or are lazy
	rolledBack, lazy bool
	rare             int // how many times rarer than the others; 0 = 1
}

var steps = []step{
	// of a long run's first life: it comes once
	{kind: payment.KindQueryProved, wish: wish{conduct: paysUnnoticed}, rare: 24},
	{kind: payment.KindRequested}, {kind: payment.KindMinted}, {kind: payment.KindShown},
	{kind: payment.KindNotified},
	{kind: payment.KindOffered}, {kind: payment.KindAcknowledged},
	{kind: payment.KindCancelRequested, wish: wish{conduct: walksAway}},
	{kind: payment.KindWithdrawn, wish: wish{conduct: walksAway}},
	{kind: payment.KindQueryEmpty, wish: wish{conduct: walksAway}},
	{kind: payment.KindQueryFailed, wish: wish{conduct: undecidable}, rare: 2},
	{kind: payment.KindPathProved, wish: wish{conduct: walksAway}, noQuery: true, rare: 2},
	{kind: payment.KindResolved, staff: true, rare: 3},
	{kind: payment.KindSuperseded, wish: wish{conduct: forgotten}, rare: 3},
	{kind: payment.KindUnmatched, wish: payingWith(sandbox.FaultUnknownRef), rare: 2},
	{kind: payment.KindParked, wish: payingWith(sandbox.FaultForged), rare: 2},
	{kind: payment.KindGap, restore: true, rare: 8},
	{kind: payment.KindDisplayLost, wish: wish{conduct: staysAway}, blind: true, rare: 8},
	{kind: payment.KindUndecided, wish: wish{conduct: undecidable}, rare: 16},
	{kind: payment.KindDeadlinePassed, wish: wish{conduct: staysAway}, rare: 24},
}

// within is how long a life lasts at the most that waits for this step.
func (s step) within() time.Duration {
	if s.rare > 8 {
		return 75 * time.Second
	}
	return 15 * time.Second
}

// execute kills until there are enough, and leaves everything running.
func (x *torture) execute(kills int, broken <-chan error) {
	x.t.Helper()
	x.relay.kill()
	x.backUpStore()
	x.startRelay()
	whole := readText(x.t, x.config())
	for x.toll.kills() < kills {
		if x.toll.agent >= x.change.due {
			x.switchAccount(whole, broken)
			x.change.due = x.toll.agent + 4 + x.rng.IntN(10)
			continue
		}
		if x.toll.agent >= x.save.due && x.loseJournal(whole, broken) {
			x.save.due = x.toll.agent + 8 + x.rng.IntN(16)
			continue
		}
		x.life(whole, x.nextStep(kills), broken)
	}
	x.configure(whole, step{})
	x.startAgent("")
}

// life is one of the agent's, from its start to its death and what is left until the next one.
func (x *torture) life(whole string, s step, broken <-chan error) {
	x.t.Helper()
	x.configure(whole, s)
	if s.restore {
		x.gateway.kill() // so that its book says what was answered 200
		x.relay.kill()
		x.restoreStore()
		x.startRelay()
		x.startGateway()
		x.note("the relay's store is an old one")
	}
	x.public.wish(s.wish)
	x.eyes.set(s.blind)
	x.startAgent(s.kind)
	staff, saved := x.staff(s), x.backUp(s)
	x.live(s, broken)
	staff()
	saved()
	x.eyes.set(false)
	x.public.wish(wish{})
	x.dead(0)
}

// staff resolves something off the worklist, in the life that ends with that; the function that it
// returns waits until they have left.
func (x *torture) staff(s step) (left func()) {
	x.t.Helper()
	if s.rolledBack {
		return x.recoverers(s)
	}
	if !s.staff {
		return func() {}
	}
	command := programs.Path(x.t, "kiosk-agent")
	ctx, stop := context.WithCancel(x.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if name, found := x.work(); name != "" {
				// Refused, or not answered any more: the agent dies of it.
				_ = exec.CommandContext(ctx, command, append([]string{"resolve", name, "--reason",
					"looked up by torture", "--config", x.config()}, found...)...).Run()
			}
			_ = pause(ctx, 200*time.Millisecond, nil) // its end is the loop's
		}
	}()
	return func() { stop(); <-done }
}

// work is the newest entry of the worklist, as kiosk-agent resolve wants it, with a finding that
// fits; "" = there is none.
func (x *torture) work() (name string, found []string) {
	j, err := offline.OpenReadOnly(filepath.Join(x.dir, "journal.db"))
	if err != nil {
		return "", nil // not there yet
	}
	defer j.Close()
	items, err := j.Work()
	if err != nil || len(items) == 0 {
		return "", nil
	}
	last := items[len(items)-1]
	if last.Payment == nil {
		return fmt.Sprintf("#%d", last.Entry.Seq),
			finding(payment.EntryChoices(last.Entry.Data), nil)
	}
	return last.Payment.ID, finding(last.Payment.Choices(), last.Payment.Movements)
}

// finding is the last finding that fits, as the command wants it.
func finding(choices []payment.Choice, moved []payment.Movement) (args []string) {
	if len(choices) == 0 {
		return nil
	}
	c := choices[len(choices)-1]
	args = []string{"--finding", string(c.Finding)}
	if c.NeedsRef {
		args = append(args, "--portal-ref", "P-1")
	}
	for _, m := range moved {
		if c.AllBack && m.Class != payment.ClassBack {
			args = append(args, "--given-back", m.Ref())
		}
	}
	return args
}

// nextStep decides how the next life of the agent ends; the zero step is a random moment.
func (x *torture) nextStep(kills int) step {
	if x.toll.agent == 0 && kills >= 100 {
		return steps[0]
	}
	if x.rng.IntN(100) < 55 {
		return step{noQuery: x.rng.IntN(8) == 0}
	}
	var best step
	least := -1
	for _, s := range steps[1:] {
		n := (x.toll.steps[s.kind] + x.toll.missed[s.kind]) * max(1, s.rare)
		if s.rare > 1 { // the others come first
			n += s.rare / 2
		}
		if least < 0 || n < least {
			best, least = s, n
		}
	}
	return best
}

// configure writes the configuration of the next life: customers may come back after a decline in
// one and not in the other.
func (x *torture) configure(whole string, s step) {
	x.t.Helper()
	if s.noQuery {
		from := strings.Index(whole, "query_url")
		whole = whole[:from] + whole[from+strings.IndexByte(whole[from:], '\n')+1:]
	}
	if x.rng.IntN(2) == 0 {
		whole = strings.Replace(whole, `after_declined = "finish"`, `after_declined = "wait"`, 1)
	}
	x.write("config.toml", x.soldAt(whole))
}

// moment is a random time within which something happens; small ones are as likely as large ones.
func (x *torture) moment(most time.Duration) time.Duration {
	for range x.rng.IntN(5) {
		most /= 2
	}
	return time.Duration(x.rng.Int64N(int64(most)))
}

// live is one life of the agent. Relay and gateway die in between.
func (x *torture) live(s step, broken <-chan error) {
	x.t.Helper()
	limit := x.moment(8 * time.Second)
	var up <-chan struct{}
	if s.kind != "" {
		limit = s.within()
	}
	if s.up {
		ctx, stop := context.WithCancel(x.t.Context())
		defer stop()
		limit, up = s.within(), x.codeUp(ctx)
	}
	end, other := time.NewTimer(limit), time.NewTimer(x.moment(6*time.Second))
	defer end.Stop()
	defer other.Stop()
	for {
		select {
		case <-x.agent.ended:
			x.agent.crashed()
			x.died(s, "by its own hand")
			return
		case <-up:
			x.endAgent(s)
			return
		case <-end.C:
			if s.kind != "" {
				x.toll.missed[s.kind]++
			}
			x.killAgent(s)
			return
		case <-other.C:
			if x.rng.IntN(12) == 0 { // a power cut: all at once
				x.killAgent(s)
				x.killGateway()
				x.killRelay()
				return
			}
			if x.rng.IntN(2) == 0 {
				x.killRelay()
			} else {
				x.killGateway()
			}
			other.Reset(2*time.Second + x.moment(8*time.Second))
		case err := <-broken:
			x.t.Fatalf("after %s: %v", &x.toll, err)
		}
	}
}

// killAgent kills the agent, unless it was faster.
func (x *torture) killAgent(s step) {
	x.t.Helper()
	how := "killed"
	select {
	case <-x.agent.ended:
		how = "by its own hand"
	default:
	}
	x.agent.kill()
	x.died(s, how)
}

// died counts a death of the agent.
func (x *torture) died(s step, how string) {
	x.toll.agent++
	if how != "killed" {
		x.toll.steps[s.kind]++
	}
	x.note("agent %s, armed for %q", how, s.kind)
}

func (x *torture) killRelay() {
	x.t.Helper()
	x.relay.kill()
	x.toll.relay++
	x.note("relay killed")
	x.dead(time.Second)
	x.startRelay()
}

func (x *torture) killGateway() {
	x.t.Helper()
	x.gateway.kill()
	x.toll.gateway++
	x.note("gateway killed")
	x.dead(time.Second)
	x.startGateway()
}

// dead lets a process stay dead for a moment, most often for none.
func (x *torture) dead(most time.Duration) {
	x.t.Helper()
	if most == 0 {
		most = 500 * time.Millisecond
	}
	if x.rng.IntN(3) > 0 {
		return
	}
	if err := pause(x.t.Context(), x.moment(most), nil); err != nil {
		x.t.Fatal(err)
	}
}
