package relayd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kiosk-agent/relay"
)

// What a publish can fail with; each is one HTTP status.
var (
	errQuota       = errors.New("the route's quota is used up")
	errFull        = errors.New("the store is full")
	errUnavailable = errors.New("the store does not answer")
)

const canaryTTL = 5 * time.Minute

// envelope is a stored message. The route is not in it.
type envelope struct {
	ID         string              `json:"id"`
	Kind       string              `json:"kind"`
	Nonce      string              `json:"nonce,omitempty"`
	Method     string              `json:"method,omitempty"`
	Path       string              `json:"path,omitempty"`
	Query      string              `json:"query,omitempty"`
	Headers    map[string][]string `json:"headers,omitempty"`
	Body       []byte              `json:"body,omitempty"`
	ReceivedAt relay.Time          `json:"received_at"`
}

// stored is an envelope at its place.
type stored struct {
	seq     uint64
	subject string
	envelope
}

func (m *stored) delivery(epoch string) relay.Delivery {
	d := relay.Delivery{
		Position: relay.Position{Epoch: epoch, Seq: m.seq, ID: m.ID},
		Kind:     m.Kind, Nonce: m.Nonce, ReceivedAt: m.ReceivedAt.Time,
	}
	if m.Kind == relay.KindHook {
		d.Hook = relay.Hook{Method: m.Method, Path: m.Path, Query: m.Query, Headers: m.Headers,
			Body: m.Body}
	}
	return d
}

// publish stores e and wakes the readers. It returns nil only when the store has e durably; after
// errUnavailable e may be stored all the same, and whoever sent it will send it again.
func (s *store) publish(ctx context.Context, to source, e envelope) error {
	if s.low.Load() {
		return fmt.Errorf("%w: its disk has less than min_free left", errFull)
	}
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	msg := &nats.Msg{Subject: to.hooks(), Data: data}
	opts := []jetstream.PublishOpt{jetstream.WithMsgID(e.ID),
		jetstream.WithExpectStream(streamName)}
	switch e.Kind {
	case relay.KindMark:
		msg.Subject = to.marks()
	case relay.KindCanary:
		opts = append(opts, jetstream.WithMsgTTL(canaryTTL))
	}
	if _, err := s.js.PublishMsg(ctx, msg, opts...); err != nil {
		return s.publishError(ctx, msg.Subject, err)
	}
	if err := s.names.sync(streamName); err != nil {
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	s.stored.Store(time.Now().UnixNano())
	if err := s.nc.Publish(to.wake(), nil); err != nil {
		s.log.Debug("wake-up lost; the next poll covers it", "err", err)
	}
	return nil
}

// storeFailed is the server's code for a message that it could not store, whatever the limit; which
// one it was stands in its text only, so we look at the state instead.
const storeFailed jetstream.ErrorCode = 10077

func (s *store) publishError(ctx context.Context, subject string, err error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	if api.ErrorCode != storeFailed {
		return fmt.Errorf("%w: %w", errFull, err) // no resources, no space left on the device, …
	}
	if held, heldErr := s.held(ctx, subject); heldErr == nil &&
		held >= uint64(s.cfg.QuotaPerRoute) {
		return errQuota
	}
	return fmt.Errorf("%w: %w", errFull, err)
}

// room says whether a source takes one more hook: errQuota, errUnavailable or nil.
func (s *store) room(ctx context.Context, of source) error {
	held, err := s.held(ctx, of.hooks())
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errUnavailable, err)
	case held >= uint64(s.cfg.QuotaPerRoute):
		return errQuota
	default:
		return nil
	}
}

// held is how many messages lie on a subject.
func (s *store) held(ctx context.Context, subject string) (uint64, error) {
	info, err := s.hooks.Info(ctx, jetstream.WithSubjectFilter(subject))
	if err != nil {
		return 0, err
	}
	return info.State.Subjects[subject], nil
}

// next returns the first message after the given sequence on any of the sources, nil when there is
// none.
func (s *store) next(ctx context.Context, sources []source, after uint64) (*stored, error) {
	best, err := earliest(len(sources), func(i int) (*jetstream.RawStreamMsg, error) {
		return s.get(ctx, after+1, jetstream.WithGetMsgSubject(sources[i].filter()))
	})
	if best == nil || err != nil {
		return nil, err
	}
	return s.open(best), nil
}

// earliest asks n sources for their next message and returns the one with the lowest sequence. A
// source that was asked before the best candidate was seen is asked again: something older may have
// been stored there in between, and once a later one is delivered nobody would look back.
func earliest(n int, ask func(i int) (*jetstream.RawStreamMsg, error)) (
	best *jetstream.RawStreamMsg, err error) {
	for i, asked := 0, 0; asked < n; i, asked = (i+1)%n, asked+1 {
		m, err := ask(i)
		if err != nil {
			return nil, err
		}
		if m != nil && (best == nil || m.Sequence < best.Sequence) {
			best, asked = m, 0
		}
	}
	return best, nil
}

// at returns the message at seq, nil when there is none.
func (s *store) at(ctx context.Context, seq uint64) (*stored, error) {
	m, err := s.get(ctx, seq)
	if m == nil || err != nil {
		return nil, err
	}
	return s.open(m), nil
}

// lastMark returns the newest mark of a source, nil when there is none.
func (s *store) lastMark(ctx context.Context, of source) (*stored, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	m, err := s.hooks.GetLastMsgForSubject(ctx, of.marks())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.open(m), nil
}

func (s *store) get(ctx context.Context, seq uint64,
	opts ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	m, err := s.hooks.GetMsg(ctx, seq, opts...)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return m, err
}

// open reads a message. One that is not ours, or of a later program's kind, has no kind: readers
// pass over it, because no repetition would make it readable and those behind it must not wait.
func (s *store) open(m *jetstream.RawStreamMsg) *stored {
	out := &stored{seq: m.Sequence, subject: m.Subject}
	err := json.Unmarshal(m.Data, &out.envelope)
	switch {
	case err == nil && out.ID != "" && !out.ReceivedAt.IsZero() &&
		(out.Kind == relay.KindHook || out.Kind == relay.KindMark || out.Kind == relay.KindCanary &&
			relay.ValidNonce(out.Nonce)):
		return out
	default:
		s.log.Error("a message in the store is not one of ours and is passed over", "seq",
			m.Sequence)
		return &stored{seq: m.Sequence, subject: m.Subject}
	}
}
