package offline

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// BenchmarkAppend is one durable commit. Its medians are the journal's part of a sale's latency.
func BenchmarkAppend(b *testing.B) {
	for _, facts := range []int{1, 2} {
		b.Run(fmt.Sprintf("facts=%d", facts), func(b *testing.B) {
			j, _ := fresh(b)
			x := &fixture{}
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				id := fmt.Sprintf("01JABCDEFGHJKMNPQRST%06d", i)
				batch := []payment.Fact{x.fact(id, requested("till-1", id)),
					x.fact(id, payment.Minted{Payload: "https://pay.test/" + id})}[:facts]
				start := time.Now()
				if err := j.Append(batch, nil); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// BenchmarkNotified is what stands between a delivery and its acknowledgement.
func BenchmarkNotified(b *testing.B) {
	j, _ := fresh(b)
	x := &fixture{}
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		id := fmt.Sprintf("01JABCDEFGHJKMNPQRST%06d", i)
		appendAll(b, j, x.sale(id, "till-1", id)[:3]...)
		pos := payment.Position{Epoch: "e", Seq: uint64(i), ID: id}
		b.StartTimer()
		if err := j.Append([]payment.Fact{x.fact(id, paid("till-1", id, id))}, &pos); err != nil {
			b.Fatal(err)
		}
	}
}

// filled is a journal of at least n facts.
func filled(b *testing.B, n int) *Journal {
	j := open(b, Config{Path: filepath.Join(b.TempDir(), "journal.db"), Create: true})
	x := &fixture{}
	var batch []payment.Fact
	for i := range (n + 6) / 7 {
		id := fmt.Sprintf("01JABCDEFGHJKMNPQRST%06d", i)
		batch = append(batch, x.sale(id, "till-1", id)...)
		if len(batch) >= 700 {
			appendAll(b, j, batch...)
			batch = batch[:0]
		}
	}
	if len(batch) > 0 {
		appendAll(b, j, batch...)
	}
	return j
}

func BenchmarkRead(b *testing.B) {
	j := filled(b, 20000)
	for _, tc := range []struct {
		name string
		fn   func() error
	}{
		{"facts+fold", func() error {
			_, _, err := j.Payment("01JABCDEFGHJKMNPQRST000777")
			return err
		}},
		{"by merchantRef", func() error {
			_, err := j.ByMerchantRef("K001TEST-till-1-01JABCDEFGHJKMNPQRST000777")
			return err
		}},
		{"unsettled", func() error { _, err := j.Unsettled(); return err }},
		{"list 200", func() error {
			_, err := j.List("till-1", payment.ListQuery{Limit: 200})
			return err
		}},
	} {
		b.Run(tc.name, func(b *testing.B) {
			for b.Loop() {
				if err := tc.fn(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRetain is how long appends wait for one call.
func BenchmarkRetain(b *testing.B) {
	j := filled(b, 100_000)
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if n, _, err := j.Retain(wall.Add(365 * day)); err != nil || n != 0 {
			b.Fatal(n, err)
		}
		took = append(took, time.Since(start))
	}
	b.StopTimer()
	moreFacts(b, j, wall.Add(100*day))
	moreFacts(b, j, wall.Add(200*day))
	took = took[:0]
	for done := false; !done; {
		start := time.Now()
		var err error
		if _, done, err = j.Retain(wall.Add(150 * day)); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

func BenchmarkVerify100k(b *testing.B) {
	j := filled(b, 100_000)
	for b.Loop() {
		if r, err := j.Verify(nil); err != nil || len(r.Problems) > 0 || r.Facts < 100_000 {
			b.Fatal(r, err)
		}
	}
}

func BenchmarkOpen100k(b *testing.B) {
	j := filled(b, 100_000)
	path := j.path
	closeJournal(b, j)
	for b.Loop() {
		j, err := Open(Config{Path: path})
		if err != nil {
			b.Fatal(err)
		}
		closeJournal(b, j)
	}
}

// BenchmarkSold is the day's sum of a till that has made 10 000 sales today, behind as many of
// other days.
func BenchmarkSold(b *testing.B) {
	j := filled(b, 140_000)
	for b.Loop() {
		s, err := j.Sold("till-1", wall.Add(70_000*time.Second), wall.Add(1_000_000*time.Second))
		if err != nil || s.Count < 9_900 {
			b.Fatal(s, err)
		}
	}
}
