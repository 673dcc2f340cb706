package ports

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// ErrAnswered says that another process serves on a Unix socket.
var ErrAnswered = errors.New("another process answers")

// askWithin is how long a process has to answer on its socket.
const askWithin = 2 * time.Second

// Unix opens the Unix socket at path, for its owner and group. A socket that nobody answers on is a
// dead process's and is replaced.
func Unix(path string) (net.Listener, error) {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("%w (create the directory, or name another)", err)
	}
	if conn, err := net.DialTimeout("unix", path, askWithin); err == nil {
		return nil, errors.Join(fmt.Errorf("%w on %s", ErrAnswered, path), conn.Close())
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}
