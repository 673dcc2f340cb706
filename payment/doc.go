// Package payment is the domain: money, the facts about a payment, the status that follows from
// them, and the closed set of error codes. It imports only the standard library and does no I/O: it
// knows no clock, no database, no gateway and no till.
//
// # Facts, and what follows from them
//
// A [Fact] is something that happened; the journal holds the facts in their order. Everything that
// a till, a screen or a member of staff is told about a payment is computed from its facts by
// [Fold], a pure function: the same facts give the same answer on every machine, after every crash.
// [Decide] is the status function within it, a truth table over [Evidence]. [Kinds] lists every
// kind of fact. docs/SALE.md says who makes each.
//
// # Money
//
// [Money] is whole minor units and a [Currency], never a float. What a gateway says about a
// transaction is a [Record]; only one whose amount, currency and reference are exactly the
// payment's can make it approved.
//
// # Errors
//
// An [Error] has one of a closed set of codes ([Codes]), and its text is always safe to log and to
// show. Each edge (JSON-RPC, ECR, a screen) maps the codes in one table of its own.
//
// # Use
//
// All values here are plain data: safe for concurrent use as long as nobody changes them. A
// [Folder] folds one payment as its facts come and is for one goroutine. Nothing is kept, so
// nothing has to survive a crash.
package payment
