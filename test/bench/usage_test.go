package bench_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kiosk-agent/test/browser"
	"kiosk-agent/ui/qr"
)

// cpu is what a process has used of the processor, over all of its threads.
func cpu(t testing.TB, pid int) (used time.Duration) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("process %d is gone (%v)", pid, err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		ns, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(ns, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		used += time.Duration(n)
	}
	return used
}

// renderers are the processes of Chromium that draw pages, those of this test binary alone.
func renderers(t testing.TB) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && bytes.Contains(text, []byte("--type=renderer")) && descends(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// descends: a process was started by this one, or by one that was.
func descends(pid int) bool {
	for pid > 1 {
		if pid == os.Getpid() {
			return true
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if pid, err = strconv.Atoi(fields[1]); err != nil {
			return false
		}
	}
	return false
}

// codeOnScreen is what a code on the display costs while the customer looks for a phone: per cent
// of a core, of the agent's process and of Chromium's renderers, beside a page whose code stands
// there and does nothing.
func codeOnScreen(t testing.TB, s scale) sides {
	k := openKiosk(t, 1)
	k.run()
	tab := browser.Own{}.Open(t, 1080, 1920)
	moments := painted(t, tab)
	tab.Go("http://" + k.screen + "/?token=" + k.text("display.token"))
	k.till = k.connect("till-1")
	k.till.ready()
	k.start()
	await(t, moments)
	of := renderers(t)
	if len(of) == 0 {
		t.Fatal("Chromium has no renderer")
	}
	window := time.Duration(s.reps) * time.Second
	if !s.quick { // what the painting has stirred up is not what is asked for
		<-time.After(3 * time.Second)
	}
	agent, renderer := watch(t, window, k.agent.cmd.Process.Pid, of)
	all := sides{"agent": {agent}, "renderer": {renderer}}

	address, conns := serveEmptyPage(t)
	still := browser.Own{}.Open(t, 1080, 1920)
	stills := painted(t, still)
	still.Go(address + "/")
	conn := <-conns
	defer conn.Close()
	m, err := qr.Encode(link(800), qr.M)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.WriteJSON(object{"size": m.Size(), "path": m.Path()}); err != nil {
		t.Fatal(err)
	}
	await(t, stills)
	if !s.quick {
		<-time.After(3 * time.Second)
	}
	var others []int
	for _, pid := range renderers(t) {
		if !slices.Contains(of, pid) {
			others = append(others, pid)
		}
	}
	_, renderer = watch(t, window/3, k.agent.cmd.Process.Pid, others)
	all["renderer, a page that stands still"] = []float64{renderer}
	return all
}

// watch is what processes use of a core in a window, in per cent.
func watch(t testing.TB, window time.Duration, agent int, renderers []int) (a, r float64) {
	t.Helper()
	sum := func() (all time.Duration) {
		for _, pid := range renderers {
			all += cpu(t, pid)
		}
		return all
	}
	a0, r0, begun := cpu(t, agent), sum(), time.Now()
	<-time.After(window) // this is what is measured: nothing is waited for
	took := time.Since(begun)
	return 100 * float64(cpu(t, agent)-a0) / float64(took), 100 * float64(sum()-r0) / float64(took)
}

// memory is what the agent's process holds after a tenth of the sales and after all of them, in
// MiB: of its own, without the program's text and the files' pages.
func memory(t testing.TB, s scale) sides {
	k := openKiosk(t, 1)
	display := k.sells()
	all := sides{}
	for i := range s.reps {
		p, _, _ := k.start()
		display.next()
		k.settle(p)
		if i == s.reps/10 {
			all["after a tenth"] = []float64{k.own()}
		}
	}
	all["ours"] = []float64{k.own()}
	out := sales(t, 1, "Week", salesProgram(t, runtime.GOARCH, ""))
	for _, m := range heldAfter.FindAllStringSubmatch(out, -1) {
		kib, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		all["engine, a simulated "+m[2]] = []float64{kib / 1024}
	}
	return all
}

var heldAfter = regexp.MustCompile(`([0-9.]+) KiB-after-a-(day|week)`)

var anonymous = regexp.MustCompile(`(?m)^Anonymous: +(\d+) kB$`)

func (k *kiosk) own() float64 {
	k.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", k.agent.cmd.Process.Pid))
	if err != nil {
		k.t.Fatal(err)
	}
	m := anonymous.FindSubmatch(text)
	if m == nil {
		k.t.Fatalf("no line Anonymous in %s", text)
	}
	kib, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		k.t.Fatal(err)
	}
	return kib / 1024
}

// amongOthers is a sale while 100 lists are asked for at the same moment and 20 corrections wait
// for an acknowledgement, after sales while the others are silent. An agent has 32 places for
// connections: the other 31 tills ask in turn.
func amongOthers(t testing.TB, s scale) sides {
	tills, corrections, asked := 31, 20, 100
	if s.quick {
		tills, corrections, asked = 3, 2, 10
	}
	k := openKiosk(t, tills+1)
	fill(t, filepath.Join(k.dir, "journal.db"), 50*(tills+1), tills+1)
	display := k.sells()
	var others []*counter
	for i := range tills {
		others = append(others, k.connect(fmt.Sprintf("till-%d", i+2)))
	}
	// the customer pays twice: the till, which has stored the first, is owed that
	correct := func(i int) {
		p, _, _ := k.start()
		display.next()
		k.settle(p)
		_, taken := notify(t, k.hook, seal(t, k.secret, "bench-client", paid(p, 1_000_000+i)))
		if err := <-taken; err != nil {
			t.Fatal(err)
		}
		k.till.final(p.ID)
	}
	all := sides{}
	measure := func(name string) {
		p, asked, answered := k.start()
		shown := display.next()
		all[name] = append(all[name], ms(answered.Sub(asked)))
		all["frame, "+name] = append(all["frame, "+name], ms(shown.at.Sub(asked)))
		k.settle(p)
	}
	for range warm(s) + s.reps {
		measure("alone")
	}
	all["alone"], all["frame, alone"] = all["alone"][warm(s):], all["frame, alone"][warm(s):]
	for i := range corrections {
		correct(i)
	}
	for range s.reps {
		for i := range asked {
			others[i%tills].send(object{"jsonrpc": "2.0", "id": 1_000_000 + i,
				"method": "payment.list", "params": object{}})
		}
		measure("ours")
		for i := range asked {
			others[i%tills].await("the list", func(data []byte) bool {
				return bytes.Contains(data, []byte(`"result"`))
			})
		}
	}
	return all
}

var idleFigure = regexp.MustCompile(`([0-9.]+) (bare|agent)-(cpu-s|wakeups)/h`)

// idle is BenchmarkIdle of test/e2e, which has more of it.
func idle(t testing.TB, s scale) sides {
	if s.quick {
		t.Skip("it has a warm-up of 20 s; test/e2e has it")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root sees into the agent's /proc")
	}
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", "^BenchmarkIdle$", "-count", "1",
		"-timeout", "0", "kiosk-agent/test/e2e", "-idle", fmt.Sprintf("%ds", s.reps))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all := sides{}
	for _, m := range idleFigure.FindAllStringSubmatch(string(out), -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		name := map[string]string{"cpu-s": "CPU s", "wakeups": "wake-ups"}[m[3]]
		if m[2] == "bare" {
			name += ", a bare program"
		}
		all[name] = []float64{v}
	}
	if len(all) < 4 {
		t.Fatalf("BenchmarkIdle does not say what it measured:\n%s", out)
	}
	return all
}
