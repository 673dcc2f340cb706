// Package foreign is five tills as somebody else would have written them: one for each way that
// tills speak on a NETS or Hypercom line, with the habits that real ones were seen to have. Each
// was written from published facts and from captures of such lines, without a look at device/ecr or
// at a dialect, and shares no byte of code with the product. That is its worth: where the two ends
// differ, a test says so.
//
// A till has a book of what it believes about each of its customers. The tests hold that book
// against the simulated gateway's.
//
// Nothing here decides about money, and nothing survives the process. A Till is used by one
// goroutine, its Press by any. Only tests use it.
package foreign
