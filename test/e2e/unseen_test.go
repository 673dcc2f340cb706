package e2e_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kiosk-agent/test/programs"
)

// unseen is a text that was typed or pasted with more than what one sees.
type unseen struct {
	name string
	of   func(text string) string
	// what is said of a secret or token, and of another text; "" = it is taken
	word, text string
}

func put(before, within, after string) func(string) string {
	return func(text string) string {
		return before + text[:len(text)/2] + within + text[len(text)/2:] + after
	}
}

func wide(text string) string {
	out := []byte{0xFF, 0xFE}
	for _, r := range []byte(text) {
		out = append(out, r, 0)
	}
	return string(out)
}

func unseenTexts() []unseen {
	both := func(name string, of func(string) string, what string) unseen {
		return unseen{name, of, what, what}
	}
	return []unseen{
		{"as it is", put("", "", ""), "", ""},
		both("a byte order mark", put("\uFEFF", "", ""), "a byte order mark (U+FEFF)"),
		both("a no-break space", put("", "\u00A0", ""), "has a no-break space (U+00A0)"),
		both("a no-break space behind", put("", "", "\u00A0"), "has a no-break space (U+00A0)"),
		both("a zero-width space", put("", "\u200B", ""), "has a zero-width space (U+200B)"),
		both("a zero-width joiner", put("", "\u200D", ""), "has a zero-width joiner (U+200D)"),
		both("a word joiner", put("\u2060", "", ""), "has a word joiner (U+2060)"),
		both("a soft hyphen", put("", "\u00AD", ""), "has a soft hyphen (U+00AD)"),
		both("a wide space", put("", "\u3000", ""), "has an invisible character (U+3000)"),
		both("a mark of direction", put("", "\u202E", ""), "has an invisible character (U+202E)"),
		both("a space before", put(" ", "", ""), "begins or ends with a space"),
		both("a space behind", put("", "", " "), "begins or ends with a space"),
		both("UTF-16", wide, "is in UTF-16"),
		{"a space within", put("", " ", ""), "has a space in it", ""},
	}
}

// lines are those that only a file, or a pipe, can have. An editor's line end is no fault.
func unseenLines() []unseen {
	return []unseen{
		{"a line end", put("", "", "\n"), "", ""},
		{"a line end of Windows", put("", "", "\r\n"), "", ""},
		{"a blank line behind", put("", "", "\n\n"), "has several lines", ""},
		{"a blank line before", put("\n", "", ""), "has several lines", ""},
		{"a second line", put("", "", "\nx\n"), "has several lines", ""},
		{"a tab", put("", "\t", ""), "has a tab (U+0009)", ""},
		{"a zero byte", put("", "\x00", ""), "has a zero byte (U+0000)", ""},
		{"no UTF-8", put("", "\xff", ""), "has a byte that is no UTF-8", ""},
	}
}

// place is where a person's text is read.
type place struct {
	name string
	// writes the text there and says which command reads it; the input is what it gets
	put func(d desk, text string) (args []string, input string)
	// the text that belongs there
	right string
	// whether it is a secret, which is one word in a file
	secret bool
	// what else is said of a fault: where it stands, and what mends it
	where, mend string
	blanks      bool   // a blank around it is none
	program     string // "" = kiosk-agent
}

// desk is one kiosk's files.
type desk struct {
	t   *testing.T
	dir string
}

func (d desk) path(name string) string { return filepath.Join(d.dir, name) }

func (d desk) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

const unseenSecret = "0123456789abcdefghij0123456789"

// files are a kiosk that check-config is content with.
func (d desk) files() {
	for _, name := range []string{"axs.secret", "relay.token", "till.token", "line.token",
		"display.token", "admin.token"} {
		d.write(name, name+unseenSecret)
	}
	d.write("dialect.toml", "base = \"paycube\"\nname = \"mine\"\n")
	d.write("config.toml", d.config("U-1", "https://till.example"))
	d.write("relay.toml", d.relay("https://relay.example"))
}

func (d desk) fill(text string) string { return strings.ReplaceAll(text, "DIR", d.dir) }

func (d desk) config(id, origin string) string {
	return d.fill(`[terminal]
id = "` + id + `"
[axs]
payment_link = "https://checkout.example/hpp/checkout/link-1"
client_id = "client-1"
secret = "file:DIR/axs.secret"
[relay]
url = "ws://127.0.0.1:1"
token = "file:DIR/relay.token"
hook_url = "http://127.0.0.1:1/hook/AAAAAAAAAAAAAAAAAAAAAA"
[till.websocket]
tills = [{name = "till-1", token = "file:DIR/till.token"}]
allowed_origins = ["` + origin + `"]
listen = "127.0.0.1:0"
[[till.serial]]
name = "till-2"
device = "tcp-listen:127.0.0.1:0"
protocol = "jsonrpc"
token = "file:DIR/line.token"
[[till.serial]]
name = "till-3"
device = "tcp-listen:127.0.0.1:0"
dialect = "DIR/dialect.toml"
[display]
token = "file:DIR/display.token"
listen = "127.0.0.1:0"
[metrics]
listen = "127.0.0.1:0"
[journal]
path = "DIR/journal.db"
[admin]
socket = "DIR/admin.sock"
`)
}

func (d desk) relay(url string) string {
	return d.fill("public_url = \"" + url + "\"\n[admin]\ntoken = \"file:DIR/admin.token\"\n" +
		"[store]\ndir = \"DIR/store\"\n")
}

func (d desk) fleet(url, code string) string {
	return d.fill("[relay]\nurl = \"" + url + "\"\n[axs]\n" +
		"payment_link = \"https://checkout.example/hpp/checkout/link-1\"\n" +
		"client_id = \"client-1\"\nsecret = \"file:DIR/axs.secret\"\n" +
		"[kiosks.U-1]\ncode = \"" + code + "\"\n")
}

const unseenCode = "05b9c1d2-e3f40516-2738495a-6b7c8d9e"

func places() []place {
	check := func(d desk) []string {
		return []string{"check-config", "--config", d.path("config.toml")}
	}
	file := func(name, key, set string) place {
		return place{name: key, right: name + unseenSecret, secret: true,
			put: func(d desk, text string) ([]string, string) {
				d.write(name, text)
				return check(d), ""
			},
			where: name + ":", mend: "kiosk-agent secret set " + set}
	}
	initArgs := func(d desk, more ...string) []string {
		return append([]string{"init", "--dir", d.path("new"), "--state", d.path("new"), "--fleet",
			d.path("fleet.toml"), "--id", "U-1"}, more...)
	}
	return []place{
		file("axs.secret", "axs.secret", "axs"), file("relay.token", "relay.token", "relay"),
		file("till.token", "till.websocket.tills[0].token", "till:till-1"),
		file("line.token", "till.serial[0].token", "till:till-2"),
		file("display.token", "display.token", "display"),
		{name: "secret set", right: unseenSecret, secret: true, mend: "give the secret alone",
			put: func(d desk, text string) ([]string, string) {
				return []string{"secret", "set", "axs", "--config", d.path("config.toml")}, text
			}, where: "in line "},
		{name: "init --secret-file", right: unseenSecret, secret: true,
			put: func(d desk, text string) ([]string, string) {
				d.write("fleet.toml", d.fleet("wss://relay.invalid", unseenCode))
				d.write("given", text)
				if err := os.Remove(d.path("axs.secret")); err != nil {
					d.t.Fatal(err)
				}
				return initArgs(d, "--secret-file", d.path("given")), ""
			}, where: "in line ", mend: "give the secret alone"},
		{name: "the configuration's id", right: "Kiosk-1",
			put: func(d desk, text string) ([]string, string) {
				d.write("config.toml", d.config(text, "https://till.example"))
				return check(d), ""
			}, where: "config.toml:2: terminal.id: ",
			mend: "type it anew, or: LC_ALL=C sed -i '2{"},
		{name: "an origin", right: "https://till.example",
			put: func(d desk, text string) ([]string, string) {
				d.write("config.toml", d.config("K-1", text))
				return check(d), ""
			}, where: "config.toml:13: till.websocket.allowed_origins: ", mend: "sed -i '13{"},
		{name: "a dialect's name", right: "mine",
			put: func(d desk, text string) ([]string, string) {
				d.write("dialect.toml", "base = \"paycube\"\nname = \""+text+"\"\n")
				return check(d), ""
			}, where: "dialect.toml:2: name", mend: "type it anew, or: LC_ALL=C sed -i '2{",
			blanks: true},
		{name: "a fleet's address", right: "wss://relay.invalid",
			put: func(d desk, text string) ([]string, string) {
				d.write("fleet.toml", d.fleet(text, unseenCode))
				return initArgs(d), ""
			}, where: "fleet.toml:2: relay.url: ", mend: "type it anew"},
		{name: "a fleet's code", right: unseenCode,
			put: func(d desk, text string) ([]string, string) {
				d.write("fleet.toml", d.fleet("wss://relay.invalid", text))
				return initArgs(d), ""
			}, where: "fleet.toml:8: kiosks.U-1.code: ", mend: "type it anew"},
		{name: "the relay's address", right: "https://relay.example", program: "kiosk-relay",
			put: func(d desk, text string) ([]string, string) {
				d.write("relay.toml", d.relay(text))
				return []string{"check-config", "--config", d.path("relay.toml")}, ""
			}, where: "relay.toml:1: public_url: ", mend: "type it anew, or: LC_ALL=C sed -i '1{"},
		{name: "the relay's admin token", right: unseenSecret, secret: true,
			program: "kiosk-relay",
			put: func(d desk, text string) ([]string, string) {
				d.write("admin.token", text)
				return []string{"check-config", "--config", d.path("relay.toml")}, ""
			}, where: "admin.token:", mend: "the relay makes another"},
	}
}

// TestWhatNobodySees: every place that reads a person's text × everything that nobody sees in it:
// taken, or refused with its name, where it stands and what mends it. Nothing of a secret is said.
func TestWhatNobodySees(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			texts := unseenTexts()
			if p.secret {
				texts = append(texts, unseenLines()...)
			}
			for _, u := range texts {
				what := u.text
				if p.secret {
					what = u.word
				}
				if u.name == "a space within" && !p.secret ||
					p.blanks && strings.Contains(u.name, "a space") {
					continue // a path, an address and a name have their own rules for one
				}
				if !p.secret && u.name == "UTF-16" {
					what = "has a byte that is no UTF-8" // in a file that is UTF-8
				}
				p.try(t, u, what)
			}
		})
	}
}

// TestUnseenEndsNothing: run does not end for it either, though nothing was right before: it is out
// of service, and says why.
func TestUnseenEndsNothing(t *testing.T) {
	t.Parallel()
	for _, p := range places() {
		for _, u := range append(unseenTexts(), unseenLines()...) {
			if !p.secret && u.text == "" || p.secret && u.word == "" || u.name != "UTF-16" &&
				u.name != "a second line" && u.name != "a no-break space" {
				continue
			}
			d := desk{t, programs.Dir(t)}
			d.files()
			if args, _ := p.put(d, u.of(p.right)); args[0] != "check-config" || p.program != "" {
				continue
			}
			t.Run(p.name+" has "+u.name, func(t *testing.T) {
				t.Parallel()
				d.runs(t)
			})
		}
	}
}

// runs starts the agent, waits until it says what it is, and stops it.
func (d desk) runs(t *testing.T) {
	t.Helper()
	cmd := exec.Command(programs.Path(t, "kiosk-agent"), "run", "--config", d.path("config.toml"),
		"--state", d.dir, "--spare-display", "127.0.0.1:0", "--spare-metrics", "127.0.0.1:0")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	lines := bufio.NewScanner(log)
	said, closed := "", false
	for !closed && lines.Scan() {
		said += lines.Text() + "\n"
		closed = strings.Contains(lines.Text(), `msg="out of service"`)
	}
	if !closed || !strings.Contains(said, "no sale is possible") {
		t.Errorf("it is not out of service with a reason:\n%s", said)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Errorf("it has ended: %v", err)
	}
	_, _ = io.Copy(io.Discard, log)
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ends with %v:\n%s", err, said)
	}
}

func (p place) try(t *testing.T, u unseen, what string) {
	t.Helper()
	d := desk{t, programs.Dir(t)}
	d.files()
	args, input := p.put(d, u.of(p.right))
	program := programs.Path(t, cmp.Or(p.program, "kiosk-agent"))
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(input)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	text := said.String()
	if p.secret && strings.Contains(text, p.right[:len(p.right)/2]) {
		t.Errorf("%s: it tells the secret:\n%s", u.name, text)
	}
	if what == "" {
		if strings.Contains(text, "U+") || strings.Contains(text, "space") ||
			err != nil && !strings.Contains(text, "cannot be reached") {
			t.Errorf("%s is refused: %v\n%s", u.name, err, text)
		}
		return
	}
	mend := p.mend
	if strings.Contains(what, "with a space") && !p.secret {
		mend = "take it away"
	}
	if strings.Contains(what, "UTF") && !p.secret {
		mend = "type the line anew"
	}
	where := p.where
	if mend == "type the line anew" { // no key can be known
		where, _, _ = strings.Cut(where, ": ")
	}
	for _, part := range []string{what, where, mend} {
		if err == nil || !strings.Contains(text, part) {
			t.Errorf("%s: %v, and %q is not in:\n%s", u.name, err, part, text)
		}
	}
}
