package setup

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/secret"
	"kiosk-agent/packaging"
)

const (
	goodCode  = "0123-4567-89AB-cdef-0123-4567-89ab-cdef"
	goodToken = "a-token-of-the-relay-with-43-characters-123"
)

// fakeRelay answers as told and counts what it was asked.
func fakeRelay(t *testing.T, status int, body string) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var req map[string]string
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil ||
			r.Method+r.URL.Path != "POST/v1/enrol" || req["code"] != goodCode ||
			len(req) > 2 || len(req) == 2 && req["id"] == "" {
			t.Errorf("asked %s %s %v: %v", r.Method, r.URL.Path, req, err)
		}
		if status == 0 {
			panic(http.ErrAbortHandler) // the answer is lost
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http"), asked
}

const enrolled = `{"id": "K001", "token": "` + goodToken +
	`", "hook_url": "https://relay.example/hook/ROUTE", "merchant": "kopi"}`

func kioskAt(t *testing.T, relay string) Kiosk {
	t.Helper()
	dir := t.TempDir()
	k := Kiosk{Dir: filepath.Join(dir, "etc"), State: filepath.Join(dir, "var"), Code: goodCode,
		Values: Values{}}
	k.Values.Set("terminal.id", "K001")
	k.Values.Set("relay.url", relay)
	k.Values.Set("axs.payment_link", "https://checkout.example/hpp/checkout/link-1")
	k.Values.Set("axs.client_id", "client-1")
	k.Values.Set("display.merchant_name", `Kopi "& Co" \ 咖啡`)
	return k
}

// files are all files below the kiosk's directories, with their modes.
func files(t *testing.T, k Kiosk) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	root := filepath.Dir(k.Dir)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if rel, _ := filepath.Rel(root, path); err == nil && !d.IsDir() {
			found[rel] = info.Mode().Perm()
		} else if err == nil {
			found[rel+"/"] = info.Mode().Perm()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func slurp(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNewKiosk(t *testing.T) {
	url, asked := fakeRelay(t, http.StatusOK, enrolled)
	k := kioskAt(t, url)
	made, err := Run(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{
		"etc/": 0o750, "var/": 0o700, "etc/config.toml": 0o640, "etc/relay.token": 0o600,
		"etc/till.token": 0o600, "var/display.token": 0o600,
	}
	got := files(t, k)
	for name, mode := range want {
		if got[name] != mode {
			t.Errorf("%s: mode %v, want %v", name, got[name], mode)
		}
	}
	if len(got) != len(want) || asked.Load() != 1 {
		t.Errorf("files %v; the relay was asked %d times", got, asked.Load())
	}
	if slurp(t, filepath.Join(k.Dir, "relay.token")) != goodToken+"\n" {
		t.Error("not the relay's token")
	}
	if len(made.Missing) != 1 || made.Missing[0].Name != "axs" || made.Merchant != "kopi" {
		t.Errorf("made %+v", made)
	}
	text := slurp(t, k.Path())
	for _, section := range []string{"[terminal]", "[axs]", "[relay]", "[[till.websocket.tills]]",
		"[display]", "[journal]"} {
		before, _, found := strings.Cut(text, section)
		lines := strings.Split(strings.TrimSpace(before), "\n")
		if !found || !strings.HasPrefix(lines[len(lines)-1], "# ") &&
			!strings.HasPrefix(lines[len(lines)-1], "[till.") {
			t.Errorf("%s has no comment in\n%s", section, text)
		}
	}

	// With the one secret that is left to do, check-config has nothing to say.
	if err := os.WriteFile(filepath.Join(k.Dir, "axs.secret"),
		[]byte("the-secret-of-the-axs-application\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(k.Path())
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Check(c, agent.Options{Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Error(err)
	}
	if c.Relay.HookURL != "https://relay.example/hook/ROUTE" ||
		c.Display.MerchantName != `Kopi "& Co" \ 咖啡` ||
		c.Journal.Path != filepath.Join(k.State, "journal.db") {
		t.Errorf("the configuration is %+v", c)
	}

	// Once more: refused before the relay is asked; with --force the old configuration is kept, and
	// so are the kiosk's own tokens.
	till := slurp(t, filepath.Join(k.Dir, "till.token"))
	if _, err := Run(context.Background(), k); err == nil ||
		!strings.Contains(err.Error(), "--force replaces it") || asked.Load() != 1 {
		t.Errorf("a second time: %v", err)
	}
	k.Replace = true
	for _, name := range []string{".bak", ".bak.2"} {
		before := slurp(t, k.Path())
		k.Values.Set("display.merchant_name", name)
		made, err := Run(context.Background(), k)
		if err != nil || made.Backup != k.Path()+name || slurp(t, made.Backup) != before {
			t.Fatalf("the configuration before is not kept as %s: %+v, %v", name, made, err)
		}
	}
	if slurp(t, k.Path()+".bak") != text || slurp(t, filepath.Join(k.Dir, "till.token")) != till {
		t.Error("the first configuration or the till's token is lost")
	}
}

// TestNothingHalfWritten: whatever goes wrong, no file is left, and the error says what has become
// of the code.
func TestNothingHalfWritten(t *testing.T) {
	unverified := httptest.NewTLSServer(http.NotFoundHandler())
	defer unverified.Close()
	for _, tc := range []struct {
		name   string
		status int
		body   string
		change func(*Kiosk)
		asked  int32
		want   []string
	}{
		{"bad code", 404, "unknown or used", nil, 1,
			[]string{"does not take the code", "kiosk-relay terminal code ID"}},
		{"lost answer", 0, "", nil, 1, []string{"answer was lost", "Run this again with it"}},
		{"no store", 503, "the store does not answer", nil, 1,
			[]string{"may be used up", "in a minute"}},
		{"too many", 429, "too many requests", nil, 1, []string{"was not used"}},
		{"another server", 301, "", nil, 1, []string{"is relay.url right?"}},
		{"another server's page", 200, "<html>", nil, 1, []string{"is relay.url right?"}},
		{"another terminal's code", 200, strings.Replace(enrolled, "K001", "K002", 1), nil, 1,
			[]string{`terminal "K002"`, "used up"}},
		{"open hook", 200, strings.Replace(enrolled, "https:", "http:", 1), nil, 1,
			[]string{"relay.hook_url", "used up", "--force"}},
		{"no relay", 200, enrolled, func(k *Kiosk) {
			k.Values.Set("relay.url", "ws://127.0.0.1:1")
		}, 0, []string{"cannot be reached", "was not used"}},
		{"wrong certificate", 200, enrolled,
			func(k *Kiosk) { k.Values.Set("relay.url", unverified.URL) }, 0,
			[]string{"certificate", "was not used"}},
		{"no code", 200, enrolled, func(k *Kiosk) { k.Code = "1234" }, 0,
			[]string{"is not one", "was not used"}},
		{"plain relay", 200, enrolled,
			func(k *Kiosk) { k.Values.Set("relay.url", "http://relay.example") }, 0,
			[]string{"relay.url: must start with wss://"}},
		{"bad link", 200, enrolled, func(k *Kiosk) {
			k.Values.Set("axs.payment_link", "https://checkout.example/")
		}, 0, []string{"axs.payment_link"}},
		{"unknown key", 200, enrolled, func(k *Kiosk) { k.Values.Set("terminal.curency", "SGD") },
			0, []string{"terminal.curency: no such key"}},
		{"wrong type", 200, enrolled, func(k *Kiosk) { k.Values.Set("terminal", "K001") }, 0,
			[]string{"terminal must be a table"}},
		{"no gateway", 200, enrolled, func(k *Kiosk) { k.Values.Set("payment.provider", "cash") },
			0, []string{"payment.provider"}},
		{"a secret's value", 200, enrolled,
			func(k *Kiosk) { k.Values.Set("axs.secret", "hunter2-hunter2-hunter2") }, 0,
			[]string{"must not stand here"}},
		{"outside", 200, enrolled, func(k *Kiosk) {
			k.Values.Set("relay.token", "file:/elsewhere/relay.token")
		}, 0, []string{"lies neither below"}},
		{"a secret to be sealed", 200, enrolled, func(k *Kiosk) {
			k.Secret = secret.New([]byte(goodToken))
			k.Values.Set("axs.secret", "credential:axs")
		}, 0, []string{"belongs into a file", "was not used"}},
		{"short secret", 200, enrolled, func(k *Kiosk) { k.Secret = secret.New([]byte("hunter2")) },
			0, []string{"axs.secret", "was not used"}},
		{"sealed", 200, enrolled, func(k *Kiosk) {
			k.Values.Set("relay.token", "credential:relay")
		}, 0, []string{"must be file:PATH at first"}},
		{"no directory", 200, enrolled, func(k *Kiosk) { k.State = "/dev/null/var" }, 0,
			[]string{"/dev/null"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url, asked := fakeRelay(t, tc.status, tc.body)
			k := kioskAt(t, url)
			if tc.change != nil {
				tc.change(&k)
			}
			_, err := Run(context.Background(), k)
			for _, text := range tc.want {
				if err == nil || !strings.Contains(err.Error(), text) {
					t.Errorf("error %v, want %q", err, text)
				}
			}
			if err != nil && (strings.Contains(err.Error(), goodCode) ||
				strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("the error tells a secret: %v", err)
			}
			if got := files(t, k); len(got) > 0 || asked.Load() != tc.asked {
				t.Errorf("left behind %v; asked %d times", got, asked.Load())
			}
		})
	}
}

const fleetText = `
[payment]
timeout = "120s"

[relay]
url = "https://relay.example"

[axs]
payment_link = "https://checkout.example/hpp/checkout/link-1"
client_id = "client-1"
schemes = ["paynow", "alipay"]

[[till.websocket.tills]]
name = "counter"

[[till.serial]]
name = "cable"
device = "/dev/kiosk-till"
baud = 19200

[kiosks.K001]
code = "` + goodCode + `"

[kiosks.K002.display]
merchant_name = "Second"
`

func TestFleet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(fleetText)
	fleet, err := ReadFleet(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, code, err := fleet.Kiosk("K001"); err != nil || code != goodCode {
		t.Errorf("K001: %q, %v", code, err)
	}
	if _, _, err := fleet.Kiosk("K003"); err == nil ||
		!strings.Contains(err.Error(), "no [kiosks.K003]; it has: K001, K002") {
		t.Errorf("K003: %v", err)
	}
	values, code, err := fleet.Kiosk("K002")
	if err != nil || code != "" {
		t.Fatalf("K002: %q, %v", code, err)
	}
	url, _ := fakeRelay(t, http.StatusOK, strings.Replace(enrolled, "K001", "K002", 1))
	k := kioskAt(t, url)
	values.Set("terminal.id", "K002")
	values.Set("relay.url", url)
	k.Values = values
	made, err := Run(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	c := made.Config
	if c.Payment.Timeout.String() != "120s" || c.Display.MerchantName != "Second" ||
		len(c.Section("axs").(*gateways.AXS).Schemes) != 2 || c.Till.Serial[0].Baud != 19200 ||
		c.Till.WebSocket.Tills[0] != (config.NamedTill{Name: "counter",
			Token: "file:" + filepath.Join(k.Dir, "counter.token")}) {
		t.Errorf("the configuration is %+v", c)
	}
	slurp(t, filepath.Join(k.Dir, "counter.token"))

	for text, want := range map[string]string{
		"[terminal]\nid = \"K\"\n": "terminal.id is each kiosk's own",
		"kiosks = 1\n":             "kiosks must be tables",
		"secret_file = 1\n":        "must be the path", "a\n": "fleet.toml:1: ",
	} {
		write(text)
		if _, err := ReadFleet(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestSingaPay: the merchant's hook URL comes from the fleet's file and stays.
func TestSingaPay(t *testing.T) {
	url, _ := fakeRelay(t, http.StatusOK, enrolled)
	k := kioskAt(t, url)
	delete(k.Values, "axs")
	for key, value := range map[string]any{
		"payment.provider": "singapay", "terminal.currency": "IDR",
		"singapay.base_url":  "https://sandbox-payment-b2b.singapay.id",
		"singapay.client_id": "client-1", "singapay.api_key": "key-1",
		"singapay.account_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
		"relay.hook_url":      "https://relay.example/hook/MERCHANT",
	} {
		k.Values.Set(key, value)
	}
	made, err := Run(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	if made.Config.Relay.HookURL != "https://relay.example/hook/MERCHANT" ||
		len(made.Missing) != 1 || made.Missing[0].Name != "singapay" ||
		strings.Contains(slurp(t, k.Path()), "[axs]") {
		t.Errorf("made %+v", made)
	}
}

// TestPackagedKiosk: where the package is installed, one command makes a kiosk that passes
// check-config: the delivered configuration gives way, the relay says who this is, and the agent's
// user can read what it needs.
func TestPackagedKiosk(t *testing.T) {
	const user, group = 4711, 4712
	for name, delivered := range map[string]string{"this version's": packaging.AgentConfig,
		"another version's": "# older\n" + packaging.AgentConfig} {
		t.Run(name, func(t *testing.T) {
			url, _ := fakeRelay(t, http.StatusOK, enrolled)
			k := kioskAt(t, url)
			delete(k.Values, "terminal")
			k.Secret = secret.New([]byte("the-secret-of-the-axs-application"))
			if err := errors.Join(os.MkdirAll(k.Dir, 0o750), os.MkdirAll(k.State, 0o700),
				os.WriteFile(k.Path(), []byte(delivered), 0o640)); err != nil {
				t.Fatal(err)
			}
			if os.Geteuid() == 0 { // the agent's user must be able to get to what is his
				if err := errors.Join(os.Chown(k.State, user, group), os.Chown(k.Dir, 0, group),
					os.Chmod(filepath.Dir(k.Dir), 0o755),
					os.Chmod(filepath.Dir(filepath.Dir(k.Dir)), 0o755)); err != nil {
					t.Fatal(err)
				}
			}
			made, err := Run(context.Background(), k)
			if err != nil {
				t.Fatal(err)
			}
			if made.Config.Terminal.ID != "K001" || len(made.Missing) > 0 ||
				(made.Backup == "") != (delivered == packaging.AgentConfig) {
				t.Errorf("made %+v", made)
			}
			c, err := config.Load(k.Path())
			if err != nil {
				t.Fatal(err)
			}
			quiet := agent.Options{Log: slog.New(slog.DiscardHandler)}
			if err := agent.Check(c, quiet); err != nil {
				t.Error(err)
			}
			for path, want := range map[string]string{
				k.Path(): "0:4712 0640", k.Dir + "/axs.secret": "4711:4712 0600",
				k.Dir + "/relay.token":     "4711:4712 0600",
				k.Dir + "/till.token":      "4711:4712 0600",
				k.State + "/display.token": "4711:4712 0600",
			} {
				if got := owned(t, path); os.Geteuid() == 0 && got != want {
					t.Errorf("%s: %s, want %s", path, got, want)
				}
			}
		})
	}
}

// TestEditedStays: one key that somebody has written is reason enough to ask for --force; so is
// another secret.
func TestEditedStays(t *testing.T) {
	url, asked := fakeRelay(t, http.StatusOK, enrolled)
	k := kioskAt(t, url)
	write := func(name, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(k.Dir, 0o750),
			os.WriteFile(filepath.Join(k.Dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{
		strings.Replace(packaging.AgentConfig, `merchant_name = ""`, `merchant_name = "Kopi"`, 1),
		packaging.AgentConfig + "\n[journal]\nretention = \"30d\"\n", "not = TOML = at all",
	} {
		write("config.toml", text)
		if _, err := Run(context.Background(), k); err == nil ||
			!strings.Contains(err.Error(), "not as the package has brought it; --force") ||
			slurp(t, k.Path()) != text {
			t.Errorf("%v for\n%s", err, text)
		}
	}
	write("config.toml", packaging.AgentConfig)
	write("axs.secret", "the-secret-of-another-application\n")
	k.Secret = secret.New([]byte(goodToken))
	if _, err := Run(context.Background(), k); err == nil ||
		!strings.Contains(err.Error(), "holds another secret") || asked.Load() != 0 {
		t.Errorf("another secret: %v, asked %d times", err, asked.Load())
	}
	k.Replace = true
	if _, err := Run(context.Background(), k); err != nil ||
		slurp(t, filepath.Join(k.Dir, "axs.secret")) != goodToken+"\n" {
		t.Errorf("--force: %v", err)
	}
}

// TestFleetUnseen: what nobody sees in a fleet's file is named with its line before any code is
// spent; what customers read may have it.
func TestFleetUnseen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fleet.toml")
	const mark, noBreak = "\uFEFF", "\u00A0"
	for text, want := range map[string]string{
		mark + "[relay]\nurl = \"x\"\n":              ":1: begins with a byte order mark",
		"[relay]\nurl = \"wss://r" + noBreak + "\"":  ":2: relay.url: has a no-break space",
		"[kiosks.K001]\ncode = \"05b9\u200B\"\n":     ":2: kiosks.K001.code: has a zero-width",
		"[kiosks.\"K\u00A01\"]\ncode = \"05b9\"":     `:1: "kiosks.K\u00a01": the key has a no-b`,
		"secret_file = \"axs.secret \"\n":            ":1: secret_file: begins or ends with a",
		"\xff\xfe[\x00r\x00]\x00":                    ": is in UTF-16 (save it as UTF-8: iconv",
		"[display]\nmerchant_name = \"K\u00A0C\"":    "",
		"[kiosks.K1.display]\nmerchant_name = \" \"": "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadFleet(path)
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", text, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), "fleet.toml"+want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestCodeUnseen: a code that was pasted with more than its digits is named, and not spent.
func TestCodeUnseen(t *testing.T) {
	for _, unseen := range []string{"\uFEFF", "\u00A0", "\u200B", "\n", "\t"} {
		url, asked := fakeRelay(t, http.StatusOK, enrolled)
		k := kioskAt(t, url)
		k.Code = goodCode + unseen
		if _, err := Run(t.Context(), k); err == nil ||
			!strings.Contains(err.Error(), "the enrolment code has ") ||
			!strings.Contains(err.Error(), "the code was not used") || asked.Load() != 0 {
			t.Errorf("%q: %v, asked %d times", unseen, err, asked.Load())
		}
	}
}

// TestIDIsComparedFirst: the relay is told whose the code must be; one that does not compare yet is
// asked without.
func TestIDIsComparedFirst(t *testing.T) {
	var told []string
	old := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req map[string]string
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			t.Error(err)
		}
		told = append(told, req["id"])
		switch {
		case old && req["id"] != "":
			http.Error(w, "not that JSON", http.StatusBadRequest)
		case !old && req["id"] != "K001":
			http.Error(w, "another terminal's", http.StatusConflict)
		default:
			_, _ = w.Write([]byte(enrolled))
		}
	}))
	defer srv.Close()
	url := "ws" + strings.TrimPrefix(srv.URL, "http")
	k := kioskAt(t, url)
	k.Values.Set("terminal.id", "K009")
	if _, err := Run(t.Context(), k); err == nil ||
		!strings.Contains(err.Error(), "The code was not used.") ||
		strings.Contains(err.Error(), "used up") {
		t.Errorf("another terminal's code: %v", err)
	}
	k = kioskAt(t, url)
	k.Values.Set("terminal.id", "K001")
	if _, err := Run(t.Context(), k); err != nil {
		t.Error(err)
	}
	old, k = true, kioskAt(t, url)
	k.Values.Set("terminal.id", "K001")
	if _, err := Run(t.Context(), k); err != nil {
		t.Errorf("a relay that does not compare: %v", err)
	}
	if want := []string{"K009", "K001", "K001", ""}; !slices.Equal(told, want) {
		t.Errorf("the relay was told %q, want %q", told, want)
	}
}
