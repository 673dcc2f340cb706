// Package prompt asks a person at a terminal, and nobody else: a program whose input is a file or a
// pipe asks nothing.
//
// It keeps no answer, and shows none that is secret. One goroutine asks one person.
package prompt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"kiosk-agent/internal/invisible"
	"kiosk-agent/internal/secret"
)

// Person sits at a terminal.
type Person struct {
	In  io.Reader // the terminal; of anything else nobody is asked
	Out io.Writer // for questions
}

// Ask returns what was typed; "" where nobody can be asked or nothing was answered.
func (p Person) Ask(question string) string {
	f, ok := p.In.(*os.File)
	if !ok {
		return ""
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return ""
	}
	fmt.Fprintf(p.Out, "%s: ", question)
	line, err := readLine(f)
	if err != nil {
		fmt.Fprintln(p.Out)
		return ""
	}
	return strings.Trim(string(invisible.Line(line)), " \t") // what else is there, is told
}

// AskHidden is Ask, without an echo, where that is possible.
func (p Person) AskHidden(question string) (line []byte, asked bool, err error) {
	f, ok := p.In.(*os.File)
	if !ok {
		return nil, false, nil
	}
	restore, ok := withoutEcho(f)
	if !ok {
		return nil, false, nil
	}
	fmt.Fprintf(p.Out, "%s: ", question)
	line, err = readLine(f)
	err = errors.Join(err, restore())
	fmt.Fprintln(p.Out)
	return line, true, err
}

// Secret reads a secret from a pipe, or asks for it. Its error never repeats it.
func (p Person) Secret(name string) (secret.Value, error) {
	line, asked, err := p.AskHidden("The secret " + name + " (nothing is shown)")
	switch {
	case err != nil:
		return secret.Value{}, err
	case asked:
		return secret.Typed(line)
	}
	b, err := io.ReadAll(io.LimitReader(p.In, 8<<10))
	if err != nil {
		return secret.Value{}, err
	}
	return secret.Typed(b)
}

// readLine reads to the end of the line and no further.
func readLine(r io.Reader) (line []byte, err error) {
	for one := make([]byte, 1); len(line) < 8<<10; {
		n, err := r.Read(one)
		if n == 1 && one[0] == '\n' {
			return line, nil
		}
		if line = append(line, one[:n]...); err != nil {
			return line, err
		}
	}
	return line, nil
}
