package relayd

import (
	"flag"
	"testing"

	"kiosk-agent/test/metricspage"
)

var update = flag.Bool("update", false, "write the golden page of metrics anew")

// TestMetricsPage: names, types and help of all metrics are what dashboards and alerts are built
// on.
func TestMetricsPage(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	got, err := metricspage.List(r.reg, "kiosk_")
	if err != nil {
		t.Fatal(err)
	}
	metricspage.Compare(t, got, "testdata/metrics.golden", *update)
}
