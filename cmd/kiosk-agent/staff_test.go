package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// desk is a kiosk's directory with a journal of three sales on a line, two of which have one
// receipt number, and an admin socket that says which payment it was asked about.
func desk(t *testing.T) (config string, asked func() string) {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(name, text string) {
		must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for _, name := range []string{"axs.secret", "relay.token", "till.token", "display.token"} {
		put(name, strings.Repeat(name[:4], 10)+"\n")
	}
	put("config.toml", strings.ReplaceAll(deskConfig, "DIR", dir))
	j, err := offline.Open(offline.Config{Path: filepath.Join(dir, "journal.db"), Create: true})
	must(err)
	for id, receipt := range map[string]string{"P1": "R000000000020", "P2": "R000000000021",
		"P3": "R000000000021"} {
		must(j.Append([]payment.Fact{{Payment: id, At: time.Unix(1_800_000_000, 0), Boot: "b",
			Up: time.Hour, Data: payment.Requested{Till: "till-2", Reference: "ref-" + id,
				MerchantRef: "K001TEST-" + id,
				Money:       payment.Money{Amount: 500, Currency: payment.SGD},
				Line: &payment.Line{ECN: "0000000000" + id, Function: "30",
					Receipt: receipt}}}}, nil))
	}
	must(j.Close())
	l, err := net.Listen("unix", filepath.Join(dir, "admin.sock"))
	must(err)
	got := make(chan string, 1)
	answer := func(w http.ResponseWriter, r *http.Request) {
		var q agent.ResolveRequest
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		got <- q.ID
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(q); err != nil {
			t.Error(err)
		}
	}
	srv := &http.Server{Handler: http.HandlerFunc(answer), ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-served
	})
	return filepath.Join(dir, "config.toml"), func() string {
		select {
		case id := <-got:
			return id
		default:
			return ""
		}
	}
}

const deskConfig = `[terminal]
id = "L-1"
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
[display]
token = "file:DIR/display.token"
[journal]
path = "DIR/journal.db"
[admin]
socket = "DIR/admin.sock"
`

// Staff name a payment by what they read on the till's receipt, in the gateway's portal or in the
// journal. A name that two payments have is refused, and nothing is asked.
func TestStaffNameAPayment(t *testing.T) {
	config, asked := desk(t)
	for _, command := range [][]string{
		{"resolve", "NAME", "not-paid", "--reason", "not in the portal"},
		{"claim", "NAME"},
	} {
		for name, want := range map[string]string{
			"P1": "P1", "R000000000020": "P1", "ref-P2": "P2", "K001TEST-P3": "P3",
			"0000000000P2": "P2", "nobody's": "nobody's", // the agent says that there is none
			"R000000000021": "",
		} {
			args := append([]string{"--config", config}, command...)
			args[3] = name
			var out, said bytes.Buffer
			code := run(args, &out, &said)
			if got := asked(); got != want || (code == 0) != (want != "") {
				t.Errorf("%s %s: exit %d, asked about %q, want %q\n%s%s", command[0], name, code,
					got, want, &out, &said)
			}
			if want == "" && (!strings.Contains(said.String(), "P2") ||
				!strings.Contains(said.String(), "P3")) {
				t.Errorf("%s %s: %s", command[0], name, &said)
			}
		}
	}
}
