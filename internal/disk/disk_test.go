package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func alone(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 1 {
		t.Errorf("left over: %v, %v", entries, err)
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, text := range []string{"one", "two"} {
		if err := Replace(path, []byte(text), nil); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if errors.Join(err, statErr) != nil || string(got) != text || info.Mode().Perm() != 0o600 {
			t.Errorf("%q, mode %v, %v, %v", got, info.Mode(), err, statErr)
		}
		alone(t, dir)
	}
}

// TestReplaceAsksFirst: the new file is whole when it is asked about, and a refusal leaves the old
// one.
func TestReplaceAsksFirst(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := Replace(path, []byte("old"), nil); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	err := Replace(path, []byte("new"), func(f *os.File) error {
		got, err := os.ReadFile(f.Name())
		old, oldErr := os.ReadFile(path)
		if string(got) != "new" || string(old) != "old" {
			t.Errorf("%q beside %q, %v, %v", got, old, err, oldErr)
		}
		return refused
	})
	if got, _ := os.ReadFile(path); !errors.Is(err, refused) || string(got) != "old" {
		t.Errorf("%v, and the file says %q", err, got)
	}
	alone(t, dir)
}

func TestReplaceWithoutADirectory(t *testing.T) {
	if err := Replace(filepath.Join(t.TempDir(), "none", "file"), nil, nil); err == nil {
		t.Error("no error")
	}
}

// TestReplaceFails: what cannot take the old file's place is not left beside it.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("x"), nil); err == nil {
		t.Error("a directory was replaced")
	}
	alone(t, dir)
}

func TestFreeAndSyncDir(t *testing.T) {
	dir := t.TempDir()
	if free, err := Free(dir); err != nil || free <= 0 {
		t.Error(free, err)
	}
	if err := SyncDir(dir); err != nil {
		t.Error(err)
	}
	if _, err := Free(filepath.Join(dir, "none")); err == nil {
		t.Error("free space of nothing")
	}
}
