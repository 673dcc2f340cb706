package jsonrpc

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestRefusalsDoNotFillTheLog: who has no token can make the agent refuse as often as he likes; the
// journal of the system drops what comes too fast, the operators' commands among it.
func TestRefusalsDoNotFillTheLog(t *testing.T) {
	r := newRig(t)
	const times = 200
	for range times {
		resp, err := http.Get(r.http.URL + Path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if n := strings.Count(r.logs.String(), "till connection refused"); n < 1 || n > 20 {
		t.Errorf("%d lines for %d refusals", n, times)
	}
	if n := testutil.ToFloat64(r.metrics.refused.WithLabelValues("token")); n != times {
		t.Errorf("%v refusals counted, want %d", n, times)
	}
}
