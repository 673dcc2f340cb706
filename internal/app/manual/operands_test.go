package manual_test

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"kiosk-agent/internal/app/manual"
)

func TestOperands(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"all", []string{"resolve", "P1", "approved"}, ""},
		{"none", []string{"resolve"}, "ID is missing: till resolve ID OUTCOME [flags]"},
		{"one of two", []string{"resolve", "P1"},
			"OUTCOME is missing: till resolve ID OUTCOME [flags]"},
		{"one too many", []string{"resolve", "P1", "not", "paid"},
			`"paid" is one argument too many: till resolve ID OUTCOME [flags]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := &cobra.Command{Use: "till", SilenceErrors: true, SilenceUsage: true}
			root.AddCommand(&cobra.Command{
				Use: "resolve ID OUTCOME", Args: manual.Operands("ID", "OUTCOME"),
				RunE: func(*cobra.Command, []string) error { return nil },
			})
			root.SetArgs(c.args)
			root.SetOut(io.Discard)
			var got string
			if err := root.Execute(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
