package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/relay/relayd"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/programs"
)

// process is one of the real programs, running.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	log   *record
	err   error         // of Wait, once ended is closed
	ended chan struct{} // closed when it has ended
}

func startProcess(t testing.TB, log *record, env []string, name string, args ...string) *process {
	t.Helper()
	return launch(t, log, env, programs.Path(t, name), args...)
}

// launch starts any program.
func launch(t testing.TB, log *record, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(path, args...), log: log, ended: make(chan struct{})}
	p.cmd.Stderr = log
	p.cmd.Env = append(os.Environ(), env...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.ended) }()
	return p
}

// kill is what a power cut is to a program: kill -9.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		// it may have killed itself just now
		p.t.Fatalf("%s: %v\n%s", p.cmd.Path, err, p.log.tail())
	}
	p.crashed()
}

// crashed waits until the process has been ended by SIGKILL, its own or ours.
func (p *process) crashed() {
	p.t.Helper()
	select {
	case <-p.ended:
		if st, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok ||
			st.Signal() != syscall.SIGKILL {
			p.t.Fatalf("%s ended with %s instead of kill -9\n%s", p.cmd.Path, p.cmd.ProcessState,
				p.log.tail())
		}
	case <-time.After(patience):
		p.t.Fatalf("%s still runs\n%s", p.cmd.Path, p.log.tail())
	}
}

// stop ends the process as a service manager does; it must end well.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.ended:
		if p.err != nil {
			p.t.Fatalf("%s: %v\n%s", p.cmd.Path, p.err, p.log.tail())
		}
	case <-time.After(patience):
		p.t.Fatalf("%s does not stop\n%s", p.cmd.Path, p.log.tail())
	}
}

// world is a kiosk, its relay and the simulated gateway: the programs are real processes with real
// files, to be killed at will, each at an address that it keeps.
type world struct {
	t                            testing.TB
	dir                          string
	sandbox                      *sandbox.Server
	sandboxURL                   string
	till, screen, metrics        string // the agent's addresses
	relayPublic, relayAdmin      string
	agent, relay, gateway        *process // the gateway is one of its own in the torture only
	agentLog, relayLog, otherLog *record
	hookURL                      string
	secret                       secret.Value // AXS's
	tillToken, displayToken      secret.Value
}

// newWorld starts the relay and the gateway and writes the agent's files. The agent is started by
// the test.
func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldWith(t, (*world).runSandbox)
}

func newWorldWith(t testing.TB, startGateway func(*world)) *world {
	t.Helper()
	w := &world{
		t: t, dir: programs.Dir(t), till: programs.FreeAddr(t), screen: programs.FreeAddr(t),
		metrics:     programs.FreeAddr(t),
		relayPublic: programs.FreeAddr(t), relayAdmin: programs.FreeAddr(t), agentLog: &record{},
		relayLog: &record{},
		otherLog: &record{},
	}
	w.tillToken, w.displayToken, w.secret = w.newSecret("till.token"), w.newSecret("display.token"),
		w.newSecret("axs.secret")
	startGateway(w)
	w.write("relay.toml", fmt.Sprintf(`
[public]
listen = %q
[admin]
listen = %q
socket = "%s/relay.sock"
token = "file:%s/admin.token"
[store]
dir = "%s/store"
max_bytes = "64MiB"
`, w.relayPublic, w.relayAdmin, w.dir, w.dir, w.dir))
	t.Cleanup(func() {
		for _, p := range []*process{w.agent, w.relay, w.gateway} {
			if p != nil {
				_ = p.cmd.Process.Kill() // most have ended already
				<-p.ended
			}
		}
		if t.Failed() {
			t.Logf("end of the agent's log:\n%s\nend of the relay's log:\n%s", w.agentLog.tail(),
				w.relayLog.tail())
		}
	})
	w.startRelay()
	w.enrol()
	return w
}

func (w *world) newSecret(name string) secret.Value {
	w.t.Helper()
	v, err := secret.EnsureFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func worldMerchant(key secret.Value) sandbox.Merchant {
	return sandbox.Merchant{ClientID: "world-client", Secret: key, LinkIDs: []string{"world-link"}}
}

// runSandbox serves the simulated gateway until the test ends.
func (w *world) runSandbox() { w.serveSandbox(worldMerchant(w.secret)) }

func (w *world) serveSandbox(m sandbox.Merchant) {
	w.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.sandboxURL = "http://" + ln.Addr().String()
	w.sandbox, err = sandbox.New(sandbox.Config{
		Merchants: []sandbox.Merchant{m}},
		slog.New(slog.NewTextHandler(w.otherLog, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		w.t.Fatal(err)
	}
	srv := &http.Server{Handler: w.sandbox.Handler(), ReadHeaderTimeout: patience}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- srv.Serve(ln) }()
	go func() { done <- w.sandbox.Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		err := errors.Join(srv.Close(), <-done, <-done)
		if err != nil && !errors.Is(err, http.ErrServerClosed) {
			w.t.Error(err)
		}
	})
}

// startRelay starts the relay and waits until it is ready.
func (w *world) startRelay(flags ...string) {
	w.t.Helper()
	args := append([]string{"serve", "--config", filepath.Join(w.dir, "relay.toml")}, flags...)
	w.relay = startProcess(w.t, w.relayLog, nil, "kiosk-relay", args...)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	eventually(w.t, "the relay is ready", func() error {
		resp, err := client.Get("http://" + w.relayPublic + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
}

// enrol adds the terminal to the relay, and writes what it gave into the agent's files.
func (w *world) enrol() {
	w.t.Helper()
	cmd := exec.Command(programs.Path(w.t, "kiosk-relay"), "terminal", "add", "WORLD-1", "--json",
		"--config", filepath.Join(w.dir, "relay.toml"))
	cmd.Stderr = w.otherLog
	out, err := cmd.Output()
	var given relayd.TerminalSecrets
	if err == nil {
		err = json.Unmarshal(out, &given)
	}
	if err != nil {
		w.t.Fatalf("kiosk-relay terminal add: %v\n%s", err, w.otherLog)
	}
	w.hookURL = given.HookURL
	w.write("relay.token", given.Token+"\n")
	w.write("config.toml", fmt.Sprintf(`
[terminal]
id = "WORLD-1"
[payment]
settle = "1s"
[axs]
payment_link = "%s/hpp/checkout/world-link"
client_id = "world-client"
secret = "file:%s/axs.secret"
%s`, w.sandboxURL, w.dir, agentTables(w.dir, w.relayPublic, w.hookURL, w.till, w.screen,
		w.metrics)))
}

// agentTables are the tables of an agent's configuration that are the same for every gateway: where
// it keeps its files, and its addresses.
func agentTables(dir, relay, hookURL, till, screen, metrics string) string {
	return fmt.Sprintf(`[relay]
url = "ws://%s"
token = "file:%s/relay.token"
hook_url = %q
[till.websocket]
listen = %q
tills = [{name = "till-1", token = "file:%s/till.token"}]
[display]
listen = %q
token = "file:%s/display.token"
merchant_name = "World"
[journal]
path = "%s/journal.db"
[metrics]
listen = %q
[admin]
socket = "%s/admin.sock"
`, relay, dir, hookURL, till, dir, screen, dir, dir, metrics, dir)
}

func (w *world) config() string { return filepath.Join(w.dir, "config.toml") }

// startAgent starts the agent; crashAfter, when not "", makes it kill itself after a fact of this
// kind.
func (w *world) startAgent(crashAfter payment.Kind) {
	w.t.Helper()
	env := []string{"STATE_DIRECTORY=" + w.dir} // as systemd says it
	if crashAfter != "" {
		env = []string{env[0], "KIOSK_AGENT_CRASH_AFTER=committed:" + string(crashAfter)}
	}
	w.agent = startProcess(w.t, w.agentLog, env, "kiosk-agent", "run", "--config", w.config())
}

// connect is a till's connection to the agent that runs now.
func (w *world) connect() *till {
	w.t.Helper()
	return dialTill(w.t, "ws://"+w.till+"/v1/till", w.tillToken)
}

// showScreen starts a display that comes back after every crash of the agent.
func (w *world) showScreen() *display {
	w.t.Helper()
	return startDisplay(w.t, "http://"+w.screen+"/", w.displayToken, wholeBox)
}

// opens starts the display, and sells.
func (w *world) opens() (*display, *till) {
	w.t.Helper()
	d := w.showScreen()
	return d, w.sells()
}

// sells starts the agent, and a till that waits until a sale can start.
func (w *world) sells() *till {
	w.t.Helper()
	w.startAgent("")
	x := w.connect()
	x.ready()
	return x
}

func (w *world) facts(id string) (facts []payment.Fact) {
	w.t.Helper()
	for _, f := range readJournal(w.t, w.dir) {
		if f.Payment == id {
			facts = append(facts, f)
		}
	}
	return facts
}

// until waits for a fact of this kind about a payment.
func (w *world) until(id string, kind payment.Kind) {
	w.t.Helper()
	eventually(w.t, "the fact "+string(kind), func() error { return lacks(w.facts(id), kind) })
}

// delivered waits until the relay has answered 200 to every webhook of the gateway.
func (w *world) delivered() {
	w.t.Helper()
	if err := w.sandbox.Quiet(soon(w.t)); err != nil {
		w.t.Fatal(err)
	}
	for _, hook := range w.sandbox.Webhooks() {
		if hook.State != sandbox.HookDelivered {
			w.t.Fatalf("a webhook is %s: %s %s", hook.State, hook.Answer, hook.Error)
		}
	}
}

// verify runs kiosk-agent journal verify, which must find nothing.
func (w *world) verify() {
	w.t.Helper()
	out, err := exec.Command(programs.Path(w.t, "kiosk-agent"), "journal", "verify", "--config",
		w.config()).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "ok: nothing is altered") {
		w.t.Errorf("journal verify: %v\n%s", err, out)
	}
}
