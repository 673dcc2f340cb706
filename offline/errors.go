package offline

import (
	"errors"

	"github.com/mattn/go-sqlite3"
)

// What an Error of this package is about; test with errors.Is.
var (
	// ErrLocked: another process writes this journal.
	ErrLocked = errors.New("journal is in use")
	// ErrMissing: there is no journal, and nothing shows that there was one.
	ErrMissing = errors.New("no journal")
	// ErrDamaged: the journal is not readable, not this journal, not whole, or gone.
	ErrDamaged = errors.New("journal is damaged")
	// ErrSchemaNewer: the journal was written by a newer program.
	ErrSchemaNewer = errors.New("journal is from a newer version")
	// ErrFull: too little space is left on the disk.
	ErrFull = errors.New("disk is full")
	// ErrIO: the system refused or failed a file operation.
	ErrIO = errors.New("journal cannot be read or written")
	// ErrInvalid: the facts break a rule of the journal; nothing was written and trying again is of
	// no use.
	ErrInvalid = errors.New("facts not accepted")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("journal is closed")
)

// Error is every error of this package that is not payment.ErrFact. Its text is safe to log and to
// show: it never holds the content of a fact.
type Error struct {
	Kind  error  // one of the variables above
	Path  string // the journal
	What  string // what was tried or found
	Hint  string // what to do; "" when there is nothing to add
	Cause error  // for errors.Is; nil when there is none
}

func (e *Error) Error() string {
	s := "journal " + e.Path + ": " + e.What
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Unwrap makes both the kind and the cause visible to errors.Is.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

const (
	hintDamaged = "keep this file and its -wal, look with 'journal verify', then restore a " +
		"backup; the agent never replaces it"
	hintFull = "free space on this file system; nothing has to be restarted"
	hintIO   = "check the disk, the mount and the file's owner; nothing has to be restarted " +
		"once it is writable again"
)

// failure gives an error of the database or of the system its kind.
func failure(path, what string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	e := &Error{Kind: ErrIO, Path: path, What: what, Hint: hintIO, Cause: err}
	if saysFull(err) {
		e.Kind, e.Hint = ErrFull, hintFull
	}
	if sq, ok := errors.AsType[sqlite3.Error](err); ok {
		if saysFull(sq.SystemErrno) {
			e.Kind, e.Hint = ErrFull, hintFull
		}
		switch sq.Code {
		case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
			e.Kind, e.Hint = ErrDamaged, hintDamaged
		case sqlite3.ErrFull:
			e.Kind, e.Hint = ErrFull, hintFull
		case sqlite3.ErrBusy, sqlite3.ErrLocked:
			e.Hint = "another program holds the file; close it"
		case sqlite3.ErrConstraint:
			e.Kind, e.Hint = ErrInvalid, ""
		}
	}
	return e
}

func damaged(path, what, hint string) error {
	if hint == "" {
		hint = hintDamaged
	}
	return &Error{Kind: ErrDamaged, Path: path, What: what, Hint: hint}
}
