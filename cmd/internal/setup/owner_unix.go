//go:build unix

package setup

import (
	"os"
	"syscall"
)

// readableLike lets the group of dir, the agent's, read the file. Only root can give it to that group, and only root must.
func readableLike(f *os.File, dir string) error {
	if info, err := os.Stat(dir); err == nil && os.Geteuid() == 0 {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			if err := f.Chown(-1, int(st.Gid)); err != nil {
				return err
			}
		}
	}
	return f.Chmod(0o640)
}
