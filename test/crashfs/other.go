//go:build !linux

package crashfs

// Main does nothing here: there is no disk to serve.
func Main() {}
