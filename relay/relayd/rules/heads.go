package rules

import (
	"context"
	"errors"

	"kiosk-agent/relay"
)

// Advance stores a terminal's journal head if it may follow the known one, and reports whether it
// is now the known one.
func Advance(ctx context.Context, h Heads, terminal string, head relay.Head,
	supersedes *relay.Head) (bool, error) {
	for {
		known, revision, err := h.Head(ctx, terminal)
		if err != nil {
			return false, err
		}
		if known != nil && *known == head {
			return true, nil
		}
		if !follows(known, head, supersedes) {
			return false, nil
		}
		err = h.PutHead(ctx, terminal, head, revision)
		if !errors.Is(err, ErrConflict) {
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
