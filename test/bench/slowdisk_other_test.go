//go:build !linux

package bench_test

import "testing"

func slowDisk(t testing.TB, _ scale) sides {
	t.Skip("only Linux has the disk of our own that is slow")
	return nil
}
