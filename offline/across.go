package offline

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"kiosk-agent/internal/disk"
	"kiosk-agent/internal/rights"
)

// A journal and its backup may be in directories of two users, of whom root is one. Nothing is done
// in either by a name that the other's user could have put there: what goes across is an open file.

// backupAcross makes the copy as src's user, beside src, and puts it to dst as dst's.
func backupAcross(src, dst string, progress func(done, total int64)) (c Copy, err error) {
	var tmp string
	var made *os.File
	err = rights.As(src, func() (err error) {
		at, err := locate(src)
		if err != nil {
			return err
		}
		if tmp, err = os.MkdirTemp(filepath.Dir(at), "."+filepath.Base(at)+".copy-*"); err != nil {
			return failure(at, "make room for a copy", err)
		}
		if c, err = backup(src, filepath.Join(tmp, "copy"), progress); err != nil {
			return err
		}
		made, err = os.Open(filepath.Join(tmp, "copy"))
		return failure(at, "read the copy", err)
	})
	if err == nil {
		err = rights.As(dst, func() error { return put(made, dst) })
		err = errors.Join(err, made.Close())
	}
	if tmp != "" {
		err = errors.Join(err, rights.As(src, func() error { return os.RemoveAll(tmp) }))
	}
	if err != nil {
		return Copy{}, err
	}
	c.Path = dst
	return c, nil
}

// put writes the copy to the new file dst, and compares what is there then.
func put(from io.Reader, dst string) (err error) {
	if err := claim(dst); err != nil {
		return err
	}
	part := dst + ".part"
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return errors.Join(failure(dst, "create "+part, err), os.Remove(dst))
	}
	err = errors.Join(copySure(from, f), f.Close())
	if err == nil {
		err = os.Rename(part, dst)
	}
	if err != nil {
		return errors.Join(failure(dst, "put the copy there", err), removeFile(part),
			os.Remove(dst))
	}
	return failure(dst, "sync the directory", disk.SyncDir(filepath.Dir(dst)))
}

// copySure copies all of it to the disk, and reads it again.
func copySure(from io.Reader, to *os.File) error {
	want, got := sha256.New(), sha256.New()
	if _, err := io.Copy(to, io.TeeReader(from, want)); err != nil {
		return err
	}
	if err := to.Sync(); err != nil {
		return err
	}
	if _, err := to.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := io.Copy(got, to); err != nil {
		return err
	}
	if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		return errors.New("what is there is not what was written")
	}
	return nil
}

// restoreAcross restores from a copy beside dst, which dst's user makes of the open backup.
func restoreAcross(backup, dst string, now time.Time, progress func(done, total int64)) (
	done Restored, err error) {
	from, err := openBackup(backup)
	if err != nil {
		return done, err
	}
	err = rights.As(dst, func() error {
		at, err := locate(dst)
		if err != nil {
			return err
		}
		to, err := os.CreateTemp(filepath.Dir(at), "."+filepath.Base(at)+".from-*")
		if err != nil {
			return failure(dst, "make room for the backup", err)
		}
		_, err = io.Copy(to, from)
		if err = failure(dst, "copy the backup", errors.Join(err, to.Close())); err == nil {
			done, err = restore(to.Name(), dst, now, progress)
		}
		return errors.Join(err, failure(dst, "clean up", removeDatabase(to.Name())))
	})
	return done, errors.Join(err, from.Close())
}

// openBackup opens a backup for another user to read. A log beside it would be left behind.
func openBackup(backup string) (*os.File, error) {
	const hint = "name the file that 'backup' made"
	f, err := rights.Open(backup)
	if err != nil {
		return nil, &Error{Kind: ErrIO, Path: backup, What: "the backup cannot be read",
			Cause: err, Hint: hint}
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("no regular file")
	}
	if log, lerr := os.Lstat(backup + "-wal"); err == nil && lerr == nil && log.Size() > 0 {
		err = errors.New("there is a write-ahead log beside it")
	}
	if err != nil {
		return nil, errors.Join(&Error{Kind: ErrIO, Path: backup,
			What: "the backup cannot be used", Cause: err, Hint: hint}, f.Close())
	}
	return f, nil
}
