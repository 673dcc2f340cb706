// Package relaystore is a relay's store in memory, for the simulation and for tests of what the
// relay decides: one sequence of messages with an epoch, the quota and the ages of the real one,
// and the journal heads. It keeps what the real store keeps, as JSON, and forgets what is too old
// at each look.
//
// relayd's TestStores holds it against JetStream. It is for one goroutine, and nothing survives.
package relaystore

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

// Store is a rules.Store and the rules.Heads beside it.
type Store struct {
	Epoch     string
	Quota     uint64        // hooks and canaries that a source may hold
	Retention time.Duration // how long a message is held
	Now       func() time.Time
	// Fails is asked before each call, by its name: its error is the answer. nil = none fails.
	Fails func(op string) error

	last     uint64
	messages []message // by sequence
	heads    map[string]head
}

var (
	_ rules.Store = (*Store)(nil)
	_ rules.Heads = (*Store)(nil)
)

type message struct {
	seq     uint64
	subject string
	data    []byte
	end     time.Time
}

type head struct {
	relay.Head
	revision uint64
}

func (s *Store) look(op string) error {
	if s.Fails != nil {
		if err := s.Fails(op); err != nil {
			return err
		}
	}
	now := s.Now()
	s.messages = slices.DeleteFunc(s.messages, func(m message) bool { return !now.Before(m.end) })
	return nil
}

// Span is the store's epoch and its sequences.
func (s *Store) Span(context.Context) (rules.Span, error) {
	if err := s.look("span"); err != nil {
		return rules.Span{}, err
	}
	sp := rules.Span{Epoch: s.Epoch, First: s.last, Last: s.last}
	switch {
	case len(s.messages) > 0:
		sp.First = s.messages[0].seq
	case s.last > 0:
		sp.First++
	}
	return sp, nil
}

// At returns the message at seq.
func (s *Store) At(_ context.Context, seq uint64) (*rules.Stored, error) {
	if err := s.look("at"); err != nil {
		return nil, err
	}
	i, found := slices.BinarySearchFunc(s.messages, seq, bySeq)
	if !found {
		return nil, nil
	}
	return s.messages[i].open(), nil
}

// Next returns a source's first message after a sequence.
func (s *Store) Next(_ context.Context, of rules.Source, after uint64) (*rules.Stored, error) {
	if err := s.look("next"); err != nil {
		return nil, err
	}
	i, _ := slices.BinarySearchFunc(s.messages, after+1, bySeq)
	for _, m := range s.messages[i:] {
		if of.Has(m.subject) {
			return m.open(), nil
		}
	}
	return nil, nil
}

// LastMark returns a source's newest mark.
func (s *Store) LastMark(_ context.Context, of rules.Source) (*rules.Stored, error) {
	if err := s.look("mark"); err != nil {
		return nil, err
	}
	for _, m := range slices.Backward(s.messages) {
		if m.subject == of.Marks() {
			return m.open(), nil
		}
	}
	return nil, nil
}

// Put stores e.
func (s *Store) Put(ctx context.Context, to rules.Source, e rules.Envelope) error {
	if err := s.look("put"); err != nil {
		return err
	}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return s.put(e.Subject(to), data, e.TTL())
}

// PutRaw stores what the rules would not: a message of a later program, or of nobody.
func (s *Store) PutRaw(subject string, data []byte) error { return s.put(subject, data, 0) }

func (s *Store) put(subject string, data []byte, ttl time.Duration) error {
	if s.held(subject) >= s.Quota {
		return rules.ErrLimit
	}
	if ttl == 0 {
		ttl = s.Retention
	}
	s.last++
	s.messages = append(s.messages, message{s.last, subject, data, s.Now().Add(ttl)})
	return nil
}

// Held counts the hooks and canaries of a source.
func (s *Store) Held(_ context.Context, of rules.Source) (uint64, error) {
	if err := s.look("held"); err != nil {
		return 0, err
	}
	return s.held(of.Hooks()), nil
}

// HeldRest counts what came to a source's hook URL and could not open.
func (s *Store) HeldRest(_ context.Context, of rules.Source) (uint64, error) {
	if err := s.look("held"); err != nil {
		return 0, err
	}
	return s.held(of.Rest()), nil
}

func (s *Store) held(subject string) (n uint64) {
	for _, m := range s.messages {
		if m.subject == subject {
			n++
		}
	}
	return n
}

// Head returns a terminal's head.
func (s *Store) Head(_ context.Context, terminal string) (*relay.Head, uint64, error) {
	if err := s.look("head"); err != nil {
		return nil, 0, err
	}
	h, ok := s.heads[terminal]
	if !ok {
		return nil, 0, nil
	}
	return &h.Head, h.revision, nil
}

// PutHead replaces the head of that revision.
func (s *Store) PutHead(_ context.Context, terminal string, h relay.Head, revision uint64) error {
	if err := s.look("put head"); err != nil {
		return err
	}
	if s.heads[terminal].revision != revision {
		return rules.ErrConflict
	}
	if s.heads == nil {
		s.heads = map[string]head{}
	}
	s.heads[terminal] = head{h, revision + 1}
	return nil
}

// MakeAnew loses the messages, as a stream that is made anew does; the heads stay.
func (s *Store) MakeAnew(epoch string) {
	s.Epoch, s.last, s.messages = epoch, 0, nil
}

// All are the messages that the store holds, oldest first.
func (s *Store) All() []*rules.Stored {
	out := make([]*rules.Stored, 0, len(s.messages))
	for _, m := range s.messages {
		out = append(out, m.open())
	}
	return out
}

// Last is the newest sequence.
func (s *Store) Last() uint64 { return s.last }

// Clone is a copy of the store as it is now.
func (s *Store) Clone() *Store {
	c := *s
	c.messages, c.heads = slices.Clone(s.messages), maps.Clone(s.heads)
	return &c
}

func (m message) open() *rules.Stored { return rules.Open(m.seq, m.subject, m.data) }

func bySeq(m message, seq uint64) int {
	switch {
	case m.seq < seq:
		return -1
	case m.seq > seq:
		return 1
	default:
		return 0
	}
}
