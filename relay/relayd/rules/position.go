package rules

import (
	"context"
	"slices"
	"time"

	"kiosk-agent/relay"
)

// judge decides where to read from and returns the reason of a gap, "" for none. The position is
// good only if the very message stands there; otherwise everything that is held is sent, from the
// start.
func (s *Session) judge(ctx context.Context, now time.Time, h relay.Hello, known *relay.Head,
	sp Span) (string, error) {
	p := h.Position
	if p == nil {
		if s.missedNothing(now, h.Journal, known, sp) {
			return "", nil
		}
		return relay.GapNoPosition, nil
	}
	if p.Epoch != sp.Epoch {
		return relay.GapEpochChanged, nil
	}
	m, err := s.Store.At(ctx, p.Seq)
	if err != nil {
		return "", err
	}
	if m == nil {
		return relay.GapOutOfRange, nil
	}
	if m.ID != p.ID || m.Kind == relay.KindCanary || !s.reads(m.Subject) {
		return relay.GapIDMismatch, nil
	}
	s.cursor, s.acked = m.Seq, m.ReceivedAt.Time
	return "", nil
}

// missedNothing says whether an agent without a position can be served from the start without a
// gap: its journal is not older than, or another than, one that we know, and everything that its
// route ever took is still held. A journal that has facts and that we do not know may have sold
// while another store was here, whose terminals and heads are lost with it.
func (s *Session) missedNothing(now time.Time, journal relay.Head, known *relay.Head,
	sp Span) bool {
	sameJournal := journal.Seq == 0
	if known != nil {
		sameJournal = journal.JournalID == known.JournalID && journal.Seq >= known.Seq
	}
	age := now.Sub(s.terminal.CreatedAt)
	return sameJournal && s.terminal.Epoch == sp.Epoch && age < s.limits.Retention
}

func (s *Session) reads(subject string) bool {
	return slices.ContainsFunc(s.sources, func(src Source) bool { return src.Has(subject) })
}

// markCheck is how often an open connection looks at the age of its position.
func (l Limits) markCheck() time.Duration { return min(24*time.Hour, l.Retention/8) }

// KeepPosition stores a mark when the agent's position, or its newest mark, is older than a quarter
// of the retention: a quiet terminal's position would age out, and its next hello would be met with
// a gap although nothing was missed. It is called now and then on an open connection. markErr says
// that no mark could be stored, and ends nothing.
func (s *Session) KeepPosition(ctx context.Context, now time.Time) (markErr, err error) {
	if now.Before(s.markDue) {
		return nil, nil
	}
	s.markDue = now.Add(s.limits.markCheck())
	old := now.Add(-s.limits.Retention / 4)
	if s.acked.After(old) || len(s.inFlight) > 0 &&
		s.inFlight[len(s.inFlight)-1].received.After(old) {
		return nil, nil
	}
	own := s.sources[0]
	last, err := s.Store.LastMark(ctx, own)
	if err != nil {
		return nil, storeError("read the newest mark", err)
	}
	if last != nil && last.ReceivedAt.After(old) {
		return nil, nil // on its way: it stands after everything that was held at the gap
	}
	return s.Store.Put(ctx, own, Envelope{ID: s.NewID(), Kind: relay.KindMark,
		ReceivedAt: relay.Time{Time: now}}), nil
}
