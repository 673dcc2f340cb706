package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"kiosk-agent/internal/app/displayclient"
	"kiosk-agent/payment"
	"kiosk-agent/test/ecrtill"
)

var (
	tortureKills = flag.Int("kills", 0, "processes that TestTorture kills; 0: 12")
	tortureSeed  = flag.Uint64("seed", 0, "seed of TestTorture; 0: a new one")
)

// tortureVerdict is what the program says last; "" = there was no torture of a chosen length.
var tortureVerdict string

// tortureStuck is how long nothing may take: no kill and no fault makes anybody wait that long.
const tortureStuck = 4 * time.Minute

// torture is one run: agent, relay and gateway are processes that are killed with -9 while three
// tills sell. The seed decides about customers, faults, victims and moments; the machine's
// scheduling, which it does not decide, does the rest.
type torture struct {
	*rig
	rng      *rand.Rand
	public   *public
	bank     *bank
	counters []*counter
	lane     *lane
	eyes     eyes
	toll     toll
	history  record            // what was killed and when
	unheld   map[toldHook]bool // webhooks that the relay does not have any more
	change   changeover
	save     saved
	hundreds int               // of kills that were told of
	gone     map[toldHook]bool // webhooks that went with a store that was replaced
}

// TestTorture: whatever is killed, and whenever, the books agree at the end.
func TestTorture(t *testing.T) {
	t.Parallel()
	kills, seed := *tortureKills, *tortureSeed
	if kills == 0 {
		kills = 12
	}
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	t.Logf("torture: seed %d, %d kills", seed, kills)
	x := newTorture(t, seed)
	began := time.Now()
	sales := x.run(kills)
	found := x.judge()
	if never := x.toll.never(); kills >= longTorture && len(never) > 0 {
		found += "\ntorture: there was never: " + strings.Join(never, ", ")
		t.Errorf("in %d kills there was never: %s", kills, strings.Join(never, ", "))
	}
	verdict := fmt.Sprintf("torture: seed %d, %s, %d sales in %s\n%s\n%s", seed, &x.toll, sales,
		time.Since(began).Round(time.Second), x.toll.befell(), found)
	if *tortureKills > 0 {
		tortureVerdict = verdict
	} else {
		t.Log(verdict)
	}
}

func newTorture(t *testing.T, seed uint64) *torture {
	t.Helper()
	r := newRig(t, lineOptions{noAgent: true, noShow: true, gateway: (*world).killableGateway})
	r.newSecret("till-2.token")
	r.replaceInConfig(`token = "file:`+r.dir+`/till.token"}`,
		fmt.Sprintf(`token = "file:%[1]s/till.token"}, {name = "till-2", token = `+
			`"file:%[1]s/till-2.token"}`, r.dir))
	r.replaceInConfig("[axs]\n", "[axs]\nquery_url = \""+r.sandboxURL+"/api/hpp/v2/transaction\"\n")
	timers := r.hurryLine()
	x := &torture{
		rig: r, rng: rand.New(rand.NewPCG(seed, 'X')), public: newPublic(),
		bank: &bank{url: r.sandboxURL},
		gone: map[toldHook]bool{}, toll: toll{steps: map[payment.Kind]int{},
			missed: map[payment.Kind]int{}, counts: map[string]int{}},
		unheld: map[toldHook]bool{}, change: changeover{up: map[string]time.Time{}, due: 2},
		save: saved{due: 4, gone: &missing{gone: map[string]payment.Payment{}},
			told: map[string]bool{}},
	}
	for name, token := range map[string]string{"till-1": "till.token", "till-2": "till-2.token"} {
		x.counters = append(x.counters,
			newCounter(name, "ws://"+r.till+"/v1/till", r.newSecret(token), x.public, x.bank,
				x.save.gone, seed))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the torture's history:\n%s", x.history.tail())
		}
	})
	x.lane = newLane(r.turnOn(ecrtill.Config{Timers: timers}), r.dir, x.public, x.bank,
		x.save.gone, seed)
	return x
}

// run sells until enough was killed, lets everybody finish, and returns the number of sales.
func (x *torture) run(kills int) (sales int) {
	x.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var around, selling errgroup.Group
	x.t.Cleanup(func() {
		stop()
		_ = selling.Wait() // told below, or the test has failed already
		if err := around.Wait(); err != nil {
			x.t.Errorf("the display: %v", err)
		}
	})
	closed, broken := make(chan struct{}), make(chan error, 1)
	sold := make([]int, len(x.counters)+1)
	sell := func(i int, f func(context.Context, <-chan struct{}) (int, error)) {
		selling.Go(func() (err error) {
			if sold[i], err = f(ctx, closed); err != nil {
				select {
				case broken <- err:
				default:
				}
			}
			return err
		})
	}
	around.Go(func() error { return x.show(ctx) })
	for i, c := range x.counters {
		around.Go(func() error { c.run(ctx); return nil })
		sell(i, c.sell)
	}
	sell(len(x.counters), x.lane.sell)

	x.execute(kills, broken)
	close(closed)
	err := selling.Wait()
	for _, c := range x.counters {
		err = errors.Join(err, c.guests.Wait())
	}
	if err = errors.Join(err, x.lane.guests.Wait()); err != nil {
		x.t.Fatalf("after %s: %v", &x.toll, err)
	}
	x.settle()
	for _, n := range sold {
		sales += n
	}
	return sales
}

// show is the customer display.
func (x *torture) show(ctx context.Context) error {
	return displayclient.Run(ctx, "http://"+x.world.screen+"/", x.displayToken,
		displayclient.Options{BoxPx: wholeBox, Seen: func(s displayclient.Screen) {
			if s.Kind == "pay" {
				x.eyes.see(ctx)
			}
		}})
}

// eyes are the display's: while they are shut it confirms no code and then nothing any more, as one
// whose browser hangs.
type eyes struct {
	mu   sync.Mutex
	shut chan struct{} // nil while they are open, closed when they open
}

func (e *eyes) set(shut bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.shut != nil {
		close(e.shut)
	}
	e.shut = nil
	if shut {
		e.shut = make(chan struct{})
	}
}

func (e *eyes) see(ctx context.Context) {
	e.mu.Lock()
	shut := e.shut
	e.mu.Unlock()
	if shut == nil {
		return
	}
	select {
	case <-shut:
	case <-ctx.Done():
	}
}

// toll counts what was killed.
type toll struct {
	agent, relay, gateway int
	// of the agent's: by its own hand, after a fact of this kind
	steps  map[payment.Kind]int
	missed map[payment.Kind]int // lives in which the step did not come
	counts map[string]int       // of what befalls the run beside its kills: tortures
}

// tortures are what must befall a run of longTorture kills or more.
var tortures = []string{
	"switches", "switches without the account before", "codes up at a switch",
	"paid late at the account before", "backups", "backups killed", "restores", "restores killed",
	"found not ready", "kills while rolled back", "recovers killed", "recoveries", "payments lost",
	"payments lost that were paid",
}

const longTorture = 200

func (k *toll) count(what string, n int) { k.counts[what] += n }

// befell is how often each of the tortures was.
func (k *toll) befell() string {
	var all []string
	for _, what := range tortures {
		all = append(all, fmt.Sprintf("%s %d", what, k.counts[what]))
	}
	return strings.Join(all, ", ")
}

// never are those that never were.
func (k *toll) never() (all []string) {
	for _, what := range tortures {
		if k.counts[what] == 0 {
			all = append(all, what)
		}
	}
	return all
}

func (k *toll) kills() int { return k.agent + k.relay + k.gateway }

func (k *toll) String() string {
	n := 0
	var steps []string
	for _, kind := range slices.Sorted(maps.Keys(k.steps)) {
		steps = append(steps, fmt.Sprintf("%s %d", kind, k.steps[kind]))
		n += k.steps[kind]
	}
	return fmt.Sprintf("%d kills (agent %d, of which %d at a step: %s; relay %d, gateway %d)",
		k.kills(), k.agent, n, strings.Join(steps, ", "), k.relay, k.gateway)
}

// note writes a line of the history, and tells now and then how far it is.
func (x *torture) note(format string, args ...any) {
	fmt.Fprintf(&x.history, time.Now().Format("15:04:05.000 ")+format+"\n", args...)
	if n := x.toll.kills() / 100; n > x.hundreds {
		x.hundreds = n
		x.t.Logf("%s so far", &x.toll)
	}
}

// backUpStore copies the relay's store as it is now, to be restored later; the relay is down.
func (x *torture) backUpStore() {
	x.t.Helper()
	if err := os.CopyFS(x.dir+"/store.backup", os.DirFS(x.dir+"/store")); err != nil {
		x.t.Fatal(err)
	}
}

// restoreStore replaces the relay's store by the copy; everything is down. What the agent had not
// read is gone.
func (x *torture) restoreStore() {
	x.t.Helper()
	s := &scene{}
	if err := s.readJournal(filepath.Join(x.dir, "journal.db")); err != nil {
		x.t.Fatal(err)
	}
	for h := range x.toldHooks() {
		x.unheld[h] = true
		if !s.stated[h] {
			x.gone[h] = true
		}
	}
	if err := errors.Join(os.RemoveAll(x.dir+"/store"),
		os.CopyFS(x.dir+"/store", os.DirFS(x.dir+"/store.backup"))); err != nil {
		x.t.Fatal(err)
	}
}
