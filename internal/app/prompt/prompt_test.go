//go:build linux

package prompt

import (
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestTypedShowsNothing types a secret at a terminal, which must not show it, and shows the next
// line again.
func TestTypedShowsNothing(t *testing.T) {
	const canary = "a-secret-that-nobody-may-see"
	person, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer person.Close()
	defer terminal.Close()
	asked, prompt := io.Pipe()
	go func() {
		if _, err := io.ReadAtLeast(asked, make([]byte, 100), 10); err == nil {
			// not before it has asked
			_, _ = io.WriteString(person, canary+"\n")
		}
		_, _ = io.Copy(io.Discard, asked)
	}()
	v, err := Person{terminal, prompt}.Secret("axs")
	if err != nil || !v.Matches([]byte(canary)) {
		t.Fatalf("typed: %v", err)
	}
	_ = prompt.Close()
	if _, err := io.WriteString(person, "shown again\n"); err != nil {
		t.Fatal(err)
	}
	seen := make([]byte, 0, 200)
	for !strings.Contains(string(seen), "shown again") {
		n, err := person.Read(seen[len(seen):cap(seen)])
		if err != nil {
			t.Fatalf("the terminal shows %q, %v", seen, err)
		}
		seen = seen[:len(seen)+n]
	}
	if strings.Contains(string(seen), canary) {
		t.Errorf("the terminal shows %q", seen)
	}
}
