package bench_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
)

// sides are the samples of one run, by what was measured. Sample i of each side was taken at the
// same time as sample i of the others.
type sides map[string][]float64

// goal is a ratio that the issue asks for, or a bound of a number itself where over is "".
type goal struct {
	of, over string
	at       float64 // 0.5 or 0.99
	most     float64 // 0 = there is no goal, it is only told
}

// row is one line of the table.
type row struct {
	name, title string
	unit        string // of the samples
	runs, reps  int    // of the standard form
	goals       []goal
	how         string // what was measured, for the page
	run         func(t testing.TB, s scale) sides
}

// scale says how much of a row is measured.
type scale struct {
	reps     int
	payments int  // in a large journal
	million  bool // one of a million, too
	quick    bool // TestRows: as little as can be
}

// figure is a number that a row has come to: the median over its runs.
type figure struct {
	Row   string  `json:"row"`
	Of    string  `json:"of"`
	Over  string  `json:"over,omitempty"`
	At    float64 `json:"at"`
	Unit  string  `json:"unit"` // "×" of a ratio
	Value float64 `json:"value"`
	Noise float64 `json:"noise"` // half of what lies between the lowest and the highest run
	Goal  float64 `json:"goal,omitempty"`
	Runs  int     `json:"runs"`
}

func (f figure) key() string { return fmt.Sprint(f.Row, "|", f.Of, "|", f.Over, "|", f.At) }

// comparable: times of different days say nothing about us.
func (f figure) comparable() bool { return !slices.Contains([]string{"µs", "ms", "s"}, f.Unit) }

func (f figure) misses() bool { return f.Goal > 0 && f.Value > f.Goal }

// quantile is a value of the samples themselves; it sorts no samples of others.
func quantile(samples []float64, at float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[int(at*float64(len(sorted)-1))]
}

// over is the median of the runs and half of their spread.
func over(runs []float64) (value, noise float64) {
	sorted := slices.Sorted(slices.Values(runs))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2, (sorted[n-1] - sorted[0]) / 2
}

// figures are what a row's runs have come to: p50 and p99 of each side, then the goals.
func (r row) figures(runs []sides) (all []figure) {
	add := func(f figure, of func(sides) float64) {
		var values []float64
		for _, s := range runs {
			values = append(values, of(s))
		}
		f.Row, f.Runs = r.name, len(runs)
		f.Value, f.Noise = over(values)
		all = append(all, f)
	}
	var names []string
	for name := range runs[0] {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(ours(b), ours(a)), cmp.Compare(a, b))
	})
	for _, name := range names {
		for _, at := range []float64{0.5, 0.99} {
			if at > 0.5 && len(runs[0][name]) < 10 {
				continue
			}
			f := figure{Of: name, At: at, Unit: r.unit}
			for _, g := range r.goals {
				if g.of == name && g.over == "" && g.at == at {
					f.Goal = g.most
				}
			}
			add(f, func(s sides) float64 { return quantile(s[name], at) })
		}
	}
	for _, g := range r.goals {
		if g.over == "" || len(runs[0][g.of]) == 0 || g.at > 0.5 && len(runs[0][g.of]) < 10 {
			continue
		}
		add(figure{Of: g.of, Over: g.over, At: g.at, Unit: "×", Goal: g.most},
			func(s sides) float64 { return quantile(s[g.of], g.at) / quantile(s[g.over], g.at) })
	}
	return all
}

// ours sorts our own side before the others.
func ours(name string) int {
	if name == "ours" {
		return 1
	}
	return 0
}

// wavers is the noise of a figure; of one run nobody knows it, and it is taken for a twentieth.
func (f figure) wavers() float64 {
	if f.Runs == 1 {
		return f.Value / 20
	}
	return f.Noise
}

// worse names what has grown since the last record by more than both of them waver.
func worse(now, last []figure) (lines []string) {
	before := map[string]figure{}
	for _, f := range last {
		before[f.key()] = f
	}
	for _, f := range now {
		old, known := before[f.key()]
		if known && f.comparable() && f.Value-old.Value > f.wavers()+old.wavers() {
			lines = append(lines, fmt.Sprintf("%s: %s is %s, and was %s (noise %s and %s)", f.Row,
				f.what(), number(f.Value), number(old.Value), number(f.wavers()),
				number(old.wavers())))
		}
	}
	return lines
}

// what names a figure in a line of text.
func (f figure) what() string {
	text := f.Of
	if f.Over != "" {
		text += " / " + f.Over
	}
	return fmt.Sprintf("%s, p%.0f", text, f.At*100)
}

// number is a value with three digits that count.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0"
	case a < 10:
		return fmt.Sprintf("%.*f", max(0, 2-int(math.Floor(math.Log10(a)))), v)
	case a < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// TestWorse: what differs by less than the noise of both is not told, nor are times.
func TestWorse(t *testing.T) {
	t.Parallel()
	f := func(value, noise float64, unit string) figure {
		return figure{Row: "r", Of: "ours", Over: "floor", At: 0.5, Unit: unit, Value: value,
			Noise: noise}
	}
	for _, tc := range []struct {
		now, last figure
		want      int
	}{
		{f(2, 0.1, "×"), f(1, 0.1, "×"), 1}, {f(1.2, 0.1, "×"), f(1, 0.15, "×"), 0},
		{f(0.5, 0.1, "×"), f(1, 0.1, "×"), 0}, {f(9, 0, "ms"), f(1, 0, "ms"), 0},
		{f(5, 0, "commits"), f(4, 0, "commits"), 1},
	} {
		if got := worse([]figure{tc.now}, []figure{tc.last}); len(got) != tc.want {
			t.Errorf("%v after %v: %v", tc.now, tc.last, got)
		}
	}
	if got := worse([]figure{f(2, 0, "×")}, nil); len(got) > 0 {
		t.Errorf("worse than nothing: %v", got)
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	r := row{name: "r", unit: "ms", goals: []goal{{"ours", "floor", 0.5, 1.5}}}
	got := r.figures([]sides{{"ours": {2, 4, 3}, "floor": {2, 2, 2}}, {"ours": {4}, "floor": {2}},
		{"ours": {1}, "floor": {1}}})
	if len(got) != 3 || got[0].Of != "ours" || got[0].Value != 3 || got[2].Value != 1.5 ||
		got[2].Noise != 0.5 || got[2].misses() {
		t.Errorf("figures %+v", got)
	}
	for v, want := range map[float64]string{0: "0", 0.01234: "0.0123", 0.5: "0.500", 1.234: "1.23",
		12.34: "12.3", 1234.5: "1234", -2: "-2.00"} {
		if got := number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}
