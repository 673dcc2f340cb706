package singapay

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"kiosk-agent/sandbox/simkit"
)

// line is one line of the book: a link or a code as it stands from now on, or a payment whose
// webhook was answered 2xx. A line is on the disk before anybody is told of what it says.
type line struct {
	At     time.Time   `json:"at"`
	Link   *link       `json:"link,omitempty"`
	Code   *code       `json:"code,omitempty"`
	Told   string      `json:"told,omitempty"`   // reff_no of the attempt or code
	Faults []FaultKind `json:"faults,omitempty"` // that had bent what was told
}

// keep writes one line and waits until it is on the disk. After a failure nothing more is told to
// anybody. The caller holds s.mu.
func (s *Server) keep(l line) {
	if s.book.Err() != nil {
		return
	}
	l.At = s.clock.Now()
	if err := s.book.Keep(l); err != nil {
		s.log.Error("the book failed", "error", err.Error())
	}
}

// readBook goes on where the book ends: a payment whose webhook was not answered 2xx is announced
// again.
func (s *Server) readBook() (err error) {
	s.book, err = simkit.OpenBook(s.cfg.Book, func(text []byte) error {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return err
		}
		return s.replay(l)
	})
	if err != nil {
		return err
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
				s.queue.Add(a.ExpiresAt, job{link: l, attempt: a})
			}
		}
	}
	for _, q := range s.codes {
		switch {
		case q.paid() && !s.told[q.Reff]:
			s.announceCode(q, now)
		case q.Status == open && !q.ExpiresAt.IsZero():
			s.queue.Add(q.ExpiresAt, job{code: q})
		}
	}
}
