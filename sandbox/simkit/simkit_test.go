package simkit

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func lines(t *testing.T, path string) (b Book, got []string) {
	t.Helper()
	b, err := OpenBook(path, func(line []byte) error {
		got = append(got, strings.TrimSpace(string(line)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, got
}

func TestBook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book")
	b, got := lines(t, path)
	if len(got) != 0 {
		t.Errorf("a new book has %q", got)
	}
	for _, v := range []any{1, map[string]int{"a": 2}} {
		if err := b.Keep(v); err != nil {
			t.Fatal(err)
		}
	}
	half, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := half.WriteString(`{"a":`); err != nil || half.Close() != nil {
		// killed while it was written
		t.Fatal(err)
	}
	b, got = lines(t, path)
	if want := []string{"1", `{"a":2}`}; !slices.Equal(got, want) {
		t.Errorf("after the kill it has %q", got)
	}
	if err := b.Keep(3); err != nil {
		t.Fatal(err)
	}
	if _, got = lines(t, path); !slices.Equal(got, []string{"1", `{"a":2}`, "3"}) {
		t.Errorf("it goes on with %q", got)
	}
}

func TestBookThatCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book")
	if err := os.WriteFile(path, []byte("1\n2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("not a two")
	_, err := OpenBook(path, func(line []byte) error {
		if line[0] == '2' {
			return cause
		}
		return nil
	})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "line 2") {
		t.Error(err)
	}
}

// TestBookThatFails takes nothing more: half a line may be there.
func TestBookThatFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "book")
	b, _ := lines(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if b.Keep(1) == nil || b.Err() == nil {
		t.Fatal("a line was kept nowhere")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if b.Keep(2) == nil {
		t.Error("it goes on behind half a line")
	}
	if none := (Book{}); none.Keep(1) != nil {
		t.Error("the zero book keeps nothing, without an error")
	}
}

func TestCRC16(t *testing.T) {
	if got := CRC16("123456789"); got != 0x29B1 {
		// the check value of the algorithm's catalogue entry
		t.Errorf("%04X", got)
	}
}
