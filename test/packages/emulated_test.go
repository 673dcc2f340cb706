package packages

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"context"

	"kiosk-agent/internal/secret"
)

// TestEmulated runs the programs of the other architectures' packages, one instruction at a time,
// for one sale.
func TestEmulated(t *testing.T) {
	debs, inside := alone(t, "arm64", "armhf")
	if !inside {
		return
	}
	s := newStage(t)
	for arch, qemu := range map[string][]string{
		"arm64": {"qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"},
		"armhf": {"qemu-arm-static", "-L", "/usr/arm-linux-gnueabihf"},
	} {
		t.Run(arch, func(t *testing.T) {
			dir := t.TempDir()
			for _, p := range []string{"kiosk-agent", "kiosk-relay"} {
				if b, err := exec.Command("dpkg-deb", "-x",
					fmt.Sprintf("%s/%s_%s_%s.deb", debs, p, first, arch),
					dir).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, b)
				}
			}
			e := emulated{qemu: qemu, dir: dir}
			for _, p := range []string{"kiosk-agent", "kiosk-relay"} {
				if got := e.run(t, p, "version"); got != p+" "+first {
					t.Error(got)
				}
			}
			e.sell(t, s, arch)
		})
	}
}

type emulated struct {
	qemu []string
	dir  string // the packages' files
}

func (e emulated) command(program string, args ...string) *exec.Cmd {
	path := filepath.Join(e.dir, "usr/bin", program)
	if program == "kiosk-agent" { // the link leads out of here
		path = filepath.Join(e.dir, "usr/lib/kiosk-agent/versions", first, program)
	}
	cmd := exec.Command(e.qemu[0],
		append(append(e.qemu[1:len(e.qemu):len(e.qemu)], path), args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (e emulated) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := e.command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// daemon runs a program until the test ends.
func (e emulated) daemon(t *testing.T, program string, args ...string) {
	t.Helper()
	cmd := e.command(program, args...)
	log, err := os.Create(filepath.Join(e.dir, program+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		err := cmd.Wait()
		_ = log.Close()
		if b, _ := os.ReadFile(log.Name()); err != nil || t.Failed() {
			t.Errorf("%s: %v\n%s", program, err, b)
		}
	})
}

func (e emulated) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(e.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (e emulated) sell(t *testing.T, s *stage, arch string) {
	t.Helper()
	relay := e.write(t, "relay.toml", fmt.Sprintf("public_url = \"\"\n[admin]\ntoken = "+
		"\"file:%s/admin.token\"\nsocket = \"%s/relay.sock\"\n[store]\ndir = \"%s/store\"\n",
		e.dir, e.dir, e.dir))
	e.daemon(t, "kiosk-relay", "serve", "--config", relay)
	var cred struct {
		Token   string `json:"token"`
		HookURL string `json:"hook_url"`
	}
	eventually(t, "the relay adds a terminal", func(context.Context) error {
		out, err := e.command("kiosk-relay", "terminal", "add", terminal, "--json", "--config",
			relay).Output()
		if err != nil {
			return err
		}
		return json.Unmarshal(out, &cred)
	})
	text := filled(read(t, "packaging/agent/config.toml"))
	text = strings.Replace(text, "http://"+relayAddr+"/hook/AAAAAAAAAAAAAAAAAAAAAA", cred.HookURL,
		1)
	text = strings.ReplaceAll(text, "/etc/kiosk-agent/", e.dir+"/")
	text = strings.Replace(text, "[display]\n",
		"[display]\ntoken = \"file:"+e.dir+"/display.token\"\n", 1)
	text += fmt.Sprintf(
		"\n[journal]\npath = \"%s/journal.db\"\n[admin]\nsocket = \"%s/admin.sock\"\n", e.dir,
		e.dir)
	e.write(t, "axs.secret", string(s.axsSecret.Reveal()))
	e.write(t, "till.token", string(s.tillToken.Reveal()))
	e.write(t, "relay.token", cred.Token)
	display := secret.Generate()
	e.write(t, "display.token", string(display.Reveal()))
	config := e.write(t, "config.toml", text)
	t.Log(e.run(t, "kiosk-agent", "check-config", "--config", config))
	e.daemon(t, "kiosk-agent", "run", "--config", config)
	showDisplay(t, display)
	s.sell(t, "by the programs for "+arch)
}
