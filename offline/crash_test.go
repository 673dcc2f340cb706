package offline

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"kiosk-agent/payment"
)

// appender is the role of a process that sells for ever. It prints the sequence and hash of each
// fact after Append has returned.
func appender(path string) {
	j, err := Open(Config{Path: path})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := &fixture{}
	for i := j.head.seq; ; i++ {
		for _, batch := range x.everything(fmt.Sprintf("P%09d", i), 0, j.head.seq) {
			pos := payment.Position{Epoch: "e", Seq: uint64(j.head.seq) + uint64(len(batch)),
				ID: "D"}
			if err := j.Append(batch, &pos); err != nil {
				fmt.Println(err)
				return
			}
			hash, _, err := j.HashAt(j.head.seq)
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(j.head.seq, hash)
		}
	}
}

// batches are the commits of a sale, and of a delivery that does not open, which is longer by so
// many bytes.
func (x *fixture) batches(id string, more int) [][]payment.Fact {
	sale := x.sale(id, "till-1", id)
	return [][]payment.Fact{sale[:2], sale[2:3], {x.fact("", parked(id+strings.Repeat("x", more)))},
		sale[3:6], sale[6:]}
}

// everything are the commits of batches and of what comes after them. The fact before them has
// number at.
func (x *fixture) everything(id string, more int, at int64) [][]payment.Fact {
	all := x.batches(id, more)
	for _, batch := range all {
		at += int64(len(batch))
	}
	return append(all, x.aftermath(id, at)...)
}

// aftermath are the commits that come after a sale: the journal is rolled back; the sale is paid
// again, and staff look into that; another one is paid and reversed; what does not open is counted,
// parked and left; a record names no payment; the journal is recovered. The fact before them has
// number at.
func (x *fixture) aftermath(id string, at int64) (all [][]payment.Fact) {
	next := at + 1
	add := func(facts ...payment.Fact) (first int64) {
		first = next
		next += int64(len(facts))
		all = append(all, facts)
		return first
	}
	here := func(d payment.Data) payment.Fact { return x.fact("", d) }
	closed := func(entry int64) payment.Fact {
		return here(payment.Resolved{Outcome: payment.ResolvedNoted, By: "ann", Entry: entry})
	}
	of, lost := wall, payment.Head{JournalID: "j", Seq: at + 100, Hash: "h"}
	add(here(payment.RolledBack{Reason: "fact is not here", Known: lost, Since: of, Last: at}))
	add(x.fact(id, paid("till-1", id, "T2"+id)))
	add(x.fact(id, payment.Claimed{Amount: 1023, Number: "T2" + id, By: "ann"}))
	add(x.fact(id, payment.Resolved{Outcome: payment.ResolvedApproved, By: "ann",
		Refs: []string{"T2" + id}}))

	reversed := id + "-R"
	back := paid("till-1", reversed, "V"+reversed)
	back.Record.Type = payment.TypeVoid
	add(x.sale(reversed, "till-1", reversed)...)
	add(x.fact(reversed, back))

	add(here(payment.Junk{Since: of, Until: of, Count: 3, Reason: "no token"}))
	add(closed(add(here(parked("again" + id)))))
	run := payment.Left{Epoch: "e", From: uint64(at), To: uint64(at) + 2, Count: 3,
		Reason: "places", First: "D", Until: of}
	add(here(run))
	last := add(here(run))
	add(here(payment.Left{Read: last}), x.fact(id, paid("till-1", id, "T3"+id)))
	run.Lost = true
	add(closed(add(here(run))))
	add(closed(add(here(payment.Unmatched{Record: paid("till-9", id, "U"+id).Record,
		Source: "webhook"}))))
	add(here(payment.Recovered{Reason: "the disk was replaced", By: "ann", Lost: lost, Since: of}))
	return all
}

type ack struct {
	seq  int64
	hash string
}

// runAppender starts an appender, kills it after it has acknowledged this many batches and perhaps
// some more, and returns the last one that it acknowledged.
func runAppender(t testing.TB, path string, batches int) ack {
	t.Helper()
	cmd := other(t, "appender", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var last ack
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		var a ack
		if _, err := fmt.Sscanf(lines.Text(), "%d %64s", &a.seq, &a.hash); err != nil {
			t.Errorf("the other process says: %s", lines.Text())
			break
		}
		last = a
		if n == batches {
			cmd.Process.Kill()
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	return last
}

// TestKilledWhileAppending kills a writer at random moments: every fact that it acknowledged is
// there, and every batch is there whole or not at all.
func TestKilledWhileAppending(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	closeJournal(t, open(t, Config{Path: path, Create: true}))
	total := int64(0)
	for round := range 30 {
		last := runAppender(t, path, rand.IntN(60))
		j := open(t, Config{Path: path})
		if j.Rebuilt() != "" {
			t.Fatalf("round %d: %s", round, j.Rebuilt())
		}
		head, err := j.Head()
		if err != nil {
			t.Fatal(err)
		}
		if hash, ok, err := j.HashAt(last.seq); err != nil || !ok || hash != last.hash {
			t.Fatalf("round %d: fact %d was acknowledged and is lost or another (the journal "+
				"ends at %d, %v)", round, last.seq, head.Seq, err)
		}
		if pos, _, err := j.Position(); err != nil || pos.Seq != uint64(head.Seq) {
			t.Fatalf("round %d: position %d was committed without its facts up to %d (%v)", round,
				pos.Seq, head.Seq, err)
		}
		if last.seq <= total {
			t.Fatalf("round %d: nothing was appended", round)
		}
		total = head.Seq
		closeJournal(t, j)
		mustBeWhole(t, path)
	}
	t.Logf("%d facts", total)
}
