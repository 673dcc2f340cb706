package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// Options of a Run.
type Options struct {
	Dir     string // the journal's directory is made here; it should be a tmpfs
	History bool   // keep the history's lines
}

// Result is what became of one run.
type Result struct {
	Seed     uint64
	Profile  string
	Problem  string   // "" = every guarantee was kept
	Digest   string   // of the history
	Head     string   // the journal's last hash
	History  []string // when asked for
	Coverage Coverage
}

// Coverage counts what happened.
type Coverage struct {
	Faults                          [numFaults]int
	Situations                      [numSituations]int
	Facts                           map[payment.Kind]int
	Screens                         map[payment.Screen]int
	Statuses                        map[string]int // what the tills' books say at the end
	Runs, Sales, Collected, Crashes int
	Steps                           int
	Simulated                       time.Duration
}

func (c *Coverage) begin() {
	c.Facts, c.Statuses = map[payment.Kind]int{}, map[string]int{}
	c.Screens = map[payment.Screen]int{}
}

// Add sums up.
func (c *Coverage) Add(d Coverage) {
	for i, n := range d.Faults {
		c.Faults[i] += n
	}
	for i, n := range d.Situations {
		c.Situations[i] += n
	}
	if c.Facts == nil {
		c.begin()
	}
	for k, n := range d.Facts {
		c.Facts[k] += n
	}
	for k, n := range d.Screens {
		c.Screens[k] += n
	}
	for k, n := range d.Statuses {
		c.Statuses[k] += n
	}
	c.Runs, c.Sales, c.Collected, c.Crashes = c.Runs+d.Runs, c.Sales+d.Sales,
		c.Collected+d.Collected, c.Crashes+d.Crashes
	c.Steps, c.Simulated = c.Steps+d.Steps, c.Simulated+d.Simulated
}

// wallStart is the true time at which every run begins.
var wallStart = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// World is one run: a kiosk, its tills and customers, the gateway, the relay, and time.
type World struct {
	seed uint64
	rng  *rand.Rand
	prof profile
	cov  Coverage

	t     time.Duration // true time since the run began
	todo  items
	seq   uint64
	steps int

	// The kiosk's computer.
	boots       int           // number of the boot
	bootAt      time.Duration // true time of the boot; negative for the first
	wallOff     time.Duration // the wall clock's error
	asleepUntil time.Duration
	proc        int // number of the process, grows at its death
	ids         int
	nonces      int

	disk    *disk
	agent   *agent // nil while none runs
	gw      *gateway
	relay   *relayServer
	screen  *screen
	sibling *sibling // nil = this kiosk is alone
	tills   []*jsonTill
	ecrs    []*ecrTill
	sales   []*sale // in the order of asking
	staff   staff
	gone    []engine.Gone // what the agent says at the end about accounts that it does not know
	oracle  *oracle
	healed  bool // no fault happens any more
	closing bool // staff have gone home

	history hash.Hash
	lines   []string
	keep    bool
}

// violation is how a run ends when a guarantee was broken.
type violation struct{ text string }

func (w *World) fail(format string, args ...any) {
	panic(violation{fmt.Sprintf(format, args...)})
}

// say adds a line to the history.
func (w *World) say(who, format string, args ...any) {
	now := w.now()
	line := fmt.Sprintf("%13.3f  %s+%.3f  %-8s ", w.t.Seconds(), now.Boot, now.Up.Seconds(), who) +
		fmt.Sprintf(format, args...)
	_, _ = w.history.Write([]byte(line))
	if w.keep {
		w.lines = append(w.lines, line)
	}
}

// now is the kiosk's time.
func (w *World) now() engine.Now {
	return engine.Now{Wall: w.trueWall().Add(w.wallOff), Boot: fmt.Sprintf("boot-%d", w.boots),
		Up: w.t - w.bootAt}
}

// trueWall is the time that the gateway and the relay go by.
func (w *World) trueWall() time.Time { return wallStart.Add(w.t) }

// NewID makes identifiers for the engine and the line's session; it never repeats one.
func (w *World) NewID(time.Time) string {
	w.ids++
	return fmt.Sprintf("01SIM%021d", w.ids)
}

// Run plays one seed.
func Run(seed uint64, o Options) (res Result) {
	w := &World{seed: seed, rng: rand.New(rand.NewPCG(seed, 0x6b696f736b)), keep: o.History,
		history: sha256.New()}
	w.cov.begin()
	res.Seed = seed
	defer func() {
		if r := recover(); r != nil {
			v, ok := r.(violation)
			if !ok {
				v.text = fmt.Sprintf("panic: %v\n%s", r, debug.Stack())
			}
			res.Problem = v.text
			w.say("ORACLE", "%s", v.text)
		}
		if b := w.sibling; b != nil && b.journal != nil {
			_ = b.journal.Close()
		}
		if w.disk != nil {
			w.disk.close()
			_ = os.RemoveAll(w.disk.dir)
		}
		w.cov.Runs, w.cov.Steps, w.cov.Simulated, w.cov.Sales = 1, w.steps, w.t, len(w.sales)
		res.Coverage, res.Profile, res.History = w.cov, w.prof.name, w.lines
		res.Digest = hex.EncodeToString(w.history.Sum(nil))
	}()
	w.build(o.Dir)
	w.say("world", "seed %d, %s", seed, w.prof)
	w.play()
	w.heal()
	res.Head = w.judge()
	return res
}

func (p profile) String() string {
	var on []string
	for i, yes := range p.enabled {
		if yes && p.level > 0 {
			on = append(on, faultSpecs[i].name)
		}
	}
	return fmt.Sprintf("%s: query %t (needed %t), finish %t, till-2 shows %t, require_canary %s, "+
		"places %d of %d bytes for %s, %d sales (%s; %s), unknown %d, ECNs %s, %s; "+
		"lines: %s; relay: %s; "+
		"faults: %s",
		p.name, p.query, p.needs, p.finish, p.ownShow, p.canary, p.parked, p.parkedBytes,
		p.parkedFor, p.sales, p.trade.name, p.habit, p.unknown, p.styles, p.mints(), p.cashiers,
		p.relay,
		strings.Join(on, ", "))
}

// mints says who makes what customers scan.
func (p profile) mints() string {
	if !p.remote {
		return "links of our own"
	}
	return fmt.Sprintf(
		"the gateway's codes (fallback %t, %d wallets, touch %t, closes %t, opens %t)", p.fallback,
		p.wallets, p.touch, p.closes, p.opens)
}

func (w *World) build(dir string) {
	w.drawProfile()
	w.boots, w.bootAt, w.proc = 1, -w.between(time.Minute, 3*time.Hour), 1
	w.wallOff = w.between(-time.Second, time.Second)
	w.oracle = newOracle(w)
	w.disk = newDisk(w, dir)
	w.gw = newGateway(w)
	w.relay = newRelayServer(w)
	w.screen = &screen{w: w}
	if w.prof.relay.two {
		w.sibling = newSibling(w)
	}
	w.tills = []*jsonTill{newJSONTill(w, "till-1"), newJSONTill(w, "till-2")}
	w.ecrs = []*ecrTill{newECRTill(w, 0), newECRTill(w, 1)}
	w.staff = staff{w: w}
}

// play lets the agent start, the tills sell and things go wrong.
func (w *World) play() {
	w.startAgent()
	if w.sibling != nil {
		w.sibling.starts()
		w.sibling.goesOn()
	}
	w.screen.opens()
	for _, t := range w.tills {
		t.connects()
	}
	for _, t := range w.ecrs {
		t.plugs()
	}
	at := 3 * time.Second
	for i := range w.prof.sales {
		at += w.between(100*time.Millisecond, 30*time.Second)
		if i > 0 && w.chance(0.7) {
			at += w.between(0, 200*time.Second)
		}
		w.after(at, w.asksForSale)
	}
	end := at + w.between(10*time.Second, 6*time.Minute)
	for range 14 {
		w.after(w.between(0, end), w.mishap)
	}
	for range w.backups() {
		w.after(w.between(0, end), w.disk.backsUp)
	}
	w.runUntil(end)
}
