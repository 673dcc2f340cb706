// Package till is the session of a till that speaks ECR on a serial line or over TCP: when a frame
// is acknowledged, what is a repeat and what a new sale, what is answered, how often, and what is
// never sent.
//
// Machine is the session as a step machine: Step(now, event) → effects, synchronous and
// deterministic, with no goroutine, no clock and no I/O. Session is the shell around it: it serves
// one connection after the other with the same machine, so that a sale goes on when the cable is
// pulled. It decides nothing about money: device.LinePayments does, and device/ecr knows every
// byte.
//
// A Machine is for one goroutine; New and Run may be called from any, and a second Run waits for
// the first. Nothing is kept on disk here. After a crash, and on every connection, the newest sale
// is read from the engine: how it was asked for (Payment.Line), every transmission (Payment.Sent,
// committed before its first byte), when it became final and what was acknowledged.
//
// # Sales on a line
//
//	                     sale frame
//	     none ─────────────────────────────► starting ──refused──► the sale before is the newest again
//	                                            │ started
//	                                            ▼
//	same request: ACK, its response is due   running ◄──── restart in the same boot: due until deadline + answer_within
//	same ECN, other fields: ACK, 02             │
//	another sale: ACK, E6                       │ final
//	(after these two nothing is due)            ▼
//	                                          final ──due──► the response, at most three times ──no ACK──► owed: worklist
//	     in its window, no ACK yet:             │                    │ ACK
//	     same request: the stored response,     │                    ▼
//	       or TO (see Decisions)                │              acknowledged
//	     same ECN, other fields: 02             │
//	                                            ▼
//	                         after ACK, window or reboot: every sale frame is a new sale
//
// Only the newest sale that was started counts. A refused one (E2, E3, E6, 01, 02, XX) leaves the
// one before in its place; only the last result tells of the refusal, until the till has
// acknowledged it.
//
// # One frame at a time
//
//	idle ──► offering ──► ready ──► writing ──drained──► waiting ──ACK──► idle
//	             ▲     committed      │                     │
//	             └────────────────────┼── NAK or ACK timer ─┤ (up to three transmissions)
//	                                  └─────────────────────┴── given up ──► quiet ──► idle
//
// ACK and NAK for the till's frames go out between frames, at once. Its ACK or NAK counts in
// waiting only. offering and ready are for what tells a sale's outcome; everything else starts at
// ready.
//
// # Decisions
//
// What the protocol paper leaves open is decided for one aim: a simple till takes whatever arrives
// for the answer to what it asked last.
//
//   - Another sale frame (also one that is refused, and a void) takes away what an earlier one was
//     still to be told: its response, its retransmissions, the answer to a cancel. The outcome
//     stays owed. This is the restart rule of the paper, applied always.
//   - The response goes before every other answer, except that on a new connection nothing is sent
//     unasked for one ACK timer and one gap: a till that connects to ask for something else says so
//     first. A frame that began to go out before a connection ended, or before a restart, goes out
//     again only when it is asked for.
//   - A response that was to be told within deadline + answer_within is not sent later than 5 s
//     after that.
//   - Quiet is kept after every frame that was sent more than once, and before an outcome also
//     after one that got no ACK: a late ACK must not acknowledge an outcome. The same bytes need no
//     quiet.
//   - No sale before on the line counts as "the ECN does not change": 10 s.
//   - On a line whose ECN does not change nobody is told of an approval by asking again: once a
//     byte that says what became of the sale has begun to go out (in whichever process, for the
//     sale's request or for the last result), or when another sale was asked for since, a repeat
//     gets TO, which is not offered, and whose ACK acknowledges nothing. The paper says "sent three
//     times": one lost ACK would do, and the next customer's sale of the same amount would be told
//     approved. What cannot be told apart is not answered with an approval. Retransmissions without
//     a request in between stay at three; the request ends them.
//   - The stored response is the bytes of Payment.Sent. Where the status has changed since (a
//     correction before any ACK), the answer to a repeat tells what is true now; a retransmission
//     that would no longer be true is not made.
//   - A sale of an earlier boot that still looks for its evidence answers no request of this one:
//     E6, also for the same bytes.
//   - Last result (56) tells the present status of the newest started sale under that sale's ECN,
//     at the moment it goes out. It is offered like a response, and its ACK acknowledges the sale.
//     Nothing to tell: the code of last_none.
//   - While the newest sale request was refused and the till has acknowledged neither the refusal
//     nor a last result that told it, the last result is that refusal: the refused request's ECN,
//     the refusal's code and text, no amount. Where the code is also last_running's (E6), the code
//     is not_ready's: a till that reads "it runs" asks on, and would hear of the sale before. After
//     a TO to a repeat that may be a new sale the last result is the same TO, whatever is
//     acknowledged, until another sale is asked for.
//   - A5: done (00) when nothing was started, or when the newest sale was acknowledged or surely
//     not paid; while a sale runs, or its response is being given, only if its status is cancelled
//     without doubt. A till that may still be waiting for an approval that it has not acknowledged
//     hears E6, until deadline + answer_within.
//   - A1 while a sale runs is answered at once with busy; else with the terminal's readiness (E2,
//     E3 or XX with the reasons' code). A newer A1 takes the place of an older one, also of one
//     that waits for its ACK.
//   - A void gets the dialect's void_refused and starts nothing. 80 and 81 are answered 00 and do
//     nothing.
//   - A function's schemes are those that the dialect names and the terminal has; if it has none of
//     them: function not available.
//   - Where the journal cannot be read at the start, sales are refused (XX), A5 is refused and 56
//     says so, until it can.
//   - If a transmission cannot be committed, TO goes out uncommitted in its place, unless the
//     outcome's own bytes went out before: then nothing does. If an ACK cannot be booked it is
//     tried again every second.
//   - A start that failed and whose payment appears in the journal all the same is cancelled: the
//     till was told that there is none.
//   - Where ECNs are unique (ecn_unique) the ECN is the agent's reference, and the engine itself
//     knows every one that was used. A repeat is answered from the store for stored_for, also after
//     an ACK, and refused (02) after that and after a reboot.
//   - On TCP three bytes of noise before the first STX end the connection (ErrHostile). A till's
//     own reference (HD) is kept as the payment's description, so that it is echoed after a restart
//     too.
//
// # What remains
//
// A counter that starts again twice within 120 s, at the same number and amount and after a lost
// ACK, cannot be told from a repeat: it gets the stored response.
//
// Bytes that are already going out when another request arrives cannot be called back: they are not
// sent once more, but a till may take them for the answer to that request.
//
// An answer that could not be committed (TO in its place), what a refused request was told, and
// that a repeat was told TO are not on record: after a restart an outcome that is still due goes
// out, and 56 is about the newest started sale. A till that heard nothing of a refusal before the
// restart must compare the ECN, or where that does not change the reference, with what it has
// booked.
//
// An ACK that comes later than its timer, after the till's next request, may be taken for that of
// the refusal which answers it: then 56 is about the sale before. That another sale was refused
// while this one ran is a fact (superseded) and survives a restart; only a crash in the moment
// between the refusal and its commit forgets it.
package till
