package portunits

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kiosk-agent/internal/ports"
)

// delivered are units as the package brings them, in a root of their own.
func delivered(t *testing.T) Units {
	t.Helper()
	u := Units{Program: "kiosk-agent", Root: t.TempDir()}
	unit, err := os.ReadFile("../../../packaging/agent/kiosk-agent.socket")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string][]byte{
		"/run/systemd/system/there": nil, "/lib/systemd/system/kiosk-agent.socket": unit,
	} {
		if err := os.MkdirAll(filepath.Dir(u.Root+path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(u.Root+path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func differ(t *testing.T, u Units, a []ports.Address) string {
	t.Helper()
	words, err := u.Differ(a)
	if err != nil {
		t.Fatal(err)
	}
	return words
}

var defaults = []ports.Address{{Key: "till.websocket.listen", Listen: "127.0.0.1:7654"},
	{Key: "display.listen", Listen: "localhost:7655"},
	{Key: "metrics.listen", Listen: "127.0.0.1:7656"}}

// The units as delivered hold what the agent listens on without a configuration of its own.
func TestDeliveredUnitsHoldTheDefaults(t *testing.T) {
	u := delivered(t)
	if !u.Installed() || differ(t, u, defaults) != "" {
		t.Error(differ(t, u, defaults))
	}
}

func TestADropInFollowsTheConfiguration(t *testing.T) {
	u := delivered(t)
	now := []ports.Address{defaults[0], defaults[1], {Key: "till.serial lane", Listen: ":8800"},
		{Key: "till.serial six", Listen: "[::1]:8801"}}
	words := differ(t, u, now)
	for _, want := range []string{"does not hold :8800, [::1]:8801",
		"holds 127.0.0.1:7656, which the configuration does not have",
		"kiosk-agent ports --apply"} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is not in %q", want, words)
		}
	}
	if err := u.write(now); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(u.DropIn())
	if err != nil {
		t.Fatal(err)
	}
	want := "[Socket]\nListenStream=\nListenStream=/run/kiosk-agent-ports.sock\n" +
		"ListenStream=127.0.0.1:7654\nListenStream=127.0.0.1:7655\nListenStream=[::]:8800\n" +
		"ListenStream=[::1]:8801\n"
	if _, got, _ := strings.Cut(string(text), "\n"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if words := differ(t, u, now); words != "" {
		t.Error(words)
	}
	var said bytes.Buffer
	if err := u.say(&said, now); err != nil || strings.Contains(said.String(), "NOT") {
		t.Error(said.String(), err)
	}
	if err := u.say(&said, append(now, defaults[2])); err == nil ||
		!strings.Contains(said.String(), "NOT HELD") {
		t.Error(said.String(), err)
	}
}

// What systemd cannot hold is left to the program.
func TestNamesAndPortZeroAreLeft(t *testing.T) {
	text := Units{Program: "kiosk-relay"}.text([]ports.Address{{Listen: "kiosk.local:9090"},
		{Listen: "127.0.0.1:0"}, {Listen: "127.0.0.1:9091"}})
	if strings.Count(string(text), "ListenStream=") != 3 ||
		!strings.HasSuffix(string(text), "ListenStream=127.0.0.1:9091\n") {
		t.Errorf("%s", text)
	}
}

// Where the units are not installed nothing is said; nor does another configuration hear of them.
func TestWithoutUnits(t *testing.T) {
	u := Units{Program: "kiosk-agent", Root: t.TempDir()}
	if u.Installed() || differ(t, u, defaults) != "" {
		t.Error("an empty root has units")
	}
	var said bytes.Buffer
	if err := delivered(t).Note(&said, "/tmp/config.toml", nil); err != nil || said.Len() > 0 {
		t.Error(said.String(), err)
	}
	if err := delivered(t).Note(&said, "/etc/kiosk-agent/config.toml", nil); err != nil ||
		!strings.HasPrefix(said.String(), "note: systemd holds ") {
		t.Error(said.String(), err)
	}
}
