// Package disk is what programs ask of a disk that the standard library leaves out: a file that is
// there whole or not at all ([Replace]), a directory whose names outlive a power cut ([SyncDir]),
// and how much room there is ([Free]).
//
// It knows nothing of what it writes. All of it may be called from any goroutine. After a crash in
// the middle of Replace the file is the old one or the new one, and a temporary file may lie beside
// it.
package disk

import (
	"errors"
	"os"
	"path/filepath"
)

// Replace puts text into the file at path, in place of what was there: after a crash or a power cut
// the file says the one or the other. The new file has mode 0600. ready, where it is not nil, is
// called with it once all is written: for its owner, its mode, and what must be done before the old
// file is gone; its error leaves the old file in place.
func Replace(path string, text []byte, ready func(f *os.File) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(text)
	if err == nil && ready != nil {
		err = ready(f)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	// It is there: only a power cut in the next seconds could undo it.
	_ = SyncDir(dir)
	return nil
}
