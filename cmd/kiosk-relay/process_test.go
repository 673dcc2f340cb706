package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/internal/secret"
	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd"
)

const patience = 30 * time.Second

// TestMain is the program itself when the test binary is started as such: the tests run and kill
// the real main.
func TestMain(m *testing.M) {
	if os.Getenv("KIOSK_RELAY_RUN_MAIN") == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

func program(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), "KIOSK_RELAY_RUN_MAIN=1")
	return cmd
}

// process is a running "kiosk-relay serve".
type process struct {
	cmd    *exec.Cmd
	public string
	log    *strings.Builder
	ended  chan struct{}
}

var readyLine = regexp.MustCompile(`msg=ready .*public_addr=(\S+) admin_addr=(\S+)`)

func serve(t *testing.T, config string) *process {
	t.Helper()
	return watch(t, program(context.Background(), "serve", "--config", config))
}

// watch starts the command and waits until it is ready.
func watch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, log: &strings.Builder{}, ended: make(chan struct{})}
	out, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.log.WriteString(lines.Text() + "\n")
			if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
				ready <- m[1]
			}
		}
	}()
	t.Cleanup(func() { p.end(syscall.SIGKILL) })
	select {
	case p.public = <-ready:
	case <-p.ended:
		t.Fatalf("serve ended:\n%s", p.log)
	case <-time.After(patience):
		t.Fatal("serve did not become ready")
	}
	return p
}

// end sends the signal and waits; it returns the exit code, -1 after a kill.
func (p *process) end(sig syscall.Signal) int {
	_ = p.cmd.Process.Signal(sig)
	<-p.ended
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

func writeConfig(t *testing.T, dir string) string {
	t.Helper()
	// a port for admin, which the commands must find by the file
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	admin := ln.Addr().String()
	_ = ln.Close()
	path := filepath.Join(dir, "config.toml")
	text := fmt.Sprintf(`
[public]
listen = "127.0.0.1:0"
[admin]
listen = %q
socket = "%s/admin.sock"
token = "file:%s/admin.token"
[store]
dir = "%s/store"
max_bytes = "64MiB"
`, admin, dir, dir, dir)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustRun(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := program(t.Context(), args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", args, err, out, stderr.String())
	}
	return out
}

// sink is an agent's journal in memory.
type sink struct {
	mu  sync.Mutex
	pos relay.Position
	has bool
	got chan string
}

func (s *sink) Deliver(_ context.Context, d relay.Delivery) error {
	s.mu.Lock()
	s.pos, s.has = d.Position, true
	s.mu.Unlock()
	if d.Kind == relay.KindHook {
		s.got <- string(d.Hook.Body)
	}
	return nil
}

func (s *sink) Gap(_ context.Context, reason string) error {
	s.got <- "gap: " + reason
	return nil
}

func (s *sink) Position(context.Context) (relay.Position, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pos, s.has, nil
}

func (s *sink) Head(context.Context) (relay.Head, error) { return relay.Head{JournalID: "j"}, nil }

func (s *sink) Now() relay.Now {
	return relay.Now{Wall: time.Now(), Boot: "boot", Up: time.Since(started)}
}

var started = time.Now()

// TestKillAfter200 kills the relay with SIGKILL right after each 200; the hook must reach the agent
// all the same.
func TestKillAfter200(t *testing.T) {
	config := writeConfig(t, t.TempDir())
	p := serve(t, config)
	var c relayd.TerminalSecrets
	if err := json.Unmarshal(mustRun(t, "terminal", "add", "K001", "--json", "--config", config),
		&c); err != nil {
		t.Fatal(err)
	}
	route := c.HookURL[strings.LastIndex(c.HookURL, "/hook/"):]
	journal := &sink{got: make(chan string, 64)}
	for i := range 20 {
		want := fmt.Sprintf("hook %d", i)
		res, err := http.Post("http://"+p.public+route, "text/plain", strings.NewReader(want))
		if err != nil {
			t.Fatal(err)
		}
		p.end(syscall.SIGKILL)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", want, res.StatusCode)
		}
		p = serve(t, config)
		receive(t, p, c.Token, journal, want)
	}
	if code := p.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM\n%s", code, p.log)
	}
	if log := p.log.String(); strings.Contains(log, c.Token) || strings.Contains(log, route) {
		t.Errorf("the log holds a secret:\n%s", log)
	}
}

// TestWriteErrorIsMendedByRestart lets one write of the store fail, as on a full disk (here: the
// largest size of a file). From then on each hook is refused; the program ends with 1, and its next
// start serves what was answered with 200.
func TestWriteErrorIsMendedByRestart(t *testing.T) {
	config := writeConfig(t, t.TempDir())
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append(text, "[stream]\nping = \"1s\"\n"...),
		0o600); err != nil {
		t.Fatal(err)
	}
	limited := program(context.Background(), "-c", `ulimit -f 1024; exec "$0" "$@"`, os.Args[0],
		"serve", "--config", config)
	limited.Path, limited.Args[0] = "/bin/sh", "sh"
	systemd := newManager(t)
	limited.Env = append(limited.Env, systemd.env()...)
	p := watch(t, limited)
	systemd.hears(t, "READY=1\nSTATUS=Takes hooks for http://127.0.0.1:")
	systemd.hears(t, "WATCHDOG=1")
	systemd.hears(t, "WATCHDOG=1")
	var c relayd.TerminalSecrets
	if err := json.Unmarshal(mustRun(t, "terminal", "add", "K001", "--json", "--config", config),
		&c); err != nil {
		t.Fatal(err)
	}
	body, stored, status := strings.Repeat("x", 60<<10), 0, http.StatusOK
	for ; status == http.StatusOK && stored < 100; stored++ {
		res, err := http.Post(c.HookURL, "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		status = res.StatusCode
	}
	stored--
	if status != http.StatusServiceUnavailable || stored == 0 {
		t.Fatalf("status %d after %d hooks", status, stored)
	}
	select {
	case <-p.ended:
	case <-time.After(2 * patience):
		t.Fatal("the program goes on with a broken store")
	}
	systemd.hears(t, "STATUS=Takes no hooks")
	for len(systemd.said) > 0 {
		if said := <-systemd.said; strings.Contains(said, "WATCHDOG=1") {
			t.Errorf("a relay whose store is broken said %s", said)
		}
	}
	if code := p.end(syscall.SIGKILL); code != exit.Failure ||
		!strings.Contains(p.log.String(), "a restart opens it anew") {
		t.Errorf("exit code %d", code)
	}
	p = serve(t, config)
	journal := &sink{got: make(chan string, 256)}
	for range stored {
		receive(t, p, c.Token, journal, body)
	}
}

func receive(t *testing.T, p *process, token string, journal *sink, want string) {
	t.Helper()
	cfg := relay.Config{URL: "ws://" + p.public, Token: secret.New([]byte(token))}
	client, err := relay.NewClient(cfg, journal, journal, journal,
		slog.New(slog.NewTextHandler(io.Discard, nil)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	select {
	case got := <-journal.got:
		if got != want {
			t.Errorf("delivered %.80q, want %.80q", got, want)
		}
	case <-time.After(patience):
		t.Errorf("%.80q was answered with 200 and never delivered", want)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
