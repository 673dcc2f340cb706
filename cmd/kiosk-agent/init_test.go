//go:build linux

package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"

	"kiosk-agent/internal/app/gateways"
)

// TestInitAsks: at a terminal, init asks for what neither flags nor the fleet's file have said, and
// for nothing else.
func TestInitAsks(t *testing.T) {
	const relay, code, secret = "The relay's address (",
		"The enrolment code (kiosk-relay terminal code ID)",
		"The secret axs.secret (nothing is shown"
	t.Run("fleet", func(t *testing.T) { initAsks(t, true, relay, code, secret) })
	t.Run("one kiosk", func(t *testing.T) {
		initAsks(t, false, relay, "AXS Client ID", "AXS transaction query (",
			"Name shown to the customer (", code, secret)
	})
}

func initAsks(t *testing.T, withFleet bool, want ...string) {
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id": "K001", "token": `+
			`"a-token-of-the-relay-with-43-characters-123", "hook_url": `+
			`"https://relay.example/hook/ROUTE"}`)
	}))
	defer relay.Close()
	dir := t.TempDir()
	fleet := filepath.Join(dir, "fleet.toml")
	if err := os.WriteFile(fleet, []byte("[axs]\nclient_id = \"client-1\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	person, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer person.Close()
	defer terminal.Close()
	asked, prompt := io.Pipe()
	var questions []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		answers := []string{relay.URL, "client-1", "", "Kopi",
			"0123 4567 89AB CDEF 0123 4567 89AB CDEF", "the-secret-of-the-axs-application"}
		if withFleet {
			answers = slices.Delete(answers, 1, 4)
		}
		for buf := make([]byte, 1000); ; {
			n, err := asked.Read(buf)
			if err != nil {
				return
			}
			if questions = append(questions, string(buf[:n])); len(questions) <= len(answers) {
				_, _ = io.WriteString(person, answers[len(questions)-1]+"\n")
			}
		}
	}()
	var out bytes.Buffer
	root := newRoot()
	args := []string{"init", "--dir", filepath.Join(dir, "etc"), "--state",
		filepath.Join(dir, "var"), "--payment-link", "https://checkout.example/hpp/checkout/link-1"}
	if withFleet {
		args = append(args, "--fleet", fleet)
	}
	root.SetArgs(args)
	root.SetIn(terminal)
	root.SetOut(&out)
	root.SetErr(prompt)
	err = root.Execute()
	_ = prompt.Close()
	<-done
	if err != nil {
		t.Fatalf("%v\nasked: %q", err, questions)
	}
	// after what was typed without an echo
	questions = slices.DeleteFunc(questions, func(q string) bool { return q == "\n" })
	if len(questions) != len(want) {
		t.Fatalf("asked: %q, want %q", questions, want)
	}
	for i, q := range questions {
		if !strings.HasPrefix(q, want[i]) {
			t.Errorf("asked %q, want %q", q, want[i])
		}
	}
	for _, want := range []string{"K001 is enrolled at ws://127.0.0.1:", "check-config: " + dir,
		"ok (terminal K001", "The till till-1 gets the token that is in " + dir + "/etc/till.token",
		"systemctl restart kiosk-agent", "doctor --config " + dir} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "a-token-of-the-relay") ||
		strings.Contains(out.String(), "ROUTE") || strings.Contains(out.String(), "the-secret-of") {
		t.Errorf("a secret was printed:\n%s", out.String())
	}
}

// TestInitOfAnotherGateway: the flags and questions of init are those of the table's rows; one that
// two gateways have is each one's own.
func TestInitOfAnotherGateway(t *testing.T) {
	paper := gateways.AXSRow()
	paper.Name = "paper"
	paper.Questions = []gateways.Question{
		{Flag: "shop", Key: "payment_link", Usage: "Paper's `NUMBER` of the shop", Ask: "Shop"},
		{Flag: "client-id", Key: "client_id", Usage: "Paper's Client `ID`", Ask: "Client ID"}}
	for _, tc := range []struct {
		args string
		want string
	}{
		{"--provider paper", "missing: --relay, --shop, --client-id, --code"},
		{"--provider paper --relay wss://relay.example --shop 1", "missing: --client-id, --code"},
		{"--provider paper --payment-link https://checkout.example/",
			"--payment-link is nothing that the gateway paper has"},
		{"--shop 1", "--shop is nothing that the gateway axs has"},
		{"--provider coin", `there is no gateway "coin"; there are: ` +
			strings.Join(gateways.All().Names(), ", ") + ", paper"},
	} {
		cmd := newInit(append(gateways.All(), paper))
		cmd.Flags().String("config", "", "")
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(append(strings.Fields(tc.args), "--dir", filepath.Join(t.TempDir(), "etc")))
		cmd.SetIn(strings.NewReader(""))
		if err := cmd.Execute(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.args, err)
		}
	}
	flag := newInit(append(gateways.All(), paper)).Flags().Lookup("client-id")
	for _, want := range []string{"AXS Client `ID`; ", "; Paper's Client ID"} {
		if !strings.Contains(flag.Usage, want) {
			t.Errorf("--client-id: %s, want %s", flag.Usage, want)
		}
	}
}
