package offline

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/test/crashfs"
)

var wall = time.Date(2026, 11, 20, 13, 0, 0, 123456789, time.UTC)

// fixture makes facts of payments P1, P2 ….
type fixture struct {
	up time.Duration
}

func (x *fixture) fact(id string, d payment.Data) payment.Fact {
	x.up += time.Second + time.Microsecond
	return payment.Fact{Payment: id, At: wall.Add(x.up), Boot: "boot-1", Up: x.up, Data: d}
}

func requested(till, ref string) payment.Requested {
	return payment.Requested{
		Till: till, Reference: ref, MerchantRef: "K001TEST-" + till + "-" + ref,
		Money:   payment.Money{Amount: 1023, Currency: payment.SGD},
		Schemes: []string{"paynow"}, Provider: "axs", Mode: "link", DeadlineUp: 180000,
		DeadlineAt: wall.Add(3 * time.Minute),
		Policy:     payment.Policy{Settle: 5000, AnswerWithin: 25000},
	}
}

func paid(till, ref, transaction string) payment.Notified {
	return payment.Notified{Source: "webhook", Record: payment.Record{
		MerchantRef: "K001TEST-" + till + "-" + ref, TransactionRef: transaction,
		Type: payment.TypePay, Status: payment.RecordSuccess,
		Amount: 1023, Currency: "SGD", Scheme: "VISA", PaidAt: wall,
	}}
}

func parked(content string) payment.Parked {
	e := payment.Envelope{Method: "POST", Body: []byte(content), ReceivedAt: wall}
	return payment.Parked{Reason: "does not open", Delivery: "D-" + content, Envelope: e,
		Hash: e.Content()}
}

// sale is everything that happens in a sale that is paid and acknowledged.
func (x *fixture) sale(id, till, ref string) []payment.Fact {
	var facts []payment.Fact
	for _, d := range []payment.Data{
		requested(till, ref), payment.Minted{Payload: "https://pay.test/" + ref,
			ProviderRef: "m" + ref}, payment.Shown{By: "display", Revision: 2},
		paid(till, ref, "T"+ref), payment.Withdrawn{},
		payment.Offered{Revision: 3, Status: payment.StatusApproved},
		payment.Acknowledged{Revision: 3},
	} {
		facts = append(facts, x.fact(id, d))
	}
	return facts
}

func open(t testing.TB, cfg Config) *Journal {
	t.Helper()
	j, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func fresh(t testing.TB) (*Journal, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	return open(t, Config{Path: path, Create: true}), path
}

func appendAll(t testing.TB, j *Journal, facts ...payment.Fact) []payment.Fact {
	t.Helper()
	if err := j.Append(facts, nil); err != nil {
		t.Fatal(err)
	}
	return facts
}

func closeJournal(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// copyJournal copies the files of a journal that nobody has open.
func copyJournal(t testing.TB, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "journal.db")
	for _, part := range []string{"", "-wal", ".id"} {
		b, err := os.ReadFile(path + part)
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.WriteFile(to+part, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// tamper changes a journal that nobody has open with SQL of its own, as somebody with a database
// tool would.
func tamper(t testing.TB, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", dsn(path, "mode=rw"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func verify(t testing.TB, path string) Report {
	t.Helper()
	r, err := OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	report, err := r.Verify(nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func mustBeWhole(t testing.TB, path string) Report {
	t.Helper()
	report := verify(t, path)
	if len(report.Problems) > 0 {
		t.Fatalf("problems: %+v", report.Problems)
	}
	return report
}

// TestMain lets the test binary be the other process that some tests need.
func TestMain(m *testing.M) {
	crashfs.Main()
	switch os.Getenv("OFFLINE_TEST_ROLE") {
	case "appender":
		appender(os.Getenv("OFFLINE_TEST_PATH"))
	case "holder":
		hold(os.Getenv("OFFLINE_TEST_PATH"))
	default:
		os.Exit(m.Run())
	}
}

// other starts this test binary in a role.
func other(t testing.TB, role, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "OFFLINE_TEST_ROLE="+role, "OFFLINE_TEST_PATH="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func name(prefix string, i int) string { return fmt.Sprintf("%s%06d", prefix, i) }
