package reports

import (
	"errors"
	"fmt"
	"io"
	"time"

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/exit"
	"kiosk-agent/offline"
)

// Verified tells what a verification found; the error says that the journal does not verify, or is
// not the newest one.
func Verified(out io.Writer, r offline.Report) error {
	fmt.Fprintf(out, "%d facts, %d payments, head %d %.16s…\n", r.Facts, r.Payments, r.Head.Seq,
		r.Head.Hash)
	for _, p := range r.Problems {
		fmt.Fprintf(out, "fact %d: %s\n", p.Seq, p.What)
	}
	if b := r.RolledBack; b != nil {
		fmt.Fprintf(out, "The journal itself says that it is not the newest: the relay remembered "+
			"fact %d of journal %s\n(%s). Facts recorded after %s may be missing.\n", b.Known.Seq,
			b.Known.JournalID, b.Reason, since(b.Since))
	}
	switch {
	case len(r.Problems) > 0:
		return fmt.Errorf(
			"the journal does not verify: %d problems (keep the file; do not repair it)",
			len(r.Problems))
	case r.RolledBack != nil:
		return errors.New("the journal was restored, lost or cloned, and nobody has recovered " +
			"it: see kiosk-agent recover")
	case r.GivenUp:
		fmt.Fprintln(out, "ok: nothing is altered, reordered or removed but what staff have given "+
			"up: the relay still remembers that")
	case r.Anchored:
		fmt.Fprintln(out, "ok: nothing is altered, reordered or removed, and the newest fact "+
			"that the relay knows is here")
	default:
		fmt.Fprintln(out, "ok: nothing is altered, reordered or removed. Facts removed at the "+
			"very end would not show: run with --relay")
	}
	return nil
}

// since is when the last fact before a loss was made.
func since(at time.Time) string {
	if at.IsZero() {
		return "the terminal's first day"
	}
	return at.UTC().Format(time.RFC3339)
}

// Progress reports long work on a terminal's own line.
func Progress(w io.Writer) func(done, total int64) {
	var last time.Time
	w = exit.Raw(w)
	return func(done, total int64) {
		if now := time.Now(); now.Sub(last) > 200*time.Millisecond && total > 0 {
			last = now
			fmt.Fprintf(w, "\rverifying %d of %d (%d %%)   ", done, total, 100*done/total)
			if done == total {
				fmt.Fprintln(w)
			}
		}
	}
}

// Copy tells what a copy holds.
func Copy(w io.Writer, c offline.Copy) {
	fmt.Fprintf(w, "  %d facts, %d payments, journal %s\n", c.Facts, c.Payments, c.Head.JournalID)
	fmt.Fprintf(w, "  the newest is fact %d, %.16s…, of %s\n", c.Head.Seq, c.Head.Hash, until(c))
}

// until is the time of the newest fact of a copy.
func until(c offline.Copy) string {
	if c.Until.IsZero() {
		return "no time: it is empty"
	}
	return c.Until.UTC().Format(time.RFC3339)
}

// Restored tells what was restored, and what is left to do.
func Restored(w io.Writer, r offline.Restored) {
	fmt.Fprintf(w, "Restored to %s, and verified:\n", r.Path)
	Copy(w, r.Copy)
	if r.Aside != "" {
		was := "it cannot be read"
		switch {
		case r.Was.JournalID == r.Head.JournalID:
			was = fmt.Sprintf("it ended with fact %d", r.Was.Seq)
		case r.Was.JournalID != "":
			was = fmt.Sprintf("another journal, %s, of %d facts", r.Was.JournalID, r.Was.Seq)
		}
		fmt.Fprintf(w, "The journal that was there lies in %s (%s).\n", r.Aside, was)
	}
	fmt.Fprintf(w, `
What happened after the backup is not in this journal. What to do:
  1. Start the agent: systemctl start kiosk-agent. It refuses sales (journal_rollback) because
     the relay remembers a newer journal; meanwhile it takes again every notification that the
     relay still holds.
  2. kiosk-agent recover --reason TEXT accepts this journal. It says what cannot be known any more.
  3. kiosk-agent worklist shows payments that were reported and that this journal does not know.
  4. Compare the tills' books with the gateway's portal from %s until now.
`, until(r.Copy))
}

// Recovered tells what a recovery has accepted, and what is left to do.
func Recovered(w io.Writer, r agent.Recovered) {
	fmt.Fprintf(w, "Recovered: this journal (%.8s…, fact %d) now stands for the one that the "+
		"relay remembered (%.8s…, fact %d).\n\n",
		r.Here.JournalID, r.Here.Seq, r.Lost.JournalID, r.Lost.Seq)
	from := since(r.Since)
	if r.Here.JournalID == r.Lost.JournalID && r.Lost.Seq > r.Last {
		fmt.Fprintf(w, "Fact %d is the newest that was here before the loss, as far as is known; "+
			"the relay remembered fact %d.\n", r.Last, r.Lost.Seq)
	}
	fmt.Fprintf(w, `What cannot be known here:
  sales started after %s, and how they ended, as far as the relay no longer held
  their notifications.
What was done:
  everything that the relay held was read again; %d payment(s) of this journal are being asked for.
What to do:
  1. kiosk-agent worklist: %d payment(s) were reported that this journal does not know.
  2. Compare the tills' books with the gateway's portal from %s until now.
`, from, r.Watched, r.Unmatched, from)
}
