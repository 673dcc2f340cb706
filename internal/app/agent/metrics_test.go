package agent

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/test/metricspage"
)

var update = flag.Bool("update", false, "write the golden page of metrics anew")

const golden = "testdata/metrics.golden"

// newTestAgent is an agent with a till of every sort.
func newTestAgent(t *testing.T) *Agent {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent-") // short: a Unix socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, name := range []string{"axs", "relay", "till", "line"} {
		if _, err := secret.EnsureFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := config.Parse("config.toml", []byte(strings.ReplaceAll(`
[terminal]
id = "M-1"
[axs]
payment_link = "http://127.0.0.1:9/hpp/checkout/link-1"
client_id = "client-1"
secret = "file:DIR/axs"
[relay]
url = "ws://127.0.0.1:9"
token = "file:DIR/relay"
hook_url = "http://127.0.0.1:9/hook/AAAAAAAAAAAAAAAAAAAAAA"
[till.websocket]
listen = "127.0.0.1:0"
tills = [{name = "till-1", token = "file:DIR/till"}]
[[till.serial]]
name = "line-1"
device = "tcp-listen:127.0.0.1:0"
[display]
listen = "127.0.0.1:0"
token = "file:DIR/display"
[journal]
path = "DIR/journal.db"
[metrics]
listen = "127.0.0.1:0"
[admin]
socket = "DIR/admin.sock"
`, "DIR", dir)))
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(c, Options{Version: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// metricsPage lists the kiosk's own metrics: name, type, labels and help. Those of Go and of the
// process are their library's.
func metricsPage(t *testing.T) string {
	t.Helper()
	a := newTestAgent(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	if _, err := a.Inspect(t.Context()); err != nil { // it runs: the metrics are registered before
		t.Fatal(err)
	}
	page, err := metricspage.List(a.registry, "kiosk_")
	if err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return page
}

// TestMetricsPage: names, types and help of all metrics are what dashboards and alerts are built
// on.
func TestMetricsPage(t *testing.T) { metricspage.Compare(t, metricsPage(t), golden, *update) }

// TestWatchersNameKnownMetrics: what the alerts and the dashboard ask for exists.
func TestWatchersNameKnownMetrics(t *testing.T) {
	page, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	relay, err := os.ReadFile("../../../relay/relayd/testdata/metrics.golden")
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile("../../../packaging/agent/kiosk-agent-switch")
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, m := range regexp.MustCompile(`# TYPE (\S+)`).FindAllSubmatch(written, -1) {
		known[string(m[1])] = true
	}
	for line := range strings.Lines(string(page) + string(relay)) {
		if name, _, _ := strings.Cut(line, " "); name != "" {
			known[name] = true
		}
	}
	for _, file := range []string{"alerts.yml", "grafana.json"} {
		text, err := os.ReadFile(filepath.Join("../../../packaging", file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(text) {
			t.Errorf("%s is no JSON", file)
		}
		names := regexp.MustCompile(`\bkiosk_[a-z_]+`).FindAllString(string(text), -1)
		if len(names) < 10 {
			t.Errorf("%s names %d metrics", file, len(names))
		}
		for _, name := range names {
			if !known[name] && !known[strings.TrimSuffix(name, "_bucket")] {
				t.Errorf("%s asks for %s, which is not on the page", file, name)
			}
		}
	}
}

// TestStateOfAnAgentThatCannotSell: every reason has a series, so that an alert sees the 0 before
// the 1.
func TestStateOfAnAgentThatCannotSell(t *testing.T) {
	a := newTestAgent(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	if _, err := a.Inspect(t.Context()); err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	families, err := a.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			values[name] = m.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"kiosk_ready": 0, "kiosk_not_ready relay_down": 1, "kiosk_not_ready no_display": 1,
		"kiosk_not_ready journal_rollback": 0, "kiosk_journal_writable": 1,
		"kiosk_worklist_entries": 0, "kiosk_payments_open": 0, "kiosk_outcomes_owed": 0,
		"kiosk_engine_up": 1, "kiosk_agent_info test": 1,
	} {
		if got, ok := values[name]; !ok || got != want {
			t.Errorf("%s = %v, %t; want %v", name, got, ok, want)
		}
	}
	for _, row := range payment.NotReadyReasons() {
		if _, ok := values["kiosk_not_ready "+string(row.Code)]; !ok {
			t.Errorf("kiosk_not_ready has no series for %s", row.Code)
		}
	}
	if values["kiosk_journal_free_bytes"] <= 0 {
		t.Error("no free space")
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
