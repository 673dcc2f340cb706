// Package engine runs the payments of one terminal: a step machine that decides, and a thin shell
// with one writer around it.
//
// Machine.Step takes one event and returns what must be committed and what is done after the commit
// (or instead, when the commit fails). It is synchronous and deterministic: time comes with the
// event, ids and ciphertext from ports, and the journal is only read. Engine is the shell: one
// goroutine owns the Machine, commits, and then carries out the effects, in order. It mints nothing
// but through the Gateway port, draws nothing, and speaks no protocol.
//
// Machine is for one goroutine. Engine's methods may be called from any, but never from a reply or
// a session's callback: those come from the writer itself, which would wait for its own queue.
// After a crash everything that matters is in the journal: Machine.Start folds it and goes on where
// the restart rules of docs/ARCHITECTURE.md say.
package engine
