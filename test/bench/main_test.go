package bench_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"kiosk-agent/test/browser"
	"kiosk-agent/test/crashfs"
	"kiosk-agent/test/programs"
)

// patience bounds what must happen; it is no expectation.
const patience = 45 * time.Second

// floorEnv makes this program a floor instead of a test.
const floorEnv = "KIOSK_BENCH_FLOOR"

func TestMain(m *testing.M) {
	crashfs.Main()
	if dir := os.Getenv(floorEnv); dir != "" {
		fmt.Fprintln(os.Stderr, serveFloor(dir))
		os.Exit(1)
	}
	if path := os.Getenv(sqliteEnv); path != "" {
		if err := openSQLite(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := browser.Tests{M: m}.Run()
	if err := programs.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// process is a program that runs until its row ends.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines chan string // of its standard output
	said  *strings.Builder
	ended chan struct{}
}

func launch(t testing.TB, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(path, args...), lines: make(chan string, 4096),
		said: &strings.Builder{}, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = p.said
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for in := bufio.NewScanner(out); in.Scan(); {
			select {
			case p.lines <- in.Text():
			default: // nobody reads any more
			}
		}
		close(p.lines)
		_ = p.cmd.Wait() // it is ended by a signal, mostly
		close(p.ended)
	}()
	t.Cleanup(p.stop)
	return p
}

// line waits for a line of the program that begins with a prefix, and returns the rest of it.
func (p *process) line(prefix string) string {
	p.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				<-p.ended
				p.t.Fatalf("%s has ended: %s", p.cmd.Path, p.said)
			}
			if rest, found := strings.CutPrefix(line, prefix); found {
				return strings.TrimSpace(rest)
			}
		case <-limit:
			p.t.Fatalf("%s does not say %q", p.cmd.Path, prefix)
		}
	}
}

// stop ends the program, if it runs still.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
		p.t.Errorf("%s does not stop", p.cmd.Path)
	}
}

// soon is a context for one thing that must not take long.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually asks until check has nothing to complain about.
func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	ctx := soon(t)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}
