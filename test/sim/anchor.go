package sim

import (
	"fmt"
	"math"
	"slices"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/relay"
)

// anchor is what the oracle knows of the journal's heads and of what the relay remembers. It asks
// neither the engine nor the journal whether a head is here: it has each fact's hash from the
// moment of its commit.
type anchor struct {
	hashes []string // of the journal's facts, from fact 1
	// how many facts were here before every loss that the relay has not been asked about since
	whole       int
	missing     []entry              // what those losses took
	unrecovered bool                 // the engine has heard of a head that is not here
	open        []payment.RolledBack // in the journal, since the newest recovered fact
	givenUp     map[payment.Head]bool
}

// told is what the relay's answer before a hello was.
type told struct {
	conn int
	head payment.Head
}

// hashed takes the hash of a fact that was just committed.
func (o *oracle) hashed(f payment.Fact) {
	hash, ok, err := o.w.disk.Journal.HashAt(f.Seq)
	if err != nil || !ok || int(f.Seq) != len(o.hashes)+1 {
		o.w.fail("fact %d has no hash: %v, %v", f.Seq, ok, err)
	}
	o.hashes = append(o.hashes, hash)
}

// replaced: the journal is that of a backup. It returns how many facts the two begin with alike.
func (o *oracle) replaced(b *backup) (same int) {
	for same < min(len(b.hashes), len(o.hashes)) && b.hashes[same] == o.hashes[same] {
		same++
	}
	o.missing = append(o.missing, o.facts[same:]...)
	o.hashes, o.whole = slices.Clone(b.hashes), min(b.whole, len(b.hashes))
	return same
}

// lacks reports whether a head is no part of the journal, and nobody has given it up.
func (o *oracle) lacks(h payment.Head) bool {
	if h == (payment.Head{}) || o.givenUp[h] {
		return false
	}
	here := h.JournalID == o.w.disk.JournalID() && int(h.Seq) <= len(o.hashes) &&
		(h.Seq == 0 || o.hashes[h.Seq-1] == h.Hash)
	return !here
}

// remembers: the engine hears what the relay remembers.
func (o *oracle) remembers(h payment.Head) {
	switch {
	case o.lacks(h):
		o.unrecovered = true
		o.w.met(rollbackFound)
		o.w.relay.forgetsSoon()
	case !o.unrecovered && len(o.open) == 0:
		o.whole, o.missing = math.MaxInt, nil
	case h == payment.Head{}:
		o.w.met(rollbackForgotten)
	default:
		o.w.met(rollbackOvertaken)
	}
}

// starts: a process begins. What the one before had heard and could not book is gone with it; the
// relay is asked before anything is sold.
func (o *oracle) starts() { o.unrecovered = false }

// isTold: the client has the relay's answer before a hello.
func (o *oracle) isTold(conn int, h payment.Head) { o.w.agent.told = told{conn, h} }

// helloIsSaid: the relay may take the hello's head for the newest one, so what it remembers was
// asked for, and a loss is in the journal.
func (o *oracle) helloIsSaid(conn int) {
	switch t := o.w.agent.told; {
	case t.conn != conn:
		o.w.fail("a hello is said, and the relay was not asked what it remembers")
	case o.lacks(t.head) && len(o.open) == 0:
		o.w.fail("a hello is said, the relay remembers what is not here, and that is not in the "+
			"journal: %s", headText(t.head))
	}
}

func headText(h payment.Head) string {
	return fmt.Sprintf("fact %d %.8s of journal %s", h.Seq, h.Hash, short(h.JournalID))
}

// isNewest fails when something begins on a journal that lacks what the relay remembers.
func (o *oracle) isNewest(what string) {
	switch {
	case !o.w.agent.judged:
		o.w.fail("%s before the relay was asked what it remembers of the journal", what)
	case o.unrecovered, len(o.open) > 0:
		o.w.fail("%s on a journal that lost facts, and staff have not recovered", what)
	}
}

// tellsHead: the head that the relay remembers of a journal that lost facts is not to be hidden by
// one that was made since.
func (o *oracle) tellsHead(h relay.Head) {
	if o.unrecovered || len(o.open) > 0 {
		o.w.fail("a journal that lost facts tells the relay its head %d", h.Seq)
	}
}

// live reports whether the fact is being committed, and not read again after a loss.
func (o *oracle) live(e entry) bool { return e.at == o.w.t && o.w.agent != nil }

// foundRolledBack checks what is booked of a loss.
func (o *oracle) foundRolledBack(e entry, d payment.RolledBack) {
	o.open = append(o.open, d)
	if !o.live(e) {
		return
	}
	switch {
	case !o.lacks(d.Known):
		o.w.fail("a rollback is booked, and the head is here: %s", headText(d.Known))
	case int(d.Last) > o.whole:
		o.w.fail("the loss is said to come after fact %d, and came after %d", d.Last, o.whole)
	case !d.Since.Equal(o.madeAt(d.Last)):
		o.w.fail("the loss is said to come after %s, fact %d is of %s", d.Since, d.Last,
			o.madeAt(d.Last))
	}
}

// accepted: staff have recovered.
func (o *oracle) accepted(e entry, r payment.Recovered) {
	if o.live(e) {
		switch {
		case len(o.open) == 0:
			o.w.fail("a recovery of nothing")
		case !r.Since.Equal(o.open[0].Since):
			o.w.fail("staff are told to compare from %s, the loss came after %s", r.Since,
				o.open[0].Since)
		}
		o.inTheWindow(o.open[0].Last)
		clear(o.lost)
	}
	o.givenUp[r.Lost] = true
	for _, b := range o.open {
		o.givenUp[b.Known] = true
	}
	o.open, o.unrecovered, o.whole, o.missing = nil, false, math.MaxInt, nil
}

// inTheWindow: staff compare books from the time of a fact on. Each sale that was lost was asked
// for after that.
func (o *oracle) inTheWindow(last int64) {
	from := time.Duration(math.MinInt64)
	if last > 0 {
		from = o.facts[last-1].at
	}
	for _, e := range o.missing {
		if e.f.Kind() != payment.KindRequested || o.accounts[e.f.Payment] != nil {
			continue // a later restore may have brought it back
		}
		o.w.met(lostInWindow)
		if e.at < from {
			o.w.fail("%s was lost, and staff compare what came %s after it", e.f.Payment,
				from-e.at)
		}
	}
}

func (o *oracle) madeAt(seq int64) (at time.Time) {
	if seq > 0 {
		at = o.facts[seq-1].f.At
	}
	return at
}

// cloned: another journal goes on from here. What was on its way over the old connection is heard
// before that is noticed.
func (o *oracle) cloned() {
	o.w.after(100*time.Millisecond, func() { o.whole = min(o.whole, len(o.facts)) })
}
