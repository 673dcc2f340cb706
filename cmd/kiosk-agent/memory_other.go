//go:build !linux

package main

// keepMemoryPrivate does nothing where the system has no such switch.
func keepMemoryPrivate() error { return nil }
