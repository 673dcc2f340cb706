package relayd

import (
	"net/http"
	"testing"
)

// TestReopen starts a relay again on its store: with the default size (0), which once was found too large for the second start, and
// with larger sizes.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	var hook string
	for i, maxBytes := range []int64{64 << 20, 64 << 20, 0, 0, 8 << 30, 64 << 20} {
		r := startRelay(t, dir, func(c *Config) { c.Store.MaxBytes = maxBytes })
		if i == 0 {
			hook = r.add("K001").HookURL
		}
		address := r.PublicURL() + hook[len(hook)-len("/hook/")-routeLen:]
		if status := post(t, address, "hello"); status != http.StatusOK {
			t.Errorf("start %d, max_bytes %d: the hook is answered %d", i+1, maxBytes, status)
		}
		r.stop()
	}
}
