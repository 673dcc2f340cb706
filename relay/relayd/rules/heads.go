package rules

import (
	"context"
	"errors"

	"kiosk-agent/relay"
)

// Anchored is what became of a journal head that an agent has told.
type Anchored struct {
	Head relay.Head
	// Doubtful: it does not follow the known one. The journal was rolled back, lost or cloned, and
	// the known head stays.
	Doubtful bool
	Replaced *relay.Head // the known one, whose place it took by staff's word; nil = none
}

// advance stores a terminal's journal head if it may follow the known one.
func advance(ctx context.Context, h Heads, terminal string, head relay.Head,
	supersedes *relay.Head) (Anchored, error) {
	for {
		known, revision, err := h.Head(ctx, terminal)
		if err != nil {
			return Anchored{}, err
		}
		a := weigh(known, head, supersedes)
		if a.Doubtful || known != nil && *known == head {
			return a, nil
		}
		if err = h.PutHead(ctx, terminal, head, revision); !errors.Is(err, ErrConflict) {
			return a, err
		}
		// Somebody else's write came between: judge anew.
	}
}

// weigh says whether next may take the place of known: the same journal grown, or a journal of
// which staff have said that it replaces exactly the known head. An older or a foreign head never
// hides a newer one.
func weigh(known *relay.Head, next relay.Head, supersedes *relay.Head) Anchored {
	a := Anchored{Head: next}
	switch {
	case known == nil || *known == next:
	case supersedes != nil && *supersedes == *known:
		a.Replaced = known
	default:
		a.Doubtful = next.JournalID != known.JournalID || next.Seq <= known.Seq
	}
	return a
}
