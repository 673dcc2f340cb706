// Package engine runs the payments of one terminal: a step machine that decides, and a thin shell
// with one writer around it. It mints nothing but through the [Gateway] port, draws nothing, and
// speaks no protocol.
//
// # Machine
//
// [Machine.Step] takes one [Event], at a [Now], and returns an [Output]: what must be committed,
// and each [Effect] that follows the commit (Then) or takes its place when it fails (Else).
// [Machine.NextWake] says when it wants a [Ticked]. It is synchronous and deterministic: time comes
// with the event, ids and ciphertext from [Ports], and the journal is only read. It is for one
// goroutine. The other step machines (device/till, relay, device/jsonrpc) speak the same dialect;
// they commit nothing, so that their Step returns the effects alone.
//
// # Engine
//
// [Engine] is the shell: one goroutine owns the Machine, commits, and then carries out the effects,
// in order. Its methods may be called from any goroutine, but never from a reply or a session's
// callback: those come from the writer itself, which would wait for its own queue.
//
// # After a crash
//
// Everything that matters is in the journal: [Machine.Start] folds it and goes on where the rules
// of docs/SALE.md, "After a restart", say.
package engine
