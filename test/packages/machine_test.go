package packages

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// machine is a Debian of the tests' own in a container, with systemd as its first process. It
// shares the network of this process, which is nobody else's.
type machine struct {
	root   string
	nspawn *exec.Cmd
	leader int // systemd, as this machine counts processes
}

// boot starts the machine and waits until it is up.
func (m *machine) boot(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(m.root+".log", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	m.nspawn = exec.Command("systemd-nspawn", "-D", m.root, "--boot", "--register=no",
		"--keep-unit", "--console=pipe", "--resolv-conf=off")
	m.nspawn.Stdout, m.nspawn.Stderr = log, log
	m.nspawn.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.nspawn.Start(); err != nil {
		t.Fatal(err)
	}
	children := fmt.Sprintf("/proc/%d/task/%d/children", m.nspawn.Process.Pid, m.nspawn.Process.Pid)
	eventually(t, "the machine is up", func(context.Context) error {
		b, err := os.ReadFile(children)
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
		if m.leader, err = strconv.Atoi(first); err != nil {
			return err
		}
		out, err := m.try("systemctl", "is-system-running")
		if state := strings.TrimSpace(out); state == "running" || state == "degraded" {
			return nil
		}
		return fmt.Errorf("%s %w", out, err)
	})
}

// cut takes the power away.
func (m *machine) cut() {
	if m.leader > 1 {
		_ = syscall.Kill(m.leader, syscall.SIGKILL)
	}
	if m.nspawn != nil {
		_ = m.nspawn.Wait()
	}
	m.leader, m.nspawn = 0, nil
}

// try runs a command in the machine.
func (m *machine) try(command ...string) (string, error) {
	args := append([]string{"-t", strconv.Itoa(m.leader), "-m", "-u", "-i", "-p", "--",
		"/usr/bin/env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"DEBIAN_FRONTEND=noninteractive"}, command...)
	out, err := exec.Command("nsenter", args...).CombinedOutput()
	return string(out), err
}

// run runs a command that must do well.
func (m *machine) run(t *testing.T, command ...string) string {
	t.Helper()
	out, err := m.try(command...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
	return strings.TrimSpace(out)
}

// show is a property of the agent's unit.
func (m *machine) show(t *testing.T, unit, property string) string {
	t.Helper()
	return m.run(t, "systemctl", "show", "-P", property, unit)
}

// write puts a file into the machine, for root only.
func (m *machine) write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.root+path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.root+path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.run(t, "chown", "root:root", path) // the machine may number its users otherwise
}

func (m *machine) read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(m.root + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (m *machine) has(path string) bool {
	_, err := os.Lstat(m.root + path)
	return err == nil
}

// modes compares what stat says of each path.
func (m *machine) modes(t *testing.T, want map[string]string) {
	t.Helper()
	for path, mode := range want {
		if got := m.run(t, "stat", "-c", "%a %U:%G", path); got != mode {
			t.Errorf("%s: %s, want %s", path, got, mode)
		}
	}
}

// install installs a package as an administrator would who has its file.
func (m *machine) install(t *testing.T, name, version string, options ...string) string {
	t.Helper()
	arch := "amd64"
	if name == "kiosk-agent-display" {
		arch = "all"
	}
	return m.run(t, append(append([]string{"dpkg"}, options...), "-i",
		fmt.Sprintf("/debs/%s_%s_%s.deb", name, version, arch))...)
}
