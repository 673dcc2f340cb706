package bench_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay/relayd"
)

// kiosk is where a real kiosk-agent runs alone in its process; the relay is in ours. No customer
// opens its links: the gateway is what a row posts to the hook.
type kiosk struct {
	house
	tillAddr string // where tills connect
}

// openKiosk writes the files of an agent with this many tills, and runs the relay.
func openKiosk(t testing.TB, tills int) *kiosk {
	t.Helper()
	k := &kiosk{house: house{t: t, dir: folder(t), screen: freeAddr(t)}, tillAddr: freeAddr(t)}
	for _, name := range []string{"axs.secret", "display.token", "relay-admin.token"} {
		k.secretFile(name)
	}
	var names []string
	for i := range tills {
		name := fmt.Sprintf("till-%d", i+1)
		k.secretFile(name + ".token")
		names = append(names, fmt.Sprintf("{name = %q, token = \"file:%s/%s.token\"}", name, k.dir,
			name))
	}
	cred, relay := k.runRelay()
	k.write("relay.token", string(cred.Token.Reveal()))
	k.hook, k.secret = cred.HookURL, []byte(k.text("axs.secret"))
	k.write("config.toml", fmt.Sprintf(`
[terminal]
id = "BENCH-1"
[payment]
settle = "1s"
[axs]
payment_link = "https://checkout.example.com/hpp/checkout/bench-link"
client_id = "demo-client"
secret = "file:%s/axs.secret"
[relay]
url = "ws%s"
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
`, k.dir, strings.TrimPrefix(relay, "http"), k.dir, k.hook, k.tillAddr, strings.Join(names, ", "),
		k.screen, k.dir, k.dir, k.dir, freeAddr(t)))
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

func (k *kiosk) runRelay() (cred relayd.Credentials, url string) {
	k.t.Helper()
	srv, err := relayd.New(k.t.Context(), relayd.Config{PublicListen: "127.0.0.1:0",
		AdminListen: "127.0.0.1:0", AdminToken: k.secretFile("relay-admin.token"),
		Store: relayd.StoreConfig{Dir: filepath.Join(k.dir, "relay-store")}},
		slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		k.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx) }()
	k.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			k.t.Error(err)
		}
	})
	if cred, err = srv.AddTerminal(k.t.Context(), "BENCH-1", ""); err != nil {
		k.t.Fatal(err)
	}
	return cred, srv.PublicURL()
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
	agent := program(k.t, "kiosk-agent")
	begun := time.Now()
	k.demo = launch(k.t, []string{"NOTIFY_SOCKET=" + path, "STATE_DIRECTORY=" + k.dir}, agent,
		"run", "--config", filepath.Join(k.dir, "config.toml"))
	said := make([]byte, 4096)
	for {
		n, err := manager.Read(said)
		if err != nil {
			k.t.Fatalf("the agent is never ready: %v\n%s", err, k.demo.said)
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
