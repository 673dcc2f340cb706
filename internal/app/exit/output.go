package exit

import (
	"io"

	"kiosk-agent/internal/invisible"
)

// Output writes what a program says: without what a terminal would obey, whoever has written it.
// It remembers that something could not be written, so that no command has to.
type Output struct {
	raw     io.Writer
	legible io.Writer
	err     error
}

// NewOutput says everything to w.
func NewOutput(w io.Writer) *Output {
	o := &Output{raw: w}
	o.legible = invisible.Legible(noted{o})
	return o
}

func (o *Output) Write(p []byte) (int, error) { return o.legible.Write(p) }

// Err is the first error of writing.
func (o *Output) Err() error { return o.err }

// noted writes what it is given as it is.
type noted struct{ o *Output }

func (n noted) Write(p []byte) (int, error) {
	written, err := n.o.raw.Write(p)
	if err != nil && n.o.err == nil {
		n.o.err = err
	}
	return written, err
}

// Raw is a program's output for what it makes itself: a code in colours.
func Raw(w io.Writer) io.Writer {
	if o, ok := w.(*Output); ok {
		return noted{o}
	}
	return w
}

// JSON is a program's output for JSON: what a terminal would obey is escaped, and nothing is lost.
func JSON(w io.Writer) io.Writer { return invisible.LegibleJSON(Raw(w)) }
