package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/programs"
)

// TestProbe is the path of an integrator whose gateway speaks in another word: the probe's payment
// is approved because the query says so, and its report names the key; with the key, and the word
// confirmed by that payment, a notification alone approves. The probe is no till's sale.
func TestProbe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const query = "query_url = \"%s/api/hpp/v2/transaction\"\n"
	w.change("[axs]\n", "[axs]\n"+fmt.Sprintf(query, w.sandboxURL))
	w.fault(sandbox.Fault{Kind: sandbox.FaultWrongStatus}) // "PAID"
	_, x := w.opens()
	report := filepath.Join(w.dir, "probe.json")
	p, out := w.probe("--report", report)
	for _, want := range []string{p.ID, "payment: approved", "[axs.words]\n  paid = [\"PAID\"]",
		"ended as approved, by the gateway's query", "gateway confirm " + p.ID} {
		if !strings.Contains(out, want) {
			t.Errorf("the probe does not say %q:\n%s", want, out)
		}
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Payment  device.Payment
		Observed []payment.Observed
	}
	if err := json.Unmarshal(text, &r); err != nil || r.Payment.ID != p.ID ||
		!slices.ContainsFunc(r.Observed, func(o payment.Observed) bool {
			return o.Path == payment.PathQuery
		}) {
		t.Errorf("the report, %v:\n%s", err, text)
	}
	nowhere(t, map[string]string{"the report": string(text), "the output": out}, w.canaries())
	if text := w.command(0, "worklist"); strings.Contains(text, "owed") {
		t.Errorf("the probe is owed to somebody:\n%s", text)
	}
	x.refused(device.CodeNotFound, "not_found", "payment.last", object{})

	if out := w.command(0, "gateway", "confirm", p.ID, "--by", "Ana"); !strings.Contains(out,
		"Confirmed by Ana (root): a payment by status PAID.") {
		t.Errorf("confirmed:\n%s", out)
	}
	if out := w.command(1, "gateway", "confirm", p.ID); !strings.Contains(out, "already") {
		t.Errorf("confirmed twice:\n%s", out)
	}
	w.agent.stop()
	w.change("[relay]\n", "[axs.words]\npaid = [\"PAID\"]\n\n[relay]\n", fmt.Sprintf(query,
		w.sandboxURL), "")
	x = w.sells()
	s := x.start("WORD", 700)
	w.until(s.ID, payment.KindShown)
	pay(t, s.QRPayload)
	x.acknowledge(x.approved(s.ID)) // by the notification: there is no query any more
}

// TestReplayOfAParkedDelivery: what was parked is shown to the present configuration, with the key
// that mends it.
func TestReplayOfAParkedDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.opens()
	w.posted("?data=" + sealedFor(t, w.newSecret("another.secret"), map[string]any{"status": "x"}))
	seq := ""
	for _, f := range readJournal(t, w.dir) {
		if f.Kind() == payment.KindParked {
			seq = fmt.Sprintf("#%d", f.Seq)
		}
	}
	out := w.command(1, "gateway", "probe", "--replay", seq)
	if !strings.Contains(out, "It does not open") || !strings.Contains(out, "secret") {
		t.Errorf("%s:\n%s", seq, out)
	}
	for from, want := range map[string]string{"#9": "no delivery", "/nowhere": "no such file",
		"#x": "an entry like #31"} {
		if out := w.command(1, "gateway", "probe", "--replay", from); !strings.Contains(out, want) {
			t.Errorf("%s:\n%s", from, out)
		}
	}
}

// probe runs the command and pays what it shows.
func (w *world) probe(args ...string) (p payment.Payment, out string) {
	w.t.Helper()
	cmd := exec.Command(programs.Path(w.t, "kiosk-agent"), append([]string{"gateway", "probe",
		"--config", w.config()}, args...)...)
	ended := make(chan error, 1)
	go func() {
		text, err := cmd.CombinedOutput()
		out = string(text)
		ended <- err
	}()
	eventually(w.t, "the probe's code is on the display", func() error {
		for _, f := range readJournal(w.t, w.dir) {
			if r, ok := f.Data.(payment.Requested); ok && r.Till == "gateway-probe" {
				p, _ = payment.Fold(w.facts(f.Payment))
			}
		}
		if !p.Shown {
			return errors.New("it is not")
		}
		return nil
	})
	pay(w.test(), p.QRPayload)
	if err := <-ended; err != nil {
		w.t.Errorf("gateway probe: %v\n%s", err, out)
	}
	return p, out
}
