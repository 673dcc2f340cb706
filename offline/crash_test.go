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
		for _, batch := range x.batches(fmt.Sprintf("P%09d", i), 0) {
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
