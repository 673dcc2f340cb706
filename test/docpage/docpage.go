// Package docpage keeps the generated parts of the documentation true: a part stands between two
// marks, and a test that knows what must be there compares it, or writes it.
//
// It is for tests alone.
package docpage

import (
	"os"
	"strings"
	"testing"
)

// Compare fails the test where the part of the page called name is not want; with update, the part
// is written instead. The page has the marks, each a line of its own: the first is
// "<!-- NAME: COMMAND -->", where COMMAND says how the part is made, the second
// "<!-- end of NAME -->".
func Compare(t *testing.T, path, name, want string, update bool) {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := cut(string(page), name)
	is, tail, ended := strings.Cut(rest, "<!-- end of "+name+" -->\n")
	if !ok || !ended {
		t.Fatalf("%s has no place for %s", path, name)
	}
	switch {
	case is == want:
	case update:
		page := head + want + "<!-- end of " + name + " -->\n" + tail
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s in %s is not what it must be; write it with "+
			"go test . -run '^%s$' -update:\n%s", name, path, t.Name(), want)
	}
}

// cut divides a page after the mark that begins the part.
func cut(page, name string) (head, rest string, ok bool) {
	before, after, ok := strings.Cut(page, "<!-- "+name+": ")
	line, rest, ended := strings.Cut(after, " -->\n")
	return before + "<!-- " + name + ": " + line + " -->\n", rest,
		ok && ended && !strings.Contains(line, "\n")
}
