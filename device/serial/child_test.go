//go:build linux

package serial

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// child is another process: it does what role says, prints one line, and stays until its standard
// input ends.
func child(role string, args []string) int {
	switch role {
	case "link": // DEVICE LOCKDIR: holds the line as another agent does
		l, err := New(Config{Till: "other", Device: args[0], LockDir: args[1]}, Options{})
		if err != nil {
			fmt.Println(err)
			return 1
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() {
			ended <- l.Run(ctx, func(ctx context.Context, _ Conn) error {
				fmt.Println("open")
				<-ctx.Done()
				return nil
			})
		}()
		stay()
		cancel()
		<-ended
	case "flock": // DEVICE: holds it as tio or picocom do
		f, err := os.OpenFile(args[0], os.O_RDWR|syscall.O_NOCTTY, 0)
		if err == nil {
			err = flock(f)
		}
		fmt.Println(cmpErr(err))
		stay()
	case "open": // DEVICE LOCKDIR: one attempt, says how it went
		_, _, err := host{dev: "/dev", sys: "/sys", proc: "/proc", lockDirs: args[1:]}.open(args[0],
			Config{}.withDefaults())
		fmt.Printf("%v | %s\n", err, hintOf(err))
	}
	return 0
}

func cmpErr(err error) string {
	if err != nil {
		return err.Error()
	}
	return "open"
}

func stay() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
	}
}

// other is a child that runs.
type other struct {
	t     *testing.T
	cmd   *exec.Cmd
	first string // the line that it printed
	end   func()
}

func newOther(t *testing.T, role string, setup func(*exec.Cmd), args ...string) *other {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), childEnv+"="+role)
	cmd.Stderr = os.Stderr
	if setup != nil {
		setup(cmd)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o := &other{t: t, cmd: cmd, end: func() {
		in.Close()
		cmd.Wait()
	}}
	t.Cleanup(o.end)
	lines := make(chan string, 1)
	go func() {
		s := bufio.NewScanner(out)
		s.Scan()
		lines <- s.Text()
	}()
	o.first = want(t, "line of the "+role+" process", lines)
	return o
}

// kill is kill -9.
func (o *other) kill() {
	o.t.Helper()
	if err := o.cmd.Process.Kill(); err != nil {
		o.t.Fatal(err)
	}
	o.end()
}

// A second program is told who has the line; when that one is killed, the line is free at once.
func TestSecondProcess(t *testing.T) {
	c := newCable(t)
	dir := t.TempDir()
	first := newOther(t, "link", nil, c.name, dir)
	if first.first != "open" {
		t.Fatal(first.first)
	}
	r := run(t, Config{Device: c.name, LockDir: dir})
	s := r.untilBroken()
	if pid := fmt.Sprintf("(pid %d)", first.cmd.Process.Pid); !strings.Contains(s.Hint, pid) ||
		!strings.Contains(s.LastError, "in use") {
		t.Errorf("%q, hint %q: want %s", s.LastError, s.Hint, pid)
	}
	if r.failures("busy") != 1 {
		t.Error("not counted as busy")
	}
	first.kill()
	r.again <- struct{}{}
	r.untilOpen()
	c.say("hello")
	r.hear("hello")
}

// Another kind of program that locks the device itself is respected, also by root, and named.
func TestForeignLock(t *testing.T) {
	c := newCable(t)
	foreign := newOther(t, "flock", nil, c.name)
	if foreign.first != "open" {
		t.Fatal(foreign.first)
	}
	r := run(t, Config{Device: c.name})
	s := r.untilBroken()
	if pid := fmt.Sprintf("(pid %d)", foreign.cmd.Process.Pid); !strings.Contains(s.Hint, pid) ||
		!strings.Contains(s.LastError, "in use") {
		t.Errorf("%q, hint %q: want %s", s.LastError, s.Hint, pid)
	}
	foreign.end()
	r.again <- struct{}{}
	r.untilOpen()
}

// The text for a device that may not be opened says which group may. A test that runs as root plays
// nobody.
func TestNoPermission(t *testing.T) {
	c := newCable(t)
	asNobody := func(cmd *exec.Cmd) {
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
	}
	for _, tc := range []struct {
		mode  os.FileMode
		texts []string
	}{
		{0o660, []string{"no permission", "it is for group ", "usermod -aG "}},
		{0o000, []string{"no permission", "its mode is 0000", "udev rule"}},
	} {
		if os.Geteuid() != 0 && tc.mode != 0 {
			tc.mode, tc.texts = 0o060, tc.texts[:2] // the owner itself
		}
		if err := os.Chmod(c.name, tc.mode); err != nil {
			t.Fatal(err)
		}
		o := newOther(t, "open", asNobody, c.name, "/nonexistent")
		for _, text := range tc.texts {
			if !strings.Contains(o.first, text) {
				t.Errorf("mode %v: %s: want %q", tc.mode, o.first, text)
			}
		}
	}
}
