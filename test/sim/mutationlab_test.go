package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// lab breaks sources without touching them (an overlay shows the broken ones to the compiler),
// builds, and lets the machines run.
type lab struct {
	root, dir string
	seeds     int
	first     uint64
}

// outcome is what became of one mutant: what the machine said first, or why that is no catch.
type outcome struct {
	i    int
	said string
	err  error
}

// readyAhead is how many are built while one is being tried.
const readyAhead = 2

func (l *lab) path(i int, name string) string {
	return filepath.Join(l.dir, fmt.Sprintf("%d-%s", i, name))
}

// write makes the broken files and the overlay that puts them in place.
func (l *lab) write(i int, x trial) error {
	replace := map[string]string{}
	for n, e := range x.edits {
		path := filepath.Join(l.root, e.file)
		from := path
		if done, ok := replace[path]; ok {
			from = done
		}
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if n := strings.Count(string(text), e.old); n != 1 {
			return fmt.Errorf("%s: the text to break stands there %d times: bring the mutant up "+
				"to date\n%s", e.file, n, e.old)
		}
		broken := l.path(i, fmt.Sprintf("%d.go", n))
		err = os.WriteFile(broken, []byte(strings.Replace(string(text), e.old, e.new, 1)), 0o600)
		if err != nil {
			return err
		}
		replace[path] = broken
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	return os.WriteFile(l.path(i, "overlay.json"), data, 0o600)
}

// try tries the chosen ones, in their order: the next are built meanwhile.
func (l *lab) try(ctx context.Context, all []trial, chosen []int) <-chan outcome {
	built := make(chan outcome, readyAhead)
	go func() {
		defer close(built)
		passes := map[string]error{}
		for _, i := range chosen {
			err := l.build(ctx, i, all[i])
			if test := all[i].dir + " " + all[i].test; err == nil && all[i].dir != "" {
				if _, ok := passes[test]; !ok {
					passes[test] = l.mustPass(ctx, i, all[i])
				}
				err = passes[test]
			}
			select {
			case built <- outcome{i: i, err: err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	tried := make(chan outcome)
	go func() {
		defer close(tried)
		for o := range built {
			if o.err == nil {
				o.said, o.err = l.run(ctx, o.i, all[o.i])
			}
			_ = os.Remove(l.path(o.i, "bin"))
			select {
			case tried <- o:
			case <-ctx.Done():
				return
			}
		}
	}()
	return tried
}

// build makes the program that must find the mutant.
func (l *lab) build(ctx context.Context, i int, x trial) error {
	args := []string{"build", "-overlay", l.path(i, "overlay.json"), "-ldflags", "-s -w", "-o",
		l.path(i, "bin"), "./test/sim/kiosk-sim"}
	if x.dir != "" {
		args = []string{"test", "-c", "-overlay", l.path(i, "overlay.json"), "-o",
			l.path(i, "bin"), "./" + x.dir}
	}
	if out, err := l.output(ctx, l.root, "go", args...); err != nil {
		return fmt.Errorf("a mutant must build: %w\n%s", err, out)
	}
	return nil
}

// mustPass runs the named test on the sources as they are: what always fails catches nothing.
func (l *lab) mustPass(ctx context.Context, i int, x trial) error {
	bin := l.path(i, "whole")
	defer func() { _ = os.Remove(bin) }()
	out, err := l.output(ctx, l.root, "go", "test", "-c", "-o", bin, "./"+x.dir)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	out, err = l.output(ctx, filepath.Join(l.root, x.dir), bin, x.args("-test.v")...)
	if err != nil || !strings.Contains(out, "--- PASS: "+x.test+" ") {
		return fmt.Errorf("%s does not pass without the mutant: %w\n%s", x.test, err, out)
	}
	return nil
}

// args are those of a test's program.
func (x trial) args(more ...string) []string {
	return append([]string{"-test.run", "^" + x.test + "$", "-test.timeout", "5m",
		"-test.failfast"}, more...)
}

// run lets the machine look for the mutant.
func (l *lab) run(ctx context.Context, i int, x trial) (said string, err error) {
	if x.dir != "" {
		cmd := exec.CommandContext(ctx, l.path(i, "bin"), x.args()...)
		cmd.Dir = filepath.Join(l.root, x.dir)
		// for a test that builds the programs
		cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+l.path(i, "overlay.json"))
		out, err := cmd.CombinedOutput()
		return saidByTest(string(out), err)
	}
	began := time.Now()
	out, err := l.output(ctx, l.root, l.path(i, "bin"), "-seeds", fmt.Sprint(l.seeds), "-first",
		fmt.Sprint(l.first), "-stop", "1", "-quiet")
	said, err = saidBySimulation(out, err)
	return fmt.Sprintf("%s (%.1f s)", said, time.Since(began).Seconds()), err
}

// saidBySimulation is its verdict, which names the seed and how many were played.
func saidBySimulation(out string, err error) (string, error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 && strings.HasPrefix(out, "FAILED: ") {
		return strings.TrimSpace(strings.TrimPrefix(out, "FAILED: ")), nil
	}
	return "", fmt.Errorf("%v: %s", err, out)
}

// complaint is the first thing that a failing test, or a program that fell over, says.
var complaint = regexp.MustCompile(
	`(?m)^(\s+\w+_test\.go:\d+: .{0,120}|panic: .{0,120}|fatal error: .{0,120})`)

func saidByTest(out string, err error) (string, error) {
	var exit *exec.ExitError
	said := complaint.FindString(out)
	if errors.As(err, &exit) && exit.Exited() && said != "" {
		return strings.TrimSpace(said), nil
	}
	return "", fmt.Errorf("%v: %s", err, out)
}

// output runs a program and gives what it wrote, whole.
func (l *lab) output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
