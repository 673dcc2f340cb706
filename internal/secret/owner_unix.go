//go:build unix

package secret

import (
	"os"
	"syscall"
)

// giveLike gives the file to the owner of the first of paths that exists. Only root can give files
// away, and only root must.
func giveLike(f *os.File, paths ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				return f.Chown(int(st.Uid), int(st.Gid))
			}
		}
	}
	return nil
}
