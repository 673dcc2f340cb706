package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const patience = 45 * time.Second

// TestMain makes kiosk-agent, the real main, a program of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kiosk-agent": main})
}

// TestScripts plays testdata/script: what the commands print and how they exit. The scripts' own
// commands are
//
//	run [-int REGEXP] CODE PROGRAM [ARG…]   runs the program, which must exit with CODE; with -int
//	                                        it gets Ctrl-C as soon as a line of its output matches
//	fill FILE                               puts the environment's values into $NAME in a file of
//	                                        the script
//	demo                                    starts relay, simulated gateway, agent, display and a
//	                                        customer: see demo_test.go
//	enddemo                                stops them
//	newest                                  sets PAYMENT to the last id that the program printed
//	alter FILE OLD NEW                      changes bytes in a file, as a dishonest hand would
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"run": runProgram, "fill": fill, "demo": startDemo, "enddemo": endDemo, "alter": alter,
			"newest": newest,
		},
	})
}

func runProgram(ts *testscript.TestScript, neg bool, args []string) {
	var when *regexp.Regexp
	if len(args) > 2 && args[0] == "-int" {
		when, args = regexp.MustCompile(args[1]), args[2:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: run [-int REGEXP] CODE PROGRAM [ARG…]")
	}
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, lookPath(ts, args[1]), args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Fprintln(ts.Stdout(), lines.Text())
		if when != nil && when.MatchString(lines.Text()) {
			ts.Check(cmd.Process.Signal(os.Interrupt))
			when = nil
		}
	}
	_, _ = io.Copy(ts.Stdout(), out) // nothing, unless a line was too long
	_ = cmd.Wait()                   // the exit code says it
	_, _ = stderr.WriteTo(ts.Stderr())
	if got := cmd.ProcessState.ExitCode(); got != code {
		ts.Fatalf("%s exits with %d, want %d", strings.Join(args[1:], " "), got, code)
	}
}

// lookPath finds a program on the script's PATH.
func lookPath(ts *testscript.TestScript, name string) string {
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		if path, err := exec.LookPath(dir + "/" + name); err == nil {
			return path
		}
	}
	ts.Fatalf("no program %s", name)
	return ""
}

func fill(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

var ids = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`)

func newest(ts *testscript.TestScript, _ bool, _ []string) {
	all := ids.FindAllString(ts.ReadFile("stdout"), -1)
	if len(all) == 0 {
		ts.Fatalf("no id was printed")
	}
	ts.Setenv("PAYMENT", all[len(all)-1])
}

func alter(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 || len(args[1]) != len(args[2]) {
		ts.Fatalf("usage: alter FILE OLD NEW, both of one length")
	}
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	if !bytes.Contains(data, []byte(args[1])) {
		ts.Fatalf("%s does not contain %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]),
		bytes.ReplaceAll(data, []byte(args[1]), []byte(args[2])), 0o600))
}
