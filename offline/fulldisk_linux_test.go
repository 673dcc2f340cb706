package offline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"kiosk-agent/payment"
	"kiosk-agent/test/crashfs"
)

// smallDisk mounts a real file system of this size; who may not mount one gets a crashfs.Disk,
// which is full and read-only in the same way.
func smallDisk(t *testing.T, bytes int64) (dir string, readOnly func()) {
	t.Helper()
	dir = t.TempDir()
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", bytes))
	if errors.Is(err, unix.EPERM) {
		disk := crashfs.New(crashfs.Config{Capacity: bytes, Scratch: shmFiles}, nil)
		t.Log("not root: the disk is a crashfs")
		dir = mount(t, disk)
		t.Cleanup(func() { unmount(t, disk) })
		return dir, func() {
			disk.Fail(crashfs.Fault{Op: crashfs.Changes, Nth: 1, Errno: unix.EROFS, Onward: true})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH)))
		}
	})
	return dir, func() {
		t.Helper()
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// occupy takes what is left of a disk but so many bytes.
func occupy(t *testing.T, dir string, but int64) (empty func()) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, max(0, int64(st.Bavail)*st.Bsize-but)),
		0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAFullDisk sells until the file system is really full, opens the journal there, and goes on
// when there is room again.
func TestAFullDisk(t *testing.T) {
	dir, _ := smallDisk(t, 2<<20)
	path := filepath.Join(dir, "journal.db")
	j := open(t, Config{Path: path, Create: true})
	s := &shop{j: j}
	if err := s.sell("P0"); err != nil {
		t.Fatal(err)
	}
	empty := occupy(t, dir, 200_000)
	var err error
	for i := 1; err == nil && i < 100; i++ {
		err = s.sell(fmt.Sprintf("P%d", i))
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("the disk is full: %v", err)
	}
	if err := j.Writable(); err == nil { // one page more may still have fitted
		err = s.sell("Q")
		mustBeTyped(t, err)
	}
	readable := func(j *Journal) {
		t.Helper()
		if p, ok, err := j.Payment("P0"); err != nil || !ok || p.Status != payment.StatusApproved {
			t.Errorf("reading does not go on: %v", err)
		}
	}
	readable(j)
	closeErr := j.Close()
	t.Logf("closed on the full disk: %v", closeErr)
	again, err := Open(Config{Path: path})
	if err != nil {
		mustBeTyped(t, err)
		t.Logf("opened on the full disk: %v", err)
	} else {
		readable(again)
		s.j = again
		mustBeTyped(t, sellUntilRefused(s))
	}
	empty()
	if again == nil {
		again = open(t, Config{Path: path})
		s.j = again
	}
	if err := again.Writable(); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	if err := s.sell("R"); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	report, err := again.Verify(nil)
	if err != nil || len(report.Problems) > 0 || report.Head.Seq < s.acked.seq {
		t.Errorf("%+v %v, promised: %d", report, err, s.acked.seq)
	}
	if hash, _, err := again.HashAt(s.acked.seq); err != nil || hash != s.acked.hash {
		t.Errorf("fact %d is lost: %v", s.acked.seq, err)
	}
	closeJournal(t, again)
}

func sellUntilRefused(s *shop) (err error) {
	for i := 0; err == nil && i < 200; i++ {
		err = s.sell(fmt.Sprintf("S%d", i))
	}
	return err
}

// TestReadOnlyFileSystem opens a journal where nothing can be written: it is refused with its kind
// and not touched, and a reader says what it needs.
func TestReadOnlyFileSystem(t *testing.T) {
	dir, readOnly := smallDisk(t, 4<<20)
	path := filepath.Join(dir, "journal.db")
	j := open(t, Config{Path: path, Create: true})
	if err := (&shop{j: j}).sell("P1"); err != nil {
		t.Fatal(err)
	}
	closeJournal(t, j)
	before := snapshot(t, path)
	readOnly()
	_, err := Open(Config{Path: path, Create: true})
	mustBeTyped(t, err)
	if !errors.Is(err, ErrIO) {
		t.Error(err)
	}
	if r, err := OpenReadOnly(path); err != nil {
		mustBeTyped(t, err)
	} else if p, ok, err := r.Payment("P1"); err != nil || !ok ||
		p.Status != payment.StatusApproved {
		t.Error("it can be opened and not be read:", err)
	} else {
		r.Close()
	}
	if after := snapshot(t, path); len(after) != len(before) {
		t.Error("files appeared or vanished")
	}
}
