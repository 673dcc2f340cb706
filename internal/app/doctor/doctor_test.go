package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/secret"
)

// gateway notes each request that it gets.
type gateway struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newGateway(t *testing.T, offset time.Duration) *gateway {
	g := new(gateway)
	g.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.seen = append(g.seen, r.Method+" "+r.RequestURI)
		w.Header().Set("Date", time.Now().Add(offset).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) requests() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.seen)
}

// kiosk writes a configuration whose gateway is at host.
func kiosk(t *testing.T, host, extra string) Options {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"axs", "relay", "till"} {
		if _, err := secret.EnsureFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer("DIR", dir, "HOST", host).Replace(`
[terminal]
id = "D-1"
[axs]
payment_link = "https://HOST/hpp/checkout/link-1"
client_id = "client-1"
secret = "file:DIR/axs"
query_url = "https://HOST/api/hpp/v2/transaction"
[relay]
url = "wss://HOST"
token = "file:DIR/relay"
hook_url = "https://HOST/hook/AAAAAAAAAAAAAAAAAAAAAA"
[till.websocket]
tills = [{name = "till-1", token = "file:DIR/till"}]
[display]
token = "file:DIR/display"
[journal]
path = "DIR/journal.db"
[admin]
socket = "DIR/admin.sock"
`) + extra
	path := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Options{
		Config: path, Version: "test",
		Ask: func(context.Context, string, string, any) error {
			return errors.New("nobody is there")
		},
		Head: func(context.Context, *config.Config) error { return nil },
	}
}

func find(t *testing.T, r Report, check string, state State, text string) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Check == check && f.State == state && strings.Contains(f.Found+"\n"+f.Do, text) {
			return
		}
	}
	t.Errorf("%s: no %s finding with %q in %+v", check, state, text, r.Findings)
}

// TestGatewayIsAskedNothing: a handshake and HEAD /, never a path of the configuration.
func TestGatewayIsAskedNothing(t *testing.T) {
	g := newGateway(t, -45*time.Second)
	o := kiosk(t, g.Listener.Addr().String(), "")
	o.TLS = g.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	r := Run(t.Context(), o)
	find(t, r, "agent", Wrong, "systemctl start kiosk-agent")
	if r.Wrong() > 1 { // the agent does not run
		t.Errorf("something is wrong: %+v", r.Findings)
	}
	find(t, r, "gateway", OK, "TLS 1.3, certificate until")
	find(t, r, "clock", Note, "NTP")
	find(t, r, "secrets", OK, "it opens")
	find(t, r, "secrets", Note, "makes it when it starts")
	if _, err := os.Stat(filepath.Join(filepath.Dir(o.Config), "display")); err == nil {
		t.Error("the display's token was made")
	}
	requests := g.requests()
	if len(requests) == 0 || slices.ContainsFunc(requests,
		func(q string) bool { return q != "HEAD /" }) {
		t.Errorf("the gateway was asked %q", requests)
	}
}

func TestWhatIsWrongOutside(t *testing.T) {
	g := newGateway(t, time.Hour)
	o := kiosk(t, g.Listener.Addr().String(), "")
	find(t, Run(t.Context(), o), "gateway", Wrong, "not trusted")
	o.TLS = g.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	o.Head = func(context.Context, *config.Config) error {
		return errors.New("the relay answered 401")
	}
	r := Run(t.Context(), o)
	find(t, r, "clock", Wrong, "timedatectl")
	find(t, r, "relay", Wrong, "secret set relay")
	// nobody was asked
	o.Head = func(context.Context, *config.Config) error {
		return fmt.Errorf("relay.token: %w", fs.ErrPermission)
	}
	find(t, Run(t.Context(), o), "relay", Wrong, "run this as root")
	find(t, Run(t.Context(), kiosk(t, "no-such-host.invalid", "")), "gateway", Wrong,
		"cannot be looked up")
}

func TestLines(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	g := newGateway(t, 0)
	o := kiosk(t, g.Listener.Addr().String(), `
[[till.serial]]
name = "gone"
device = "/dev/no-such-till"
[[till.serial]]
name = "taken"
device = "tcp-listen:`+ln.Addr().String()+`"
[[till.serial]]
name = "file"
device = "/etc/passwd"
`)
	r := Run(t.Context(), o)
	find(t, r, "line gone", Wrong, "no such device")
	find(t, r, "line taken", Wrong, "in use")
	find(t, r, "line file", Wrong, "not a serial device")
}

// TestProbeIsBounded: what hangs in the kernel is left behind.
func TestProbeIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		began := time.Now()
		found := new(checker).run(t.Context(),
			probe{"disk", "wrote", func(context.Context) []Finding {
				<-release
				return nil
			}})
		if took := time.Since(began); took > 2*probeWithin || len(found) != 1 ||
			found[0].State != Wrong {
			t.Errorf("after %s: %+v", took, found)
		}
		close(release)
	})
}

// TestVersions: a program that was upgraded under a running agent says so; one that does not tell
// its version is older than this.
func TestVersions(t *testing.T) {
	g := newGateway(t, 0)
	for answer, want := range map[string]Finding{
		`{"version": "test", "ready": true, "active": {"id": "01M7"}}`: {State: OK,
			Found: "the agent runs the same"},
		`{"version": "0.8.9", "ready": true}`: {State: Note,
			Found: "the agent runs 0.8.9\nrestart it: systemctl restart kiosk-agent"},
		`{"ready": true}`: {State: Note,
			Found: "which does not say which\nrestart it"},
	} {
		o := kiosk(t, g.Listener.Addr().String(), "")
		o.Ask = func(_ context.Context, _, _ string, into any) error {
			return json.Unmarshal([]byte(answer), into)
		}
		find(t, Run(t.Context(), o), "version", want.State, want.Found)
	}
}

// TestConfigurationThatAnybodyChanges: whoever can name another gateway can have any sale approved.
func TestConfigurationThatAnybodyChanges(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the mode says nothing there")
	}
	o := kiosk(t, "127.0.0.1:1", "")
	for _, tc := range []struct {
		name string
		mode os.FileMode
		want State
	}{
		{o.Config, 0o640, OK}, {o.Config, 0o642, Wrong}, {o.Config, 0o640, OK},
		{filepath.Dir(o.Config), 0o757, Wrong}, {filepath.Dir(o.Config), 0o757 | os.ModeSticky, OK},
		{filepath.Dir(o.Config), 0o750, OK},
	} {
		if err := os.Chmod(tc.name, tc.mode); err != nil {
			t.Fatal(err)
		}
		c := &checker{Options: o}
		if f := c.readConfig(); f.State != tc.want ||
			(f.State == Wrong) != strings.HasSuffix(f.Do, "chmod o-w "+tc.name) {
			t.Errorf("%s with %v: %+v", tc.name, tc.mode, f)
		}
	}
}

// TestDoctorBuildsWhatRunBuilds: a token that is a secret and that no header can carry is found, as
// check-config finds it; what another line has said is not said again.
func TestDoctorBuildsWhatRunBuilds(t *testing.T) {
	o := kiosk(t, "127.0.0.1:1", "")
	dir := filepath.Dir(o.Config)
	for file, text := range map[string]string{"till": "0123456789,0123456789,0123456789\n",
		"relay": "a-relay-token\u00A0with-more\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := Run(t.Context(), o)
	find(t, r, "config", Wrong, "till.websocket.tills[0].token: the token is empty or has "+
		"characters that no header can carry")
	find(t, r, "secrets", Wrong, "relay:1 has a no-break space (U+00A0): write the secret anew, "+
		"alone in the file\nkiosk-agent secret set relay")
	said := 0
	for _, f := range r.Findings {
		if strings.Contains(f.Found, "no-break") {
			said++
		}
	}
	if said != 1 {
		t.Errorf("the no-break space is told %d times: %+v", said, r.Findings)
	}
}

// TestDoctorSaysWhatNoQueryCosts: also where the agent does not run.
func TestDoctorSaysWhatNoQueryCosts(t *testing.T) {
	o := kiosk(t, "127.0.0.1:1", "")
	text, err := os.ReadFile(o.Config)
	if err != nil {
		t.Fatal(err)
	}
	without := strings.Replace(string(text),
		`query_url = "https://127.0.0.1:1/api/hpp/v2/transaction"`, "", 1)
	if err := os.WriteFile(o.Config, []byte(without), 0o600); err != nil {
		t.Fatal(err)
	}
	find(t, Run(t.Context(), o), "questions", Note, "(axs.query_url): a sale that ends unpaid is")
}

// TestDoctorNamesTheHookURLsAnswer: a hook URL that is another's, or nobody's, is named with what
// it answered.
func TestDoctorNamesTheHookURLsAnswer(t *testing.T) {
	o := kiosk(t, "127.0.0.1:1", "")
	o.Ask = func(_ context.Context, _, _ string, into any) error {
		return json.Unmarshal([]byte(`{"ready": false, "relay": {"connected": true, "error": `+
			`"post to the hook URL: HTTP status 404"}}`), into)
	}
	find(t, Run(t.Context(), o), "relay", Wrong,
		"none has come back yet: post to the hook URL: HTTP status 404")
}
