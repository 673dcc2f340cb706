// Package secret holds a secret in a type that prints "[redacted]" on every route: fmt, JSON, text,
// slog and errors.
//
// It reads secrets from files and systemd credentials and checks who else may read them; it does
// not encrypt. A Value is immutable and safe for concurrent use. Values are never written anywhere,
// so nothing has to survive a crash.
package secret

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"kiosk-agent/internal/invisible"
	"kiosk-agent/internal/rights"
)

const redacted = "[redacted]"

// maxFile bounds a secret's file: anything longer is a mistake, not a secret.
const maxFile = 4096

// Value is a secret. The zero Value is empty. The bytes stand behind a function because fmt does
// not ask the methods of a value in somebody's unexported field: it prints what it finds there, and
// of a function it finds nothing. So a Value has no ==.
type Value struct{ reveal func() []byte }

// New copies b into a Value.
func New(b []byte) Value { return hide(bytes.Clone(b)) }

func hide(b []byte) Value { return Value{func() []byte { return b }} }

// Reveal returns the secret itself. The caller must not keep, log or change it.
func (v Value) Reveal() []byte {
	if v.reveal == nil {
		return nil
	}
	return v.reveal()
}

// Len is the number of bytes.
func (v Value) Len() int { return len(v.Reveal()) }

// IsZero reports whether there is no secret.
func (v Value) IsZero() bool { return v.Len() == 0 }

// Matches compares in time that depends on neither value's content.
func (v Value) Matches(candidate []byte) bool {
	want, got := sha256.Sum256(v.Reveal()), sha256.Sum256(candidate)
	return v.Len() > 0 && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// The methods below keep the secret out of every usual route to a reader.

func (Value) String() string               { return redacted }
func (Value) GoString() string             { return redacted }
func (Value) Format(s fmt.State, _ rune)   { fmt.Fprint(s, redacted) }
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
func (Value) LogValue() slog.Value         { return slog.StringValue(redacted) }

// Resolve reads the secret that ref names: "file:PATH", or "credential:NAME" in
// $CREDENTIALS_DIRECTORY (given as credDir). One trailing newline is dropped. A file that others
// may read is refused with the command that mends it, one with characters that nobody sees, a blank
// or more than one line by an *UncleanError.
func Resolve(ref, credDir string) (Value, error) {
	kind, name, ok := strings.Cut(ref, ":")
	if !ok || name == "" {
		return Value{},
			errors.New(
				"a secret is named as file:PATH or credential:NAME, never written here itself")
	}
	switch kind {
	case "file":
		return ReadFile(name)
	case "credential":
		if credDir == "" {
			return Value{}, fmt.Errorf("credential:%s: no credentials directory: the program "+
				"was not started by systemd with LoadCredential", name)
		}
		if name != filepath.Base(name) {
			return Value{}, fmt.Errorf("credential:%s: a credential's name has no slash", name)
		}
		return read(filepath.Join(credDir, name), false)
	default:
		return Value{},
			errors.New(
				"a secret is named as file:PATH or credential:NAME, never written here itself")
	}
}

// ReadFile reads a secret from a file that only its owner (and, at most for reading, its group) may
// open.
func ReadFile(path string) (Value, error) {
	return read(path, true)
}

// read reads a secret, and looks whether the file is its owner's alone.
func read(path string, private bool) (Value, error) {
	// What is no file is not waited for.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return Value{}, unusable(path)
	}
	f, err := rights.Open(path)
	if err != nil {
		return Value{}, fmt.Errorf("secret file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Value{}, fmt.Errorf("secret file: %w", err)
	}
	if private && info.Mode().Perm()&0o037 != 0 {
		return Value{},
			fmt.Errorf(
				"secret file %s can be read or changed by others (mode %04o): run chmod 0600 %s",
				path, info.Mode().Perm(), path)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return Value{}, unusable(path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Value{}, fmt.Errorf("secret file: %w", err)
	}
	if b = invisible.Line(b); len(b) == 0 {
		return Value{}, fmt.Errorf("secret file %s is empty", path)
	}
	if fault, wrong := invisible.Word(b); wrong {
		return Value{}, &UncleanError{path, fault}
	}
	return hide(b), nil
}

func unusable(path string) error {
	return fmt.Errorf("secret file %s: not a regular file of at most %d bytes", path, maxFile)
}

// UncleanError says that a secret's file has what nobody sees and what is no part of a secret. It
// tells nothing else of the secret.
type UncleanError struct {
	Path  string
	Fault invisible.Fault
}

func (e *UncleanError) Error() string {
	return fmt.Sprintf("secret file %s:%d %s: write the secret anew, alone in the file", e.Path,
		e.Fault.Line, e.Fault.What)
}

// Generate returns 256 random bits as 43 base64url characters.
func Generate() Value {
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		panic(err) // crypto/rand never fails on the systems that we support
	}
	return hide([]byte(base64.RawURLEncoding.EncodeToString(raw[:])))
}

// EnsureFile reads the secret at path, or makes a new one there (mode 0600, synced) when there is
// no such file.
func EnsureFile(path string) (Value, error) {
	v, err := ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return v, err
	}
	err = rights.As(path, func() (err error) {
		v, err = makeFile(path)
		return err
	})
	return v, err
}

func makeFile(path string) (Value, error) {
	v := Generate()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return Value{}, fmt.Errorf("secret file: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Value{}, fmt.Errorf("secret file: %w", err)
	}
	_, werr := f.Write(append(bytes.Clone(v.Reveal()), '\n'))
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		return Value{}, fmt.Errorf("secret file: %w", err)
	}
	return v, nil
}
