//go:build !linux

package rights

import (
	"context"
	"io/fs"
	"net"
)

// There is no root here whom a user's links could lead.

func root() bool { return false }

func lowered() bool { return false }

func idsOf(fs.FileInfo) (uid, gid int) { return 0, 0 }

func linked(fs.FileInfo, owner) bool { return false }

func as(_ owner, f func() error) error { return f() }

// Dial connects to a Unix socket.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}
