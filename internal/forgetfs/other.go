//go:build !linux

package forgetfs

// Main does nothing here: there is no disk to serve.
func Main() {}
