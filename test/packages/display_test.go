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

	"kiosk-agent/internal/app/agent"
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
	shows := showAgent(t)
	screen, ended := startScreen(t, string(shows.DisplayToken().Reveal()))
	ready := func(want bool) func(context.Context) error { return isReady(shows, want) }
	eventually(t, "the page is shown", ready(true))

	token := shows.DisplayToken().Reveal()
	processes := below(screen)
	isSandboxed(t, processes)
	pages := 0
	for _, pid := range processes {
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

// showAgent is an agent with a display's port where the package has it, for as long as the test.
func showAgent(t *testing.T) *agent.Agent {
	t.Helper()
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
	return h.Agent
}

// isReady asks an agent whether a sale can start, which needs a display.
func isReady(a *agent.Agent, want bool) func(context.Context) error {
	return func(ctx context.Context) error {
		snap, err := a.Inspect(ctx)
		if err == nil && snap.Ready != want {
			err = fmt.Errorf("%+v", snap.Reasons)
		}
		return err
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
	// What the unit gives it, where no unit is: no right and no way to one. Chromium's own sandbox
	// is on, and works with that.
	user := strconv.Itoa(nobody)
	cmd := exec.Command("setpriv", "--reuid="+user, "--regid="+user, "--clear-groups",
		"--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "cage", "-d", "--",
		dir+"/start")
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir,
		"XDG_CONFIG_HOME=" + dir + "/config", "XDG_CACHE_HOME=" + dir + "/cache",
		"RUNTIME_DIRECTORY=" + dir + "/run", "CREDENTIALS_DIRECTORY=" + dir + "/cred",
		"KIOSK_MISSES=4", "WLR_BACKENDS=headless", "WLR_RENDERER=pixman",
		"WLR_LIBINPUT_NO_DEVICES=1", "CHROMIUM_FLAGS=--disable-gpu",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
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

const noRights = "CapEff:\t0000000000000000"

// isSandboxed looks at what each process of a screen may do, as the kernel has it: no right, no way
// to one, and each of Chromium's pages in a world of its own.
func isSandboxed(t *testing.T, processes []int) {
	t.Helper()
	at := func(pid int, name string) string {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			t.Log(err) // it has ended
		}
		return link
	}
	pages := 0
	for _, pid := range processes {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		status, err2 := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if errors.Join(err, err2) != nil || bytes.HasPrefix(status, []byte("Name:\t(sd-pam)\n")) {
			continue // it has ended, or is systemd's own, which closes the session
		}
		if bytes.Contains(line, []byte("--no-sandbox")) {
			t.Errorf("process %d: %q", pid, line)
		}
		must := []string{"NoNewPrivs:\t1"}
		if bytes.Contains(line, []byte("--type=renderer")) {
			pages++
			must = append(must, "Seccomp:\t2", noRights)
			for _, ns := range []string{"ns/user", "ns/pid", "ns/net", "root"} {
				if here := at(pid, ns); here == at(processes[0], ns) {
					t.Errorf("the page %d shares %s (%s) with the screen", pid, ns, here)
				}
			}
		} else if at(pid, "ns/user") == at(processes[0], "ns/user") {
			must = append(must, noRights, "CapBnd:\t0000000000000000")
		}
		for _, want := range must {
			if !bytes.Contains(status, []byte("\n"+want+"\n")) {
				t.Errorf("process %d, %q, does not have %s", pid, line, want)
			}
		}
	}
	if pages == 0 {
		t.Error("Chromium has no page")
	}
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
