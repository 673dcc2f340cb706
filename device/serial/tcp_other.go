//go:build !linux

package serial

import (
	"net"
	"time"
)

// giveUpAfter leaves it to the system how long sent bytes may stay unacknowledged.
func giveUpAfter(*net.TCPConn, time.Duration) {}
