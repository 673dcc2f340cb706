package offline

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// Rehearse does to a copy of a backup, which lies beside it meanwhile, what the next start would do
// to the journal. The error is what the start would end with.
func Rehearse(backup string) (err error) {
	dir, err := os.MkdirTemp(filepath.Dir(backup), "rehearsal-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "journal.db")
	if _, err := Restore(backup, path, time.Now(), nil); err != nil {
		return err
	}
	j, err := Open(Config{Path: path})
	if err != nil {
		return err
	}
	return j.Close()
}
