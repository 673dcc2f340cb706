//go:build linux && !race

// The cuts say nothing about races, and under the race detector they take minutes.

package relayd

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"kiosk-agent/internal/secret"
	"kiosk-agent/test/crashfs"
)

// underFault is a relay whose disk fails.
type underFault struct {
	dir    string
	fault  crashfs.Fault
	disk   *crashfs.Disk
	status int // of the last hook
	struck bool
	acked  map[string]string
	left   [2]crashfs.Image // as the disk was, and after a power cut
	err    error
}

// TestDiskErrors fails file operations under a relay, once or from then on, at seeded places.
// Whatever it answers then, a hook that it answered 200 is there when it starts again on the disk
// as it was, and after a power cut.
func TestDiskErrors(t *testing.T) {
	t.Parallel()
	seed := *cutSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("go test ./relay/relayd -run %s -cutseed %d", t.Name(), seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	g := &gateway{t: t, rng: rng}
	whole := g.newStore()
	relays := make([]*underFault, 24)
	// at once: JetStream does not answer after a failed write, so each waits for storeTimeout
	var all sync.WaitGroup
	for i := range relays {
		u := &underFault{dir: t.TempDir(), acked: map[string]string{}, fault: crashfs.Fault{
			Op: crashfs.Changes, Nth: 1 + rng.IntN(60),
			Errno:  []syscall.Errno{unix.EIO, unix.ENOSPC, unix.EROFS}[i%3],
			Onward: rng.IntN(2) == 0,
		}}
		u.disk = crashfs.New(crashfs.Config{Seed: rng.Uint64(), Names: crashfs.Names(i % 3)}, whole)
		relays[i] = u
		all.Go(func() { u.err = u.run(g.creds.HookURL) })
	}
	all.Wait()
	refused := 0
	for i, u := range relays {
		if u.err != nil || !u.struck {
			t.Errorf("fault %+v: struck %v, %v", u.fault, u.struck, u.err)
			continue
		}
		if u.status != http.StatusOK {
			refused++
		}
		for _, image := range u.left {
			g.cuts, g.acked, g.image = i, u.acked, image
			g.mounted(func(_ *crashfs.Disk, dir string) {
				r := startRelay(t, filepath.Join(dir, "store"), nil)
				defer r.stop()
				g.check(r)
			})
		}
	}
	if refused < len(relays)/2 {
		t.Errorf("of %d relays %d refused a hook", len(relays), refused)
	}
}

// newStore is a store with one terminal, on a disk that was unmounted in order.
func (g *gateway) newStore() (image crashfs.Image) {
	g.mounted(func(disk *crashfs.Disk, dir string) {
		r := startRelay(g.t, filepath.Join(dir, "store"), nil)
		g.creds = r.add("K001")
		r.stop()
		image = disk.Seen()
	})
	return image
}

// mounted mounts a sound disk with the gateway's image while fn runs.
func (g *gateway) mounted(fn func(disk *crashfs.Disk, dir string)) {
	g.t.Helper()
	disk, dir := crashfs.New(crashfs.Config{}, g.image), g.t.TempDir()
	if err := disk.Mount(dir); err != nil {
		g.t.Fatal(err)
	}
	defer func() {
		if err := disk.Unmount(); err != nil {
			g.t.Error(err)
		}
	}()
	fn(disk, dir)
}

// run starts a relay, sets the fault, and posts hooks until one is not answered 200.
func (u *underFault) run(hookURL string) (err error) {
	if err := u.disk.Mount(u.dir); err != nil {
		return err
	}
	defer func() {
		if uerr := u.disk.Unmount(); err == nil {
			err = uerr
		}
	}()
	cfg := Config{
		AdminToken:   secret.New([]byte("x")),
		Store:        StoreConfig{Dir: filepath.Join(u.dir, "store"), MaxBytes: 64 << 20},
		PublicListen: "127.0.0.1:0", AdminListen: "127.0.0.1:0", HookRate: 1e6, HookBurst: 1e6,
	}
	srv, err := New(context.Background(), cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer srv.Close()
	struck := u.disk.Fail(u.fault)
	path := hookURL[strings.Index(hookURL, hookPrefix):]
	for i := range 40 {
		name, body := fmt.Sprintf("/%d", i), strings.Repeat("x", 100*i)
		rec := httptest.NewRecorder()
		srv.publicHandler().ServeHTTP(rec,
			httptest.NewRequest(http.MethodPost, path+name, strings.NewReader(body)))
		if u.status = rec.Code; u.status != http.StatusOK {
			break
		}
		u.acked[name] = body
	}
	u.struck = struck() > 0
	u.left = [2]crashfs.Image{u.disk.Seen(), u.disk.Image()}
	return nil
}
