package singapay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// line is one line of the book: a link or a code as it stands from now on, or a payment whose webhook was answered 2xx. A line is on
// the disk before anybody is told of what it says.
type line struct {
	At     time.Time   `json:"at"`
	Link   *link       `json:"link,omitempty"`
	Code   *code       `json:"code,omitempty"`
	Told   string      `json:"told,omitempty"`   // reff_no of the attempt or code
	Faults []FaultKind `json:"faults,omitempty"` // that had bent what was told
}

// keep writes one line and waits until it is on the disk; without a book it does nothing. After a failure s.bookErr stays set, and
// nothing more is told to anybody. The caller holds s.mu.
func (s *Server) keep(l line) {
	if s.cfg.Book == "" || s.bookErr != nil {
		return
	}
	l.At = s.clock.Now()
	text, err := json.Marshal(l)
	if err == nil {
		err = s.appendToBook(append(text, '\n'))
	}
	if err != nil {
		s.bookErr = fmt.Errorf("the sandbox's book takes no entries: %w", err)
		s.log.Error("the book failed", "error", err.Error())
	}
}

func (s *Server) appendToBook(text []byte) error {
	f, err := os.OpenFile(s.cfg.Book, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// readBook makes the book if there is none, and otherwise goes on where it ends: a payment whose webhook was not answered 2xx is
// announced again.
func (s *Server) readBook() error {
	f, err := os.OpenFile(s.cfg.Book, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	dir, err := os.Open(filepath.Dir(s.cfg.Book))
	if err != nil {
		return err
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return err
	}
	text, err := os.ReadFile(s.cfg.Book)
	if err != nil {
		return err
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	if whole < len(text) { // a crash while it was written: nobody was told
		if err := errors.Join(f.Truncate(int64(whole)), f.Sync()); err != nil {
			return err
		}
	}
	number := 0
	for text := range bytes.Lines(text[:whole]) {
		number++
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if err := s.replay(l); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	s.resume()
	return nil
}

func (s *Server) replay(l line) error {
	switch {
	case l.Link != nil && s.accounts[l.Link.Account] != nil:
		s.links = replaced(s.links, l.Link, func(other *link) bool { return other.ID == l.Link.ID })
		s.lastID = max(s.lastID, l.Link.ID)
		for _, a := range l.Link.Attempts {
			s.histID = max(s.histID, a.ID)
		}
	case l.Code != nil && s.accounts[l.Code.Account] != nil:
		s.codes = replaced(s.codes, l.Code, func(other *code) bool { return other.ID == l.Code.ID })
		s.lastID = max(s.lastID, l.Code.ID)
	case l.Told != "":
		s.told[l.Told] = true
	default:
		return errors.New("it says nothing, or names an account that is not there")
	}
	return nil
}

func replaced[T any](all []*T, v *T, same func(*T) bool) []*T {
	if i := slices.IndexFunc(all, same); i >= 0 {
		all[i] = v
		return all
	}
	return append(all, v)
}

// resume plans what was still to happen when the book ended.
func (s *Server) resume() {
	now := s.clock.Now()
	for _, l := range s.links {
		s.watch(l)
		for _, a := range l.Attempts {
			switch {
			case a.paid() && !s.told[a.Reff]:
				s.announceLink(l, a, now)
			case a.Status == pending:
				s.schedule(job{due: a.ExpiresAt, link: l, attempt: a})
			}
		}
	}
	for _, q := range s.codes {
		switch {
		case q.paid() && !s.told[q.Reff]:
			s.announceCode(q, now)
		case q.Status == open && !q.ExpiresAt.IsZero():
			s.schedule(job{due: q.ExpiresAt, code: q})
		}
	}
}
