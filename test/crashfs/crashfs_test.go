//go:build linux

package crashfs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

// mount mounts a disk until the test ends.
func mount(t *testing.T, cfg Config, from Image) (*Disk, string) {
	t.Helper()
	d, dir := New(cfg, from), t.TempDir()
	if err := d.Mount(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return d, dir
}

// do runs steps written as shell-like words: it keeps the tests below to what they are about.
func do(t *testing.T, dir string, steps ...string) {
	t.Helper()
	for _, s := range steps {
		if err := step(dir, strings.Fields(s)); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func step(dir string, w []string) error {
	name := filepath.Join(dir, w[1])
	switch w[0] {
	case "mkdir":
		return os.Mkdir(name, 0o700)
	case "write": // appends
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		_, err = f.WriteString(w[2])
		return errors.Join(err, f.Close())
	case "writesync":
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_SYNC, 0o600)
		if err != nil {
			return err
		}
		_, err = f.WriteString(w[2])
		return errors.Join(err, f.Close())
	case "truncate":
		return os.Truncate(name, int64(len(w[2])))
	case "fsync":
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	case "rename":
		return os.Rename(name, filepath.Join(dir, w[2]))
	default:
		return os.Remove(name)
	}
}

func (i Image) text(name string) string {
	f, ok := i[name]
	if !ok {
		return "-"
	}
	return string(f.Data)
}

// TestWhatASyncPromises says for each kind of file system what must be there after a cut, whatever
// the seed; * is anything.
func TestWhatASyncPromises(t *testing.T) {
	for _, tc := range []struct {
		name                         string
		steps                        []string
		file                         string
		ordered, ownEntry, onManPage string
	}{
		{"a new file with its directory", []string{"write a x", "fsync a", "fsync ."}, "a", "x",
			"x", "x"},
		{"a new file", []string{"write a x", "fsync a"}, "a", "x", "x", "*"},
		{"a new file, synced as it is written", []string{"writesync a x"}, "a", "x", "x", "*"},
		{"a new file in a new directory", []string{"mkdir d", "write d/a x", "fsync d/a"}, "d/a",
			"x", "x", "*"},
		{"its directory only", []string{"mkdir d", "write d/a x", "fsync d/a", "fsync d"}, "d/a",
			"x", "x", "*"},
		{"both directories", []string{"mkdir d", "write d/a x", "fsync d/a", "fsync d", "fsync ."},
			"d/a", "x", "x", "x"},
		{"another file later", []string{"write a x", "fsync a", "rename a b", "write c x",
			"fsync c"}, "b", "x", "*", "*"},
		{"a replaced file", []string{"write a old", "fsync a", "fsync .", "write n new", "fsync n",
			"rename n a", "fsync ."}, "a", "new", "new", "new"},
		{"a removed file", []string{"write a x", "fsync a", "fsync .", "rm a", "fsync ."}, "a", "-",
			"-", "-"},
		{"only what was synced", []string{"write a x", "fsync a", "fsync .", "truncate a 12",
			"fsync a"}, "a", "x\x00", "x\x00", "x\x00"},
		{"nothing", []string{"write a x"}, "a", "*", "*", "*"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for names, want := range []string{tc.ordered, tc.ownEntry, tc.onManPage} {
				seen := map[string]bool{}
				for seed := range uint64(10) {
					d, dir := mount(t, Config{Seed: seed, Names: Names(names)}, nil)
					do(t, dir, tc.steps...)
					got := d.Image().text(tc.file)
					if seen[got] = true; want != "*" && got != want {
						t.Fatalf("names %d, seed %d: %q, want %q", names, seed, got, want)
					}
				}
				if want == "*" && len(seen) < 2 {
					t.Errorf("names %d: always %v", names, seen)
				}
			}
		})
	}
}

// TestTornWrite overwrites four sectors without a sync: each is old or new, and in the course of
// the seeds in any combination.
func TestTornWrite(t *testing.T) {
	old, fresh := bytes.Repeat([]byte("o"), 4*512), bytes.Repeat([]byte("n"), 4*512)
	seen := map[string]bool{}
	for seed := range uint64(200) {
		d := newDisk(Config{Seed: seed}, Image{"a": {Mode: 0o600, Data: old}})
		d.changeContent(d.inodes[d.inodes[rootID].names["a"]], change{0, fresh})
		got := d.cut()["a"].Data
		key := ""
		for i := 0; i < len(got); i += 512 {
			if s := got[i : i+512]; !bytes.Equal(s, old[:512]) && !bytes.Equal(s, fresh[:512]) {
				t.Fatalf("seed %d: a sector that was never written", seed)
			}
			key += string(got[i])
		}
		seen[key] = true
	}
	if len(seen) < 12 || !seen["oooo"] || !seen["nnnn"] {
		t.Errorf("outcomes %v", seen)
	}
}

// TestCutAt: what happens after the cut reaches the processes and not the durable store, and the
// same seed leaves the same.
func TestCutAt(t *testing.T) {
	run := func(after int) (Image, bool) {
		d, dir := mount(t, Config{Seed: 7}, nil)
		d.CutAfter(after)
		do(t, dir, "write a 1", "fsync a", "write a 2", "fsync a", "write a 3", "fsync a")
		if b, err := os.ReadFile(filepath.Join(dir, "a")); err != nil || string(b) != "123" {
			t.Fatalf("%q %v", b, err)
		}
		if d.Ops() != 7 {
			t.Errorf("%d operations", d.Ops())
		}
		cut := d.IsCut()
		return d.Image(), cut
	}
	for after, want := range map[int][]string{1: {"-", "", "1"}, 3: {"1"}, 4: {"1", "12"},
		5: {"12"}, 6: {"12", "123"}, 7: {"123"}} {
		img, cut := run(after)
		again, _ := run(after)
		if got := img.text("a"); !strings.Contains(strings.Join(want, " ")+" ", got+" ") ||
			cut == (after == 7) || again.text("a") != got {
			t.Errorf("after %d: %q, then %q, want one of %q (cut %v)", after, got, again.text("a"),
				want, cut)
		}
	}
}

func TestFaults(t *testing.T) {
	d, dir := mount(t, Config{}, Image{"a": {Mode: 0o600, Data: []byte("x")},
		"d": {Mode: 0o700 | os.ModeDir}, "d/b": {Mode: 0o600}})
	for _, tc := range []struct {
		op    Op
		step  string
		errno error
	}{
		{Open, "write a y", unix.EIO}, {Open, "write new y", unix.ENOSPC},
		{Write, "write a y", unix.EROFS}, {Fsync, "fsync a", unix.EIO},
		{Truncate, "truncate a 1", unix.EIO}, {Unlink, "rm a", unix.EIO},
		{Rename, "rename a c", unix.EIO}, {Mkdir, "mkdir e", unix.ENOSPC},
	} {
		errno := tc.errno.(syscall.Errno)
		struck := d.Fail(Fault{Op: tc.op, Nth: 1, Errno: errno})
		if err := step(dir, strings.Fields(tc.step)); !errors.Is(err, tc.errno) || struck() != 1 {
			t.Errorf("%s: %v, struck %d times", tc.step, err, struck())
		}
	}
	if got := d.Seen(); len(got) != 3 || got.text("a") != "x" {
		t.Errorf("what failed had an effect: %v", got)
	}
	d.Fail(Fault{Op: Write, Nth: 2, Errno: unix.EIO, Onward: true})
	do(t, dir, "write a y")
	for range 3 {
		if err := step(dir, []string{"write", "a", "z"}); !errors.Is(err, unix.EIO) {
			t.Error(err)
		}
	}
	d.Mend()
	// A sync that failed has lost what it should have written, for good.
	d.Fail(Fault{Op: Fsync, Nth: 1, Errno: unix.EIO})
	if err := step(dir, []string{"fsync", "a"}); err == nil {
		t.Error("it did not fail")
	}
	do(t, dir, "fsync a")
	if got := d.Image().text("a"); got != "x" {
		t.Errorf("%q", got)
	}
}

func TestCapacity(t *testing.T) {
	_, dir := mount(t, Config{Capacity: 10_000},
		Image{"a": {Mode: 0o600, Data: make([]byte, 4000)}})
	name := filepath.Join(dir, "b")
	if err := os.WriteFile(name, make([]byte, 9000), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Error(err)
	}
	if info, err := os.Stat(name); err != nil || info.Size() != 6000 {
		t.Error("the part that fits is not there", err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Bavail != 0 {
		t.Error(st.Bavail, err)
	}
	do(t, dir, "rm a", "write b "+strings.Repeat("x", 3000))
}

// TestUnmountOfABusyDisk says what is wrong, and leaves no mount behind.
func TestUnmountOfABusyDisk(t *testing.T) {
	d, dir := mount(t, Config{Closing: time.Second}, Image{"a": {Mode: 0o600}})
	f, err := os.Open(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Unmount(); err == nil || !strings.Contains(err.Error(), "still open") {
		t.Error(err)
	}
	f.Close()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Error("it is still mounted", entries, err)
	}
}
