package packages

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const displayUnit = "kiosk-agent-display.service"

// TestDisplayUnit runs the display as systemd does: the unit, its user, logind's session, cage and
// Chromium with its own sandbox, all as delivered. Only the screen is not there.
func TestDisplayUnit(t *testing.T) {
	if _, inside := alone(t); !inside {
		return
	}
	cleanRoot(t)
	m := &machine{root: filepath.Join(t.TempDir(), "root")}
	withChromium(t, m)
	t.Cleanup(m.cut)
	m.boot(t)
	shows := showAgent(t)
	m.write(t, "/var/lib/kiosk-agent/display.token",
		string(shows.DisplayToken().Reveal())+"\n")
	m.write(t, "/etc/systemd/system/"+displayUnit+".d/screen.conf", `[Unit]
ConditionPathExists=
[Service]
StandardInput=null
TTYPath=
UtmpIdentifier=
Environment=WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1
`)
	m.run(t, "sh", "/postinst", "configure")
	m.run(t, "systemctl", "start", displayUnit) // which a machine that tests keeps a package from
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := m.try("journalctl", "--no-pager", "-n", "80", "_UID="+displayUser(t, m))
			t.Log(out)
		}
	})
	eventually(t, "the page is shown", isReady(shows, true))

	if state := m.show(t, displayUnit, "ActiveState"); state != "active" {
		t.Error("the unit is", state)
	}
	isSandboxed(t, screenOf(t, m))
	// One key of the policy that Chromium speaks of: the unit has laid the policy where it is read.
	if said := m.run(t, "journalctl", "--no-pager", "-t", "kiosk-agent-display"); !strings.Contains(
		said, "remote debugging is disallowed by the system admin") {
		t.Errorf("the browser does not know its policy:\n%s", said)
	}
	// logind has moved all of it out of the unit, whose limits bind it no more.
	slice := "user-" + displayUser(t, m) + ".slice"
	for property, want := range map[string]string{
		"IPAddressDeny": "0.0.0.0/0 ::/0", "IPAddressAllow": "127.0.0.0/8 ::1/128",
	} {
		for _, unit := range []string{slice, displayUnit} {
			got := strings.Fields(m.show(t, unit, property))
			if len(got) != 2 || !strings.Contains(want, got[0]) || !strings.Contains(want, got[1]) {
				t.Errorf("%s of %s is %v", property, unit, got)
			}
		}
	}
	if got := m.show(t, slice, "MemoryMax"); got == "infinity" {
		t.Error("the display may take all memory")
	}
	t.Log(lastLine([]byte(m.run(t, "systemd-analyze", "security",
		"--threshold="+exposedDisplay, displayUnit))))
}

func displayUser(t *testing.T, m *machine) string {
	t.Helper()
	return m.run(t, "id", "-u", "kiosk-display")
}

// screenOf are the screen's processes, as this machine counts them.
func screenOf(t *testing.T, m *machine) []int {
	t.Helper()
	main := m.show(t, displayUnit, "MainPID")
	for _, pid := range below(m.leader) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if f := strings.Fields(line); f[0] == "NSpid:" && len(f) == 3 && f[2] == main {
				return append([]int{pid}, below(pid)...)
			}
		}
	}
	t.Fatal("process", main, "is not there")
	return nil
}

// withChromium makes a Debian that has what this machine has in /usr, and the display's files. What
// is written to /usr there stays there.
func withChromium(t *testing.T, m *machine) {
	t.Helper()
	over := t.TempDir()
	script := `mkdir "$1" "$3/up" "$3/work"
tar -C "$1" --numeric-owner -xpf "$2"
mount -t overlay -o "lowerdir=/usr,upperdir=$3/up,workdir=$3/work" overlay "$1/usr"
cd "$1"
cp -a /etc/fonts /etc/chromium.d /etc/alternatives /etc/ld.so.conf.d /etc/ld.so.cache etc/
mkdir -p etc/chromium/policies var/lib/kiosk-agent`
	if b, err := exec.Command("sh", "-ec", script, "sh", m.root, rootArchive,
		over).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	t.Cleanup(func() {
		if b, err := exec.Command("umount", m.root+"/usr").CombinedOutput(); err != nil {
			t.Errorf("%s", b)
		}
	})
	const share = "/usr/share/kiosk-agent-display/"
	for name, file := range map[string]struct {
		path string
		mode int
	}{
		"start":                        {"/usr/lib/kiosk-agent-display/start", 0o755},
		"postinst":                     {"/postinst", 0o755},
		displayUnit:                    {"/lib/systemd/system/" + displayUnit, 0o644},
		"kiosk-agent-display.sysusers": {"/usr/lib/sysusers.d/kiosk-agent-display.conf", 0o644},
		"policy.json":                  {share + "policies/managed/kiosk.json", 0o644},
		"session.conf":                 {share + "session.conf", 0o644},
		"pam":                          {"/etc/pam.d/kiosk-agent-display", 0o644},
	} {
		if b, err := exec.Command("install", "-D", "-m", strconv.FormatInt(int64(file.mode), 8),
			top+"packaging/display/"+name, m.root+file.path).CombinedOutput(); err != nil {
			t.Fatalf("%s", b)
		}
	}
}
