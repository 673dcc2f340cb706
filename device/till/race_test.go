//go:build race

package till

// thin is how many interleavings one that is run stands for: the race detector is slow, and the
// machine has one goroutine.
const thin = 97
