package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kiosk-agent/internal/app/doctor"
)

// diagnosis runs kiosk-agent doctor --json, which must exit with code, and returns what was found
// by check.
func (w *world) diagnosis(code int) map[string][]doctor.Finding {
	w.t.Helper()
	var r doctor.Report
	text := w.command(code, "doctor", "--json")
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		w.t.Fatalf("doctor --json: %v\n%s", err, text)
	}
	found := make(map[string][]doctor.Finding)
	for _, f := range r.Findings {
		if f.Tried == "" || f.Found == "" || f.State == doctor.Wrong && f.Do == "" {
			w.t.Errorf("a finding does not say enough: %+v", f)
		}
		found[f.Check] = append(found[f.Check], f)
	}
	return found
}

// finds wants one of the check's findings to have this state and this text in what was found or is
// to be done.
func finds(t testing.TB, found map[string][]doctor.Finding, check string, state doctor.State,
	text string) {
	t.Helper()
	for _, f := range found[check] {
		if f.State == state && (strings.Contains(f.Found, text) || strings.Contains(f.Do, text)) {
			return
		}
	}
	t.Errorf("%s: no %s finding with %q in %+v", check, state, text, found[check])
}

// TestDoctor looks at a kiosk that sells, at one that is stopped, and at what can be wrong with it.
// It leaves no trace in the journal and at the gateway.
func TestDoctor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.showScreen()
	w.startAgent("")
	w.connect().ready()
	before := len(readJournal(t, w.dir))
	found := w.diagnosis(0)
	finds(t, found, "config", doctor.OK, "terminal WORLD-1")
	finds(t, found, "agent", doctor.OK, "takes sales")
	finds(t, found, "secrets", doctor.OK, "it opens")
	finds(t, found, "relay", doctor.OK, "answers HTTP")
	finds(t, found, "relay", doctor.OK, "came back")
	finds(t, found, "gateway", doctor.OK, "answers HTTP")
	finds(t, found, "display", doctor.OK, "pixels per module")
	finds(t, found, "disk", doctor.OK, "MiB free")
	finds(t, found, "clock", doctor.OK, "127.0.0.1")
	if text := w.command(0, "doctor"); !strings.Contains(text, "nothing is wrong") {
		t.Errorf("doctor says\n%s", text)
	}

	w.agent.stop()
	found = w.diagnosis(1) // a kiosk that does not run sells nothing
	finds(t, found, "agent", doctor.Wrong, "systemctl start")
	finds(t, found, "relay", doctor.OK, "this terminal's token")
	finds(t, found, "display", doctor.Note, "not known")
	if left, _ := filepath.Glob(filepath.Join(w.dir, ".doctor-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}

	if err := os.Chmod(filepath.Join(w.dir, "axs.secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.write("relay.token", strings.Repeat("x", 43)+"\n")
	found = w.diagnosis(1)
	finds(t, found, "secrets", doctor.Wrong, "chmod 0600")
	finds(t, found, "relay", doctor.Wrong, "401")
	w.relay.kill()
	finds(t, w.diagnosis(1), "relay", doctor.Wrong, "connection refused")
	w.write("config.toml", strings.Replace(readText(t, w.config()), `id = "WORLD-1"`, `id = ""`, 1))
	finds(t, w.diagnosis(1), "config", doctor.Wrong, "terminal.id")

	if after := len(readJournal(t, w.dir)); after != before {
		t.Errorf("the journal had %d facts and has %d", before, after)
	}
	if hooks := w.sandbox.Webhooks(); len(hooks) > 0 {
		t.Errorf("the gateway had something to tell: %+v", hooks)
	}
}
