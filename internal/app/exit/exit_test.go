package exit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/exit"
)

func TestRun(t *testing.T) {
	broken := errors.New("the drawer is stuck")
	for _, c := range []struct {
		name string
		args []string
		err  error // of the command
		code int
		want string // on stderr
	}{
		{"done", []string{"sell"}, exit.Failed(nil), exit.Done, ""},
		{"failed", []string{"sell"}, exit.Failed(broken), exit.Failure,
			"till: the drawer is stuck\n"},
		{"wrapped", []string{"sell"}, fmt.Errorf("sell: %w", exit.Failed(broken)), exit.Failure,
			"till: the drawer is stuck\n"},
		{"said already", []string{"sell"}, &exit.Error{Code: exit.Unknown}, exit.Unknown, ""},
		{"not known", []string{"sell"}, &exit.Error{Code: exit.Unknown, Cause: broken},
			exit.Unknown, "till: the drawer is stuck\n"},
		{"called wrongly", []string{"buy"}, nil, exit.Usage,
			"till: unknown command \"buy\" for \"till\"\nRun till help for the commands.\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := &cobra.Command{Use: "till", SilenceErrors: true, SilenceUsage: true}
			root.AddCommand(&cobra.Command{Use: "sell",
				RunE: func(*cobra.Command, []string) error { return c.err }})
			root.SetArgs(c.args)
			var stderr bytes.Buffer
			if code := exit.Run(t.Context(), root, exit.NewOutput(io.Discard),
				exit.NewOutput(&stderr)); code != c.code {
				t.Errorf("code %d, want %d", code, c.code)
			}
			if diff := cmp.Diff(c.want, stderr.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// outOfPaper writes nothing.
type outOfPaper struct{}

var errBroken = errors.New("the paper is out")

func (outOfPaper) Write([]byte) (int, error) { return 0, errBroken }

// TestUnsaid: what could not be written is a failure that is told once, whatever the command did.
func TestUnsaid(t *testing.T) {
	for _, c := range []struct {
		name   string
		money  bool
		passes bool // the command hands the error on
		err    error
		code   int
	}{
		{"done", false, false, nil, exit.Failure}, {"told", false, true, nil, exit.Failure},
		{"an outcome", true, false, nil, exit.Unknown},
		{"not paid", true, false, &exit.Error{Code: exit.Failure}, exit.Failure},
		{"not known", true, false, &exit.Error{Code: exit.Unknown}, exit.Unknown},
	} {
		root := &cobra.Command{Use: "till", SilenceErrors: true, SilenceUsage: true}
		sell := &cobra.Command{Use: "sell", RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "sold")
			if c.passes {
				return err
			}
			return c.err
		}}
		if c.money {
			sell.Annotations = map[string]string{exit.Unsaid: "an outcome"}
		}
		root.AddCommand(sell)
		root.SetArgs([]string{"sell"})
		var stderr bytes.Buffer
		code := exit.Run(t.Context(), root, exit.NewOutput(outOfPaper{}), exit.NewOutput(&stderr))
		const want = "till: not everything could be written: the paper is out\n"
		if code != c.code || stderr.String() != want {
			t.Errorf("%s: code %d, want %d; %q", c.name, code, c.code, stderr.String())
		}
	}
}
