package relayd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"kiosk-agent/internal/disk"
)

// Names of JetStream's streams: ours, and those that it makes for key-value buckets.
const (
	bucketStream    = "KV_"
	terminalsStream = bucketStream + "TERMINALS"
	headsStream     = bucketStream + "HEADS"
)

// names makes the names of the embedded store's files durable. JetStream syncs each message, but
// not the directory in which it has just made a block for it, and fsync(2) promises a name only to
// who syncs the directory as well; that ext4 and XFS do it unasked is a kindness. Methods may be
// called from any goroutine; those of nil, for an external store, do nothing.
type names struct {
	root   string
	mu     sync.Mutex
	synced map[string]time.Time // directory → its time of change before it was last synced
}

// coarse is more than the granularity of a file system's times: a directory that changed so
// recently may have changed again without getting another time.
const coarse = 2 * time.Second

// syncAll is for the start: the root, what is below it, and its own name.
func (n *names) syncAll() error {
	if n == nil {
		return nil
	}
	if err := disk.SyncDir(filepath.Dir(n.root)); err != nil {
		return err
	}
	return filepath.WalkDir(n.root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return disk.SyncDir(path)
	})
}

func (n *names) stream(name string) string {
	return filepath.Join(n.root, "jetstream", "$G", "streams", name)
}

// forget removes a stream's two files of description, and reports whether there was one. JetStream
// writes them one after the other, passes a stream over at its start when they do not belong
// together, and writes none when it makes a stream whose first file is there: a power cut between
// the two would give the stream another epoch at every start from then on. The messages are not
// touched.
func (n *names) forget(stream string) (found bool, err error) {
	if n == nil {
		return false, nil
	}
	for _, name := range []string{server.JetStreamMetaFileSum, server.JetStreamMetaFile} {
		switch e := os.Remove(filepath.Join(n.stream(stream), name)); {
		case e == nil:
			found = true
		case !errors.Is(e, fs.ErrNotExist):
			err = errors.Join(err, e)
		}
	}
	return found, err
}

// sync makes the names in a stream's directory durable, if there may be any that are not: in most
// cases it is one stat.
func (n *names) sync(stream string) error {
	if n == nil {
		return nil
	}
	dir := filepath.Join(n.stream(stream), "msgs")
	n.mu.Lock()
	defer n.mu.Unlock()
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	changed := info.ModTime()
	if age := time.Since(changed); changed.Equal(n.synced[dir]) && age > coarse {
		return nil
	}
	if err := disk.SyncDir(dir); err != nil {
		return err
	}
	n.synced[dir] = changed
	return nil
}
