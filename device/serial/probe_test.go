//go:build linux

package serial

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/creack/pty"
)

func TestProbe(t *testing.T) {
	till, device, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer till.Close()
	defer device.Close()
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "kiosk-till")
	if err := os.Symlink(device.Name(), link); err != nil {
		t.Fatal(err)
	}
	if _, err := Probe(plain); !errors.Is(err, ErrNotSerial) {
		t.Errorf("a file: %v", err)
	}
	if _, err := Probe(plain + "-gone"); !errors.Is(err, ErrMissing) {
		t.Errorf("nothing: %v", err)
	}
	if name, err := Probe(link); name != device.Name() || !errors.Is(err, ErrBusy) {
		t.Errorf("a device that is open: %s, %v", name, err)
	}
	name := device.Name()
	if err := device.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Probe(link); err != nil {
		t.Errorf("a device that is free: %v", err)
	}
	unlock, err := realHost("").lock(name)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := Probe(link); !errors.Is(err, ErrBusy) {
		t.Errorf("a device that is locked: %v", err)
	}
}
