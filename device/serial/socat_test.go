//go:build linux

package serial

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// socat makes a pair of pseudo-terminals with names, as a null-modem cable between two adapters.
func socat(t *testing.T, agent, till string) (kill func()) {
	t.Helper()
	cmd := exec.Command("socat", "-d", "-d", "PTY,raw,echo=0,link="+agent,
		"PTY,raw,echo=0,link="+till)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (apt-get install socat)", err)
	}
	ready := make(chan struct{})
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for s := bufio.NewScanner(log); s.Scan(); {
			if strings.Contains(s.Text(), "starting data transfer") {
				close(ready)
			}
		}
	}()
	killed := false
	kill = func() {
		if killed {
			return
		}
		killed = true
		cmd.Process.Kill()
		<-drained
		cmd.Wait()
	}
	t.Cleanup(kill)
	want(t, "socat", ready)
	return kill
}

// The cable between two real programs: bytes pass, the cable is cut, another is laid under the same
// names, bytes pass.
func TestSocatCable(t *testing.T) {
	dir := t.TempDir()
	agent, till := filepath.Join(dir, "agent"), filepath.Join(dir, "till")
	kill := socat(t, agent, till)
	// so that its number is not given out again
	held, err := os.OpenFile(agent, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	r := run(t, Config{Device: agent})
	conn := want(t, "connection", r.conns)
	talk := func(conn Conn) (hangup func()) {
		t.Helper()
		f, err := os.OpenFile(till, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("\x02sale\x03"); err != nil {
			t.Fatal(err)
		}
		r.hear("\x02sale\x03")
		if err := conn.Write([]byte("\x06")); err != nil {
			t.Fatal(err)
		}
		if err := f.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1)
		if _, err := io.ReadFull(f, got); err != nil || got[0] != 6 {
			t.Fatalf("%x, %v", got, err)
		}
		return func() { f.Close() }
	}
	hangup := talk(conn)
	first := r.untilOpen().Name

	kill()
	hangup()
	if err := want(t, "end", r.ends); !errors.Is(err, ErrHungUp) {
		t.Errorf("serve saw %v", err)
	}
	r.untilBroken()
	if err := conn.Write([]byte("x")); !errors.Is(err, ErrClosed) && !errors.Is(err, ErrHungUp) {
		t.Errorf("write on the old connection: %v", err)
	}
	socat(t, agent, till)
	r.again <- struct{}{}
	second := r.untilOpen().Name
	if first == second {
		t.Errorf("both are %s: nothing was renumbered", first)
	}
	talk(want(t, "connection", r.conns))()
}
