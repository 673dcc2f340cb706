package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/relay/relayd"
)

// runJSON runs a command of the program with --json and reads what it prints.
func runJSON[T any](t *testing.T, config string, args ...string) (out T) {
	t.Helper()
	if err := json.Unmarshal(mustRun(t, append(args, "--json", "--config", config)...),
		&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func path(hookURL string) string { return hookURL[strings.LastIndex(hookURL, "/hook/"):] }

func mustPost(t *testing.T, url, body string) {
	t.Helper()
	res, err := http.Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d", body, res.StatusCode)
	}
}

// TestMerchantKilledAfter200 kills the relay with SIGKILL right after a merchant's hook was
// answered with 200. It reaches each of the merchant's three terminals, the one that was away all
// the time too, and none of another merchant's.
func TestMerchantKilledAfter200(t *testing.T) {
	config := writeConfig(t, t.TempDir())
	p := serve(t, config)
	shop := runJSON[relayd.MerchantSecrets](t, config, "merchant", "add", "Shop & Söhne")
	rival := runJSON[relayd.MerchantSecrets](t, config, "merchant", "add", "Rival")
	var tokens []string
	for _, id := range []string{"K001", "K002", "K003"} {
		c := runJSON[relayd.TerminalSecrets](t, config, "terminal", "add", id, "--merchant",
			"Shop & Söhne")
		tokens = append(tokens, c.Token)
	}
	other := runJSON[relayd.TerminalSecrets](t, config, "terminal", "add", "K004", "--merchant",
		"Rival")
	journals := []*sink{{got: make(chan string, 64)}, {got: make(chan string, 64)},
		{got: make(chan string, 64)}}
	rivals := &sink{got: make(chan string, 64)}
	var all []string
	for i := range 8 {
		want := fmt.Sprintf("hook %d", i)
		mustPost(t, "http://"+p.public+path(rival.HookURL), "rival's "+want)
		mustPost(t, "http://"+p.public+path(shop.HookURL), want)
		p.end(syscall.SIGKILL)
		all = append(all, want)
		p = serve(t, config)
		for i := range 2 {
			receive(t, p, tokens[i], journals[i], want)
		}
		receive(t, p, other.Token, rivals, "rival's "+want)
	}
	for _, want := range all {
		receive(t, p, tokens[2], journals[2], want)
	}
	for i, j := range append(journals, rivals) {
		select {
		case got := <-j.got:
			t.Errorf("terminal %d also got %q", i, got)
		default:
		}
	}
	if code := p.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d after SIGTERM\n%s", code, p.log)
	}
	for _, secret := range []string{path(shop.HookURL), path(rival.HookURL), tokens[0]} {
		if strings.Contains(p.log.String(), secret) {
			t.Errorf("the log holds a secret:\n%s", p.log)
		}
	}
}

func TestMerchantCommands(t *testing.T) {
	config := writeConfig(t, t.TempDir())
	serve(t, config)
	text := string(mustRun(t, "merchant", "add", "M 1/ü", "--config", config))
	if !regexp.MustCompile(
		`(?m)^hook URL: http://127\.0\.0\.1:\d+/hook/[A-Za-z0-9_-]{22}$`).MatchString(text) {
		t.Errorf("add:\n%s", text)
	}
	mustRun(t, "terminal", "add", "K001", "--merchant", "M 1/ü", "--config", config)
	if list := runJSON[[]relayd.MerchantInfo](t, config, "merchant", "list"); len(list) != 1 ||
		list[0].Name != "M 1/ü" || list[0].Terminals != 1 {
		t.Errorf("list %+v", list)
	}
	mustRun(t, "merchant", "revoke", "M 1/ü", "--config", config)
	list := string(mustRun(t, "merchant", "list", "--config", config))
	if !regexp.MustCompile(`M 1/ü +1 +20.* revoked 20`).MatchString(list) {
		t.Errorf("list:\n%s", list)
	}
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"merchant", "revoke", "M2"}, exit.Failure, "no such merchant"},
		{[]string{"merchant", "add", strings.Repeat("x", 33)}, exit.Failure, "1 to 32 characters"},
		{[]string{"terminal", "add", "K002", "--merchant", "M 1/ü"}, exit.Failure, "merchant add"},
		{[]string{"terminal", "code", "K002"}, exit.Failure, "no such terminal"},
		{[]string{"terminal", "rotate", "K001", "--grace", "25h"}, exit.Failure, "at most 24 h"},
		{[]string{"terminal", "rotate", "K001", "--grace", "-1s"}, exit.Usage, "whole seconds"},
		{[]string{"merchant"}, exit.Usage, "a merchant command is missing"},
	} {
		code, _, stderr := runMain(t, append(tc.args, "--config", config)...)
		if code != tc.code || !strings.Contains(stderr, tc.want) {
			t.Errorf("%q: code %d: %s", tc.args, code, stderr)
		}
	}
}

// TestEnrolKilled kills the relay with SIGKILL right after it has given a code out, and right after
// it has taken it.
func TestEnrolKilled(t *testing.T) {
	config := writeConfig(t, t.TempDir())
	p := serve(t, config)
	added := runJSON[relayd.TerminalSecrets](t, config, "terminal", "add", "K001")
	code := runJSON[relayd.TerminalEnrolment](t, config, "terminal", "code", "K001")
	p.end(syscall.SIGKILL)
	p = serve(t, config)
	list := string(mustRun(t, "terminal", "list", "--config", config))
	if !strings.Contains(list, "code open until 20") {
		t.Errorf("list:\n%s", list)
	}
	enrol := func() (out relayd.TerminalSecrets, status int) {
		t.Helper()
		res, err := http.Post("http://"+p.public+"/v1/enrol", "application/json",
			strings.NewReader(`{"code":"`+code.Code+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode == http.StatusOK {
			if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
				t.Fatal(err)
			}
		}
		return out, res.StatusCode
	}
	c, status := enrol()
	if status != http.StatusOK || c.Token == added.Token || c.HookURL == added.HookURL ||
		c.ID != "K001" {
		t.Fatalf("status %d: %+v", status, c)
	}
	p.end(syscall.SIGKILL)
	p = serve(t, config)
	if _, status := enrol(); status != http.StatusNotFound {
		t.Errorf("a used code: status %d", status)
	}
	mustPost(t, "http://"+p.public+path(c.HookURL), "new")
	receive(t, p, c.Token, &sink{got: make(chan string, 8)}, "new")
	text := string(mustRun(t, "terminal", "code", "K001", "--config", config))
	if !regexp.MustCompile(`(?m)^code: +([0-9a-f]{4}-){7}[0-9a-f]{4}$`).MatchString(text) ||
		!strings.Contains(text, "expires:  20") {
		t.Errorf("code:\n%s", text)
	}
}
