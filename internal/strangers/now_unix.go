//go:build unix

package strangers

import (
	"net"
	"syscall"
)

// readNow reads what has arrived already, and waits for nothing.
func readNow(c net.Conn, p []byte) (n int) {
	own, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := own.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Read(func(fd uintptr) bool {
		n, _ = syscall.Read(int(fd), p) // an error comes again with the next read
		return true
	})
	return max(n, 0)
}
