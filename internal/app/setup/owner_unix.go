//go:build unix

package setup

import (
	"os"
	"syscall"
)

// readableLike gives the file its mode and the group of dir, the agent's. Only root can give it to
// that group, and only root must.
func readableLike(f *os.File, dir string, mode os.FileMode) error {
	if info, err := os.Stat(dir); err == nil && os.Geteuid() == 0 {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			if err := f.Chown(-1, int(st.Gid)); err != nil {
				return err
			}
		}
	}
	return f.Chmod(mode)
}
