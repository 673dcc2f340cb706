package bench_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"kiosk-agent/test/crashfs"
	"kiosk-agent/test/programs"
)

// A cheap card needs this long for an fsync.
const cardSync = 10 * time.Millisecond

// slowDisk sells with the journal, and the floor's file, on a disk of which each fsync takes 10 ms:
// what is waited for there is how often it is asked.
func slowDisk(t testing.TB, s scale) sides {
	dir := filepath.Join(programs.Dir(t), "card")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	disk := crashfs.New(crashfs.Config{Names: crashfs.Ordered, Scratch: "-shm", Syncing: cardSync},
		nil)
	if err := disk.Mount(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.Unmount(); err != nil {
			t.Error(err)
		}
	})
	k := openKioskOn(t, 1, dir)
	display := k.sells()
	low := openFloorOn(t, dir)
	all := sides{}
	for i := range warm(s)/4 + s.reps {
		p, asked, answered := k.start()
		shown := display.next()
		told := k.settle(p)
		_, floor := low.sell()
		if i >= warm(s)/4 {
			all["ours"] = append(all["ours"], ms(answered.Sub(asked)))
			all["frame"] = append(all["frame"], ms(shown.at.Sub(asked)))
			all["webhook → till"] = append(all["webhook → till"], ms(told))
			all["floor"] = append(all["floor"], floor)
		}
	}
	return all
}
