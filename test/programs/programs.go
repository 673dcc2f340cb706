// Package programs is the real programs for tests that run them, and what a program is given that
// must be known before it starts: an address, and a directory with a short name.
//
// The programs are built once in a process, when the first test needs one. Remove takes them away;
// TestMain calls it at the end. Everything may be called from tests that run in parallel.
package programs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	dir   string // where they are built; "" = no test has needed one
	build = sync.OnceValue(func() (err error) {
		if dir, err = os.MkdirTemp("", "programs-"); err != nil {
			return err
		}
		cmd := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
			"kiosk-agent/cmd/kiosk-agent", "kiosk-agent/cmd/kiosk-relay")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
		return nil
	})
)

// Path is where one of the real programs is.
func Path(t testing.TB, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// Remove takes the programs away, and what tests have put beside them.
func Remove() error { return os.RemoveAll(dir) }

// Dir is a directory with a short name, which goes with the test: a Unix socket's path may have 107
// bytes, and t.TempDir holds the test's name.
func Dir(t testing.TB) string {
	t.Helper()
	short, err := os.MkdirTemp("", "t-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(short); err != nil {
			t.Error(err)
		}
	})
	return short
}

var lastPort atomic.Int64

// Address is an address of this machine that stays the same over restarts of whoever listens there.
// Its port lies below those that the kernel gives to outgoing connections.
func Address() (string, error) {
	for range 500 {
		port := 12_000 + (int64(os.Getpid())*37+lastPort.Add(1))%20_000
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		return ln.Addr().String(), ln.Close()
	}
	return "", errors.New("no free port")
}

// FreeAddr is Address for a test, which ends where there is none.
func FreeAddr(t testing.TB) string {
	t.Helper()
	addr, err := Address()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
