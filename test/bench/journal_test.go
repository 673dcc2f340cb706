package bench_test

import (
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/test/programs"
)

// few is how many payments a journal has that a large one is compared with.
const few = 100

// paymentID is the id of the payment with this number.
func paymentID(i int) string { return fmt.Sprintf("01JABCDEFGHJKMNPQRST%06d", i) }

// sale are the facts of a sale that went well, five days before now and from then on.
func sale(i int, till string) (facts []payment.Fact) {
	id, ref := paymentID(i), fmt.Sprintf("R-%07d", i)
	up := time.Duration(i) * time.Second
	at := time.Now().Add(-5 * 24 * time.Hour).Truncate(time.Second).Add(up / 100)
	for k, d := range []payment.Data{
		payment.Requested{Till: till, Reference: ref, MerchantRef: "B1" + ref,
			Money:    payment.Money{Amount: 1023, Currency: payment.SGD},
			Provider: "axs", Mode: "link", DeadlineUp: 180_000, DeadlineAt: at.Add(3 * time.Minute),
			Policy: payment.Policy{Settle: 5000, AnswerWithin: 25000}},
		payment.Minted{Payload: link(750), ProviderRef: "m" + ref},
		payment.Shown{By: "display", Revision: 2},
		payment.Notified{Source: "webhook", Record: payment.Record{MerchantRef: "B1" + ref,
			TransactionRef: fmt.Sprint(1428191406936641536 + i), Type: payment.TypePay,
			Status: payment.RecordSuccess, Amount: 1023, Currency: "SGD", Scheme: "VISA",
			PaidAt: at}},
		payment.Withdrawn{}, payment.Offered{Revision: 3, Status: payment.StatusApproved},
		payment.Acknowledged{Revision: 3},
	} {
		step := time.Duration(k+1) * time.Millisecond
		facts = append(facts, payment.Fact{Payment: id, At: at.Add(step), Boot: "bench",
			Up: up + step, Data: d})
	}
	return facts
}

// fill writes a journal of n payments, made by this many tills in turn.
func fill(t testing.TB, path string, n, tills int) {
	t.Helper()
	j, err := offline.Open(offline.Config{Path: path, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var batch []payment.Fact
	for i := range n {
		batch = append(batch, sale(i, fmt.Sprintf("till-%d", 1+i%tills))...)
		if len(batch) >= 3500 || i == n-1 {
			if err := j.Append(batch, nil); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
}

// copied is a copy of a journal of n payments, of which there is one in a run of the tests: to fill
// a large one takes a minute.
func copied(t testing.TB, n int, to string) {
	t.Helper()
	// kept for the rows behind, beside the programs
	from := programs.Path(t, fmt.Sprintf("journal-%d.db", n))
	if _, err := os.Stat(from); err != nil {
		fill(t, from, n, 1)
	}
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.Copy(out, in)
	}
	if err == nil {
		err = out.Sync()
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// tenTimes ends the names of the sides with a million payments.
const tenTimes = ", ten times as many"

// sizes are the large journals of a scale, by the name of their side.
func (s scale) sizes() map[string]int {
	all := map[string]int{"ours": s.payments}
	if s.million {
		all["ours"+tenTimes] = 10 * s.payments
	}
	return all
}

// lookups are what tills ask of a journal, at both sizes in turn, in µs.
func lookups(t testing.TB, s scale) sides {
	all := sides{}
	journals := map[string]*offline.Reader{}
	counts := map[string]int{", few": few}
	for name, n := range s.sizes() {
		counts[name[len("ours"):]] = n
	}
	for name, n := range counts {
		path := filepath.Join(programs.Dir(t), "journal.db")
		copied(t, n, path)
		j, err := offline.OpenReadOnly(path)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		journals[name] = j
	}
	for i := range s.reps {
		for name, j := range journals {
			id := paymentID(i * 7919 % counts[name])
			for what, ask := range map[string]func() error{
				"get": func() error { _, _, err := j.Payment(id); return err },
				"list of 50": func() error {
					_, err := j.List("till-1", payment.ListQuery{Limit: 50})
					return err
				},
				"last":           func() error { _, err := j.Newest("till-1"); return err },
				"unacknowledged": func() error { _, err := j.Owed("till-1"); return err },
			} {
				begun := time.Now()
				if err := ask(); err != nil {
					t.Fatal(err)
				}
				all[what+name] = append(all[what+name], 1000*ms(time.Since(begun)))
			}
		}
	}
	return all
}

// verify is the chain of a large journal, beside reading its file.
func verify(t testing.TB, s scale) sides {
	all := sides{}
	for name, n := range s.sizes() {
		path := filepath.Join(programs.Dir(t), "journal.db")
		copied(t, n, path)
		j, err := offline.OpenReadOnly(path)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		begun := time.Now()
		r, err := j.Verify(nil)
		if err != nil || len(r.Problems) > 0 {
			t.Fatal(r, err)
		}
		all[name] = []float64{time.Since(begun).Seconds()}
		begun = time.Now()
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{file})
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		all["raw read"+name[len("ours"):]] = []float64{time.Since(begun).Seconds()}
	}
	return all
}

// bytesAPayment is what a sale leaves in the file.
func bytesAPayment(t testing.TB, s scale) sides {
	all := sides{}
	for name, n := range s.sizes() {
		path := filepath.Join(programs.Dir(t), "journal.db")
		copied(t, n, path)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = []float64{float64(info.Size()) / float64(n)}
	}
	return all
}

// sqliteEnv makes this program open a database and end: the floor of a start.
const sqliteEnv = "KIOSK_BENCH_SQLITE"

// openSQLite opens a journal's database and reads its newest row.
func openSQLite(path string) error {
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		return err
	}
	var seq int64
	err = db.QueryRow("SELECT seq FROM facts ORDER BY seq DESC LIMIT 1").Scan(&seq)
	if err != nil {
		return err
	}
	fmt.Println("opened", seq)
	return db.Close()
}

// startToReady is from the start of the process until it tells the service manager READY, with a
// large journal and with a small one, beside a process that opens the large one with SQLite alone.
func startToReady(t testing.TB, s scale) sides {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	counts := s.sizes()
	counts["ours, few payments"] = few
	kiosks := map[string]*kiosk{}
	for name, n := range counts {
		kiosks[name] = openKiosk(t, 1)
		copied(t, n, filepath.Join(kiosks[name].dir, "journal.db"))
	}
	all := sides{}
	for i := range s.reps + 1 {
		for name, k := range kiosks {
			took := ms(k.run())
			k.agent.stop()
			if i > 0 || s.quick { // the first one writes the files that a kiosk has
				all[name] = append(all[name], took)
			}
		}
		begun := time.Now()
		p := launch(t, []string{sqliteEnv + "=" + filepath.Join(kiosks["ours"].dir, "journal.db")},
			self)
		p.line("opened")
		if i > 0 || s.quick {
			all["SQLite alone"] = append(all["SQLite alone"], ms(time.Since(begun)))
		}
		p.stop()
	}
	return all
}
