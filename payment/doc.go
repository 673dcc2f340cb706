// Package payment is the domain: money, the facts about a payment, the status that follows from
// them, and the closed set of error codes. It imports only the standard library and does no I/O: it
// knows no clock, no database, no gateway and no till.
//
// Facts are what happened, in the order in which the journal holds them. Everything that a till, a
// screen or a member of staff is told about a payment is computed from its facts by Fold, a pure
// function: the same facts give the same answer on every machine, after every crash. All values
// here are plain data; they are safe for concurrent use as long as nobody changes them.
package payment
