package bench_test

import (
	"math"
	"strings"
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
	{
		name: "idle", title: "an idle agent with a display", unit: "an hour", runs: 2, reps: 25,
		goals: []goal{{"wake-ups", "", 0.5, 18_628}, {"CPU s", "", 0.5, 0.7}},
		how:   "the goal is a quarter of what it was: 74 512 and 2.8", run: idle,
	},
	{
		name: "screen", title: "a code on the screen for its 180 s", unit: "% of a core", runs: 1,
		reps:  165,
		goals: []goal{{"renderer", "", 0.5, 2}}, how: "real Chromium; the agent's process, and " +
			"the renderers'; all but the code's first and last seconds", run: codeOnScreen,
	},
	{
		name: "start", title: "start to READY with 100 000 payments", unit: "ms", runs: 3, reps: 10,
		goals: []goal{{"ours", "SQLite alone", 0.5, 2}, {"ours", "ours, few payments", 0.5, 0},
			{"ours" + tenTimes, "ours", 0.5, 1.2}},
		how: "few: 100; SQLite alone: a process that opens the file and reads its newest fact",
		run: startToReady,
	},
	{
		name: "journal", title: "look-ups with 100 000 payments", unit: "µs", runs: 3, reps: 300,
		goals: []goal{{"get", "get, few", 0.99, 2}, {"list of 50", "list of 50, few", 0.99, 2},
			{"last", "last, few", 0.99, 2},
			{"unacknowledged", "unacknowledged, few", 0.99, 2},
			{"get" + tenTimes, "get, few", 0.99, 2},
			{"list of 50" + tenTimes, "list of 50, few", 0.99, 2},
			{"last" + tenTimes, "last, few", 0.99, 2},
			{"unacknowledged" + tenTimes, "unacknowledged, few", 0.99, 2}},
		how: "few: 100 payments", run: lookups,
	},
	{
		name: "verify", title: "journal verify with 100 000 payments", unit: "s", runs: 2, reps: 1,
		goals: []goal{{"ours", "raw read", 0.5, 2}}, how: "the file has just been written",
		run: verify,
	},
	{
		name: "journal-bytes", title: "the journal's file", unit: "bytes a payment", runs: 1,
		reps: 1, goals: []goal{{"ours", "", 0.5, 0}}, how: "links of 750 bytes, seven facts",
		run: bytesAPayment,
	},
	{
		name: "memory", title: "memory after 10 000 sales", unit: "MiB", runs: 1, reps: 10_000,
		goals: []goal{{"ours", "after a tenth", 0.5, 1.1},
			{"engine, a simulated week", "engine, a simulated day", 0.5, 1.1}},
		how: "the agent's process: what belongs to no file; and what engine and journal hold " +
			"in a simulated week", run: memory,
	},
	{
		name: "others", title: "answer of payment.start among 100 look-ups", unit: "ms", runs: 2,
		reps:  100,
		goals: []goal{{"ours", "alone", 0.99, 1.5}, {"ours", "alone", 0.5, 0}},
		how: "31 tills (there are 32 places) ask for 100 lists at the same moment, 20 " +
			"corrections wait", run: amongOthers,
	},
	{
		name: "slow-disk", title: "answer of payment.start, each fsync takes 10 ms", unit: "ms",
		runs: 2, reps: 60,
		goals: []goal{{"ours", "floor", 0.5, 1.5}, {"frame", "floor", 0.5, 0},
			{"webhook → till", "floor", 0.5, 0}},
		how: "journal and floor on a FUSE disk, as on a cheap card; the relay is elsewhere",
		run: slowDisk,
	},
	{
		name: "cost", title: "what a sale costs on any machine", unit: "a sale", runs: 2, reps: 100,
		goals: []goal{{"commits", "", 0.5, 4}},
		how: "engine and journal; instructions as valgrind counts them, and QEMU for a " +
			"Raspberry Pi's processor",
		run: costOfASale,
	},
}

// TestRows tries each row once, as small as it can be. It asserts no time.
func TestRows(t *testing.T) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			got := r.run(t, scale{reps: 1, payments: 50, quick: true})
			if len(got) == 0 {
				t.Error("it has measured nothing")
			}
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
				if strings.HasSuffix(g.of, tenTimes) {
					continue // only with a million payments
				}
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
