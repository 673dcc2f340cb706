package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// manager is a service manager's end of sd_notify.
type manager struct {
	path string
	said chan string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{filepath.Join(t.TempDir(), "notify"), make(chan string, 1024)}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 4096); ; {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			m.said <- string(buf[:n])
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return m
}

// env is what systemd gives to a service with a watchdog.
func (m *manager) env() []string {
	return []string{"NOTIFY_SOCKET=" + m.path, "WATCHDOG_USEC=60000000"}
}

// hears waits until the relay says this.
func (m *manager) hears(t *testing.T, want string) {
	t.Helper()
	for late := time.After(2 * patience); ; {
		select {
		case said := <-m.said:
			if strings.Contains(said, want) {
				return
			}
		case <-late:
			t.Fatalf("the relay never said %s", want)
		}
	}
}
