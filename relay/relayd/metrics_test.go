package relayd

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/internal/metricspage"
)

var update = flag.Bool("update", false, "write the golden page of metrics anew")

// TestMetricsPage: names, types and help of all metrics are what dashboards and alerts are built on.
func TestMetricsPage(t *testing.T) {
	const golden = "testdata/metrics.golden"
	r := startRelay(t, t.TempDir(), nil)
	got, err := metricspage.List(r.reg, "kiosk_")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the metrics have changed (go test ./relay/relayd -run TestMetricsPage -update): %s", diff)
	}
}
