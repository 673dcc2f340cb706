package relayd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kiosk-agent/relay/relayd/rules"
)

// store is the rules' store.
var _ rules.Store = (*store)(nil)

// Put stores e and wakes the readers. Whoever sent what may be stored all the same will send it
// again.
func (s *store) Put(ctx context.Context, to rules.Source, e rules.Envelope) error {
	if s.low.Load() {
		return fmt.Errorf("%w: its disk has less than min_free left", rules.ErrFull)
	}
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	msg := &nats.Msg{Subject: e.Subject(to), Data: data}
	opts := []jetstream.PublishOpt{jetstream.WithMsgID(e.ID),
		jetstream.WithExpectStream(streamName)}
	if ttl := e.TTL(); ttl > 0 {
		opts = append(opts, jetstream.WithMsgTTL(ttl))
	}
	if _, err := s.js.PublishMsg(ctx, msg, opts...); err != nil {
		return refusal(err)
	}
	if err := s.names.sync(streamName); err != nil {
		return err
	}
	s.stored.Store(time.Now().UnixNano())
	s.wake(to)
	return nil
}

// storeFailed is the server's code for a message that it could not store, whatever the limit; which
// one it was stands in its text only, so the rules look at the state instead.
const storeFailed jetstream.ErrorCode = 10077

// refusal names a publish's error in the rules' words; one that is not the server's is left as it
// is.
func refusal(err error) error {
	var api *jetstream.APIError
	switch {
	case !errors.As(err, &api):
		return err
	case api.ErrorCode != storeFailed: // no resources, no space left on the device, …
		return fmt.Errorf("%w: %w", rules.ErrFull, err)
	default:
		return fmt.Errorf("%w: %w", rules.ErrLimit, err)
	}
}

// Held is how many hooks and canaries of a source the store has.
func (s *store) Held(ctx context.Context, of rules.Source) (uint64, error) {
	return s.count(ctx, of.Hooks())
}

// HeldRest is how many messages the store has of what could not open.
func (s *store) HeldRest(ctx context.Context, of rules.Source) (uint64, error) {
	return s.count(ctx, of.Rest())
}

func (s *store) count(ctx context.Context, subject string) (uint64, error) {
	info, err := s.hooks.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, err
	}
	return info.State.Subjects[subject], nil
}

// Next returns a source's first message after the given sequence, nil when there is none.
func (s *store) Next(ctx context.Context, of rules.Source, after uint64) (*rules.Stored, error) {
	return s.get(ctx, after+1, jetstream.WithGetMsgSubject(of.Filter()))
}

// At returns the message at seq, nil when there is none.
func (s *store) At(ctx context.Context, seq uint64) (*rules.Stored, error) {
	return s.get(ctx, seq)
}

// LastMark returns the newest mark of a source, nil when there is none.
func (s *store) LastMark(ctx context.Context, of rules.Source) (*rules.Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return s.found(s.hooks.GetLastMsgForSubject(ctx, of.Marks()))
}

func (s *store) get(ctx context.Context, seq uint64,
	opts ...jetstream.GetMsgOpt) (*rules.Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return s.found(s.hooks.GetMsg(ctx, seq, opts...))
}

func (s *store) found(m *jetstream.RawStreamMsg, err error) (*rules.Stored, error) {
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	out := rules.Open(m.Sequence, m.Subject, m.Data)
	if out.Kind == "" {
		s.log.Error("a message in the store is not one of ours and is passed over",
			"seq", m.Sequence)
	}
	return out, nil
}
