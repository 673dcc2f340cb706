// Package testlog keeps what a program under test logs, for tests alone: they read it while the
// program goes on writing.
package testlog

import (
	"bytes"
	"sync"
)

// Buffer is a bytes.Buffer for any number of writers and readers at once. Its zero value is empty
// and ready.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends p. It never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String is everything that has been written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
