package e2e_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/test/programs"
)

// set runs kiosk-agent secret set with the secret on its standard input.
func (w *world) set(value string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(programs.Path(w.t, "kiosk-agent"),
		append(append([]string{"secret", "set"}, args...), "--config", w.config())...)
	cmd.Stdin = strings.NewReader(value + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("secret set %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestRotationWithAPaymentInFlight: a customer has the old secret's code before him while the
// secret is rotated here. He pays it, the gateway still speaks with the old secret, and the sale is
// approved. Then the gateway changes too, and the next sale is approved.
func TestRotationWithAPaymentInFlight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("config.toml", strings.Replace(readText(t, w.config()), "[relay]",
		`previous_secret = "file:`+w.dir+`/axs.previous"`+"\n[relay]", 1))
	w.write("axs.previous", string(secret.Generate().Reveal())+"\n")
	_, x := w.opens()
	p := x.start("ROTATE", 1900)
	w.until(p.ID, payment.KindShown)
	if page := w.page(); !strings.Contains(page, "\nkiosk_payments_open 1\n") ||
		!strings.Contains(page, "\nkiosk_ready 1\n") {
		t.Errorf("the metrics of a kiosk with a payment in flight:\n%s", page)
	}

	old, fresh := w.secret, secret.Generate()
	said := w.set(string(fresh.Reveal()), "axs", "--rotate")
	nowhere(t, map[string]string{"secret set": said},
		[]canary{newCanary("old secret", string(old.Reveal())),
			newCanary("new secret", string(fresh.Reveal()))})
	if readFile(t, w.dir, "axs.previous") != string(old.Reveal()) ||
		readFile(t, w.dir, "axs.secret") != string(fresh.Reveal()) {
		t.Error("the secrets are not where they belong")
	}
	if info, err := os.Stat(filepath.Join(w.dir, "axs.previous")); err != nil ||
		info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	w.agent.stop()
	w.startAgent("")
	x = w.connect()
	pay(t, p.QRPayload)
	x.acknowledge(x.approved(p.ID))
	w.agent.stop()

	w.secret = fresh // the gateway has changed, too
	before := w.sandboxURL
	w.runSandbox()
	w.write("config.toml", strings.Replace(readText(t, w.config()), before, w.sandboxURL, 1))
	x = w.sells()
	p = x.start("ROTATED", 1900)
	w.until(p.ID, payment.KindShown)
	pay(t, p.QRPayload)
	x.acknowledge(x.approved(p.ID))
	w.agent.stop()
}

// page is the agent's metrics.
func (w *world) page() string {
	w.t.Helper()
	resp, err := http.Get("http://" + w.metrics + "/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}
