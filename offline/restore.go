package offline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kiosk-agent/internal/disk"
	"kiosk-agent/internal/rights"
	"kiosk-agent/payment"
)

// Restored is what Restore did.
type Restored struct {
	Copy
	// the directory with the journal that was there before and all of its files; "" = there was
	// none
	Aside string
	Was   payment.Head // its head; zero when there was none or it cannot be read
}

// Restore puts a verified copy of the backup in the place of the journal dst. It takes the
// journal's lock, so no agent may run. What is at dst, damaged or not, is moved aside and never
// deleted; now names it. The copy is of this version's schema, with its look-up tables made anew,
// and belongs to the user to whom dst or its directory belongs.
//
// On error dst is as it was, unless the text says otherwise. A crash leaves the old journal, the
// new one, or none: then its PATH.id makes every Open say that a journal is missing, and Restore is
// to be called again. The facts that the backup lacks are not invented: the relay remembers a newer
// head, and the agent is not ready until staff have recovered.
//
// Where root does it, all of it is done as the user whose directory dst is in.
func Restore(backup, dst string, now time.Time, progress func(done, total int64)) (done Restored,
	err error) {
	from, err := rights.Owner(backup)
	if err != nil {
		return done, failure(backup, "find out whose it is", err)
	}
	to, err := rights.Owner(dst)
	if err != nil {
		return done, failure(dst, "find out whose it is", err)
	}
	if from != to {
		return restoreAcross(backup, dst, now, progress)
	}
	err = rights.As(dst, func() (err error) {
		done, err = restore(backup, dst, now, progress)
		return err
	})
	return done, err
}

func restore(backup, dst string, now time.Time, progress func(done, total int64)) (done Restored,
	err error) {
	if dst, err = locate(dst); err != nil {
		return done, err
	}
	owner, err := replaceable(dst, backup)
	if err != nil {
		return done, err
	}
	lock, err := lockFile(dst)
	if err != nil {
		return done, err
	}
	defer lock.Close()
	if err := owner.take(dst + ".lock"); err != nil {
		return done, err
	}
	staged := dst + ".new"
	if err := removeDatabase(staged); err != nil {
		// of a creation or a restoration that was cut off
		return done, failure(dst, "clear "+staged, err)
	}
	done.Copy, err = stage(backup, staged, progress)
	if err == nil {
		err = owner.take(staged)
	}
	if err == nil {
		done.Path, done.Was = dst, headOf(dst)
		done.Aside, err = swap(staged, dst, done.Head.JournalID, owner, now)
	}
	if err != nil {
		return Restored{}, errors.Join(err, failure(dst, "clean up", removeDatabase(staged)))
	}
	return done, nil
}

// replaceable refuses what Restore must not move away, and finds out to whom the journal is to
// belong.
func replaceable(dst, backup string) (owner, error) {
	from, err := os.Stat(backup)
	if err != nil {
		return owner{}, &Error{Kind: ErrIO, Path: backup, What: "the backup cannot be read",
			Cause: err, Hint: "name the file that 'backup' made"}
	}
	at, err := os.Lstat(dst)
	if errors.Is(err, fs.ErrNotExist) {
		at, err = os.Stat(filepath.Dir(dst))
		return ownerOf(at), failure(dst, "look at its directory", err)
	}
	if err != nil {
		return owner{}, failure(dst, "look at it", err)
	}
	if os.SameFile(from, at) {
		return owner{}, &Error{Kind: ErrIO, Path: dst, What: "the backup is the journal itself",
			Hint: "name the file that 'backup' made"}
	}
	if !at.Mode().IsRegular() {
		return owner{}, &Error{Kind: ErrIO, Path: dst, What: "not a regular file",
			Hint: "set journal.path to a file"}
	}
	return ownerOf(at), nil
}

// owner is the user to whom new files are given when root makes them. The directory is that user's:
// a link that he has put there is never followed, or root would give him the file that it names.
type owner struct{ uid, gid int }

func (o owner) take(name string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return failure(name, "give it to the agent's user", os.Lchown(name, o.uid, o.gid))
}

// stage makes a whole journal of this version from the backup, under another name.
func stage(backup, staged string, progress func(done, total int64)) (Copy, error) {
	r, err := OpenReadOnly(backup)
	if err != nil {
		return Copy{}, err
	}
	defer r.Close()
	if _, err := r.wholeOrError(false, nil); err != nil {
		// its look-up tables do not matter: they are made anew
		return Copy{}, err
	}
	if err := vacuumInto(r.path, staged); err != nil {
		return Copy{}, err
	}
	j := &Journal{}
	j.path, j.id = staged, r.id
	j.writer = openWriter(staged)
	err = j.renew()
	if cerr := j.writer.Close(); err == nil {
		// the last connection moves the write-ahead log into the file and syncs it
		err = failure(staged, "close", cerr)
	}
	if err != nil {
		return Copy{}, err
	}
	if _, err := os.Lstat(staged + "-wal"); err == nil {
		return Copy{}, failure(staged, "close",
			errors.New("the write-ahead log was not moved into the file"))
	}
	c, err := examine(staged, progress)
	if err != nil {
		return Copy{}, err
	}
	for _, part := range parts[1:] { // what reading has left; nothing was written
		if err := removeFile(staged + part); err != nil {
			return Copy{}, failure(staged, "clean up", err)
		}
	}
	return c, nil
}

// renew brings the schema up to date and makes the look-up tables anew.
func (j *Journal) renew() error {
	all, err := migrations(schemaFiles)
	if err != nil {
		return err
	}
	if err := migrate(j.writer, j.path, all); err != nil {
		return err
	}
	return j.reading("make the look-up tables anew", j.rebuild())
}

// headOf is the head of the journal at this path as far as it can be read.
func headOf(path string) payment.Head {
	r, err := OpenReadOnly(path)
	if err != nil {
		return payment.Head{}
	}
	defer r.Close()
	h, err := r.Head()
	if err != nil {
		return payment.Head{}
	}
	return h
}

// swap moves what is at dst aside and the staged journal into its place. At every moment a database
// or a PATH.id shows that there was a journal; the old database goes, for good, before its
// write-ahead log, so that it is never opened without; and all of it is gone before the new one
// comes, so that this never meets the log of another. The old files are gathered in one directory
// that gets its dated name when it is complete: a restoration after one that was cut off goes on
// filling it.
func swap(staged, dst, id string, owner owner, now time.Time) (aside string, err error) {
	old, err := partsOf(dst)
	if err != nil {
		return "", err
	}
	hold := dst + ".replacing"
	held, err := partsOf(filepath.Join(hold, filepath.Base(dst)))
	if err != nil {
		return "", err
	}
	if len(held) > 0 && len(old) > 0 && held[0] == "" && old[0] == "" {
		// somebody has put a journal there meanwhile
		if _, err := date(hold, dst, now); err != nil {
			return "", err
		}
		held = nil
	}
	if len(old)+len(held) > 0 {
		if err = gather(hold, dst, id, old, owner); err == nil {
			aside, err = date(hold, dst, now)
		}
		if err != nil {
			return "", halfway(hold, dst, err)
		}
	}
	return aside, install(staged, dst, id, owner)
}

// gather moves the old files into the directory. On error nothing has changed when the database is
// still at dst.
func gather(hold, dst, id string, old []string, owner owner) error {
	to := filepath.Join(hold, filepath.Base(dst))
	err := os.Mkdir(hold, 0o700)
	if err == nil {
		err = errors.Join(disk.SyncDir(filepath.Dir(dst)), owner.take(hold))
	} else if errors.Is(err, fs.ErrExist) {
		err = realDir(hold)
	}
	undo := func() error {
		return errors.Join(removeFile(to+".id"), removeFile(to+".id.new"), os.Remove(hold))
	}
	if err == nil {
		err = keepMarker(dst, to, id, owner, &undo)
	}
	for i := 0; err == nil && i < len(old); i++ {
		if err = os.Rename(dst+old[i], to+old[i]); err == nil {
			undo = func() error { return nil }
			err = errors.Join(disk.SyncDir(hold), disk.SyncDir(filepath.Dir(dst)))
		}
	}
	if err != nil {
		return errors.Join(err, undo())
	}
	return nil
}

// realDir is nil for a directory that is none behind a link.
func realDir(name string) error {
	info, err := os.Lstat(name)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is a link, or no directory: remove it", name)
	}
	return err
}

// keepMarker copies the id that was noted beside the old journal. When none was noted, the new
// journal's id stands there while there is no database.
func keepMarker(dst, to, id string, owner owner, undo *func() error) error {
	b, err := os.ReadFile(dst + ".id")
	if errors.Is(err, fs.ErrNotExist) {
		was := *undo
		*undo = func() error {
			return errors.Join(was(), removeFile(dst+".id"), removeFile(dst+".id.new"))
		}
		return mark(dst+".id", id, owner)
	}
	if err != nil {
		return err
	}
	return mark(to+".id", strings.TrimSuffix(string(b), "\n"), owner)
}

// date gives the directory with the old journal its name for good.
func date(hold, dst string, now time.Time) (aside string, err error) {
	base := dst + ".replaced-" + now.UTC().Format("20060102T150405Z")
	aside = base
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return "", err
		}
		aside = fmt.Sprintf("%s-%d", base, n)
	}
	if err := os.Rename(hold, aside); err != nil {
		return "", err
	}
	return aside, disk.SyncDir(filepath.Dir(dst))
}

// partsOf are the endings of the files that are there; "" first.
func partsOf(path string) (there []string, err error) {
	for _, part := range parts {
		_, err := os.Lstat(path + part)
		if err == nil {
			there = append(there, part)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, failure(path, "look for "+path+part, err)
		}
	}
	return there, nil
}

// install notes the id and moves the staged journal to its name.
func install(staged, dst, id string, owner owner) error {
	err := mark(dst+".id", id, owner)
	if err == nil {
		err = os.Rename(staged, dst)
	}
	if err == nil {
		err = disk.SyncDir(filepath.Dir(dst))
	}
	return failure(dst, "put the backup in place", err)
}

func mark(name, id string, owner owner) error {
	if err := writeMarker(name, id); err != nil {
		return err
	}
	return owner.take(name)
}

func removeFile(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// halfway says where everything is when moving failed.
func halfway(hold, dst string, err error) error {
	e := &Error{Kind: ErrIO, Path: dst, What: "the old journal cannot be moved aside",
		Hint: "run restore again", Cause: err}
	if known, ok := errors.AsType[*Error](failure(dst, "", err)); ok {
		e.Kind = known.Kind
	}
	if _, err := os.Lstat(dst); err != nil {
		e.What = "the old journal was moved to " + hold +
			"*, and the backup is not in its place yet"
	}
	return e
}
