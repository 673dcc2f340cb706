package relayconf

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/internal/conf"
	"kiosk-agent/test/conftest"
)

var update = flag.Bool("update", false, "write packaging/relay/config.toml anew")

func TestKeys(t *testing.T) {
	for _, fault := range keys.Faults(Default()) {
		t.Error(fault)
	}
}

// TestEveryNumber: each duration, size and count has bounds, 0 is refused, and what lies within is
// taken.
func TestEveryNumber(t *testing.T) {
	conftest.Bounds(t, keys, Default(), func(text []byte) error {
		_, err := Parse("f.toml", text)
		return err
	})
}

const head = `# kiosk-relay: every key, with its default unless the key has none.
# After a change: kiosk-relay check-config, then systemctl restart kiosk-relay.

`

// withoutEntries turns the entries of lists into comments: there is none by default.
func withoutEntries(text string) string {
	var out strings.Builder
	entry := false
	for line := range strings.Lines(text) {
		entry = (entry || strings.HasPrefix(line, "[[")) && line != "\n"
		if entry && !strings.HasPrefix(line, "#") {
			line = "# " + line
		}
		out.WriteString(line)
	}
	return out.String()
}

// TestFileOfThePackage: packaging/relay/config.toml names every key, explains it, and has its
// default; -update writes it.
func TestFileOfThePackage(t *testing.T) {
	const path = "../../../packaging/relay/config.toml"
	text, err := keys.Example(Default(), conf.OfKeys)
	if err != nil {
		t.Fatal(err)
	}
	want := head + withoutEntries(string(text))
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("packaging/relay/config.toml differs from the code (go test "+
			"./internal/app/relayconf -update writes it):\n%s", d)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Default(), c); d != "" {
		t.Errorf("the file has other values than the defaults (-default +file):\n%s", d)
	}
}

func TestProblems(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       string // part of the message; "" = fine
	}{
		{"empty: everything on loopback", "", ""},
		{"public", "public_url = \"https://r.example\"\n[public]\nlisten = \"0.0.0.0:443\"\n" +
			"tls_cert = \"c.pem\"\ntls_key = \"k.pem\"", ""},
		{"public in cleartext", "public_url = \"https://r.example\"\n[public]\nlisten = \":80\"",
			":3: public.listen: an address that is not loopback needs a certificate"},
		{"public in cleartext, asked for", "public_url = \"https://r.example\"\n[public]\n" +
			"listen = \"10.0.0.1:80\"\ncleartext = true", ""},
		{"admin in cleartext", "[admin]\nlisten = \"10.0.0.1:9091\"\nsocket = \"\"",
			":2: admin.listen: an address that is not loopback would carry the admin's token"},
		{"metrics in cleartext", "[admin]\nlisten = \"10.0.0.1:9091\"",
			":2: admin.listen: an address that is not loopback would show the metrics"},
		{"admin everywhere", "[admin]\nlisten = \":9091\"", ":2: admin.listen: an address that"},
		{"admin in cleartext, asked for", "[admin]\nlisten = \"10.0.0.1:9091\"\ncleartext = true",
			""},
		{"a store over a network", "[store]\nurl = \"nats://10.0.0.1:4222\"\n" +
			"credentials = \"c.creds\"",
			":2: store.url: nats:// would carry hooks and credentials"},
		{"a store over a network, asked for", "[store]\nurl = \"nats://10.0.0.1:4222\"\n" +
			"cleartext = true", ""},
		{"a store over TLS", "[store]\nurl = \"tls://10.0.0.1:4222\"", ""},
		{"a store on this machine", "[store]\nurl = \"nats://127.0.0.1:4222\"", ""},
		{"the placeholder", "public_url = \"https://relay.example.com\"",
			":1: public_url: is an example's"},
		{"a placeholder with a prefix", "public_url = \"https://EXAMPLE.com./pay\"",
			":1: public_url: is an example's"},
		{"unknown key", "public_url = \"https://r.example\"\n[store]\nmax_byte = \"1GiB\"",
			":3: store.max_byte: no such key (docs/CONFIGURATION.md lists them all)"},
		{"unknown section", "[tune]\nx = 1", ":1: tune: no such key"},
		{"wrong type", "[hook]\nburst = \"many\"",
			":2: hook.burst: is a string and must be a whole number"},
		{"not TOML", "public_url = ", ":1: "},
		{"no public url", "\n[public]\nlisten = \"0.0.0.0:443\"",
			": public_url: \"\" is not possible (write https://"},
		{"open public url", "public_url = \"http://r.example\"",
			":1: public_url: \"http://r.example\" is not possible (write https://"},
		{"days", "[store]\nretention = \"7d\"", ""},
		{"bad duration", "[store]\nretention = \"a week\"",
			":2: store.retention: \"a week\" is not a duration"},
		{"duration without a unit", "[store]\nretention = 7", ":2: store.retention: 7 has no unit"},
		{"retention too short", "[store]\nretention = \"1m\"",
			":2: store.retention: 60s is not between 1h and 366d"},
		{"bad size", "[store]\n\nmax_bytes = \"4 gigs\"", ":3: store.max_bytes: "},
		{"a number for a size", "[store]\nmax_bytes = \"2097152\"", ""},
		{"room between number and unit", "[store]\nmax_bytes = \"4 TiB\"", ""},
		{"token itself", "[admin]\ntoken = \"admin-canary\"",
			":2: admin.token: the value itself must not stand here"},
		{"password in the store's url", "[store]\nurl = \"nats://u:store-canary@h:4222\"",
			":2: store.url: is not nats://HOST:PORT"},
		{"half a certificate", "[public]\ntls_key = \"k.pem\"",
			":1: public.tls_cert: tls_cert and tls_key go together"},
		{"a shape that there is not", "[hook]\nshapes = [\"tokens\"]", ":2: hook.shapes: "},
		{"a proxy that is no address", "[public]\nproxies = [\"nginx\"]",
			":2: public.proxies: \"nginx\" is no address"},
		{"gateways", "[public]\nproxies = [\"127.0.0.1\", \"::1\"]\n[[hook.gateways]]\n" +
			"merchants = [\"M1\"]\nfrom = [\"203.0.113.0/24\"]", ""},
		{"a gateway from nowhere", "[public]\nproxies = [\"127.0.0.1\"]\n[[hook.gateways]]\n" +
			"terminals = [\"K1\"]", ":3: hook.gateways[0].from: no hook could come"},
		{"a gateway behind a proxy that nobody knows", "[[hook.gateways]]\nfrom = [\"::1\"]",
			": public.proxies: the proxy before a loopback listener must say"},
		{"ping too rare", "[stream]\nping = \"1m\"", ":2: stream.ping: 60s is not between"},
		{"replicas without a cluster", "[store]\nreplicas = 3",
			":2: store.replicas: must be 1 for the embedded store"},
		{"no rate", "[hook]\nrate = nan", ":2: hook.rate: NaN is not above 0"},
		{"an address without a port", "[public]\nlisten = \"127.0.0.1\"",
			":2: public.listen: \"127.0.0.1\" is not ADDRESS:PORT (such as 127.0.0.1:9090)"},
		{"a byte order mark", "\uFEFF[log]\nlevel = \"info\"", ":1: begins with a byte order mark"},
		{"Windows", "[log]\r\nlevel = \"info\"\r\n", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse("c.toml", []byte(tc.text))
			if tc.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if _, ok := errors.AsType[conf.Problems](err); !ok ||
				!strings.Contains(err.Error(), "c.toml"+tc.want) {
				t.Errorf("want %q in:\n%v", tc.want, err)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("a secret was printed: %s", err)
			}
		})
	}
}

// TestAllProblemsAtOnce: a file with a mistake of every kind is told all of them, in its order.
func TestAllProblemsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.toml")
	text := "public_url = \"http://r.example\"\n[store]\nretention = \"7days\"\nreplicas = 9\n" +
		"[hook]\nburst = \"many\"\nrate = 0\n[log]\nlvl = \"info\"\nformat = \"xml\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	ps, _ := errors.AsType[conf.Problems](err)
	var got []string
	for _, p := range ps {
		got = append(got, p.Key)
		if p.Path != path || p.Line == 0 || p.What == "" {
			t.Errorf("%+v", p)
		}
	}
	want := []string{"public_url", "store.retention", "store.replicas", "hook.burst", "hook.rate",
		"log.lvl", "log.format"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s\n%v", d, err)
	}
	if _, err := Load(path + ".none"); err == nil ||
		!strings.Contains(err.Error(),
			".none: no such file or directory (name the file with --config)") {
		t.Errorf("no file: %v", err)
	}
}

func TestRetentionInDays(t *testing.T) {
	c, err := Parse("c.toml", []byte("[store]\nretention = \"7d\"\n"))
	if err != nil || c.Store.Retention.Of() != 168*time.Hour {
		t.Errorf("%v, %v", c.Store.Retention, err)
	}
}
