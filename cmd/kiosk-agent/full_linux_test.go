package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
	"kiosk-agent/offline"
)

// TestWhatCannotBeSaid: on a full disk every command says that it could not write, and fails,
// whether or not it did its work.
func TestWhatCannotBeSaid(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"axs.secret", "relay.token", "till.token", "display.token"} {
		write(name, name+"-0123456789-0123456789")
	}
	write("dialect.toml", "base = \"paycube\"\n")
	write("logo.svg", `<svg xmlns="http://www.w3.org/2000/svg"/>`)
	write("capture", "02 30 03 33")
	write("config.toml", strings.NewReplacer("ETC", dir, "STATE", dir).Replace(trapConfig))
	j, err := offline.Open(offline.Config{Path: filepath.Join(dir, "journal.db"), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"version", "--help", "help journal", "man", "completion bash",
		"ecr blueprint", "ecr explain capture", "check-config", "check-upgrade", "journal list",
		"journal export", "journal verify", "worklist",
		"worklist --json", "doctor", "doctor --json", "backup b.db", "restore b.db",
		"support-bundle s.tar.gz", "secret set display"} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		args := strings.Fields(line)
		program, err := exec.LookPath("kiosk-agent")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, append(args, "--config="+filepath.Join(dir, "config.toml"))...)
		cmd.Dir, cmd.Stdout = dir, full
		cmd.Stdin = strings.NewReader("another-secret-0123456789\n")
		var said bytes.Buffer
		cmd.Stderr = &said
		err = cmd.Run()
		if cerr := full.Close(); cerr != nil {
			t.Error(cerr)
		}
		if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != exit.Failure ||
			!strings.Contains(said.String(), "kiosk-agent: not everything could be written: ") ||
			!strings.Contains(said.String(), "no space left on device") {
			t.Errorf("%s: %v, %s", line, err, said.String())
		}
	}
}

// TestUnsaidMoney: a command whose code says what has become of money never says "not paid" for an
// approval that it could not print.
func TestUnsaidMoney(t *testing.T) {
	for _, args := range [][]string{{"pay", "1.00"}, {"till"}} {
		root := newRoot()
		cmd, _, err := root.Find(args)
		if err != nil {
			t.Fatal(err)
		}
		root.SetArgs(args)
		var said bytes.Buffer
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		cmd.RunE = func(cmd *cobra.Command, _ []string) error {
			_, _ = cmd.OutOrStdout().Write([]byte("approved\n"))
			return nil
		}
		code := exit.Run(t.Context(), root, exit.NewOutput(full), exit.NewOutput(&said))
		if code != exit.Unknown || !strings.Contains(said.String(), "could be written") {
			t.Errorf("%v: code %d, %s", args, code, said.String())
		}
		if err := full.Close(); err != nil {
			t.Error(err)
		}
	}
}
