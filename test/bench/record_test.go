package bench_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"kiosk-agent/test/docpage"
)

var (
	record = flag.Bool("record", false, "TestRecord measures the rows; make bench")
	only   = flag.String("row", "", "the one row that TestRecord measures; \"\" = all")
	factor = flag.Float64("scale", 1, "how much of its standard form each row is measured")
	large  = flag.Bool("million", false, "journals of 1 000 000 payments besides those of 100 000")
	write  = flag.Bool("publish", false, "TestRecord writes docs/BENCHMARKS.md and history.jsonl")
)

// What a run is written to.
const (
	page    = "../../docs/BENCHMARKS.md"
	part    = "rows" // of the page
	history = "history.jsonl"
)

// run is a line of the history.
type run struct {
	At      string   `json:"at"`
	Commit  string   `json:"commit"`
	Machine string   `json:"machine"`
	Load    string   `json:"load"` // of the machine when it began and when it ended
	Took    string   `json:"took"`
	Figures []figure `json:"figures"`
}

// TestRecord is `make bench`.
func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("it takes its time: make bench")
	}
	if *only != "" && !slices.ContainsFunc(rows, func(r row) bool { return r.name == *only }) {
		t.Fatalf("there is no row %q", *only)
	}
	onDisk(t)
	now := run{At: time.Now().UTC().Format(time.RFC3339), Commit: commit(), Machine: machine(),
		Load: load()}
	begun := time.Now()
	for _, r := range rows {
		if *only == "" || r.name == *only {
			now.Figures = append(now.Figures, r.measure(t)...)
		}
	}
	now.Load += ", " + load()
	now.Took = time.Since(begun).Round(time.Second).String()
	last, err := lastRun(history)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s, commit %s, load %s, took %s", now.Machine, now.Commit, now.Load, now.Took)
	lines := worse(now.Figures, last.Figures)
	for _, line := range lines {
		t.Logf("WORSE than on %s: %s", last.At, line)
	}
	if last.At != "" && len(lines) == 0 {
		t.Logf("no figure is worse than on %s by more than the noise of both", last.At)
	}
	if *write && *only == "" {
		publish(t, now)
	}
}

// measure makes the runs of a row, each with fresh processes.
func (r row) measure(t *testing.T) (all []figure) {
	var runs []sides
	reps := max(1, int(float64(r.reps)**factor))
	for i := range r.runs {
		t.Run(fmt.Sprintf("%s/%d", r.name, i+1), func(t *testing.T) {
			got := r.run(t, scale{reps: reps, payments: 100_000, million: *large})
			runs = append(runs, got)
		})
	}
	if len(runs) == 0 && !t.Failed() {
		t.Logf("%-12s is not measured here", r.name) // what is lacking has been said
		return nil
	}
	if len(runs) < r.runs {
		t.Fatalf("the row %s could not be measured", r.name)
	}
	all = r.figures(runs)
	for _, f := range all {
		mark := ""
		if f.misses() {
			mark = fmt.Sprintf("  (the goal is %s)", number(f.Goal))
		}
		t.Logf("%-12s %-28s %s %s ± %s%s", r.name, f.what(), number(f.Value), f.Unit,
			number(f.Noise), mark)
	}
	return all
}

// commit is what was measured, "+" when files have been changed since.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty=+").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// machine says what was measured on.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok &&
				strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	node := "no node"
	if out, err := exec.Command("node", "--version").Output(); err == nil {
		node = "node " + strings.TrimSpace(string(out))
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s, %s", model, runtime.NumCPU(), runtime.GOOS,
		runtime.GOARCH, runtime.Version(), node)
}

// load is the mean number of processes that want to run, over a minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// lastRun is the newest line of a history; there is none yet where it is empty.
func lastRun(path string) (last run, err error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return run{}, nil
	}
	if err != nil {
		return run{}, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		last = run{}
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			return run{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	return last, lines.Err()
}

// publish writes the page and the history.
func publish(t *testing.T, now run) {
	t.Helper()
	line, err := json.Marshal(now)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(history, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err == nil {
		_, err = file.Write(append(line, '\n'))
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	docpage.Compare(t, page, part, table(now), true)
}

// table is a run as the page has it.
func table(r run) string {
	var b strings.Builder
	day, _, _ := strings.Cut(r.At, "T")
	fmt.Fprintf(&b, "`make bench`, recorded run of %s, commit %s,\n%s;\nload at the beginning "+
		"and at the end %s; it took %s.\n\n", day, r.Commit, r.Machine, r.Load, r.Took)
	b.WriteString("| row | what | measured, p50 / p99 | ratio ± noise | goal |\n" +
		"|---|---|---|---|---|\n")
	for _, row := range rows {
		var values, ratios, goals []string
		p50 := map[string]string{}
		for _, f := range r.Figures {
			switch {
			case f.Row != row.name:
				continue
			case f.Over != "":
				ratios = append(ratios, fmt.Sprintf("%s ÷ %s, p%.0f: **%s** ± %s", f.Of, f.Over,
					f.At*100, number(f.Value), number(f.Noise)))
			case f.At == 0.5:
				p50[f.Of] = number(f.Value)
				values = append(values, f.Of)
			default:
				p50[f.Of] += " / " + number(f.Value)
			}
			if f.Goal > 0 {
				verdict := "met"
				if f.misses() {
					verdict = "**missed**"
				}
				goals = append(goals, fmt.Sprintf("≤ %s %s", number(f.Goal), verdict))
			}
		}
		for i, name := range values {
			values[i] = fmt.Sprintf("%s %s", name, p50[name])
		}
		measured := "not on that machine"
		if len(values) > 0 {
			measured = strings.Join(values, "; ") + " " + row.unit
		}
		fmt.Fprintf(&b, "| %s | %s (%s) | %s | %s | %s |\n", row.name, row.title, row.how,
			measured, strings.Join(ratios, "; "), strings.Join(goals, "; "))
	}
	return b.String()
}

// TestTheHistoryCanBeRead: a run is written as it is read, and the page has its place.
func TestTheHistoryCanBeRead(t *testing.T) {
	t.Parallel()
	if _, err := lastRun(history); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), "\n<!-- "+part+": make bench -->\n") != 1 ||
		strings.Count(string(text), "\n<!-- end of "+part+" -->\n") != 1 {
		t.Errorf("%s has no place for the rows", page)
	}
	made := table(run{At: "2026-11-30T00:00:00Z", Figures: []figure{
		{Row: rows[0].name, Of: "ours", At: 0.5, Value: 3, Unit: "ms"},
		{Row: rows[0].name, Of: "ours", At: 0.99, Value: 4, Unit: "ms"},
		{Row: rows[0].name, Of: "ours", Over: "floor", At: 0.5, Value: 2, Unit: "×", Goal: 1.5}}})
	for _, want := range []string{"ours 3.00 / 4.00 ms", "ours ÷ floor, p50: **2.00** ± 0",
		"≤ 1.50 **missed**"} {
		if !strings.Contains(made, want) {
			t.Errorf("the table lacks %q:\n%s", want, made)
		}
	}
}
