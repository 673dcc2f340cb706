package relayd

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// TestReopen starts a relay again on its store: with the default size (0), which once was found too
// large for the second start, and with larger sizes.
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

// TestReopenHalfDescribed: a power cut came between the two files that describe a stream. The store
// gets another epoch once, and keeps it; hooks and terminals are there.
func TestReopenHalfDescribed(t *testing.T) {
	for name, file := range map[string]string{"the sum is missing": "meta.sum",
		"the sum is of another description": "meta.inf"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := startRelay(t, dir, nil)
			creds := r.add("K001")
			if status := post(t, creds.HookURL, "hello"); status != http.StatusOK {
				t.Fatalf("the hook is answered %d", status)
			}
			before, had, err := r.store.state(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r.stop()
			for _, stream := range []string{streamName, terminalsStream, headsStream} {
				path := filepath.Join(dir, "jetstream", "$G", "streams", stream, file)
				if file == "meta.sum" {
					err = os.Remove(path)
				} else {
					err = os.WriteFile(path, append(readFile(t, path), ' '), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			var epochs []string
			for range 3 {
				r = startRelay(t, dir, nil)
				sp, has, err := r.store.state(t.Context())
				if err != nil || sp.Last < before.Last || has.msgs < had.msgs {
					t.Fatalf("%+v %v, before %+v", sp, err, before)
				}
				epochs = append(epochs, sp.Epoch)
				address := r.PublicURL() + creds.HookURL[len(creds.HookURL)-len("/hook/")-routeLen:]
				if status := post(t, address, "again"); status != http.StatusOK {
					t.Errorf("the terminal's hook is answered %d", status)
				}
				r.stop()
			}
			if epochs[0] == before.Epoch || epochs[0] != epochs[1] || epochs[1] != epochs[2] {
				t.Errorf("epochs %s, then %s", before.Epoch, epochs)
			}
		})
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
