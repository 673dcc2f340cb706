package rights

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Nobody in particular; no user of that number needs to exist.
const him, his = 4711, 4712

// yard is a directory of his, in one of root's, with a file of root's beside it.
func yard(t *testing.T) (dir, secret string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("that needs root: who is not root gives nobody anything")
	}
	top := t.TempDir()
	for at := top; at != "/" && at != os.TempDir(); at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir, secret = filepath.Join(top, "his"), filepath.Join(top, "secret")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, him, his),
		os.WriteFile(secret, []byte("root's"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return dir, secret
}

// TestAs: in his directory, root's work is his, also behind a link of root's and in a directory
// below that is root's again; elsewhere it is root's. Afterwards root is root.
func TestAs(t *testing.T) {
	dir, secret := yard(t)
	top := filepath.Dir(dir)
	if err := errors.Join(os.Symlink(dir, filepath.Join(top, "link")),
		os.Mkdir(filepath.Join(dir, "below"), 0o755),
		os.Symlink("/etc", filepath.Join(dir, "etc"))); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		top: 0, secret: 0, dir: him, filepath.Join(dir, "none"): him, "/none/at/all": 0,
		filepath.Join(top, "link"): him, filepath.Join(top, "link", "x", "y"): him,
		filepath.Join(dir, "below", "x"): him, filepath.Join(dir, "etc", "x"): him,
		filepath.Join(top, "his/../secret"): 0,
	} {
		var uid, gid int
		var groups []int
		var opened error
		if err := As(path, func() (err error) {
			uid, gid = os.Geteuid(), os.Getegid()
			groups, err = os.Getgroups()
			f, ferr := os.Open(secret)
			if opened = ferr; ferr == nil {
				f.Close()
			}
			return errors.Join(err, As(secret, func() error { // which is no way back
				if os.Geteuid() != uid {
					return errors.New("As in As")
				}
				return nil
			}))
		}); err != nil {
			t.Fatal(path, err)
		}
		if uid != want || want != 0 && (gid != his || len(groups) != 1 || groups[0] != his ||
			!errors.Is(opened, fs.ErrPermission)) || want == 0 && opened != nil {
			t.Errorf("%s: user %d, group %d of %v, root's file: %v", path, uid, gid, groups, opened)
		}
		if os.Geteuid() != 0 || os.Getegid() != 0 {
			t.Fatalf("%s: afterwards %d:%d", path, os.Geteuid(), os.Getegid())
		}
	}
}

// TestAsAtOnce: root's rights come back when the last has ended, and not before.
func TestAsAtOnce(t *testing.T) {
	dir, _ := yard(t)
	begun, end := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := As(dir, func() error {
				begun <- struct{}{}
				<-end
				if os.Geteuid() != him {
					return errors.New("root's rights are back too early")
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	for range 8 {
		<-begun
	}
	for range 8 {
		end <- struct{}{}
	}
	all.Wait()
	if os.Geteuid() != 0 {
		t.Error("root is not root any more")
	}
}

// TestOpen: root reads what is his and what is root's own there; no link leads out of it.
func TestOpen(t *testing.T) {
	dir, secret := yard(t)
	own, placed := filepath.Join(dir, "own"), filepath.Join(dir, "placed")
	if err := errors.Join(os.WriteFile(own, []byte("his"), 0o600), os.Chown(own, him, his),
		os.WriteFile(placed, []byte("placed"), 0o600),
		os.Symlink(secret, filepath.Join(dir, "symlink")),
		os.Symlink("..", filepath.Join(dir, "up")),
		os.Link(secret, filepath.Join(dir, "hard")),
		os.Symlink(own, filepath.Join(dir, "to his own")),
		os.Symlink("own", filepath.Join(dir, "to own"))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"own": "his", "placed": "placed", "symlink": "",
		"up/secret": "", "hard": "", "to his own": "", "to own": "his", "../secret": "root's"} {
		f, err := Open(dir + "/" + name)
		if (err == nil) != (want != "") {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		got, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
