package offline

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"kiosk-agent/payment"
	"kiosk-agent/test/crashfs"
)

func mount(t testing.TB, disk *crashfs.Disk) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := disk.Mount(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unmount(t, disk) }) // for a test that ends early
	return dir
}

func unmount(t testing.TB, disk *crashfs.Disk) {
	t.Helper()
	if err := disk.Unmount(); err != nil {
		t.Error(err)
	}
}

// backupFaults are what a disk may do to a backup or a restoration: it is full from some moment on,
// or fails once.
var backupFaults = []crashfs.Fault{
	{Op: crashfs.Open | crashfs.Write | crashfs.Fsync | crashfs.Truncate, Errno: syscall.ENOSPC,
		Onward: true},
	{Op: crashfs.Write | crashfs.Fsync | crashfs.Rename, Errno: syscall.EIO},
}

// TestBackupToADiskThatFails lets operations on the backup's disk fail, each with -faultstep 1:
// then there is no backup and nothing else.
func TestBackupToADiskThatFails(t *testing.T) {
	path, head := sample(t)
	for _, fault := range backupFaults {
		for n, struck := 1, true; struck; n += *faultStep {
			disk := crashfs.New(crashfs.Config{Scratch: shmFiles}, nil)
			dir := mount(t, disk)
			fault.Nth = n
			hits := disk.Fail(fault)
			c, err := Backup(path, filepath.Join(dir, "backup"), nil)
			struck = hits() > 0
			names := filesIn(t, dir)
			switch {
			case err == nil && (c.Head != head || !slices.Equal(names, []string{"backup"})):
				t.Errorf("fault %d: %+v, files %q", n, c, names)
			case err == nil && struck && fault.Onward:
				t.Errorf("fault %d: a full disk took the backup", n)
			case err != nil && len(names) > 0:
				t.Errorf("fault %d: %v; left behind: %q", n, err, names)
			}
			unmount(t, disk)
		}
	}
}

// TestBackupPowerCut: once Backup has said that there is a copy, a power cut takes nothing of it.
func TestBackupPowerCut(t *testing.T) {
	src, head := sample(t)
	seed := uint64(0)
	run := func(n int, names crashfs.Names) (ops int) {
		seed++
		disk := crashfs.New(crashfs.Config{Seed: seed, Names: names, Scratch: shmFiles}, nil)
		path := filepath.Join(mount(t, disk), "backup")
		disk.CutAfter(n)
		_, err := Backup(src, path, nil)
		must(t, err)
		ops = disk.Ops()
		image := disk.Image()
		unmount(t, disk)
		if n == 0 {
			return ops
		}
		disk = crashfs.New(crashfs.Config{Scratch: shmFiles}, image)
		if c, err := examine(filepath.Join(mount(t, disk), "backup"), nil); err != nil ||
			c.Head != head {
			t.Errorf("seed %d: %+v, %v", seed, c, err)
		}
		unmount(t, disk)
		return ops
	}
	for _, names := range []crashfs.Names{crashfs.Ordered, crashfs.OwnEntry, crashfs.ManPage} {
		ops := run(0, names)
		for range max(1, 8 / *faultStep) {
			run(ops, names)
		}
	}
}

// TestBackupToADiskThatIsTooSmall fills it for real.
func TestBackupToADiskThatIsTooSmall(t *testing.T) {
	path, _ := sample(t)
	for _, capacity := range []int64{1, 4096, 50_000} {
		disk := crashfs.New(crashfs.Config{Capacity: capacity}, nil)
		dir := mount(t, disk)
		if _, err := Backup(path, filepath.Join(dir, "backup"), nil); !errors.Is(err, ErrFull) ||
			len(filesIn(t, dir)) > 0 {
			t.Errorf("%d bytes: %v, %q", capacity, err, filesIn(t, dir))
		}
		unmount(t, disk)
	}
}

// restoring is a disk with a journal of 34 facts that an agent was killed over, and a backup of its
// first 20 elsewhere.
func restoring(t *testing.T) (backup string, was crashfs.Image, head payment.Head) {
	path, _ := sample(t)
	backup = filepath.Join(t.TempDir(), "backup")
	made, err := Backup(path, backup, nil)
	if err != nil {
		t.Fatal(err)
	}
	x := &fixture{}
	j := open(t, Config{Path: path})
	appendAll(t, j, x.sale("P8", "till-1", "R8")...)
	closeJournal(t, j)
	j = open(t, Config{Path: path}) // the last sale is in the log only
	appendAll(t, j, x.sale("P9", "till-1", "R9")...)
	was = crashfs.Image{}
	for _, part := range []string{"", "-wal", ".id"} {
		copied := filepath.Join(t.TempDir(), "copied")
		copyWhileOpen(t, path+part, copied)
		b, err := os.ReadFile(copied)
		must(t, err)
		was["journal.db"+part] = crashfs.File{Mode: 0o600, Data: b}
	}
	return backup, was, made.Head
}

// mustBeOneOfTwo opens what a restoration left that was cut off: the old journal, the new one, or
// none, and never one that begins anew. Then the restoration is repeated.
func mustBeOneOfTwo(t *testing.T, what string, n int, backup, path string, head payment.Head) {
	t.Helper()
	j, err := Open(Config{Path: path, Create: true})
	switch {
	case err == nil:
		if h, err := j.Head(); err != nil || h != head && h.Seq != 34 {
			t.Errorf("%s %d: head %+v %v", what, n, h, err)
		}
		closeJournal(t, j)
	case !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "journal missing, but"):
		t.Errorf("%s %d: %v", what, n, err)
	}
	if done, err := Restore(backup, path, restoredAt, nil); err != nil || done.Head != head {
		t.Errorf("%s %d, once more: %+v %v", what, n, done, err)
	}
	mustBeWhole(t, path)
	whole := 0
	asides, err := filepath.Glob(path + ".repl*/journal.db")
	must(t, err)
	for _, aside := range asides {
		if verify(t, aside).Head.Seq == 34 {
			whole++
		}
	}
	if whole != 1 {
		t.Errorf("%s %d: the old journal lies in %q", what, n, asides)
	}
}

// TestRestoreOnADiskThatFails lets operations on the journal's disk fail, above all the last ones,
// where files change their names.
func TestRestoreOnADiskThatFails(t *testing.T) {
	backup, was, head := restoring(t)
	run := func(fault crashfs.Fault, n int) (struck bool) {
		disk := crashfs.New(crashfs.Config{Scratch: shmFiles}, was)
		path := filepath.Join(mount(t, disk), "journal.db")
		fault.Nth = n
		hits := disk.Fail(fault)
		_, err := Restore(backup, path, restoredAt, nil)
		if struck = hits() > 0; struck && err == nil && fault.Onward {
			t.Errorf("fault %d: a full disk took the journal", n)
		}
		disk.Mend()
		mustBeOneOfTwo(t, "fault", n, backup, path, head)
		unmount(t, disk)
		return struck
	}
	for _, fault := range backupFaults {
		n := 1
		for run(fault, n) {
			n += *faultStep
		}
		for last := n - *faultStep - 20; last < n; last += (*faultStep + 1) / 2 {
			run(fault, last)
		}
	}
}

// TestRestorePowerCut cuts the power at operations of a restoration, above all at the last ones,
// where files change their names: with -faultstep 1 at each of these, several times.
func TestRestorePowerCut(t *testing.T) {
	backup, was, head := restoring(t)
	seed := uint64(0)
	run := func(n int, names crashfs.Names) (ops int) {
		seed++
		disk := crashfs.New(crashfs.Config{Seed: seed, Names: names, Scratch: shmFiles}, was)
		path := filepath.Join(mount(t, disk), "journal.db")
		disk.CutAfter(n)
		_, err := Restore(backup, path, restoredAt, nil)
		must(t, err)
		ops = disk.Ops()
		image := disk.Image()
		unmount(t, disk)
		if n == 0 {
			return ops
		}
		disk = crashfs.New(crashfs.Config{Scratch: shmFiles}, image)
		path = filepath.Join(mount(t, disk), "journal.db")
		mustBeOneOfTwo(t, "cut", n, backup, path, head)
		unmount(t, disk)
		return ops
	}
	step, times := max(1, *faultStep/4), max(1, 6 / *faultStep)
	for i, names := range []crashfs.Names{crashfs.Ordered, crashfs.OwnEntry, crashfs.ManPage} {
		ops := run(0, names)
		for n := 1 + i; n < ops-14; n += 8 * *faultStep {
			run(n, names)
		}
		for n := ops - 14 + i%step; n <= ops; n += step { // together they cut at each
			for range times {
				run(n, names)
			}
		}
	}
}
