//go:build !unix

package relayd

import (
	"os"
	"path/filepath"
)

// lockDir has no lock to take on this system; kiosk-relay is shipped for unix only.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o600)
}
