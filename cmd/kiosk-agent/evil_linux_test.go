package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// TestStaffSeeNoCommandsOfTheAgent: who has the agent's user answers on its socket what he likes;
// root's terminal obeys none of it, and JSON keeps what was said.
func TestStaffSeeNoCommandsOfTheAgent(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "evil-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	const evil = "x\x1b]0;root\a\u009b2J\u202ey\u2066\x7f\r"
	ln, err := net.Listen("unix", filepath.Join(dir, "admin.sock"))
	if err != nil {
		t.Fatal(err)
	}
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			answer := map[string]any{"ready": false, "version": evil, "by": evil, "error": evil,
				"reasons": []any{map[string]any{"code": evil, "message": evil, "hint": evil}},
				"tills":   []any{map[string]any{"name": "till-2", "error": evil, "hint": evil}},
				"display": map[string]any{"warning": evil, "connected": true, "showing": evil},
				"relay":   map[string]any{"error": evil}, "outcome": evil, "finding": evil}
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusConflict)
			}
			_ = json.NewEncoder(w).Encode(answer)
		})}}
	srv.Start()
	t.Cleanup(srv.Close)
	for _, name := range []string{"axs.secret", "relay.token", "till.token", "display.token"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name+"-0123456789-0123456789"),
			0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer("ETC", dir, "STATE", dir, `logo = "STATE/logo.svg"`, "",
		`"STATE/dialect.toml"`, `"paycube"`).Replace(trapConfig)
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("kiosk-agent")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"status", "doctor", "doctor --json",
		"recover --reason because-of-it", "claim P1", "gateway confirm --reference P1"} {
		cmd := exec.Command(program, append(strings.Fields(args), "--config",
			filepath.Join(dir, "config.toml"))...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		_ = cmd.Run() // whatever comes of it
		for _, r := range said.String() {
			if r != '\n' && r != '\t' && !unicode.IsGraphic(r) {
				t.Errorf("%s prints %U: %q", args, r, said.String())
				break
			}
		}
		if strings.Contains(args, "status") || strings.Contains(args, "json") {
			if !json.Valid(said.Bytes()) || !strings.Contains(said.String(), `\u202e`) {
				t.Errorf("%s: %q", args, said.String())
			}
		} else if args == "doctor" && !strings.Contains(said.String(), "]0;root") {
			t.Errorf("%s was told nothing: %q", args, said.String())
		}
	}
}
