package packaging

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSwitchIsLegible: what the service's user has a hand in reaches root's terminal, and the
// message of the day, without what a terminal would obey.
func TestSwitchIsLegible(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	text, err := os.ReadFile("agent/kiosk-agent-switch")
	if err != nil {
		t.Fatal(err)
	}
	script := string(text)
	legible := regexp.MustCompile(`(?m)^legible\(\) .*$`).FindString(script)
	cmd := exec.Command(sh, "-c", legible+"\nlegible")
	cmd.Stdin = strings.NewReader("a\x1b[2J\u009bb\u202e\a\r\x7f\tc\nd\n")
	out, err := cmd.Output()
	if err != nil || string(out) != "a?[2J??b??????\tc\nd\n" {
		t.Errorf("%q, %v, by %s", out, err, legible)
	}
	for _, line := range regexp.MustCompile(`.*>"\$notes/check\.log".*`).FindAllString(script, -1) {
		if !strings.Contains(line, "legible") {
			t.Errorf("this is written as it comes: %s", line)
		}
	}
}

// TestPurgeFollowsNoLink: root takes away the names that the service's user may have put links at,
// and nothing behind them.
func TestPurgeFollowsNoLink(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	for _, journalToo := range []bool{false, true} {
		top := t.TempDir()
		text, err := os.ReadFile("agent/postrm")
		if err != nil {
			t.Fatal(err)
		}
		script := filepath.Join(top, "postrm")
		state, roots := filepath.Join(top, "var/lib/kiosk-agent"), filepath.Join(top, "roots")
		placed := strings.NewReplacer(" /var/", " "+top+"/var/", " /etc/", " "+top+"/etc/",
			" /usr/lib/", " "+top+"/usr/lib/").Replace(string(text))
		must := func(errs ...error) {
			t.Helper()
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
		}
		must(os.WriteFile(script, []byte(placed), 0o600), os.MkdirAll(state, 0o700),
			os.MkdirAll(filepath.Join(top, "etc/kiosk-agent"), 0o700), os.Mkdir(roots, 0o700),
			os.WriteFile(filepath.Join(roots, "kept"), []byte("x"), 0o600),
			os.WriteFile(filepath.Join(state, "journal.db"), []byte("x"), 0o600),
			os.Symlink(filepath.Join(roots, "kept"), filepath.Join(state, "display.token")),
			os.Symlink(roots, filepath.Join(state, "last-good.toml.dir")),
			os.Symlink(roots, filepath.Join(state, "upgrade.x")),
			os.Link(filepath.Join(roots, "kept"), filepath.Join(state, "last-good.toml")))
		if journalToo {
			must(os.WriteFile(filepath.Join(top, "etc/kiosk-agent/purge-journal"), nil, 0o600))
		}
		bin := filepath.Join(top, "bin")
		must(os.Mkdir(bin, 0o700))
		for _, name := range []string{"deb-systemd-helper", "deb-systemd-invoke", "systemctl"} {
			must(os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"), 0o700))
		}
		for line := range strings.Lines(placed) { // nothing of this machine's own
			if regexp.MustCompile(`\brm(dir)?\b.* /(var|etc|usr|run)/`).MatchString(line) {
				t.Fatalf("this would be done here: %s", line)
			}
		}
		cmd := exec.Command(sh, script, "purge")
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got, err := os.ReadFile(filepath.Join(roots, "kept")); err != nil || string(got) != "x" {
			t.Errorf("root's file: %q, %v", got, err)
		}
		left, err := filepath.Glob(filepath.Join(state, "*"))
		if err != nil || journalToo != (len(left) == 0) || len(left) > 1 {
			t.Errorf("left: %v, %v", left, err) // the journal, unless that was to go too
		}
	}
}
