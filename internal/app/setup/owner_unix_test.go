//go:build unix

package setup

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

// owned is whose a file is, and its mode.
func owned(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d %04o", st.Uid, st.Gid, info.Mode().Perm())
}
