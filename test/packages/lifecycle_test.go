package packages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/tillclient"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

const agentUnit = "kiosk-agent.service"

// TestPackages is the life of a kiosk: installed, made by one command, selling, upgraded in the
// middle of a payment, saved from two upgrades that fail, rebooted, removed, installed again,
// purged.
func TestPackages(t *testing.T) {
	debs, inside := alone(t, "amd64")
	if !inside {
		return
	}
	m := &machine{root: filepath.Join(t.TempDir(), "root")}
	unpack(t, m, debs)
	t.Cleanup(m.cut)
	m.boot(t)

	m.install(t, "kiosk-relay", first)
	m.install(t, "kiosk-agent", first)
	// Chromium and cage are not in the root: their package is unpacked and its scripts run in spite
	// of that.
	m.install(t, "kiosk-agent-display", first, "--force-depends")
	isInstalled(t, m)

	s := newStage(t)
	configure(t, m, s)
	stopDisplay := showDisplay(t, displayToken(t, m))
	s.sell(t, "by a kiosk that one command has made")
	m.run(t, "kiosk-agent", "doctor")
	seals(t, m, s)
	s.sell(t, "with a sealed secret")
	mustRun(t, m, first)
	status(t, m, "Ready: a sale can start.")
	stuckIsRestarted(t, m, agentUnit, 6)
	stuckIsRestarted(t, m, "kiosk-relay.service", 15)
	s.sell(t, "after the watchdogs' restarts")
	backsUp(t, m)
	portsAreHeld(t, m, s)

	// An upgrade while a customer looks at the code.
	till, p := s.start(t)
	m.install(t, "kiosk-agent", second)
	mustRun(t, m, second)
	_ = till.Close()
	till = s.dial(t)
	var same device.Payment
	if err := till.Call(t.Context(), "payment.get", map[string]any{"id": p.ID},
		&same); err != nil || same.Status != payment.StatusAwaiting {
		t.Fatalf("after the upgrade the payment is %s (%v)", same.Status, err)
	}
	pay(t, p.QRPayload)
	conclude(t, till, p.ID)
	_ = till.Close()
	t.Log("a payment outlived the upgrade")

	failingUpgrades(t, m, s)
	goesBack(t, m, s)

	m.cut()
	m.boot(t)
	mustRun(t, m, second)
	s.sell(t, "after another power cut")
	stopDisplay()
	removed(t, m, s)
}

// unpack makes a clean Debian with the packages in /debs.
func unpack(t *testing.T, m *machine, debs string) {
	t.Helper()
	if err := os.Mkdir(m.root, 0o755); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command("tar", "-C", m.root, "--numeric-owner", "-xpf",
		rootArchive).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	if b, err := exec.Command("sh", "-c",
		"mkdir "+m.root+"/debs && cp "+debs+"/*.deb "+m.root+
			"/debs/").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
}

func isInstalled(t *testing.T, m *machine) {
	t.Helper()
	for user, groups := range map[string]string{
		"kiosk-agent": "kiosk-agent", "kiosk-relay": "kiosk-relay",
		"kiosk-display": "kiosk-display input render video",
	} {
		got := strings.Fields(m.run(t, "id", "-nG", user))
		for _, g := range strings.Fields(groups) {
			if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+g+" ") {
				t.Errorf("%s is not in %s", user, g)
			}
		}
		if len(got) != len(strings.Fields(groups)) {
			t.Errorf("%s is in %v", user, got)
		}
		shell := m.run(t, "getent", "passwd", user)
		if !strings.HasSuffix(shell, "/usr/sbin/nologin") {
			t.Error(shell)
		}
	}
	for _, name := range []string{"kiosk-agent/examples/alerts.yml",
		"kiosk-agent/examples/grafana.json", "kiosk-relay/examples/alerts.yml"} {
		if !m.has("/usr/share/doc/" + name) {
			t.Error(name, "is not there")
		}
	}
	m.modes(t, map[string]string{
		"/etc/kiosk-agent":             "750 root:kiosk-agent",
		"/etc/kiosk-agent/config.toml": "640 root:kiosk-agent",
		"/etc/kiosk-relay":             "750 root:kiosk-relay",
		"/etc/kiosk-relay/config.toml": "640 root:kiosk-relay",
		"/var/lib/kiosk-agent":         "700 kiosk-agent:kiosk-agent",
		"/var/lib/kiosk-relay":         "700 kiosk-relay:kiosk-relay",
		"/var/backups/kiosk-agent":     "700 kiosk-agent:kiosk-agent",
		"/run/kiosk-agent":             "750 kiosk-agent:kiosk-agent",
		"/usr/lib/kiosk-agent/versions/" + first + "/kiosk-agent": "755 root:root",
		"/var/lib/kiosk-agent-upgrade":                            "755 root:root",
	})
	for _, unit := range []string{agentUnit, "kiosk-relay.service", "kiosk-agent-backup.timer",
		"kiosk-agent-display.service", "kiosk-agent.socket", "kiosk-agent-ports.service",
		"kiosk-relay.socket", "kiosk-relay-ports.service"} {
		if got, _ := m.try("systemctl", "is-enabled", unit); strings.TrimSpace(got) != "enabled" {
			t.Error(unit, "is", got)
		}
	}
	for _, unit := range []string{agentUnit, "kiosk-relay.service", "kiosk-agent-backup.timer",
		"kiosk-agent.socket", "kiosk-agent-ports.service", "kiosk-relay.socket",
		"kiosk-relay-ports.service"} {
		if got := m.show(t, unit, "ActiveState"); got != "active" {
			t.Errorf("%s is %s\n%s", unit, got, m.run(t, "journalctl", "-u", unit, "--no-pager"))
		}
	}
	status(t, m, "is required")
	// A file that every kiosk changes must not be dpkg's: it would ask what to do with it.
	if files := m.run(t, "dpkg-query", "-W", "-f=${Conffiles}", "kiosk-agent",
		"kiosk-relay"); files != "" {
		t.Error("conffiles:", files)
	}
	for _, unit := range []string{agentUnit, "kiosk-relay.service", "kiosk-agent-backup.service",
		"kiosk-agent-ports.service", "kiosk-relay-ports.service"} {
		t.Log(lastLine([]byte(m.run(t, "systemd-analyze", "security", "--threshold="+exposed,
			unit))))
	}
	for _, p := range []string{"kiosk-agent", "kiosk-relay"} {
		if got := m.run(t, p, "version"); got != p+" "+first {
			t.Error(got)
		}
	}
	m.run(t, "systemd-analyze", "verify", "--man=no", agentUnit, "kiosk-relay.service",
		"kiosk-agent-backup.service", "kiosk-agent-backup.timer", "kiosk-agent.socket",
		"kiosk-agent-ports.service", "kiosk-relay.socket", "kiosk-relay-ports.service")
}

// status waits until systemctl status says so.
func status(t *testing.T, m *machine, want string) {
	t.Helper()
	eventually(t, "STATUS: "+want, func(context.Context) error {
		if got := m.show(t, agentUnit, "StatusText"); !strings.Contains(got, want) {
			return errors.New(got)
		}
		return nil
	})
}

// configure does what INSTALL.md says: a code of the relay's, a fleet's file with the secret beside
// it, and one command.
func configure(t *testing.T, m *machine, s *stage) {
	t.Helper()
	relay := strings.Replace(m.read(t, "/etc/kiosk-relay/config.toml"),
		`public_url = ""`, `public_url = "http://`+relayAddr+`"`, 1)
	if err := os.WriteFile(m.root+"/etc/kiosk-relay/config.toml", []byte(relay),
		0o640); err != nil {
		t.Fatal(err)
	}
	m.run(t, "systemctl", "restart", "kiosk-relay")
	m.run(t, "kiosk-relay", "terminal", "add", terminal)
	var enrolment struct{ Code string }
	if out := m.run(t, "kiosk-relay", "terminal", "code", terminal,
		"--json"); json.Unmarshal([]byte(out), &enrolment) != nil || enrolment.Code == "" {
		t.Fatal(out)
	}
	m.write(t, "/root/fleet/axs.secret", string(s.axsSecret.Reveal())+"\n")
	m.write(t, "/root/fleet/fleet.toml", fmt.Sprintf(`secret_file = "axs.secret"
[relay]
url = "ws://%s"
[axs]
payment_link = "%s/hpp/checkout/%s"
client_id = %q
query_url = "%s/api/hpp/v2/transaction"
[display]
merchant_name = "Kopi"
`, relayAddr, gatewayURL, linkID, clientID, gatewayURL))
	init := "echo " + enrolment.Code + " | kiosk-agent init --fleet /root/fleet/fleet.toml --code -"
	out := m.run(t, "sh", "-c", init)
	for _, want := range []string{terminal + " is enrolled", "/etc/kiosk-agent/config.toml: ok",
		"systemctl restart kiosk-agent", "kiosk-agent doctor"} {
		if !strings.Contains(out, want) {
			t.Errorf("init does not say %q:\n%s", want, out)
		}
	}
	m.modes(t, map[string]string{
		"/etc/kiosk-agent":             "750 root:kiosk-agent",
		"/etc/kiosk-agent/config.toml": "640 root:kiosk-agent",
		"/etc/kiosk-agent/axs.secret":  "600 kiosk-agent:kiosk-agent",
		"/etc/kiosk-agent/relay.token": "600 kiosk-agent:kiosk-agent",
		"/etc/kiosk-agent/till.token":  "600 kiosk-agent:kiosk-agent",
	})
	m.run(t, "kiosk-agent", "check-config")
	m.run(t, "systemctl", "restart", "kiosk-agent")
	s.tillToken = secret.New([]byte(strings.TrimSpace(m.read(t, "/etc/kiosk-agent/till.token"))))
	if out, err := m.try("sh", "-c", init); err == nil || !strings.Contains(out, "--force") {
		t.Errorf("a second init: %v\n%s", err, out)
	}
}

// seals puts the AXS secret into a sealed credential.
func seals(t *testing.T, m *machine, s *stage) {
	t.Helper()
	m.write(t, "/root/plain", string(s.axsSecret.Reveal()))
	m.run(t, "systemd-creds", "encrypt", "--with-key=host", "--name=axs.secret", "/root/plain",
		"/etc/kiosk-agent/axs.secret.cred")
	m.run(t, "rm", "/root/plain", "/etc/kiosk-agent/axs.secret")
	m.write(t, "/etc/systemd/system/kiosk-agent.service.d/credentials.conf",
		"[Service]\nLoadCredentialEncrypted=axs.secret:/etc/kiosk-agent/axs.secret.cred\n")
	text := m.read(t, "/etc/kiosk-agent/config.toml")
	text = strings.Replace(text, "file:/etc/kiosk-agent/axs.secret", "credential:axs.secret", 1)
	if err := os.WriteFile(m.root+"/etc/kiosk-agent/config.toml", []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	m.run(t, "systemctl", "daemon-reload")
	m.run(t, "systemctl", "restart", "kiosk-agent")
}

func displayToken(t *testing.T, m *machine) secret.Value {
	t.Helper()
	m.modes(t,
		map[string]string{"/var/lib/kiosk-agent/display.token": "600 kiosk-agent:kiosk-agent"})
	return secret.New([]byte(strings.TrimSpace(m.read(t, "/var/lib/kiosk-agent/display.token"))))
}

// mustRun says which version the service's process is of.
func mustRun(t *testing.T, m *machine, version string) {
	t.Helper()
	exe := m.run(t, "readlink", "/proc/"+m.show(t, agentUnit, "MainPID")+"/exe")
	if filepath.Base(filepath.Dir(exe)) != version {
		t.Errorf("%s runs, not %s", exe, version)
	}
	if got := m.run(t, "kiosk-agent", "version"); got != "kiosk-agent "+version {
		t.Errorf("the command is %s, not %s", got, version)
	}
}

// stuckIsRestarted stops the process as a stuck one is, with a watchdog that is less patient than
// the delivered one.
func stuckIsRestarted(t *testing.T, m *machine, unit string, watchdogSec int) {
	t.Helper()
	dropIn := "/etc/systemd/system/" + unit + ".d/watchdog.conf"
	m.write(t, dropIn, fmt.Sprintf("[Service]\nWatchdogSec=%d\n", watchdogSec))
	m.run(t, "systemctl", "daemon-reload")
	m.run(t, "systemctl", "restart", unit)
	pid := m.show(t, unit, "MainPID")
	m.run(t, "systemctl", "kill", "--kill-who=main", "--signal=STOP", unit)
	eventually(t, "systemd starts the stuck "+unit+" again", func(context.Context) error {
		if now := m.show(t, unit, "MainPID"); now == pid || now == "0" {
			return errors.New("process " + now)
		}
		return nil
	})
	m.run(t, "rm", dropIn)
	m.run(t, "systemctl", "daemon-reload")
	m.run(t, "systemctl", "restart", unit)
}

func backsUp(t *testing.T, m *machine) {
	t.Helper()
	m.run(t, "systemctl", "start", "kiosk-agent-backup.service")
	files, err := filepath.Glob(m.root + "/var/backups/kiosk-agent/journal-*.db")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	m.modes(t, map[string]string{strings.TrimPrefix(files[0],
		m.root): "600 kiosk-agent:kiosk-agent"})
}

// failingUpgrades: the new program refuses the configuration, or does not start. The version before
// sells, also after a power cut.
func failingUpgrades(t *testing.T, m *machine, s *stage) {
	t.Helper()
	pid := m.show(t, agentUnit, "MainPID")
	out := m.install(t, "kiosk-agent", refused)
	mustRun(t, m, second)
	if now := m.show(t, agentUnit, "MainPID"); now != pid {
		t.Error("the agent was restarted by an upgrade that was refused")
	}
	for what, text := range map[string]string{"dpkg's output": out,
		"the notice": m.read(t, "/etc/motd.d/kiosk-agent")} {
		if !strings.Contains(text, "failed its check") ||
			!strings.Contains(text, "this version wants another one") {
			t.Errorf("%s does not say it: %s", what, text)
		}
	}
	metric := fmt.Sprintf(`kiosk_agent_upgrade_refused{installed="%s",running="%s"} 1`, refused,
		second)
	got := m.read(t, "/var/lib/kiosk-agent-upgrade/kiosk_agent_upgrade.prom")
	if !strings.Contains(got, metric) {
		t.Error(got)
	}
	s.sell(t, "after an upgrade that was refused")
	m.cut()
	m.boot(t)
	mustRun(t, m, second)
	s.sell(t, "after that and a power cut")

	m.install(t, "kiosk-agent", stillborn)
	mustRun(t, m, second)
	if got := m.read(t, "/etc/motd.d/kiosk-agent"); !strings.Contains(got, "did not start") ||
		!strings.Contains(got, "no such luck") {
		t.Error(got)
	}
	s.sell(t, "after an upgrade that did not start")

	m.install(t, "kiosk-agent", second)
	mustRun(t, m, second)
	if m.has("/etc/motd.d/kiosk-agent") ||
		strings.Contains(m.read(t, "/var/lib/kiosk-agent-upgrade/kiosk_agent_upgrade.prom"),
			"} 1") {
		t.Error("the notice outlives the cure")
	}
}

// goesBack: an administrator wants the version before, and then the new one again.
func goesBack(t *testing.T, m *machine, s *stage) {
	t.Helper()
	m.run(t, "dpkg", "--force-downgrade", "-i", "/debs/kiosk-agent_"+first+"_amd64.deb")
	mustRun(t, m, first)
	m.install(t, "kiosk-agent", second)
	m.run(t, "kiosk-agent-switch", "--previous")
	mustRun(t, m, first)
	s.sell(t, "by the version before")
	m.run(t, "kiosk-agent-switch")
	mustRun(t, m, second)
	if out := m.run(t, "kiosk-agent-switch", "--list"); !strings.Contains(out, "* "+second) ||
		!strings.Contains(out, "  "+first) {
		t.Error(out)
	}
}

// removed: remove, install again, purge; the journal stays until it is told otherwise.
func removed(t *testing.T, m *machine, s *stage) {
	t.Helper()
	m.run(t, "dpkg", "-r", "kiosk-agent-display", "kiosk-agent")
	if _, err := tillclient.Dial(t.Context(), tillURL, s.tillToken); err == nil {
		t.Error("a removed agent still answers")
	}
	gone(t, m, "/usr/lib/kiosk-agent", "/usr/bin/kiosk-agent", "/etc/motd.d/kiosk-agent")
	m.install(t, "kiosk-agent", second)
	m.run(t, "systemctl", "start", "kiosk-agent")
	stop := showDisplay(t, displayToken(t, m))
	s.sell(t, "after remove and install")
	stop()

	// The display's limits, where its user's session is.
	slice := "/etc/systemd/system/user-" + displayUser(t, m) + ".slice.d"
	if !m.has(slice + "/kiosk-agent-display.conf") {
		t.Error("the display's session has no limits")
	}
	m.run(t, "dpkg", "-P", "kiosk-agent", "kiosk-agent-display", "kiosk-relay")
	gone(t, m, slice, "/usr/lib/kiosk-agent", "/usr/bin/kiosk-agent", "/usr/bin/kiosk-relay",
		"/etc/kiosk-agent", "/etc/kiosk-relay", "/run/kiosk-agent",
		"/var/lib/kiosk-agent-upgrade", "/var/lib/kiosk-agent/display.token",
		"/etc/pam.d/kiosk-agent-display",
		"/etc/systemd/system/multi-user.target.wants/kiosk-agent.service",
		"/etc/systemd/system/multi-user.target.wants/kiosk-relay.service")
	if !m.has("/var/lib/kiosk-agent/journal.db") || !m.has("/var/lib/kiosk-relay/store") {
		t.Error("purge took the journal, or the relay's store")
	}

	m.install(t, "kiosk-agent", second)
	m.run(t, "touch", "/etc/kiosk-agent/purge-journal")
	m.run(t, "dpkg", "-P", "kiosk-agent")
	gone(t, m, "/var/lib/kiosk-agent", "/var/backups/kiosk-agent", "/etc/kiosk-agent")
	if out, _ := m.try("systemctl", "--failed", "--no-legend"); strings.TrimSpace(out) != "" {
		t.Error("failed units:", out)
	}
}

func gone(t *testing.T, m *machine, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if m.has(p) {
			t.Error(p, "is still there")
		}
	}
}
