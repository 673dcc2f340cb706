package relayd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"kiosk-agent/relay"
)

// heads remembers the newest journal head of each terminal: the anchor that shows when a journal
// was rolled back, lost or cloned. It is kept for good, also of revoked terminals.
type heads struct {
	kv    jetstream.KeyValue
	names *names
}

// known returns the newest head, nil when there is none.
func (h *heads) known(ctx context.Context, terminal string) (*relay.Head, error) {
	head, _, err := h.read(ctx, terminal)
	return head, err
}

func (h *heads) read(ctx context.Context, terminal string) (*relay.Head, uint64, error) {
	e, err := h.kv.Get(ctx, encode(terminal))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	var head relay.Head
	if err := json.Unmarshal(e.Value(), &head); err != nil {
		return nil, 0, fmt.Errorf("stored journal head: %w", err)
	}
	return &head, e.Revision(), nil
}

// advance stores head if it may follow the known one, and reports whether it is now the known one.
func (h *heads) advance(ctx context.Context, terminal string, head relay.Head,
	supersedes *relay.Head) (bool, error) {
	value, err := json.Marshal(head)
	if err != nil {
		return false, err
	}
	for {
		known, revision, err := h.read(ctx, terminal)
		if err != nil {
			return false, err
		}
		if known != nil && *known == head {
			return true, nil
		}
		if !follows(known, head, supersedes) {
			return false, nil
		}
		if known == nil {
			_, err = h.kv.Create(ctx, encode(terminal), value)
		} else {
			_, err = h.kv.Update(ctx, encode(terminal), value, revision)
		}
		if err == nil {
			err = h.names.sync(headsStream)
		}
		if !errors.Is(err, jetstream.ErrKeyExists) {
			return err == nil, err
		}
		// Somebody else's write came between: judge anew.
	}
}

// follows says whether next may take the place of known: the same journal grown, or a journal of
// which staff have said that it replaces exactly the known head. An older or a foreign head never
// hides a newer one.
func follows(known *relay.Head, next relay.Head, supersedes *relay.Head) bool {
	switch {
	case known == nil:
		return true
	case supersedes != nil && *supersedes == *known:
		return true
	default:
		return next.JournalID == known.JournalID && next.Seq > known.Seq
	}
}
