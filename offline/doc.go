// Package offline is the journal: an append-only, hash-chained table of facts in SQLite, with what
// the engine and the till API look up in it (payments by merchantRef and reference, the outbox, the
// worklist, parked deliveries) and the position in the relay's stream; with backup, restore and
// retention. It is the only place with SQL.
//
// It decides nothing: statuses come from payment.Folder. It makes no facts, reads no clock, sends
// nothing, starts no goroutine and never replaces or repairs a damaged journal; what it rebuilds by
// itself are only the look-up tables, which follow from the facts. The chain proves that nothing
// inside the journal was altered, reordered or removed. It is not a signature: who can write the
// file can compute a new chain, and an end that was cut off leaves no trace. Both show against the
// relay's copy of the head ([Reader.VerifyAgainst]).
//
// # Use
//
// [Journal] and [Reader] may be used from any goroutine. Appends take turns; reads run beside them
// on connections of their own and block nobody. Close once, after the last call has returned.
//
// # After a crash
//
// After a crash of the program or a power cut, every fact of an Append that returned nil is there
// (WAL, synchronous=FULL: the commit is on the disk before Append returns), and the facts of one
// Append are there together or not at all. An Append whose error left the outcome open is settled
// before it returns where possible, and before the next one at the latest.
//
// # Files
//
// Beside PATH: PATH-wal and PATH-shm belong to SQLite, PATH.lock names the one process that
// may write, PATH.id holds the journal's id, so that a journal that has vanished is not taken for
// one that never was. Restore leaves PATH.replaced-DATE, a directory with the journal that was
// there before (PATH.replacing while it is being moved).
package offline
