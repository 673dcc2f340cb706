// Package till is the session of a till that speaks ECR on a serial line or over TCP: when a frame
// is acknowledged, what is a repeat and what a new sale, what is answered, how often, and what is
// never sent.
//
// It decides nothing about money: device.LinePayments does. It knows no byte of a frame: device/ecr
// does. It opens no line: device/serial does.
//
// [Machine] is the session as a step machine: synchronous and deterministic, with no goroutine, no
// clock and no I/O. [Session] is the shell around it: it serves one connection after the other with
// the same machine, so that a sale goes on when the cable is pulled. A Machine is for one
// goroutine; New and Run may be called from any, and a second Run waits for the first.
//
// Nothing is kept on disk here. After a crash, and on every connection, the newest sale is read
// from the engine: how it was asked for (Payment.Line), every transmission (Payment.Sent, committed
// before its first byte), when it became final and what was acknowledged.
//
// # A sale on a line
//
//	none ──sale frame──► starting ──started──► running ──final──► due ──ACK──► acknowledged
//	                        └─refused─► the sale before           └─no ACK─► owed: worklist
//
//	a sale frame that comes     while it runs        in its window, no ACK yet    later
//	the same request            ACK, nothing more    the stored response, or TO   a new sale
//	the same ECN, other fields  ACK, 02              ACK, 02                      a new sale
//	another sale                ACK, E6              a new sale                   a new sale
//
// Only the newest sale that was started counts. A refused one (E2, E3, E6, 01, 02, XX) leaves the
// one before in its place, and only the last result (56) tells of the refusal, until the till has
// acknowledged it; the same request again is told the same for as long as a till retransmits. Any
// other sale frame takes away the response that was due; the outcome stays owed. The window ends
// with the ACK, with its time and with a reboot.
//
// # One frame at a time
//
//	idle ──► offering ──► ready ──► writing ──drained──► waiting ──ACK──► idle
//	             ▲     committed      │                     │
//	             └────────────────────┼── NAK or ACK timer ─┤ (up to three transmissions)
//	                                  └─────────────────────┴── given up ──► quiet ──► idle
//
// ACK and NAK for the till's frames go out between frames, at once; the ACK of a request that takes
// away what was due waits until the journal has that (superseded). Its ACK or NAK counts in
// waiting only. offering and ready are for what tells a sale's outcome; everything else starts at
// ready.
//
// # Why it is like this
//
// docs/protocols/ecr-family.md has the rules of a session, and how sure each fact under them is.
// Where they leave a choice, docs/PROOFS.md says what was decided, why, which test holds it, and
// what remains that no rule can tell apart.
package till
