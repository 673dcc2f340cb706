package serial

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// giveUpAfter bounds how long sent bytes may stay unacknowledged: keepalive probes are not sent
// while some are.
func giveUpAfter(c *net.TCPConn, d time.Duration) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT,
			int(d.Milliseconds()))
	})
}
