package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Operands asks for exactly these, each by its name, so that a refusal says which one is missing or
// too many. Names in brackets come last and may be left out.
func Operands(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names) && !strings.HasPrefix(names[len(args)], "["):
			return fmt.Errorf("%s is missing: %s", names[len(args)], cmd.UseLine())
		case len(args) > len(names):
			return fmt.Errorf("%.40q is one argument too many: %s", args[len(names)], cmd.UseLine())
		default:
			return nil
		}
	}
}
