// Package ecr is the language that tills speak on a serial line: frames and messages of the PayCube
// and NETS family, bytes only.
//
// Every element of the language that can differ between tills is data: a [Dialect], read from a
// TOML file (see [Blueprint]); those of [Builtins] need none. A [Scanner] finds frames, ACK and NAK
// in a stream of bytes; [Dialect.Append] makes a frame of a message; [Dialect.Respond] makes the
// answer that a till gets for an [Outcome]; [Explain] says what is in a capture and what is wrong
// with it.
//
// It does no I/O, reads no clock, starts no goroutine and knows no rule of a session: what is sent
// when, how often, and what a repeated request gets is device/till's. It decides nothing about
// money: [OutcomeOf] and [RefusalOf] only name what payment has decided, and a dialect that would
// tell a till "approved" for anything else does not load.
//
// A Dialect never changes after it was made and is safe for concurrent use. A Scanner belongs to
// one line and one goroutine; what its events point to is valid until its next call. Nothing is
// kept, so nothing has to survive a crash.
//
// # How sure it is
//
// The frame's bytes are not published by AXS. They are assumptions taken from terminals of the NETS
// family, and each dialect says so (verified = false); docs/protocols/ecr-family.md says how sure
// each one is.
package ecr
