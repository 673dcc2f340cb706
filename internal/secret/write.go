package secret

import (
	"bytes"
	"fmt"
	"os"

	"kiosk-agent/internal/disk"
	"kiosk-agent/internal/invisible"
	"kiosk-agent/internal/rights"
)

// MinLen is the least number of bytes of a secret that somebody sets: each checkout link is
// something to guess against.
const MinLen = 20

// Typed takes what a person typed or piped: one line, without its end. The error never repeats it.
func Typed(b []byte) (Value, error) {
	b = invisible.Line(b)
	if fault, wrong := invisible.Word(b); wrong {
		return Value{}, fmt.Errorf("the secret %s, in line %d: give the secret alone", fault.What,
			fault.Line)
	}
	switch {
	case len(b) < MinLen:
		return Value{}, fmt.Errorf("the secret has %d bytes, fewer than %d", len(b), MinLen)
	case len(b) >= maxFile:
		return Value{}, fmt.Errorf("the secret has %d bytes or more: that is no secret", maxFile)
	}
	return New(b), nil
}

// WriteFile puts the secret into a file of mode 0600, whole or not at all. Run by root, the file
// belongs to whom the directory belongs; in one of root's to whom the file, or what is at like,
// belonged before.
func WriteFile(path string, v Value, like string) error {
	err := rights.As(path, func() error {
		return disk.Replace(path, append(bytes.Clone(v.Reveal()), '\n'),
			func(f *os.File) error { return giveLike(f, path, like) })
	})
	if err != nil {
		return fmt.Errorf("secret file: %w", err)
	}
	return nil
}
