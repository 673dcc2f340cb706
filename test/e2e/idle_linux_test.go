package e2e_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var (
	idleFor = flag.Duration("idle", 0,
		"how long BenchmarkIdle watches; 0: not at all (make bench-idle)")
	idlePublish = flag.Bool("publish", false,
		"BenchmarkIdle writes its table to docs/BENCHMARKS.md")
)

// idleWarmUp is how long the programs run, after everything has connected, before they are watched:
// one canary's time.
const idleWarmUp = 20 * time.Second

// idleRows are the programs that BenchmarkIdle watches, side by side in the same time.
var idleRows = []struct{ name, title string }{
	{"bare", "a bare Go program with the agent's imports"},
	{"alone", "agent: relay connected, neither till nor display"},
	{"agent", "agent: relay, a till and a display connected"},
}

// idleColumns are what it reads of each.
var idleColumns = []struct{ unit, title, format string }{
	{"rss-MiB", "RSS, MiB", "%.1f"},
	{"own-MiB", "its own, MiB", "%.1f"},
	{"threads", "threads", "%.0f"},
	{"goroutines", "goroutines", "%.0f"},
	{"cpu-s/h", "CPU, s/h", "%.2f"},
	{"wakeups/h", "wake-ups/h", "%.0f"},
	{"written-B/h", "disk writes, bytes/h", "%.0f"},
	{"log-lines/h", "log lines/h", "%.0f"},
}

// idleWindows are the windows of this run of the test binary, one for each -count: the published
// numbers are their medians.
var idleWindows [][][]float64 // window, row, column

// BenchmarkIdle measures what kiosk-agent costs while nobody buys anything: the real program with
// the timers of production, beside a program that does nothing.
func BenchmarkIdle(b *testing.B) {
	if *idleFor <= 0 {
		b.Skip("it takes its time: make bench-idle")
	}
	if os.Geteuid() != 0 {
		b.Skip("the agent keeps other processes of its user out of /proc/PID: as root")
	}
	if os.Getenv("TMPDIR") == "" {
		b.Setenv("TMPDIR", "/var/tmp") // rather on a disk than /tmp
	}
	watched, counter := startIdle(b)
	letRun(b, watched, idleWarmUp)
	var window [][]float64
	for b.Loop() { // once, where the window is longer than the second that benchmarks take
		before := make([]usage, len(watched))
		for i, w := range watched {
			before[i] = w.usage(b)
		}
		letRun(b, watched, *idleFor)
		window = window[:0]
		for i, w := range watched {
			window = append(window, w.reading(b, before[i], w.usage(b)))
		}
	}
	if ready, reasons := counter.status(); !ready {
		b.Fatalf("a sale could not start any more: %v", reasons)
	}
	b.ReportMetric(0, "ns/op") // it says how long the window was
	for i, row := range idleRows {
		for k, column := range idleColumns {
			b.ReportMetric(window[i][k], row.name+"-"+column.unit)
		}
	}
	idleWindows = append(idleWindows, window)
	text := idleTable(idleWindows)
	b.Logf("medians of %d:\n%s", len(idleWindows), text)
	if *idlePublish {
		publishIdle(b, text)
	}
}

// watched is a program under observation.
type watched struct {
	*process
	files   string // where its files are; "" = it has none
	metrics string // its metrics page; "" = it has none
}

// letRun waits for as long as the programs are to be left alone, or until one of them has ended:
// then there is nothing to measure.
func letRun(b *testing.B, programs []watched, d time.Duration) {
	b.Helper()
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
	case <-programs[0].ended:
		b.Fatalf("%s has ended", idleRows[0].title)
	case <-programs[1].ended:
		b.Fatalf("%s has ended", idleRows[1].title)
	case <-programs[2].ended:
		b.Fatalf("%s has ended", idleRows[2].title)
	}
}

// startIdle starts the programs of idleRows, in that order, and waits until they have connected to
// what they connect to. The till is the served agent's.
func startIdle(b *testing.B) ([]watched, *till) {
	b.Helper()
	bare := launch(b, &record{}, nil, bareProgram(b))
	b.Cleanup(func() { _ = bare.cmd.Process.Kill(); <-bare.ended })
	alone, served := newWorld(b), newWorld(b)
	countsWrites(b, served.dir)
	for _, w := range []*world{alone, served} {
		w.startAgent("")
		eventually(b, "the relay is connected", func() error {
			if !strings.Contains(w.agentLog.String(), "relay connected") {
				return fmt.Errorf("the log does not say so:\n%s", w.agentLog.tail())
			}
			return nil
		})
	}
	served.showScreen().shows("idle", "")
	counter := served.connect()
	counter.ready()
	return []watched{
		{process: bare}, {alone.agent, alone.dir, alone.metrics},
		{served.agent, served.dir, served.metrics},
	}, counter
}

// countsWrites fails where the kernel does not count what is written, because it stays in memory.
func countsWrites(b *testing.B, dir string) {
	b.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		b.Fatal(err)
	}
	if t := int64(fs.Type); t == unix.TMPFS_MAGIC || t == unix.RAMFS_MAGIC {
		b.Fatalf("%s is in memory, where disk writes are not counted: set TMPDIR to a "+
			"directory on a disk", dir)
	}
}

// usage is what the kernel has counted for a process since its start, and what it holds now.
type usage struct {
	at time.Time
	// bytes; its own: anonymous memory, of no file (what is dirty may be a program that was just
	// linked)
	rss, own int64
	cpu      map[string]int64 // ns, by thread
	// voluntary context switches, by thread: each of them began a sleep
	wakes   map[string]int64
	written int64                   // bytes that went to a disk, or will
	files   map[string]fileIdentity // those of its directory
	log     int                     // bytes of its log
}

type fileIdentity struct {
	size    int64
	changed time.Time
}

func (w watched) usage(b *testing.B) usage {
	b.Helper()
	proc := fmt.Sprintf("/proc/%d/", w.cmd.Process.Pid)
	u := usage{at: time.Now(), cpu: make(map[string]int64), wakes: make(map[string]int64),
		log: len(w.log.String())}
	memory := procFields(b, proc+"smaps_rollup")
	u.rss, u.own = memory["Rss"]<<10, memory["Anonymous"]<<10
	u.written = procFields(b, proc+"io")["write_bytes"]
	tasks, err := os.ReadDir(proc + "task")
	if err != nil {
		b.Fatal(err)
	}
	for _, task := range tasks {
		dir := proc + "task/" + task.Name() + "/"
		ran, _, _ := strings.Cut(procText(b, dir+"schedstat"), " ")
		if u.cpu[task.Name()], err = strconv.ParseInt(ran, 10, 64); err != nil {
			b.Fatal(err)
		}
		u.wakes[task.Name()] = procFields(b, dir+"status")["voluntary_ctxt_switches"]
	}
	if w.files != "" {
		u.files = filesOf(b, w.files)
	}
	return u
}

// filesOf are the agent's: the relay's are in a directory of their own.
func filesOf(b *testing.B, dir string) map[string]fileIdentity {
	b.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	files := make(map[string]fileIdentity)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && !entry.IsDir() {
			files[entry.Name()] = fileIdentity{info.Size(), info.ModTime()}
		}
	}
	return files
}

// reading is idleColumns of the time between two usages.
func (w watched) reading(b *testing.B, before, after usage) []float64 {
	b.Helper()
	for name, file := range after.files {
		if before.files[name] != file {
			b.Logf("the idle agent has written %s", filepath.Join(w.files, name))
		}
	}
	said := w.log.String()[before.log:after.log]
	if said != "" {
		b.Logf("the idle agent has said:\n%s", said)
	}
	perHour := func(n int64) float64 { return float64(n) / after.at.Sub(before.at).Hours() }
	const mib = 1 << 20
	return []float64{
		float64(after.rss) / mib, float64(after.own) / mib, float64(len(after.cpu)),
		w.goroutines(b), perHour(since(b, before.cpu, after.cpu)) / 1e9,
		perHour(since(b, before.wakes, after.wakes)), perHour(after.written - before.written),
		perHour(int64(strings.Count(said, "\n"))),
	}
}

// since sums what threads have added. A thread that ended takes its numbers with it; Go's runtime
// ends none by itself.
func since(b *testing.B, before, after map[string]int64) (sum int64) {
	b.Helper()
	for thread, n := range before {
		if _, lives := after[thread]; !lives {
			b.Fatalf("thread %s has ended: what it did is not known", thread)
		}
		sum -= n
	}
	for _, n := range after {
		sum += n
	}
	return sum
}

// goroutines asks the metrics page, which is work: so it comes after everything else. 0 where there
// is no page.
func (w watched) goroutines(b *testing.B) float64 {
	b.Helper()
	if w.metrics == "" {
		return 0
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	_, page := fetch(b, client, http.MethodGet, "http://"+w.metrics+"/metrics", nil)
	_, rest, _ := strings.Cut(page, "\ngo_goroutines ")
	n, err := strconv.ParseFloat(rest[:max(0, strings.IndexByte(rest, '\n'))], 64)
	if err != nil {
		b.Fatalf("the metrics page does not say how many goroutines there are: %v\n%s", err, page)
	}
	return n
}

// procFields reads a file of /proc that has lines like "Rss:  123 kB".
func procFields(b *testing.B, path string) map[string]int64 {
	b.Helper()
	fields := make(map[string]int64)
	for line := range strings.Lines(procText(b, path)) {
		name, value, _ := strings.Cut(line, ":")
		if words := strings.Fields(value); len(words) > 0 {
			if n, err := strconv.ParseInt(words[0], 10, 64); err == nil {
				fields[name] = n
			}
		}
	}
	return fields
}

func procText(b *testing.B, path string) string {
	b.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

// idleTable is the medians of the windows, as docs/BENCHMARKS.md has them.
func idleTable(windows [][][]float64) string {
	var t strings.Builder
	t.WriteString("| |")
	for _, column := range idleColumns {
		t.WriteString(" " + column.title + " |")
	}
	t.WriteString("\n|---" + strings.Repeat("|---:", len(idleColumns)) + "|\n")
	for i, row := range idleRows {
		t.WriteString("| " + row.title + " |")
		for k, column := range idleColumns {
			var values []float64
			for _, window := range windows {
				values = append(values, window[i][k])
			}
			slices.Sort(values)
			if column.unit == "goroutines" && row.name == "bare" {
				t.WriteString(" |") // it has no page to ask
				continue
			}
			fmt.Fprintf(&t, " "+column.format+" |", values[len(values)/2])
		}
		t.WriteString("\n")
	}
	return t.String()
}

// The published table stands between these lines.
const (
	idleFile  = "../../docs/BENCHMARKS.md"
	idleBegin = "<!-- idle: make bench-idle -->\n"
	idleEnd   = "<!-- end of idle -->\n"
)

// publishIdle writes the table, and what it is of, into docs/BENCHMARKS.md.
func publishIdle(b *testing.B, table string) {
	b.Helper()
	before, _, after := idleSection(b)
	of := fmt.Sprintf("`make bench-idle IDLE=%s COUNT=%d`, recorded run of %s, %s, %s/%s, %d "+
		"cores;\nmedians of %d:\n\n",
		*idleFor, len(idleWindows), time.Now().Format("January 2006"), runtime.Version(),
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), len(idleWindows))
	if err := os.WriteFile(idleFile, []byte(before+idleBegin+of+table+idleEnd+after),
		0o644); err != nil {
		b.Fatal(err)
	}
}

func idleSection(t testing.TB) (before, section, after string) {
	t.Helper()
	text, err := os.ReadFile(idleFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), idleBegin)
	section, after, ends := strings.Cut(rest, idleEnd)
	if !begins || !ends {
		t.Fatalf("%s has no lines %q and %q", idleFile, idleBegin, idleEnd)
	}
	return before, section, after
}

// TestIdleIsPublished: what make bench-idle writes has the rows and columns of today.
func TestIdleIsPublished(t *testing.T) {
	t.Parallel()
	_, section, _ := idleSection(t)
	var heads []string
	for _, row := range idleRows {
		heads = append(heads, "\n| "+row.title+" |")
	}
	for _, column := range idleColumns {
		heads = append(heads, "| "+column.title+" |")
	}
	for _, head := range heads {
		if !strings.Contains(section, head) {
			t.Errorf("the table lacks %q: make bench-idle", head)
		}
	}
}
