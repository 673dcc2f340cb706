//go:build linux && !race

// The cuts say nothing about races, and under the race detector they take minutes.

package relayd

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
	"kiosk-agent/test/crashfs"
)

var (
	cuts    = flag.Int("cuts", 48, "power cuts of each TestPowerCut")
	cutSeed = flag.Uint64("cutseed", 0, "seed of the power cuts; 0 = a new one each time")
)

// gateway posts hooks to a relay whose disk loses its power again and again.
type gateway struct {
	t      *testing.T
	rng    *rand.Rand
	soften func(*Config) // what makes the store less durable than it is; nil = nothing

	image crashfs.Image
	creds Credentials // of the terminal, "" before it was added
	epoch string      // of the store when a hook was first answered

	mu    sync.Mutex
	acked map[string]string // hooks that were answered 200 before a cut: name → body
	head  relay.Head        // of the terminal's journal, as it was stored last

	cuts, lost, hooks, heads int
}

func newGateway(t *testing.T, soften func(*Config)) *gateway {
	seed := *cutSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("go test ./relay/relayd -run %s -cuts %d -cutseed %d", t.Name(), *cuts, seed)
	return &gateway{t: t, rng: rand.New(rand.NewPCG(seed, 1)), soften: soften,
		acked: map[string]string{}}
}

// life mounts what the last cut has left, starts a relay there, checks it, and posts until the
// power is cut.
func (g *gateway) life() {
	g.t.Helper()
	disk := crashfs.New(crashfs.Config{Seed: g.rng.Uint64(), Names: crashfs.Names(g.cuts % 3)},
		g.image)
	dir := g.t.TempDir()
	if err := disk.Mount(dir); err != nil {
		g.t.Fatal(err)
	}
	defer func() {
		if err := disk.Unmount(); err != nil {
			g.t.Error(err)
		}
	}()
	disk.CutAfter(1 + g.rng.IntN(400))
	r := startRelay(g.t, filepath.Join(dir, "store"), func(c *Config) {
		c.Store.MaxBytes = 32 << 20
		if g.soften != nil {
			g.soften(c)
		}
	})
	defer r.stop()
	g.check(r)
	g.post(r, disk)
	g.image = disk.Image()
	g.cuts++
}

// check looks for everything that was answered with 200 before the cut.
func (g *gateway) check(r *rig) {
	g.t.Helper()
	sp, has, err := r.store.state(g.t.Context())
	if err != nil {
		g.t.Fatalf("cut %d: %v", g.cuts, err)
	}
	found, missing := g.held(r, int(has.msgs)), 0
	for name, body := range g.acked {
		if found[name] != body {
			missing++
		}
	}
	terminal := g.creds.Token.IsZero() ||
		r.terminals.byToken(sha256.Sum256(g.creds.Token.Reveal()), time.Now()) != nil
	epoch := g.epoch == "" || g.epoch == sp.Epoch
	var anchor *relay.Head
	if g.head.Seq > 0 {
		if anchor, _, err = r.heads.Head(g.t.Context(), g.creds.ID); err != nil {
			g.t.Fatalf("cut %d: %v", g.cuts, err)
		}
	}
	anchored := g.head.Seq == 0 || anchor != nil && anchor.Seq >= g.head.Seq
	if missing == 0 && terminal && epoch && anchored {
		return
	}
	g.lost++
	if g.soften == nil {
		g.t.Fatalf("cut %d: of %d hooks that were answered 200, %d are lost; the terminal is "+
			"there: %v; the same epoch: %v; its journal's head %+v: %v",
			g.cuts, len(g.acked), missing, terminal, epoch, g.head, anchor)
	}
	g.acked, g.epoch, g.head = map[string]string{}, "", relay.Head{}
	if !terminal {
		g.creds = Credentials{}
	}
}

// held is every hook that the relay holds: name → body.
func (g *gateway) held(r *rig, count int) map[string]string {
	g.t.Helper()
	found := map[string]string{}
	reader, err := r.store.js.OrderedConsumer(g.t.Context(), streamName,
		jetstream.OrderedConsumerConfig{})
	if err != nil {
		g.t.Fatalf("cut %d: %v", g.cuts, err)
	}
	batch, err := reader.FetchNoWait(count + 1)
	if err != nil {
		g.t.Fatalf("cut %d: %v", g.cuts, err)
	}
	for m := range batch.Messages() {
		var e rules.Envelope
		if json.Unmarshal(m.Data(), &e) == nil { // the monitor's probes are empty
			found[e.Path] = string(e.Body)
		}
	}
	if err := batch.Error(); err != nil {
		g.t.Fatalf("cut %d: %v", g.cuts, err)
	}
	return found
}

// post adds the terminal and posts hooks, four at a time, until the power is cut.
func (g *gateway) post(r *rig, disk *crashfs.Disk) {
	g.t.Helper()
	creds := g.creds
	if creds.Token.IsZero() {
		// the one of a life before may be there, though nobody was told
		creds = r.add(fmt.Sprintf("K%03d", g.cuts))
	}
	if disk.IsCut() {
		return
	}
	g.creds = creds
	sp, err := r.store.Span(context.Background())
	if err != nil {
		g.t.Fatal(err)
	}
	var posters sync.WaitGroup
	for p := range 4 {
		size := g.rng.IntN(40_000)
		posters.Go(func() {
			for i := 0; !disk.IsCut(); i++ {
				name, body := fmt.Sprintf("/%d/%d/%d", g.cuts, p, i), strings.Repeat("x", size)
				rec := httptest.NewRecorder()
				path := creds.HookURL[strings.Index(creds.HookURL, hookPrefix):]
				r.publicHandler().ServeHTTP(rec,
					httptest.NewRequest(http.MethodPost, path+name, strings.NewReader(body)))
				if rec.Code != http.StatusOK {
					g.t.Errorf("cut %d: status %d", g.cuts, rec.Code)
					return
				}
				g.mu.Lock()
				if !disk.IsCut() {
					g.acked[name], g.epoch = body, sp.Epoch
					g.hooks++
				}
				g.mu.Unlock()
				if p == 0 && i%2 == 0 {
					g.tell(r, disk)
				}
			}
		})
	}
	posters.Wait()
}

// tell stores a newer head of the terminal's journal: the anchor.
func (g *gateway) tell(r *rig, disk *crashfs.Disk) {
	head, revision, err := r.heads.Head(context.Background(), g.creds.ID)
	g.mu.Lock()
	next := relay.Head{JournalID: "J", Hash: "h", Seq: g.head.Seq}
	g.mu.Unlock()
	if head != nil { // the one of a life before may be there, though nobody was told
		next.Seq = max(next.Seq, head.Seq)
	}
	next.Seq++
	if err == nil {
		err = r.heads.PutHead(context.Background(), g.creds.ID, next, revision)
	}
	if err != nil {
		g.t.Errorf("cut %d: a head is not stored: %v", g.cuts, err)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !disk.IsCut() {
		g.head = next
		g.heads++
	}
}

// livesOfAStore is how many cuts one store goes through before the next one is made, so that its
// making is cut, too.
const livesOfAStore = 8

func (g *gateway) run(cuts int) {
	g.t.Helper()
	for g.cuts < cuts {
		if g.cuts%livesOfAStore == 0 {
			g.image, g.creds, g.epoch, g.acked = nil, Credentials{}, "", map[string]string{}
			g.head = relay.Head{}
		}
		g.life()
	}
}

// TestPowerCut cuts the power at any file operation, from the making of the store on: each hook
// that was answered 200 is held, and the store has kept its epoch, its terminals and the heads of
// their journals.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	g := newGateway(t, nil)
	g.run(*cuts)
	if g.heads == 0 {
		t.Error("no head was stored before a cut")
	}
	t.Logf("%d cuts, %d hooks answered 200 and %d heads stored, none lost", g.cuts, g.hooks,
		g.heads)
}

// TestPowerCutWithoutSync shows that the test above can fail: JetStream's default writes to the
// disk every two minutes.
func TestPowerCutWithoutSync(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(c *Config) { c.Store.syncLater = true })
	g.run(*cuts)
	if g.lost == 0 {
		t.Error("nothing was lost: the disk forgets nothing")
	}
	t.Logf("%d cuts, answered hooks lost in %d of them", g.cuts, g.lost)
}
