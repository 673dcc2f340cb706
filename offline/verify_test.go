package offline

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"kiosk-agent/payment"
)

// withoutTriggers lets statements change facts as somebody would who knows about the triggers and
// puts them back.
func withoutTriggers(t testing.TB, path string, statements ...string) {
	t.Helper()
	all, err := migrations(schemaFiles)
	if err != nil {
		t.Fatal(err)
	}
	want, err := wantedObjects(all)
	if err != nil {
		t.Fatal(err)
	}
	var drop, restore []string
	for name, text := range want {
		if trigger, ok := strings.CutPrefix(name, "trigger "); ok {
			drop, restore = append(drop, "DROP TRIGGER "+trigger), append(restore, text)
		}
	}
	if len(drop) != 3 {
		t.Fatal("the schema has other triggers than this test knows")
	}
	tamper(t, path, append(append(drop, statements...), restore...)...)
}

// sample is a journal of 20 facts: two sales, two parked deliveries, one of them opened, and a gap.
func sample(t testing.TB) (path string, head payment.Head) {
	t.Helper()
	j, path := fresh(t)
	x := &fixture{}
	appendAll(t, j, x.sale("P1", "till-1", "R1")...)                                 // 1-7
	appendAll(t, j, x.fact("", parked("a")), x.fact("", parked("b")))                // 8-9
	appendAll(t, j, x.sale("P2", "till-1", "R2")[:5]...)                             // 10-14
	appendAll(t, j, x.fact("", payment.Unmatched{Source: "webhook", FromParked: 8})) // 15
	appendAll(t, j, x.sale("P3", "till-2", "R1")[:4]...)                             // 16-19
	if err := j.Append([]payment.Fact{x.fact("", payment.Gap{Reason: "epoch"})},
		&payment.Position{Epoch: "e", Seq: 3, ID: "D3"}); err != nil {
		t.Fatal(err)
	}
	head, err := j.Head()
	if err != nil || head.Seq != 20 {
		t.Fatal(head, err)
	}
	closeJournal(t, j)
	mustBeWhole(t, path)
	return path, head
}

func TestVerifyFindsEveryAlteration(t *testing.T) {
	path, head := sample(t)
	for _, tc := range []struct {
		name string
		seq  int64  // of a problem that must be reported
		what string // part of its text
		sql  []string
	}{
		{"payment", 12, "hash does not follow",
			[]string{"UPDATE facts SET payment = 'P1' WHERE seq = 12"}},
		{"kind", 12, "hash does not follow",
			[]string{"UPDATE facts SET kind = 'opened' WHERE seq = 12"}},
		{"at", 12, "hash does not follow",
			[]string{"UPDATE facts SET at_ms = at_ms + 1 WHERE seq = 12"}},
		{"boot", 12, "hash does not follow",
			[]string{"UPDATE facts SET boot = 'boot-2' WHERE seq = 12"}},
		{"up", 12, "hash does not follow",
			[]string{"UPDATE facts SET up_ms = up_ms - 1 WHERE seq = 12"}},
		{"body", 13, "body was altered", []string{`UPDATE facts SET body = ` +
			`CAST(replace(CAST(body AS TEXT), 'SUCCESS', 'DECLINED') AS BLOB) WHERE seq = 13`}},
		{"body hash", 12, "hash does not follow", []string{"UPDATE facts SET body_hash = " +
			"(SELECT body_hash FROM facts WHERE seq = 1) WHERE seq = 12"}},
		{"content", 13, "hash does not follow",
			[]string{"UPDATE facts SET content = 'x' WHERE seq = 13"}},
		{"content removed", 13, "content mark",
			[]string{"UPDATE facts SET content = NULL WHERE seq = 13"}},
		{"hash", 12, "hash does not follow",
			[]string{
				"UPDATE facts SET hash = (SELECT hash FROM facts WHERE seq = 1) WHERE seq = 12"}},
		{"hash, as seen by the next", 13, "hash does not follow",
			[]string{"UPDATE facts SET hash = zeroblob(32) WHERE seq = 12"}},
		{"number of the last", 30, "facts 20 to 29",
			[]string{"UPDATE facts SET seq = 30 WHERE seq = 20"}},
		{"two swapped", 4, "hash does not follow",
			[]string{"UPDATE facts SET seq = 99 WHERE seq = 4",
				"UPDATE facts SET seq = 4 WHERE seq = 5",
				"UPDATE facts SET seq = 5 WHERE seq = 99"}},
		{"one removed", 13, "facts 12 to 12", []string{"DELETE FROM facts WHERE seq = 12"}},
		{"several removed", 13, "facts 10 to 12",
			[]string{"DELETE FROM facts WHERE seq BETWEEN 10 AND 12"}},
		{"one removed, the rest moved up", 12, "hash does not follow",
			[]string{"DELETE FROM facts WHERE seq = 12",
				"UPDATE facts SET seq = seq - 1 WHERE seq > 12"}},
		{"first removed", 2, "facts 1 to 1", []string{"DELETE FROM facts WHERE seq = 1"}},
		{"a payment's last removed at the end", 16, "look-up table says",
			[]string{"DELETE FROM facts WHERE seq >= 19"}},
		{"all of a payment removed at the end", 16, "no fact requested",
			[]string{"DELETE FROM facts WHERE seq >= 16"}},
		{"everything removed", 1, "no fact requested", []string{"DELETE FROM facts"}},
		{"one added", 21, "hash does not follow", []string{"INSERT INTO facts SELECT 21, " +
			"payment, kind, at_ms, boot, up_ms, body, body_hash, content, hash FROM facts " +
			"WHERE seq = 20"}},
		{"a body dropped that is needed", 13, "retention never drops",
			[]string{"UPDATE facts SET body = NULL WHERE seq = 13"}},
		{"journal id", 1, "hash does not follow",
			[]string{"UPDATE meta SET value = '00000000000000000000000000000000' WHERE key = " +
				"'journal_id'"}},
		{"look-up row removed", 10, "not in the look-up table",
			[]string{"DELETE FROM payments WHERE id = 'P2'"}},
		{"look-up row added", 12, "no fact requested",
			[]string{`INSERT INTO payments SELECT 12, 'P9', 12, till, reference, 'x', amount,
				currency, created_ms, status, flags, final, owed, unsettled, acknowledged,
				revision, offered_rev, resolution, needs_staff, account, lane, owed_open
				FROM payments WHERE id = 'P2'`}},
		{"parked row removed", 9, "not in the table of parked",
			[]string{"DELETE FROM parked WHERE seq = 9"}},
		{"parked row closed", 9, "says something else",
			[]string{"UPDATE parked SET opened_by = 14 WHERE seq = 9"}},
		{"parked row opened", 8, "says something else",
			[]string{"UPDATE parked SET opened_by = NULL WHERE seq = 8"}},
		{"parked row closed by staff", 9, "says something else",
			[]string{"UPDATE parked SET closed_by = 20 WHERE seq = 9"}},
		{"unmatched row removed", 15, "not in the table of unmatched",
			[]string{"DELETE FROM unmatched"}},
		{"unmatched row closed", 15, "says something else",
			[]string{"UPDATE unmatched SET closed_by = 20"}},
		{"unmatched row added", 12, "says something else",
			[]string{"INSERT INTO unmatched (seq) VALUES (12)"}},
		{"parked row added", 12, "says something else",
			[]string{"INSERT INTO parked (seq) VALUES (12)"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			copied := copyJournal(t, path)
			withoutTriggers(t, copied, tc.sql...)
			os.Remove(copied + ".id") // so that an altered id is left to the chain
			mustReport(t, verify(t, copied), tc.seq, tc.what)
		})
	}
	for _, column := range strings.Split(
		strings.NewReplacer("first_seq,", "", "\n\t", " ", " ", "").Replace(lookupColumns), ",") {
		t.Run("look-up column "+column, func(t *testing.T) {
			copied := copyJournal(t, path)
			tamper(t, copied, fmt.Sprintf(`UPDATE payments SET %s =
				CASE typeof(%[1]s) WHEN 'integer' THEN 1 - %[1]s ELSE %[1]s || 'x' END
				WHERE id = 'P2'`, column))
			seq, what := int64(10), "look-up table says"
			if column == "id" {
				what = "no fact requested"
			}
			mustReport(t, verify(t, copied), seq, what)
		})
	}
	for _, tc := range []struct{ what, sql string }{
		{"the schema lacks trigger facts_no_delete", "DROP TRIGGER facts_no_delete"},
		{"the schema lacks index facts_by_content", "DROP INDEX facts_by_content"},
		{"the schema has another trigger extra",
			"CREATE TRIGGER extra AFTER INSERT ON facts BEGIN SELECT 1; END"},
	} {
		t.Run(tc.sql, func(t *testing.T) {
			copied := copyJournal(t, path)
			tamper(t, copied, tc.sql)
			mustReport(t, verify(t, copied), 0, tc.what)
		})
	}
	if got := mustBeWhole(t, path); got.Head != head || got.Facts != 20 || got.Payments != 3 ||
		got.Anchored {
		t.Errorf("the original: %+v", got)
	}
}

func mustReport(t *testing.T, r Report, seq int64, what string) {
	t.Helper()
	for _, p := range r.Problems {
		if p.Seq == seq && strings.Contains(p.What, what) {
			return
		}
	}
	t.Errorf("not reported for fact %d: %q, but %+v", seq, what, r.Problems)
}

// TestOnlyTheAnchorShowsTheEnd covers what a chain without a key cannot show by itself.
func TestOnlyTheAnchorShowsTheEnd(t *testing.T) {
	path, head := sample(t)
	for _, tc := range []struct {
		name, what string
		seq        int64
		change     func(t *testing.T, path string)
	}{
		{"the end removed", "ends at 19", 0, func(t *testing.T, path string) {
			withoutTriggers(t, path, "DELETE FROM facts WHERE seq = 20")
		}},
		{"the end removed with its payment", "ends at 15", 0, func(t *testing.T, path string) {
			withoutTriggers(t, path, "DELETE FROM payments WHERE id = 'P3'",
				"DELETE FROM facts WHERE seq >= 16")
		}},
		{"made anew from fact 20 on", "made anew", 20, func(t *testing.T, path string) {
			withoutTriggers(t, path, "DELETE FROM facts WHERE seq = 20")
			x := &fixture{}
			appendAll(t, open(t, Config{Path: path}), x.fact("", payment.Gap{Reason: "other"}))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			copied := copyJournal(t, path)
			tc.change(t, copied)
			mustBeWhole(t, copied)
			mustReport(t, verifyAgainst(t, copied, head), tc.seq, tc.what)
		})
	}
	if r := verifyAgainst(t, path, head); len(r.Problems) > 0 || !r.Anchored {
		t.Errorf("against its own head: %+v", r)
	}
	older := payment.Head{JournalID: head.JournalID, Seq: 0}
	j := open(t, Config{Path: path})
	older.Hash, _, _ = j.HashAt(0)
	closeJournal(t, j)
	if r := verifyAgainst(t, path, older); len(r.Problems) > 0 {
		t.Errorf("against an older head: %+v", r)
	}
	head.JournalID = strings.Repeat("0", 32)
	mustReport(t, verifyAgainst(t, path, head), 0, "another journal")
}

func verifyAgainst(t *testing.T, path string, known payment.Head) Report {
	t.Helper()
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	report, err := r.VerifyAgainst(known, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestAppendOnly tries what the triggers must stop, with SQL of its own.
func TestAppendOnly(t *testing.T) {
	path, _ := sample(t)
	db := openWriter(path)
	defer db.Close()
	for _, bad := range []string{
		"DELETE FROM facts WHERE seq = 20", "DELETE FROM facts",
		"UPDATE facts SET at_ms = 0 WHERE seq = 2",
		"UPDATE facts SET body = NULL WHERE seq = 1", "UPDATE facts SET body = x'00' WHERE seq = 2",
		"UPDATE facts SET body = NULL, at_ms = 0 WHERE seq = 2",
		"UPDATE facts SET body = NULL, seq = 99 WHERE seq = 2",
		"UPDATE facts SET body = NULL, content = NULL WHERE seq = 9",
		"INSERT INTO facts SELECT 22, payment, kind, at_ms, boot, up_ms, body, body_hash, " +
			"content, hash FROM facts WHERE seq = 20",
		"INSERT OR REPLACE INTO facts SELECT 20, payment, kind, at_ms, boot, up_ms, body, " +
			"body_hash, content, hash FROM facts WHERE seq = 19",
	} {
		if _, err := db.Exec(bad); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	// The documented exception: retention drops the link of a sale and a delivery that nobody could
	// open.
	if _, err := db.Exec("UPDATE facts SET body = NULL WHERE seq IN (2, 9)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	mustBeWhole(t, path)
	j := open(t, Config{Path: path})
	if p, ok, err := j.Payment("P1"); err != nil || !ok || p.Status != payment.StatusApproved ||
		p.MerchantRef == "" || !p.Acknowledged {
		t.Errorf("without its link the payment is %+v %v", p, err)
	}
	if got, err := j.Parked(); err != nil || len(got) != 0 {
		t.Errorf("a delivery whose body is gone is tried again: %v %v", got, err)
	}
	if err := j.rebuild(); err != nil {
		t.Fatal(err)
	}
	closeJournal(t, j)
	mustBeWhole(t, path)
}

// TestUnknownKind is a fact of a newer version, in a chain that is right.
func TestUnknownKind(t *testing.T) {
	path, _ := sample(t)
	db := openWriter(path)
	defer db.Close()
	h, err := readHead(db, "")
	if err != nil {
		t.Fatal(err)
	}
	r := record{seq: 21, kind: "telepathy", body: []byte("{}"),
		bodyHash: sha256.Sum256([]byte("{}"))}
	sum := r.link(h.hash)
	if _, err := db.Exec(insertFact, r.seq, "", r.kind, 0, "", 0, r.body, r.bodyHash[:], "",
		sum[:]); err != nil {
		t.Fatal(err)
	}
	db.Close()
	report := verify(t, path)
	mustReport(t, report, 21, "telepathy")
	if len(report.Problems) != 1 {
		t.Errorf("%+v", report.Problems)
	}
	ro, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	err = ro.Each(20, func(payment.Fact, string) error { return nil })
	if !errors.Is(err, payment.ErrFact) {
		t.Error(err)
	}
}

func TestManyProblemsAreCounted(t *testing.T) {
	j, path := fresh(t)
	x := &fixture{}
	for i := range 150 {
		appendAll(t, j, x.fact("", payment.ClockOffset{Offset: payment.Millis(i)}))
	}
	closeJournal(t, j)
	withoutTriggers(t, path, "UPDATE facts SET boot = 'x'")
	r := verify(t, path)
	if len(r.Problems) != maxProblems+1 || r.Problems[maxProblems].What != "and 50 more" {
		t.Errorf("%d problems, the last %+v", len(r.Problems), r.Problems[len(r.Problems)-1])
	}
}

// TestChainFormat pins the encoding. The value was computed with Python's hashlib and struct from
// the comment of link.
func TestChainFormat(t *testing.T) {
	g := genesis("00112233445566778899aabbccddeeff")
	r := record{
		seq: 1, payment: "01JABCDEFGHJKMNPQRSTVWXYZ0", kind: "shown", atMs: -1, boot: "b",
		upMs: 3600000, bodyHash: sha256.Sum256([]byte(`{"by":"display","revision":2}`)),
		content: "c",
	}
	got := r.link(g)
	const wantGenesis = "556eb8bb668855cf8f859f514fa49e3e85d725ccbd944e61885efd084b1cb6f6"
	const want = "b15af1d6b8b98605eee430fc8815c06c0294ced4e8c03ccc69bf1f604c54eac0"
	if hex.EncodeToString(g[:]) != wantGenesis || hex.EncodeToString(got[:]) != want {
		t.Errorf("genesis %x, link %x", g, got)
	}
}
