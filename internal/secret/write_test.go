package secret

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTyped(t *testing.T) {
	for _, tc := range []struct{ name, typed, wantErr string }{
		{"good", canary + "\r\n", ""}, {"short", "nineteen-bytes-long", "fewer than 20"},
		{"empty", "\n", "fewer than"}, {"long", strings.Repeat("x", maxFile), "no secret"},
		{"two lines", canary + "\n" + canary, "several lines"},
		{"a space before", " " + canary, "a space"}, {"a space behind", canary + " \n", "a space"},
		{"no text", canary + "\xff", "no UTF-8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := Typed([]byte(tc.typed))
			switch {
			case tc.wantErr == "" && (err != nil || !v.Matches([]byte(canary))):
				t.Errorf("%v", err)
			case tc.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tc.wantErr) ||
				strings.Contains(err.Error(), canary)):
				t.Errorf("error = %v, want %q", err, tc.wantErr)
			}
		})
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "axs.secret")
	for _, value := range []string{canary, "another-secret-of-twenty-bytes"} {
		if err := WriteFile(path, New([]byte(value)), dir); err != nil {
			t.Fatal(err)
		}
		v, err := ReadFile(path)
		if err != nil || !v.Matches([]byte(value)) {
			t.Errorf("it cannot be read again: %v", err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
	if err := WriteFile(filepath.Join(dir, "none", "x"), New([]byte(canary)), dir); err == nil ||
		strings.Contains(err.Error(), canary) {
		t.Errorf("without a directory: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
