package invisible

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestFirst(t *testing.T) {
	for _, tc := range []struct {
		text, name string
		line       int
	}{
		{"plain text\nwith\ttabs\r\nand Größe, 停, தமிழ்\n", "", 0},
		{"\uFEFFid", "a byte order mark (U+FEFF)", 1},
		{"a\nb\u00A0c", "a no-break space (U+00A0)", 2},
		{"a\u200Bb", "a zero-width space (U+200B)", 1},
		{"a\u2066b", "an invisible character (U+2066)", 1},
		{"a\u3000b", "an invisible character (U+3000)", 1},
		{"a\n\n\x00", "a zero byte (U+0000)", 3},
		{"a\rb", "a carriage return (U+000D)", 1},
		{"a\r", "a carriage return (U+000D)", 1},
		{"a\x1bb", "an invisible character (U+001B)", 1},
		{"a\n\xff", "a byte that is no UTF-8", 2},
		{"\uFFFD", "", 0},
	} {
		f, found := First([]byte(tc.text))
		if f.Name != tc.name || f.Line != tc.line || found != (tc.name != "") {
			t.Errorf("%q: %+v, %v", tc.text, f, found)
		}
	}
}

// TestOneRule: what a name may be, and what a secret may be.
func TestOneRule(t *testing.T) {
	for _, tc := range []struct {
		text, alone, word string
		line              int
	}{
		{"plain", "", "", 0},
		{"two words", "", "has a space in it", 1},
		{" x", "begins or ends with a space", "begins or ends with a space", 1},
		{"x ", "begins or ends with a space", "begins or ends with a space", 1},
		{"x\n", "has several lines", "has several lines", 2},
		{"\nx", "has several lines", "has several lines", 1},
		{"x\r\ny", "has several lines", "has several lines", 2},
		{"a\tb", "has a tab (U+0009)", "has a tab (U+0009)", 1},
		{"a\nb\u00A0", "has a no-break space (U+00A0)", "has a no-break space (U+00A0)", 2},
		{"\xff\xfex\x00", "is in UTF-16", "is in UTF-16", 1},
	} {
		for _, rule := range []struct {
			of   func([]byte) (Fault, bool)
			want string
		}{{Alone, tc.alone}, {Word, tc.word}} {
			f, wrong := rule.of([]byte(tc.text))
			if f.What != rule.want || wrong != (rule.want != "") || wrong && f.Line != tc.line {
				t.Errorf("%q: %+v, %v, want %q in line %d", tc.text, f, wrong, rule.want, tc.line)
			}
		}
	}
	for _, text := range []string{"x", "x\n", "x\r\n"} {
		if got := Line([]byte(text)); string(got) != "x" {
			t.Errorf("%q without its end is %q", text, got)
		}
	}
}

// TestRemoval: the command does what it says, and leaves the rest of the file.
func TestRemoval(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	text := "a\u00A0b\n\u200Bc = \"Größe\u00A0x\u2066\"\r\n\u00A0last"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", Removal(path, []byte(text), 2)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got, err := os.ReadFile(path)
	if want := "a\u00A0b\nc = \"Größe x\"\r\n\u00A0last"; err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	for _, line := range []int{0, 4, 99} {
		if cmd := Removal(path, []byte("a\nb\tc\nd\n"), line); cmd != "" {
			t.Errorf("line %d: %q", line, cmd)
		}
	}
}
