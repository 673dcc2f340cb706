package engine_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// TestCommitsPerSale pins what a sale costs the disk: each commit is an fsync that somebody waits
// for.
func TestCommitsPerSale(t *testing.T) {
	r := newRig(t)
	before := r.j.commits
	r.wholeSale("R1")
	if n := r.j.commits - before; n != 4 {
		t.Errorf("%d commits: want requested+minted, shown, notified+offered with the "+
			"position, acknowledged", n)
	}
	before = r.j.commits
	r.cancelledSale("R2")
	if n := r.j.commits - before; n != 5 {
		t.Errorf("%d commits: want requested+minted, shown, cancel+withdrawn, proved+offered, "+
			"acknowledged", n)
	}
}

func (r *rig) wholeSale(reference string) {
	p := r.sale(till1, reference)
	r.mustDeliver(paid(p))
	r.mustAcknowledge(till1, p.ID)
}

func (r *rig) cancelledSale(reference string) {
	p := r.sale(till1, reference)
	r.cancel(till1, p.ID)
	r.pass(6 * time.Second)
	r.prove()
	r.mustAcknowledge(till1, p.ID)
}

// BenchmarkSale is a whole sale on the real journal, with every fsync.
func BenchmarkSale(b *testing.B) {
	r := newRig(b)
	r.lean = true
	before := r.j.commits
	n := 0
	for b.Loop() {
		n++
		p := r.sale(till1, fmt.Sprintf("R%d", n))
		r.mustDeliver(paid(p))
		if err := r.acknowledge(till1, p.ID, 3); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(r.j.commits-before)/float64(n), "commits/op")
}

// BenchmarkWeek is what the machine and the journal hold after a simulated day and a week of it: a
// sale every ten minutes, of which some are cancelled and some run out, and somebody's rubbish at
// the hook.
func BenchmarkWeek(b *testing.B) {
	const perDay = 144
	for b.Loop() {
		r := newRig(b)
		r.lean = true
		var firstDay float64
		for n := range 7 * perDay {
			r.prove()
			reference := fmt.Sprintf("R%d", n)
			switch n % 8 {
			case 5:
				r.cancelledSale(reference)
			case 6:
				r.sale(till1, reference)
				r.pass(4 * time.Minute)
			case 7:
				err := r.deliverEnvelope(payment.Envelope{Method: "POST", Body: []byte(reference),
					ReceivedAt: r.now.Wall})
				if err != nil {
					b.Fatal(err)
				}
			default:
				r.wholeSale(reference)
			}
			r.pass(10 * time.Minute)
			if n == perDay-1 {
				firstDay = r.held()
			}
		}
		b.ReportMetric(firstDay, "KiB-after-a-day")
		b.ReportMetric(r.held(), "KiB-after-a-week")
	}
}

// held is what is left on the heap, in KiB, without what the rig itself remembers.
func (r *rig) held() float64 {
	r.forget()
	r.answers, r.notes, r.asked = map[engine.Ticket]engine.Answer{}, nil, nil
	r.gw.minted, r.wakes = nil, 0
	runtime.GC()
	runtime.GC() // what finalizers have held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1024
}

// BenchmarkStep is the machine alone, on events that commit nothing.
func BenchmarkStep(b *testing.B) {
	for name, prepare := range map[string]func(*rig){"idle": func(*rig) {},
		"awaiting": func(r *rig) { r.sale(till1, "R1") }} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			prepare(r)
			b.ReportAllocs()
			for b.Loop() {
				r.m.Committed(r.m.Step(r.now, engine.Ticked{}))
			}
		})
	}
}

// BenchmarkFold folds a payment's whole history, as every look-up does.
func BenchmarkFold(b *testing.B) {
	for _, n := range []int{10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newRig(b)
			p := r.sale(till1, "R1")
			for i := range n - 3 {
				r.mustDeliver(paid(p, status(payment.RecordDeclined, fmt.Sprint(i))))
			}
			facts, err := r.j.Facts(p.ID)
			if err != nil || len(facts) != n {
				b.Fatal(len(facts), err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := payment.Fold(facts); !ok {
					b.Fatal("no payment")
				}
			}
		})
	}
}

// BenchmarkStart is the restart with a long list of owed outcomes.
func BenchmarkStart(b *testing.B) {
	r := newRig(b)
	for i := range 200 {
		r.prove()
		p := r.sale(till1, fmt.Sprintf("R%d", i))
		r.mustDeliver(paid(p))
	}
	b.ResetTimer()
	for b.Loop() {
		r.begin()
	}
}
