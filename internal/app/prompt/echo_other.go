//go:build !linux

package prompt

import "os"

// withoutEcho cannot be had here: the secret is piped in.
func withoutEcho(*os.File) (restore func() error, ok bool) { return nil, false }
