package exit_test

import (
	"bytes"
	"errors"
	"fmt"
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
			if code := exit.Run(t.Context(), root, &stderr); code != c.code {
				t.Errorf("code %d, want %d", code, c.code)
			}
			if diff := cmp.Diff(c.want, stderr.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
