package packages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"kiosk-agent/internal/app/demo"
)

// nobody is the user of the display: cage refuses root.
const nobody = 65534

// TestDisplay shows the agent's page as kiosk-agent-display does, on a screen that is not there:
// cage, Chromium and the script are real.
func TestDisplay(t *testing.T) {
	if _, inside := alone(t); !inside {
		return
	}
	h, err := demo.Open(t.Context(), demo.Options{
		Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Version: "packages",
		MerchantName: "Kopi", DisplayListen: "127.0.0.1:7655", MetricsListen: "127.0.0.1:7656",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	screen, ended := startScreen(t, string(h.Agent.DisplayToken().Reveal()))
	ready := func(want bool) func(context.Context) error {
		return func(ctx context.Context) error {
			snap, err := h.Agent.Inspect(ctx)
			if err == nil && snap.Ready != want {
				err = fmt.Errorf("%+v", snap.Reasons)
			}
			return err
		}
	}
	eventually(t, "the page is shown", ready(true))

	token := h.Agent.DisplayToken().Reveal()
	pages := 0
	for _, pid := range below(screen) {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && bytes.Contains(line, token) {
			t.Error("the token is on a command line")
		}
		if bytes.Contains(line, []byte("--type=renderer")) &&
			syscall.Kill(pid, syscall.SIGKILL) == nil {
			pages++
		}
	}
	if pages == 0 {
		t.Fatal("Chromium has no page")
	}
	eventually(t, "the agent misses the page that has died", ready(false))
	if err := <-ended; err != nil {
		t.Log("cage:", err)
	}
}

// startScreen starts the script under cage; ended tells when it has given up.
func startScreen(t *testing.T, token string) (pid int, ended <-chan error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pack-display-") // short: a Wayland socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for name, text := range map[string]string{"cred/display.token": token + "\n", "run/none": ""} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700),
			os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	script, err := os.ReadFile(top + "packaging/display/start")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/start", script, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("chown", "-R", strconv.Itoa(nobody),
		dir).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	cmd := exec.Command("cage", "-d", "--", dir+"/start")
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir,
		"XDG_CONFIG_HOME=" + dir + "/config", "XDG_CACHE_HOME=" + dir + "/cache",
		"RUNTIME_DIRECTORY=" + dir + "/run", "CREDENTIALS_DIRECTORY=" + dir + "/cred",
		"KIOSK_MISSES=4", "WLR_BACKENDS=headless", "WLR_RENDERER=pixman",
		"WLR_LIBINPUT_NO_DEVICES=1", "CHROMIUM_FLAGS=--no-sandbox --disable-gpu",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Setpgid: true,
		Pdeathsig: syscall.SIGKILL}
	log := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return cmd.Process.Pid, done
}

// below are the processes that a process has started, and those that they have.
func below(pid int) (all []int) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	for _, file := range tasks {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, f := range strings.Fields(string(b)) {
			if child, err := strconv.Atoi(f); err == nil {
				all = append(append(all, child), below(child)...)
			}
		}
	}
	return all
}
