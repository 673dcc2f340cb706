// Package crashfs is a disk that forgets, for tests: a file system in memory, mounted with FUSE,
// that models what is left after a power cut, and that fails the file operations that a test names.
//
// Processes see an ordinary file system. Beside what they see the Disk keeps what is durable: a
// change of a file's content is there after an fsync of that file, a change of a directory after an
// fsync that covers it (see Names). At the cut each change that was not synced is kept or lost by a
// choice that follows from the seed: contents by sector, in any order between sectors, so that
// writes are lost whole or torn. Image is what is left then. The cut can be placed at any
// operation; after it the processes go on undisturbed in memory, and nothing that they do becomes
// durable any more: ask IsCut after what was promised, and count only what was promised before.
//
// It does not model reordered or lying fsyncs, bit rot, hard links, symbolic links, extended
// attributes or times. Files named by Config.Scratch may be memory-mapped, and are gone after a
// cut; no other file can be mapped for writing. An fsync that is made to fail drops what it should
// have written, as Linux does: a later fsync that succeeds does not bring it back.
//
// It needs Linux with /dev/fuse, and root or fusermount3. Each disk is served by a process of its
// own, which is the test binary once more: call Main first in TestMain. That process ends with the
// tests, also when they crash. Only tests use this package.
package crashfs
