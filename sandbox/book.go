package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"kiosk-agent/sandbox/simkit"
)

// bookLine is one line of the book: what happened, as one JSON object with exactly one of its
// members. A line is on the disk before anybody is told of what it says.
type bookLine struct {
	At     time.Time   `json:"at"`
	Opened *openedLine `json:"opened,omitempty"`
	Record *recordLine `json:"record,omitempty"`
	Told   *toldLine   `json:"told,omitempty"`
}

// openedLine says that a link was opened for the first time, or a code made.
type openedLine struct {
	LinkID string `json:"merchantLinkId"`
	Token  string `json:"token"`
	Code   bool   `json:"code,omitempty"` // a code was made, no page opened
}

// recordLine is a transaction as it stands from now on.
type recordLine struct {
	ClientID    string `json:"clientId"`
	MerchantRef string `json:"merchantRef"`
	Record      Record `json:"record"`
}

// toldLine says that a webhook about this record was answered 2xx.
type toldLine struct {
	TransactionRef string      `json:"transactionRef"`
	Status         Status      `json:"status"`
	Faults         []FaultKind `json:"faults,omitempty"` // that had bent it
}

// statement is a record at one of its ends: what a webhook is about.
type statement struct {
	transactionRef string
	status         Status
}

// keep writes one line and waits until it is on the disk. The caller holds s.mu.
func (s *Server) keep(line bookLine) error { return s.book.Keep(line) }

// readBook goes on where the book ends: payments are as they were, and each webhook that was not
// answered 2xx goes out again. Faults and what a customer abandoned are not in it.
func (s *Server) readBook() (err error) {
	told := map[statement]bool{}
	s.book, err = simkit.OpenBook(s.cfg.Book, func(text []byte) error {
		var line bookLine
		if err := json.Unmarshal(text, &line); err != nil {
			return err
		}
		return s.replay(line, told)
	})
	if err != nil {
		return err
	}
	for _, p := range s.payments {
		for _, r := range p.records {
			switch {
			case r.Type != "PAY" || told[statement{r.TransactionRef, r.Status}]:
			case r.Status == StatusSent:
				s.queue.Add(p.expiresAt, job{code: r, payment: p})
			default:
				s.announce(p, r)
			}
		}
	}
	return nil
}

// replay takes over what one line says.
func (s *Server) replay(line bookLine, told map[statement]bool) error {
	switch {
	case line.Opened != nil:
		return s.replayOpened(line)
	case line.Record != nil:
		p := s.byRef[refKey{line.Record.ClientID, line.Record.MerchantRef}]
		if p == nil {
			return errors.New("a record of a link that was not opened")
		}
		r := line.Record.Record
		s.txRefs[r.TransactionRef] = true
		if i := slices.IndexFunc(p.records,
			func(e *Record) bool { return e.TransactionRef == r.TransactionRef }); i >= 0 {
			p.records[i] = &r
		} else {
			p.records = append(p.records, &r)
		}
		return nil
	case line.Told != nil:
		told[statement{line.Told.TransactionRef, line.Told.Status}] = true
		return nil
	default:
		return errors.New("it says nothing")
	}
}

func (s *Server) replayOpened(line bookLine) error {
	in := incoming{merchant: s.byLink[line.Opened.LinkID], linkID: line.Opened.LinkID,
		token: line.Opened.Token}
	if in.merchant == nil {
		return errors.New("no merchant has this payment link")
	}
	var problems []problem
	if in.opened, problems = openToken(in.token, in.merchant.ClientID,
		in.merchant.Secret); len(problems) > 0 {
		return fmt.Errorf("the link: %s", problems[0])
	}
	link, problems := parseLink(in.plaintext, in.merchant, s.cfg.DefaultExpiry)
	if line.Opened.Code {
		link, problems = parseCode(in.plaintext, in.merchant)
	}
	if len(problems) > 0 {
		return fmt.Errorf("the link: %s", problems[0])
	}
	s.freshlySalted(in.opened)
	s.register(in, link, line.At).code = line.Opened.Code
	return nil
}
