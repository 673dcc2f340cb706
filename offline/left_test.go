package offline

import (
	"testing"

	"kiosk-agent/payment"
)

// TestVerifyFindsAlteredParking: the rows of what is parked and what was left say what the facts
// say.
func TestVerifyFindsAlteredParking(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	run := payment.Left{Epoch: "e", From: 4, To: 4, Count: 1, Reason: "places"}
	lost := run
	lost.Lost = true
	cut := parked("b")
	cut.Cut, cut.Envelope.Body = true, nil
	appendAll(t, j, x.fact("", parked("a")), x.fact("", cut), x.fact("", run), // 1-3
		x.fact("", payment.Left{Read: 3}), x.fact("", run), x.fact("", lost)) // 4-6
	if left, err := j.Left(); err != nil || len(left) != 1 || left[0].Seq != 5 {
		t.Fatalf("left %+v %v", left, err)
	}
	appendAll(t, j, x.fact("", payment.Resolved{Outcome: payment.ResolvedNoted, Entry: 5}),
		x.fact("", payment.Resolved{Outcome: payment.ResolvedNoted, Entry: 6})) // 7-8
	if left, err := j.Left(); err != nil || len(left) != 1 {
		t.Fatalf("a word of staff reads nothing: %+v %v", left, err)
	}
	if work, err := j.Work(); err != nil || len(work) != 3 {
		t.Fatalf("work %+v %v", work, err)
	}
	closeJournal(t, j)
	mustBeWhole(t, path)
	for _, tc := range []struct {
		name, sql string
		seq       int64
		what      string
	}{
		{"size", "UPDATE parked SET bytes = bytes + 1 WHERE seq = 1", 1, "says something else"},
		{"cut content", "UPDATE parked SET bytes = 9 WHERE seq = 2", 2, "says something else"},
		{"age", "UPDATE parked SET received_ms = received_ms + 1 WHERE seq = 1", 1,
			"says something else"},
		{"read", "UPDATE left_behind SET ended_by = NULL WHERE seq = 3", 3, "says something else"},
		{"unread", "UPDATE left_behind SET ended_by = 8 WHERE seq = 5", 5, "says something else"},
		{"closed", "UPDATE left_behind SET ended_by = NULL WHERE seq = 6", 6,
			"says something else"},
		{"lost", "UPDATE left_behind SET lost = 1 WHERE seq = 5", 5, "says something else"},
		{"epoch", "UPDATE left_behind SET epoch = 'f' WHERE seq = 5", 5, "says something else"},
		{"range", "UPDATE left_behind SET from_pos = 5, to_pos = 5 WHERE seq = 5", 5,
			"says something else"},
		{"row removed", "DELETE FROM left_behind WHERE seq = 5", 5, "not in the table"},
		{"row added", "INSERT INTO left_behind VALUES (4, 'e', 1, 1, 0, NULL)", 4,
			"says something else"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			copied := copyJournal(t, path)
			tamper(t, copied, tc.sql)
			mustReport(t, verify(t, copied), tc.seq, tc.what)
			r := open(t, Config{Path: copied})
			defer closeJournal(t, r)
			if err := r.rebuild(); err != nil {
				t.Fatal(err)
			}
			if report, err := r.Verify(nil); err != nil || len(report.Problems) > 0 {
				t.Errorf("made anew: %+v %v", report.Problems, err)
			}
		})
	}
}

// TestPositionIsForgotten: the zero position is none.
func TestPositionIsForgotten(t *testing.T) {
	j, _ := fresh(t)
	for _, pos := range []payment.Position{{Epoch: "e", Seq: 7, ID: "D7"}, {}, {}} {
		if err := j.Append(nil, &pos); err != nil {
			t.Fatal(err)
		}
		got, ok, err := j.Position()
		if want := pos != (payment.Position{}); err != nil || ok != want || got != pos {
			t.Errorf("position %+v %t %v, want %+v", got, ok, err, pos)
		}
	}
}
