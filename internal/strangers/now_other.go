//go:build !unix

package strangers

import "net"

// readNow reads nothing where that cannot be done without waiting.
func readNow(net.Conn, []byte) int { return 0 }
