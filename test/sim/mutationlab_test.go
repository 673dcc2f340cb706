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
	"strconv"
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
		sound := map[string]error{}
		for _, i := range chosen {
			err := l.build(ctx, i, all[i])
			if test := all[i].dir + " " + all[i].test; err == nil {
				if _, ok := sound[test]; !ok {
					sound[test] = l.sound(ctx, i, all[i])
				}
				err = sound[test]
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

// sound sees to it that the machine says nothing about the sources as they are: what always fails
// catches nothing. The simulation is built for that, and played when it is known which seed.
func (l *lab) sound(ctx context.Context, i int, x trial) error {
	if x.dir == "" {
		out, err := l.output(ctx, l.root, "go", "build", "-ldflags", "-s -w", "-o", l.whole(),
			"./test/sim/kiosk-sim")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return nil
	}
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
	return l.play(ctx, l.path(i, "bin"))
}

// verdict is the last line of a simulation that has found something.
var verdict = regexp.MustCompile(`^FAILED: \d+ of \d+ seeds, the first: make sim SEED=(\d+): (.*)`)

// play plays fresh seeds with the mutant until one fails that holds without it.
func (l *lab) play(ctx context.Context, bin string) (said string, err error) {
	began := time.Now()
	for first, end := l.first, l.first+uint64(l.seeds); first < end; {
		out, err := l.output(ctx, l.root, bin, "-seeds", fmt.Sprint(end-first), "-first",
			fmt.Sprint(first), "-stop", "1", "-quiet")
		found := verdict.FindStringSubmatch(out)
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || found == nil {
			return "", fmt.Errorf("%v: %s", err, out)
		}
		seed, err := strconv.ParseUint(found[1], 10, 64)
		if err != nil {
			return "", err
		}
		if _, err := l.output(ctx, l.root, l.whole(), "-seed", found[1]); err == nil {
			return fmt.Sprintf("%d seeds (%.1f s), seed %d: %s", seed-l.first+1,
				time.Since(began).Seconds(), seed, found[2]), nil
		}
		first = seed + 1 // the sources as they are fail there, too
	}
	return "", errors.New("every seed that fails with it fails without it, too")
}

// whole is the simulation of the sources as they are.
func (l *lab) whole() string { return filepath.Join(l.dir, "whole-sim") }

// complaint is the first thing that a failing test, or a program that fell over, says.
var complaint = regexp.MustCompile(
	`(?m)^(\s+\w+\.go:\d+: .{0,120}|panic: .{0,120}|fatal error: .{0,120})`)

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
