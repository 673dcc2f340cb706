// Package exit ends a program: it runs a command, prints what is left to be said of its failure,
// and returns the code that the process ends with.
//
// It ends no process itself and handles no signal. A command that was called wrongly is told from
// one that failed by its error: what is no Error is cobra's, about the call. It keeps nothing.
package exit

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// The codes of every program's commands.
const (
	Done    = 0
	Failure = 1
	Usage   = 2 // called wrongly
	Unknown = 3 // the outcome of a payment is not known
)

// Error ends the program with a code. Its cause has not been printed yet; without one there is
// nothing left to say.
type Error struct {
	Code  int
	Cause error
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("exit %d", e.Code)
	}
	return e.Cause.Error()
}

func (e *Error) Unwrap() error { return e.Cause }

// Failed is the failure of a command that was called rightly; nil for nil. What has a code keeps
// it.
func Failed(err error) error {
	if err == nil {
		return nil
	}
	if _, coded := errors.AsType[*Error](err); coded {
		return err
	}
	return &Error{Failure, err}
}

// Unsaid is the annotation of a command that says with its code what has become of money: what it
// is where that went well and could not be said.
const Unsaid = "unsaid"

// Run executes a program's command line, which is root's arguments, and returns its code. What
// could not be written to stdout is a failure, also of a command that did its work.
func Run(ctx context.Context, root *cobra.Command, stdout, stderr *Output) (code int) {
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if stdout.Err() == nil || !errors.Is(err, stdout.Err()) {
		code = codeOf(err, root, stderr)
	}
	if stdout.Err() == nil {
		return code
	}
	fmt.Fprintf(stderr, "%s: not everything could be written: %v\n", root.Name(), stdout.Err())
	switch {
	case code != Done:
		return code
	case cmd.Annotations[Unsaid] != "":
		return Unknown
	default:
		return Failure
	}
}

func codeOf(err error, root *cobra.Command, stderr io.Writer) int {
	if err == nil {
		return Done
	}
	if e, ok := errors.AsType[*Error](err); ok {
		if e.Cause != nil {
			fmt.Fprintf(stderr, "%s: %v\n", root.Name(), e.Cause)
		}
		return e.Code
	}
	fmt.Fprintf(stderr, "%s: %v\nRun %[1]s help for the commands.\n", root.Name(), err)
	return Usage
}
