package offline

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestRest: the write-ahead log is moved into the file when there is enough of it, and not by the
// commits that somebody waits for.
func TestRest(t *testing.T) {
	j, err := Open(Config{Path: filepath.Join(t.TempDir(), "journal.db"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	size := func(name string) int64 {
		info, err := os.Stat(j.path + name)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	x := &fixture{}
	sell := func(from, commits int) {
		for i := from; i < from+commits; i++ {
			id := fmt.Sprintf("P%d", i)
			if err := j.Append(x.sale(id, "till-1", id)[:1], nil); err != nil {
				t.Fatal(err)
			}
			if err := j.Rest(); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := size("")
	sell(0, restAfter-1)
	if size("") != file {
		t.Errorf("after %d commits the file has grown from %d to %d bytes", restAfter-1, file,
			size(""))
	}
	sell(restAfter, 1)
	if size("") == file {
		t.Error("nothing was moved into the file")
	}
	log := size("-wal")
	sell(2*restAfter, restAfter-1)
	if size("-wal") > log {
		t.Errorf("the log has grown from %d to %d bytes though it was moved", log, size("-wal"))
	}
}
