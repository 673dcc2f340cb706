package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/relay/relayd"
)

// runMain runs the program inside the test.
func runMain(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(t.Context(), args, &out, &errOut)
	return code, out.String(), errOut.String()
}

// TestCheckConfig: a good file is said to be good; of a bad one every mistake is a line.
func TestCheckConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.toml")
	for text, want := range map[string]string{
		"[store]\nretention = \"7d\"\n": ": ok\n",
		"[store]\nretention = \"7 d\"\nreplicas = 9\n": path + ":2: store.retention: \"7 d\" " +
			"is not a duration such as \"90s\", \"10m\", \"24h\" or \"400d\"\n" + path +
			":3: store.replicas: 9 is not between 1 and 5\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := runMain(t, "check-config", "--config", path)
		if good := want == ": ok\n"; good != (code == 0) || good && stdout != path+want ||
			!good && (code != exit.Failure || stderr != want) {
			t.Errorf("%s: code %d: %s%s", text, code, stdout, stderr)
		}
	}
}

func TestUsageAndFailures(t *testing.T) {
	dir := t.TempDir()
	config := writeConfig(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "admin.token"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"", exit.Usage, "a command is missing"},
		{"fly", exit.Usage, "unknown command"},
		{"serve --fast", exit.Usage, "unknown flag"},
		{"serve now", exit.Usage, "unknown command"},
		{"terminal add", exit.Usage, "ID is missing: kiosk-relay terminal add ID"},
		{"version", 0, "kiosk-relay "}, {"--version", 0, "kiosk-relay "}, {"-v", 0, "kiosk-relay "},
		{"terminal add K\u200B1 --config " + config, exit.Failure,
			"the id has a zero-width space (U+200B)"},
		{"terminal add Größe --config " + config, exit.Failure,
			"all of them printable ASCII: the kiosk's configuration (terminal.id)"},
		{"serve --config " + dir + "/none.toml", exit.Failure,
			"none.toml: no such file or directory (name the file"},
		{"terminal list --config " + config, exit.Failure, "is \"kiosk-relay serve\" running"},
		{"terminal list --config " + writeConfig(t, t.TempDir()), exit.Failure, "admin.token: "},
	} {
		code, stdout, stderr := runMain(t, strings.Fields(tc.args)...)
		if code != tc.code || !strings.Contains(stdout+stderr, tc.want) {
			t.Errorf("%q: code %d, want %d and %q in:\n%s%s", tc.args, code, tc.code, tc.want,
				stdout, stderr)
		}
	}
}

func TestTerminalCommands(t *testing.T) {
	dir := t.TempDir()
	config := writeConfig(t, dir)
	p := serve(t, config)
	if info, err := os.Stat(filepath.Join(dir, "admin.token")); err != nil ||
		info.Mode().Perm() != 0o600 {
		t.Errorf("admin token file: %v, %v", info, err)
	}
	mustRun(t, "merchant", "add", "M1", "--config", config)
	var first, second relayd.TerminalSecrets
	if err := json.Unmarshal(mustRun(t, "terminal", "add", "K 1/u", "--merchant", "M1", "--json",
		"--config", config), &first); err != nil {
		t.Fatal(err)
	}
	hook := regexp.MustCompile(`^http://127\.0\.0\.1:\d+/hook/[A-Za-z0-9_-]{22}$`)
	if first.ID != "K 1/u" || len(first.Token) != 43 || !hook.MatchString(first.HookURL) {
		t.Errorf("added %+v", first)
	}
	if err := json.Unmarshal(mustRun(t, "terminal", "rotate", "K 1/u", "--route", "--json",
		"--config", config), &second); err != nil {
		t.Fatal(err)
	}
	if second.Token == first.Token || second.HookURL == first.HookURL {
		t.Error("rotate changed nothing")
	}
	mustRun(t, "terminal", "revoke", "K 1/u", "--config", config)
	list := string(mustRun(t, "terminal", "list", "--config", config))
	if !strings.Contains(list, "K 1/u") || !strings.Contains(list, "M1") ||
		!strings.Contains(list, "revoked 20") {
		t.Errorf("list:\n%s", list)
	}
	text := string(mustRun(t, "terminal", "add", "K2", "--config", config))
	if !strings.Contains(text, "token:    ") || !strings.Contains(text, "hook URL: http://") {
		t.Errorf("add:\n%s", text)
	}
	for args, want := range map[string]string{
		"add K2":                         "there is such a terminal already",
		"revoke K3":                      "no such terminal",
		"add " + strings.Repeat("x", 33): "1 to 32 characters",
	} {
		code, _, stderr := runMain(t, append([]string{"terminal", "--config", config},
			strings.Fields(args)...)...)
		if code != exit.Failure || !strings.Contains(stderr, want) {
			t.Errorf("%s: code %d: %s", args, code, stderr)
		}
	}
	second2 := program(t.Context(), "serve", "--config", secondConfig(t, config))
	out, err := second2.CombinedOutput()
	if err == nil || second2.ProcessState.ExitCode() != exit.Failure ||
		!strings.Contains(string(out), "in use by another relay") {
		t.Errorf("a second relay on the same store: %v\n%s", err, out)
	}
	if code := p.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
}

// secondConfig names the same store with other ports.
func secondConfig(t *testing.T, config string) string {
	t.Helper()
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "second.toml")
	other := regexp.MustCompile(`"127\.0\.0\.1:\d+"`).ReplaceAll(text, []byte(`"127.0.0.1:0"`))
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
