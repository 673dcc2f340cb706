//go:build !race

package till

// thin is how many interleavings one that is run stands for, without -all.
const thin = 7
