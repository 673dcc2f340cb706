package relayd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

// heads remembers the newest journal head of each terminal: the anchor that shows when a journal
// was rolled back, lost or cloned. It is kept for good, also of revoked terminals.
type heads struct {
	kv    jetstream.KeyValue
	names *names
}

var _ rules.Heads = (*heads)(nil)

// Head returns the newest head and its revision, nil when there is none.
func (h *heads) Head(ctx context.Context, terminal string) (*relay.Head, uint64, error) {
	e, err := h.kv.Get(ctx, rules.Handle(terminal))
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

// PutHead replaces the head of that revision.
func (h *heads) PutHead(ctx context.Context, terminal string, head relay.Head,
	revision uint64) error {
	value, err := json.Marshal(head)
	if err != nil {
		return err
	}
	if revision == 0 {
		_, err = h.kv.Create(ctx, rules.Handle(terminal), value)
	} else {
		_, err = h.kv.Update(ctx, rules.Handle(terminal), value, revision)
	}
	if errors.Is(err, jetstream.ErrKeyExists) {
		return rules.ErrConflict
	}
	if err != nil {
		return err
	}
	return h.names.sync(headsStream)
}
