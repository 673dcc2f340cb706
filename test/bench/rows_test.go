package bench_test

import (
	"math"
	"testing"
)

// rows are the table of docs/BENCHMARKS.md, in its order.
var rows = []row{
	{
		name: "till-frame", title: "till → frame at the display", unit: "ms", runs: 5, reps: 150,
		goals: []goal{{"ours", "peer", 0.5, 0.33}, {"ours", "peer", 0.99, 0.33},
			{"ours", "floor", 0.5, 1.5}, {"ours", "floor", 0.99, 1.5}},
		how: saleNote, run: tillToFrame,
	},
	{
		name: "till-answer", title: "till → answer of payment.start", unit: "ms", runs: 5,
		reps:  150,
		goals: []goal{{"ours", "floor", 0.5, 1.5}, {"ours", "peer", 0.5, 0}},
		how:   saleNote, run: tillToAnswer,
	},
	{
		name: "webhook", title: "gateway's webhook → till notified", unit: "ms", runs: 5, reps: 150,
		goals: []goal{{"ours", "floor", 0.5, 1.5}, {"ours", "floor", 0.99, 0}},
		how: "relay and agent, both durable; the floor: two writes with fsync, one token " +
			"opened, loopback", run: webhook,
	},
	{
		name: "painted", title: "till → painted in Chromium", unit: "ms", runs: 3, reps: 40,
		goals: []goal{{"ours", "empty page", 0.5, 1.2}, {"ours", "empty page", 0.99, 0}},
		how:   "the empty page has the code in a message already, and paints it",
		run:   tillToPainted,
	},
	{
		name: "qr", title: "QR of a 570-930 byte link, level chosen", unit: "ms", runs: 5, reps: 50,
		goals: []goal{{"ours", "encoder", 0.5, 1.5}, {"encoder", "eight masks", 0.5, 0.1}},
		how:   "eight masks: the reference encoder, which tries each", run: drawing,
	},
	{
		name: "frame", title: "the display's frame", unit: "bytes", runs: 1, reps: 5,
		goals: []goal{{"ours", "", 0.5, 2048}}, how: "a payment link's code on the socket",
		run: frameBytes,
	},
}

// TestRows tries each row once, as small as it can be. It asserts no time.
func TestRows(t *testing.T) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			got := r.run(t, scale{reps: 1, payments: 50, quick: true})
			for name, samples := range got {
				if len(samples) == 0 {
					t.Errorf("%s has no sample", name)
				}
				for _, v := range samples {
					if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
						t.Errorf("%s is %v", name, v)
					}
				}
			}
			for _, g := range r.goals {
				if len(got[g.of]) == 0 || g.over != "" && len(got[g.over]) == 0 {
					t.Errorf("a goal of %s over %q, which are not measured: %v", g.of, g.over, got)
				}
			}
			for _, f := range r.figures([]sides{got}) {
				if math.IsNaN(f.Value) || math.IsInf(f.Value, 0) {
					t.Errorf("%s is %v", f.key(), f.Value)
				}
				t.Log(f.what(), number(f.Value), f.Unit)
			}
		})
	}
}
