package service

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"

	"pgregory.net/rapid"

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/payment"
)

// unseen are characters that people paste without knowing; a plain space in a path is another path.
var unseen = []string{"\uFEFF", "\u00A0", "\u200B", "\u2060", "\u00AD", "\u2028", "\u3000", "\x00",
	"\r", "\n", "\n\n", "\t", "\xff"}

// values are what a person may write where something else belongs. None of them names a place
// outside of the test's directory.
var values = []string{`""`, `" "`, `"x"`, `"é,"`, "0", "-1", "7", "9223372036854775807", "true",
	"1.5", `"0s"`, `"1s"`, `"400d"`, "[]", `["en", "en"]`, `["x"]`, `[{}]`, `"file:DIR/none"`,
	`"file:DIR/till.token"`, `"credential:x"`, `"DIR/logo"`, `"https://u:p@HOST/hook/R#f"`,
	`"wss://u@HOST/"`, `"ws://127.0.0.1:1"`, `"127.0.0.1:0"`, `"0.0.0.0:0"`,
	`"DIR/` + strings.Repeat("s", 110) + `"`, `"singapay"`, `"qr"`,
	`"jsonrpc"`, `"nets"`, `"DIR/dialect"`, `"tcp-listen:127.0.0.1:0"`,
	`"` + strings.Repeat("n", 90) + `"`, `"ＡＢ"`}

const whole = `[terminal]
id = "M-1"
max_amount = 100000
[payment]
settle = "2s"
answer_within = "20s"
require_canary = "30s"
[axs]
payment_link = "https://HOST/hpp/checkout/link-1"
client_id = "client-1"
secret = "file:DIR/axs.secret"
query_url = "https://HOST/api/hpp/v2/transaction"
[relay]
url = "ws://127.0.0.1:1"
token = "file:DIR/relay.token"
hook_url = "http://127.0.0.1:1/hook/AAAAAAAAAAAAAAAAAAAAAA"
[till.websocket]
listen = "127.0.0.1:0"
tills = [{name = "till-1", token = "file:DIR/till.token"}]
allowed_origins = ["https://till.example"]
[[till.serial]]
name = "till-2"
device = "tcp-listen:127.0.0.1:0"
protocol = "jsonrpc"
token = "file:DIR/line.token"
[[till.serial]]
name = "till-3"
device = "tcp-listen:127.0.0.1:0"
protocol = "ecr"
dialect = "DIR/dialect"
[display]
listen = "127.0.0.1:0"
token = "file:DIR/display.token"
merchant_name = "Kopi"
logo = "DIR/logo"
languages = ["en", "zh"]
[journal]
path = "DIR/journal.db"
min_free = "1MiB"
[metrics]
listen = "127.0.0.1:0"
[admin]
socket = "DIR/admin.sock"
`

// secrets and other files that the configuration names.
var beside = map[string]string{
	"axs.secret":    "the-secret-of-the-axs-application\n",
	"relay.token":   "a-relay-token-of-a-kiosk\n",
	"till.token":    "0123456789012345678901234567890\n",
	"line.token":    "line-0123456789012345678901\n",
	"display.token": "display-012345678901234567890\n", "dialect": "base = \"paycube\"\n",
	"logo": `<svg xmlns="http://www.w3.org/2000/svg"/>`,
}

// kiosk writes a whole kiosk into a new directory and returns the configuration's text.
func kiosk(t *testing.T, dir string) string {
	for name, text := range beside {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return strings.NewReplacer("DIR", dir, "HOST", "checkout.example").Replace(whole)
}

// insert puts something nobody sees somewhere into a text.
func insert(r *rapid.T, text string, unseen ...string) string {
	at := rapid.IntRange(0, len(text)).Draw(r, "at")
	if rapid.Bool().Draw(r, "at an end") {
		at = rapid.SampledFrom([]int{0, len(text), max(0, len(text)-1)}).Draw(r, "end")
	}
	return text[:at] + rapid.SampledFrom(unseen).Draw(r, "unseen") + text[at:]
}

// mutate changes the configuration in one way.
func mutate(r *rapid.T, text string) string {
	lines := strings.SplitAfter(text, "\n")
	n := rapid.IntRange(0, len(lines)-1).Draw(r, "line")
	switch rapid.IntRange(0, 6).Draw(r, "how") {
	case 0, 1:
		return insert(r, text, unseen...)
	case 2:
		if key, _, ok := strings.Cut(lines[n], " = "); ok {
			lines[n] = key + " = " + rapid.SampledFrom(values).Draw(r, "value") + "\n"
		}
	case 3:
		if key, value, ok := strings.Cut(lines[n], " = "); ok {
			lines[n] = key + " = " + insert(r, value, unseen...)
		}
	case 4:
		if key, value, _ := strings.Cut(lines[n], " = "); key != "path" && key != "socket" &&
			!strings.Contains(value, "display.token") { // whose defaults are this machine's own
			lines[n] = ""
		}
	case 5:
		lines = slices.Insert(lines, n, lines[rapid.IntRange(0, len(lines)-1).Draw(r, "again")])
	case 6:
		if rapid.IntRange(0, 3).Draw(r, "wide") == 0 {
			wide := []byte{0xFF, 0xFE}
			for _, u := range utf16.Encode([]rune(text)) {
				wide = append(wide, byte(u), byte(u>>8))
			}
			return string(wide)
		}
	}
	return strings.Join(lines, "")
}

// spoil changes one of the files beside the configuration.
func spoil(r *rapid.T, dir string) {
	var names []string
	for name := range beside {
		names = append(names, name)
	}
	slices.Sort(names)
	path := filepath.Join(dir, rapid.SampledFrom(names).Draw(r, "file"))
	text, err := os.ReadFile(path)
	mode := os.FileMode(0o600)
	switch rapid.IntRange(0, 6).Draw(r, "spoiled") {
	case 0:
		err = errors.Join(err, os.Remove(path))
		if err != nil {
			r.Fatal(err)
		}
		return
	case 1:
		text = nil
	case 2:
		text = []byte("short")
	case 3:
		text = []byte(beside["till.token"])
	case 4:
		mode = 0o644
	default:
		text = []byte(insert(r, string(text), append(unseen, " ")...))
	}
	if err := errors.Join(err, os.WriteFile(path, text, 0o600), os.Chmod(path, mode)); err != nil {
		r.Fatal(err)
	}
}

// states is a log that says whether the agent is open, closed, or closed for what no file says: the
// journal, the admin socket's place.
type states struct {
	told    chan string
	outside *atomic.Bool
}

func (s states) Write(p []byte) (int, error) {
	line := string(p)
	switch {
	case strings.Contains(line, "no sale is possible"):
		s.outside.Store(strings.Contains(line, "code="+string(payment.CodeJournalUnavailable)) ||
			strings.Contains(line, "admin.socket: "))
	case strings.Contains(line, "msg=ready "):
		s.told <- "ready"
	case strings.Contains(line, `msg="out of service"`) && s.outside.Load():
		s.told <- "outside"
	case strings.Contains(line, `msg="out of service"`):
		s.told <- "out of service"
	}
	return len(p), nil
}

// TestCheckAndRunAgree: whatever is written into the configuration and the files that it names, run
// does not end for it. It is open where check-config has said ok, or says what outside of the files
// is wrong; it is closed where check-config has not.
func TestCheckAndRunAgree(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	met := map[string]int{}
	good := t.TempDir()
	path := filepath.Join(good, "config.toml")
	if err := os.WriteFile(path, []byte(kiosk(t, good)), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := config.Load(path); err != nil {
		t.Fatal(err)
	} else if err := agent.Check(c, agent.Options{Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "kiosk")
		if err != nil {
			r.Fatal(err)
		}
		text := kiosk(t, dir)
		path := filepath.Join(dir, "config.toml")
		if rapid.Bool().Draw(r, "passed before") {
			if err := os.WriteFile(filepath.Join(dir, lastGood), []byte(text), 0o600); err != nil {
				r.Fatal(err)
			}
		}
		for range rapid.IntRange(0, 2).Draw(r, "mutations") {
			text = strings.ReplaceAll(mutate(r, text), "DIR", dir)
		}
		text = strings.ReplaceAll(text, "HOST", "checkout.example")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			r.Fatal(err)
		}
		for range rapid.IntRange(0, 1).Draw(r, "spoils") {
			spoil(r, dir)
		}
		met[agrees(r, dir, path)]++
	})
	if met["ready"] == 0 || met["out of service"] == 0 {
		t.Errorf("the mutations do not reach both: %v", met)
	}
}

// agrees compares what check-config says with what run does, and says which it was.
func agrees(r *rapid.T, dir, path string) string {
	before := names(r, dir)
	c, checked := config.Load(path)
	if checked == nil {
		checked = agent.Check(c, agent.Options{Log: slog.New(slog.DiscardHandler)})
	}
	if after := names(r, dir); !slices.Equal(before, after) {
		r.Fatalf("check-config made a file: %v, then %v", before, after)
	}
	told := states{make(chan string, 16), new(atomic.Bool)}
	log := slog.New(slog.NewTextHandler(told, nil))
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- New(Config{Path: path, State: dir, Display: "127.0.0.1:0", Metrics: "127.0.0.1:0",
			Options: agent.Options{Log: log}, Manager: Manager{tell: func(string) {}}}).Run(ctx)
	}()
	var state string
	select {
	case state = <-told.told:
	case err := <-ended:
		r.Fatalf("run ended with %v; check-config: %v", err, checked)
	case <-time.After(time.Minute):
		r.Fatal("run neither works nor ends")
	}
	if checked == nil && state == "out of service" || checked != nil && state == "ready" {
		r.Fatalf("run is %q; check-config: %v", state, checked)
	}
	stop()
	if err := <-ended; err != nil {
		r.Fatal(err)
	}
	return state
}

func names(r *rapid.T, dir string) (all []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		r.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
