package bench_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay/relayd"
	"kiosk-agent/test/programs"
)

// kiosk is where the real agent and the real relay run, each in a process. No customer opens its
// links: the gateway is what a row posts to the hook.
type kiosk struct {
	t        testing.TB
	dir      string
	agent    *process
	screen   string // the display's address
	tillAddr string // where tills connect
	till     *counter
	hook     string
	secret   []byte // AXS's
	sold     int
}

// openKiosk writes the files of an agent with this many tills, and starts the relay.
func openKiosk(t testing.TB, tills int) *kiosk {
	t.Helper()
	return openKioskOn(t, tills, "")
}

// openKioskOn is openKiosk with the journal in a directory of another disk; "" = with the rest.
func openKioskOn(t testing.TB, tills int, disk string) *kiosk {
	t.Helper()
	k := &kiosk{t: t, dir: programs.Dir(t), screen: programs.FreeAddr(t),
		tillAddr: programs.FreeAddr(t)}
	for _, name := range []string{"axs.secret", "display.token"} {
		k.secretFile(name)
	}
	if disk == "" {
		disk = k.dir
	}
	var names []string
	for i := range tills {
		name := fmt.Sprintf("till-%d", i+1)
		k.secretFile(name + ".token")
		names = append(names, fmt.Sprintf("{name = %q, token = \"file:%s/%s.token\"}", name, k.dir,
			name))
	}
	hook, token, relay := k.runRelay()
	k.write("relay.token", token)
	k.hook, k.secret = hook, []byte(k.text("axs.secret"))
	k.write("config.toml", fmt.Sprintf(`
[terminal]
id = "BENCH-1"
[payment]
settle = "1s"
[axs]
payment_link = "https://checkout.example.com/hpp/checkout/bench-link"
client_id = "bench-client"
secret = "file:%s/axs.secret"
[relay]
url = "ws://%s"
token = "file:%s/relay.token"
hook_url = %q
[till.websocket]
listen = %q
tills = [%s]
[display]
listen = %q
token = "file:%s/display.token"
merchant_name = "Bench"
[journal]
path = "%s/journal.db"
[admin]
socket = "%s/admin.sock"
[metrics]
listen = %q
`, k.dir, relay, k.dir, k.hook, k.tillAddr, strings.Join(names, ", "),
		k.screen, k.dir, disk, k.dir, programs.FreeAddr(t)))
	return k
}

func (k *kiosk) secretFile(name string) secret.Value {
	k.t.Helper()
	v, err := secret.EnsureFile(filepath.Join(k.dir, name))
	if err != nil {
		k.t.Fatal(err)
	}
	return v
}

func (k *kiosk) write(name, text string) {
	k.t.Helper()
	if err := os.WriteFile(filepath.Join(k.dir, name), []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// runRelay starts the relay, which takes hooks faster than a kiosk's gateway sends them, and adds
// the terminal.
func (k *kiosk) runRelay() (hook, token, url string) {
	k.t.Helper()
	k.secretFile("relay-admin.token")
	public := programs.FreeAddr(k.t)
	k.write("relay.toml", fmt.Sprintf(`
[public]
listen = %q
[admin]
listen = %q
socket = "%s/relay.sock"
token = "file:%s/relay-admin.token"
[hook]
rate = 10000
burst = 10000
[store]
dir = "%s/relay-store"
max_bytes = "256MiB"
`, public, programs.FreeAddr(k.t), k.dir, k.dir, k.dir))
	config := filepath.Join(k.dir, "relay.toml")
	relay := programs.Path(k.t, "kiosk-relay")
	launch(k.t, nil, relay, "serve", "--config", config)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	eventually(k.t, "the relay is ready", func() error {
		resp, err := client.Get("http://" + public + "/readyz")
		if err == nil {
			if resp.Body.Close(); resp.StatusCode != http.StatusOK {
				err = errors.New(resp.Status)
			}
		}
		return err
	})
	out, err := exec.Command(relay, "terminal", "add", "BENCH-1", "--json", "--config",
		config).Output()
	var given relayd.TerminalSecrets
	if err == nil {
		err = json.Unmarshal(out, &given)
	}
	if err != nil {
		k.t.Fatalf("kiosk-relay terminal add: %v", err)
	}
	return given.HookURL, given.Token, public
}

// run starts the agent; took is until it has told the service manager that it is ready.
func (k *kiosk) run() (took time.Duration) {
	k.t.Helper()
	path := filepath.Join(k.dir, "notify")
	_ = os.Remove(path) // of the run before
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		k.t.Fatal(err)
	}
	defer manager.Close()
	if err := manager.SetReadDeadline(time.Now().Add(patience)); err != nil {
		k.t.Fatal(err)
	}
	agent := programs.Path(k.t, "kiosk-agent")
	begun := time.Now()
	k.agent = launch(k.t, []string{"NOTIFY_SOCKET=" + path, "STATE_DIRECTORY=" + k.dir}, agent,
		"run", "--config", filepath.Join(k.dir, "config.toml"))
	said := make([]byte, 4096)
	for {
		n, err := manager.Read(said)
		if err != nil {
			k.t.Fatalf("the agent is never ready: %v\n%s", err, k.agent.said)
		}
		if strings.Contains(string(said[:n]), "READY=1") {
			return time.Since(begun)
		}
	}
}

// connect is a till's connection.
func (k *kiosk) connect(name string) *counter {
	k.t.Helper()
	return &counter{socket: dial(k.t, "ws://"+k.tillAddr+"/v1/till", "kiosk-till.v1",
		k.text(name+".token"), nil)}
}

// sells runs the agent with a display and its first till, until a sale can start.
func (k *kiosk) sells() (display *socket) {
	k.t.Helper()
	k.run()
	display = k.display()
	k.till = k.connect("till-1")
	k.till.ready()
	return display
}
