package bench_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"kiosk-agent/test/programs"
)

var (
	costs        = regexp.MustCompile(`(\d+(?:\.\d+)?) ([a-zA-Z]+)/op`)
	instructions = regexp.MustCompile(`(?:I +refs:|instructions) +([0-9,]+)`)
)

// costOfASale is what does not depend on the machine: the engine with the real journal, whole
// sales. What executes an instruction is counted by valgrind here, and by QEMU for the processor of
// a Raspberry Pi, each where it is installed.
func costOfASale(t testing.TB, s scale) sides {
	own := salesProgram(t, runtime.GOARCH, "")
	out := sales(t, 10*s.reps, "Sale", own)
	all := sides{}
	for _, m := range costs.FindAllStringSubmatch(out, -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		if name := map[string]string{"B": "bytes allocated", "allocs": "allocations",
			"commits": "commits"}[m[2]]; name != "" {
			all[name] = []float64{v}
		}
	}
	if s.quick {
		return all
	}
	if valgrind, err := exec.LookPath("valgrind"); err == nil {
		all["thousand instructions"] = []float64{counted(t, s.reps, valgrind, "--tool=cachegrind",
			"--cache-sim=no", "--cachegrind-out-file=/dev/null", own)}
	}
	if qemu, compiler := "qemu-aarch64", "aarch64-linux-gnu-gcc"; has(qemu, compiler, "gcc") {
		plugin := filepath.Join(programs.Dir(t), "count.so")
		build(t, nil, "gcc", "-shared", "-fPIC", "-O2", "-o", plugin, "testdata/count.c")
		all["thousand instructions, arm64"] = []float64{counted(t, s.reps, qemu, "-plugin", plugin,
			salesProgram(t, "arm64", compiler))}
	}
	return all
}

func has(names ...string) bool {
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			return false
		}
	}
	return true
}

func build(t testing.TB, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// salesProgram is the engine's tests, for another processor with that one's C compiler.
func salesProgram(t testing.TB, arch, compiler string) string {
	t.Helper()
	binary := filepath.Join(programs.Dir(t), "engine-"+arch)
	args := []string{"test", "-c", "-o", binary}
	env := []string{"GOARCH=" + arch}
	if compiler != "" { // static: no libraries of that processor are needed
		args = append(args, "-ldflags", "-linkmode external -extldflags -static")
		env = append(env, "CGO_ENABLED=1", "CC="+compiler)
	}
	build(t, env, "go", append(args, "kiosk-agent/payment/engine")...)
	return binary
}

// sales runs a benchmark of the engine n times; command ends with the program, and is what runs it.
func sales(t testing.TB, n int, benchmark string, command ...string) string {
	t.Helper()
	args := append(command[1:len(command):len(command)], "-test.run", "^$", "-test.bench",
		"^Benchmark"+benchmark+"$", "-test.benchmem", "-test.benchtime", fmt.Sprintf("%dx", n))
	cmd := exec.Command(command[0], args...)
	cmd.Dir = "../../payment/engine"
	// one thread: others would count how long they had nothing to do
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// counted is how many thousand instructions a sale takes: what n more sales make the difference.
func counted(t testing.TB, n int, command ...string) float64 {
	t.Helper()
	count := func(n int) float64 {
		out := sales(t, n, "Sale", command...)
		m := instructions.FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("nothing was counted:\n%s", out)
		}
		v, err := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const few = 20
	return (count(few+n) - count(few)) / float64(n) / 1000
}
