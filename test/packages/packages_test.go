package packages

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kiosk-agent/internal/app/config"
)

// real says that the packages themselves are built, installed and used: as root, with the tools
// that .ci/setup-packages installs.
var real = flag.Bool("packages", false, "build, install, upgrade and remove the packages")

const top = "../../"

// exposed is the most that systemd-analyze security may say of a service, in tenths.
const exposed = "20"

// exposedDisplay is that of a service whose program is a browser: docs/SECURITY.md has each point.
const exposedDisplay = "21"

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not here", program)
	}
}

func TestUnitsAreHardened(t *testing.T) {
	need(t, "systemd-analyze")
	for unit, most := range map[string]string{
		"agent/kiosk-agent.service": exposed, "agent/kiosk-agent-backup.service": exposed,
		"relay/kiosk-relay.service": exposed, "display/kiosk-agent-display.service": exposedDisplay,
	} {
		out, err := exec.Command("systemd-analyze", "security", "--offline=true",
			"--threshold="+most, top+"packaging/"+unit).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", unit, err, out)
			continue
		}
		t.Log(lastLine(out))
	}
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

var execLine = regexp.MustCompile(`(?m)^ExecStart=.*$`)

// The programs are not installed where this runs: true stands in for them.
func TestUnitsAreUnderstood(t *testing.T) {
	need(t, "systemd-analyze")
	units, err := filepath.Glob(top + "packaging/*/*.service")
	if err != nil || len(units) < 4 {
		t.Fatal(units, err)
	}
	timers, err := filepath.Glob(top + "packaging/*/*.timer")
	if err != nil || len(timers) == 0 {
		t.Fatal(timers, err)
	}
	dir := t.TempDir()
	var all []string
	for _, unit := range append(units, timers...) {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, filepath.Base(unit))
		if err := os.WriteFile(name, execLine.ReplaceAll(text, []byte("ExecStart=/bin/true")),
			0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, name)
	}
	cmd := exec.Command("systemd-analyze",
		append([]string{"verify", "--man=no", "--recursive-errors=no"}, all...)...)
	out, err := cmd.CombinedOutput()
	if err != nil || len(strings.TrimSpace(string(out))) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// What a service restarts after, and what it may never be given.
func TestUnitsSayWhatMustHold(t *testing.T) {
	for unit, must := range map[string][]string{
		"agent/kiosk-agent.service": {
			"Type=notify", "Restart=always", "StartLimitIntervalSec=0", "WatchdogSec=60",
			"LimitCORE=0", "MemoryMax=", "DevicePolicy=closed",
		},
		"relay/kiosk-relay.service": {
			"Type=notify", "Restart=always", "StartLimitIntervalSec=0", "WatchdogSec=60",
			"LimitCORE=0", "MemoryMax=", "PrivateDevices=yes",
		},
		"display/kiosk-agent-display.service": {
			"Restart=always", "StartLimitIntervalSec=0", "LoadCredential=display.token:",
			"NoNewPrivileges=yes", "CapabilityBoundingSet=\n", "IPAddressDeny=any",
		},
	} {
		text := read(t, "packaging/"+unit)
		for _, line := range must {
			if !strings.Contains(text, "\n"+line) {
				t.Errorf("%s does not say %s", unit, line)
			}
		}
		for l := range strings.Lines(text) {
			if strings.HasPrefix(l, "DeviceAllow=") &&
				!strings.HasPrefix(l, "DeviceAllow=char-tty") {
				t.Errorf("%s: a device that is no line: %s", unit, l)
			}
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(top + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// promtool is Prometheus's own judge of rules, where it is installed or .ci/setup-packages has put
// it.
func promtool(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("promtool"); err == nil {
		return path
	}
	path, err := filepath.Abs(top + ".cache/tools/promtool")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Skip("promtool is not here")
	}
	return path
}

func TestAlerts(t *testing.T) {
	program := promtool(t)
	for _, args := range [][]string{{"check", "rules", top + "packaging/alerts.yml"},
		{"test", "rules", top + "packaging/alerts_test.yml"}} {
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

func TestScripts(t *testing.T) {
	var scripts []string
	for _, pattern := range []string{"*/pre*", "*/post*", "agent/kiosk-agent-switch",
		"agent/backup", "display/start", "build", "release"} {
		found, err := filepath.Glob(top + "packaging/" + pattern)
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, err)
		}
		scripts = append(scripts, found...)
	}
	for _, s := range scripts {
		text, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		shell, _, _ := strings.Cut(strings.TrimPrefix(string(text), "#!"), "\n")
		if out, err := exec.Command("/bin/sh", "-c", shell+" -n "+s).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s, err, out)
		}
		for _, word := range []string{"debconf", "db_input", "read -p", "0666", "dialout",
			"userdel", "deluser"} {
			if strings.Contains(string(text), word) {
				t.Errorf("%s: %s", s, word)
			}
		}
	}
	rule := read(t, "packaging/agent/61-kiosk-till.rules")
	if !strings.Contains(rule, `GROUP="kiosk-agent", MODE="0660"`) {
		t.Error("the rule of the till's cable has another group or mode")
	}
}

// The delivered configuration lacks exactly what nobody can know, and every key that it offers in a
// comment is one.
func TestDefaultConfig(t *testing.T) {
	text := read(t, "packaging/agent/config.toml")
	path := filepath.Join(t.TempDir(), "config.toml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(text)
	_, err := config.Load(path)
	if err == nil {
		t.Fatal("as delivered it cannot be complete")
	}
	for _, e := range strings.Split(err.Error(), "\n") {
		if !strings.Contains(e, "is required") {
			t.Error(e)
		}
	}
	write(filled(uncommented(text)))
	if _, err := config.Load(path); err != nil {
		t.Error(err)
	}
}

var offered = regexp.MustCompile(`(?m)^#(\[|[a-z_]+ = )`)

func uncommented(text string) string { return offered.ReplaceAllString(text, "$1") }

// filled is the configuration of a kiosk whose gateway and relay are on this machine.
func filled(text string) string {
	for key, value := range map[string]string{
		"id": terminal, "payment_link": gatewayURL + "/hpp/checkout/" + linkID,
		"client_id": clientID, "url": "ws://" + relayAddr,
		"hook_url": "http://" + relayAddr + "/hook/AAAAAAAAAAAAAAAAAAAAAA", "merchant_name": "Kopi",
	} {
		text = regexp.MustCompile(`(?m)^`+key+` = ""`).ReplaceAllString(text,
			fmt.Sprintf("%s = %q", key, value))
	}
	return strings.Replace(text, `query_url = ""`,
		fmt.Sprintf("query_url = %q", gatewayURL+"/api/hpp/v2/transaction"), 1)
}
