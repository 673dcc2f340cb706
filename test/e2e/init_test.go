package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/relay/relayd"
	"kiosk-agent/test/programs"
)

// TestInit makes a kiosk from a fleet's file and a code of the relay. What is left to do is done;
// then it sells. test/packages has it with the package's configuration and the secret in a file.
func TestInit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var code relayd.TerminalEnrolment
	out, err := exec.Command(programs.Path(t, "kiosk-relay"), "terminal", "code", "WORLD-1",
		"--json",
		"--config", filepath.Join(w.dir, "relay.toml")).Output()
	if err == nil {
		err = json.Unmarshal(out, &code)
	}
	if err != nil {
		t.Fatalf("terminal code: %v\n%s", err, out)
	}
	w.write("fleet.toml", fmt.Sprintf(`
[axs]
payment_link = "%s/hpp/checkout/world-link"
client_id = "world-client"
[relay]
url = "http://%s"
[till.websocket]
listen = %q
[display]
listen = %q
merchant_name = "World"
[metrics]
listen = %q
[admin]
socket = "%s/admin.sock"
[kiosks.WORLD-1]
code = %q
`, w.sandboxURL, w.relayPublic, w.till, w.screen, w.metrics, w.dir, code.Code))
	key := w.secret.Reveal()
	fleet := filepath.Join(w.dir, "fleet.toml")
	w.dir = filepath.Join(w.dir, "new")
	args := []string{"init", "--fleet", fleet, "--id", "WORLD-1", "--dir", w.dir, "--state", w.dir}
	said, err := exec.Command(programs.Path(t, "kiosk-agent"), args...).CombinedOutput()
	if err != nil || !strings.Contains(string(said),
		"kiosk-agent secret set axs --config "+w.config()) {
		t.Fatalf("init: %v\n%s", err, said)
	}
	if text := w.command(1, "check-config"); !strings.Contains(text, "axs.secret: ") {
		t.Errorf("check-config without the gateway's secret:\n%s", text)
	}
	set := exec.Command(programs.Path(t, "kiosk-agent"), "secret", "set", "axs", "--config",
		w.config())
	set.Stdin = strings.NewReader(string(key))
	if said, err := set.CombinedOutput(); err != nil {
		t.Fatalf("secret set: %v\n%s", err, said)
	}
	if text := w.command(0, "check-config"); !strings.Contains(text, "ok (terminal WORLD-1") {
		t.Errorf("check-config:\n%s", text)
	}
	for name, to := range map[string]*secret.Value{"till.token": &w.tillToken,
		"display.token": &w.displayToken} {
		if *to, err = secret.ReadFile(filepath.Join(w.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	_, x := w.opens()
	p := x.start("FIRST", 1234)
	w.until(p.ID, payment.KindShown)
	pay(t, p.QRPayload)
	x.acknowledge(x.approved(p.ID))
	w.agent.stop()
	w.verify()

	// The code was for once: a second kiosk does not get it, and is told so.
	args[len(args)-3], args[len(args)-1] = w.dir+"-2", w.dir+"-2"
	said, err = exec.Command(programs.Path(t, "kiosk-agent"), args...).CombinedOutput()
	if err == nil || !strings.Contains(string(said), "the relay does not take the code") {
		t.Errorf("init with a used code: %v\n%s", err, said)
	}
	if _, err := os.Stat(w.dir + "-2"); err == nil {
		t.Error("something was written with a used code")
	}
}
