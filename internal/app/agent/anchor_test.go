package agent

import (
	"context"
	"path/filepath"
	"testing"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// inspected is an engine of which only its state is asked.
type inspected struct {
	core
	snap engine.Snapshot
}

func (i inspected) Inspect(context.Context) (engine.Snapshot, error) { return i.snap, nil }

// TestWhatTheRelayIsTold: its memory stays as it is while this journal is not the newest one, and
// while nobody could find out.
func TestWhatTheRelayIsTold(t *testing.T) {
	j, err := offline.Open(offline.Config{Path: filepath.Join(t.TempDir(), "j.db"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, tc := range []struct {
		name string
		snap engine.Snapshot
		told bool
	}{
		{"the newest", engine.Snapshot{Judged: true}, true},
		{"rolled back", engine.Snapshot{Judged: true, RolledBack: &payment.RolledBack{}}, false},
		{"not compared", engine.Snapshot{}, false},
	} {
		a := &Agent{journal: j, core: inspected{snap: tc.snap}}
		if _, told, err := (anchor{a}).Tell(t.Context()); told != tc.told || err != nil {
			t.Errorf("%s: told %t, %v", tc.name, told, err)
		}
	}
}
