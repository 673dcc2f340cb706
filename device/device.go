// Package device is the contract between this agent and the tills: what a till session may ask of
// the engine, the JSON shapes of docs/INTEGRATION.md, and the one table that maps every
// payment.Code to a till's error code.
//
// It does no I/O and keeps no state; its values are plain data. The sessions themselves are
// device/jsonrpc and device/till.
package device

import (
	"context"
	"time"

	"kiosk-agent/payment"
)

// Payments is what a till session asks of the engine. No method blocks. Each reply is called
// exactly once, from the engine's goroutine and in the engine's order, also relative to the changes
// of Attach; it must not block. Errors are *payment.Error.
type Payments interface {
	// Start begins a payment, or returns the one that this reference already names
	// (docs/INTEGRATION.md). Errors: busy, not_ready, amount_invalid, reference_conflict,
	// reference_reused, reference_invalid, journal_unavailable.
	Start(till string, r payment.Request, reply func(payment.Payment, error))
	// Cancel withdraws the code at once and replies when the payment is final. Errors: not_found,
	// not_owner, not_cancellable, journal_unavailable.
	Cancel(till string, key payment.Key, reply func(payment.Payment, error))
	// Get, Last and List read; they go on working when the journal takes no writes. Errors:
	// not_found.
	Get(till string, key payment.Key, reply func(payment.Payment, error))
	Last(till string, reply func(payment.Payment, error))
	List(till string, q payment.ListQuery, reply func(payment.Page, error))
	// Browse is List for who is in no hurry: what is asked after it may be answered before it, and
	// each payment is as it was when it was read.
	Browse(till string, q payment.ListQuery, reply func(payment.Page, error))
	// Acknowledge says that the till has stored this revision. Errors: not_found, not_owner,
	// invalid, journal_unavailable.
	Acknowledge(till, id string, revision int64, reply func(error))
	// Shown says that a till with display = true shows the code. Errors: not_found, not_owner,
	// invalid, journal_unavailable.
	Shown(till, id string, reply func(error))
	// Attach registers a connection of the till. changed is called for every change of any payment
	// (the session shows a stranger's in outline only) and, right after Attach, for the till's own
	// owed outcomes, oldest first, at most 50. terminal is called when the readiness changes.
	// Neither may block. detach may be called more than once.
	Attach(till string, changed func(payment.Payment), terminal func()) (detach func())
}

// LinePayments is what a session on an ECR line asks beside that. On such a line a connection
// proves nothing, so nothing counts as told until its bytes are about to go out.
type LinePayments interface {
	Payments
	// Offer commits that this revision is being sent as frame; the reply comes before the first
	// byte may go out. Every transmission is offered once more. Errors: not_found, not_owner,
	// invalid (not final, or not a revision that there was), journal_unavailable.
	Offer(till, id string, revision int64, frame []byte, reply func(error))
	// Supersede books that the till has asked for another sale while the response to this payment
	// was still due, or before it has an answer to its Start: then the key is its reference. Until
	// the reply the till's request is not acknowledged. Errors: as Offer.
	Supersede(till string, key payment.Key, reply func(error))
	// Sold reads what the till has sold in [from, until) by the wall clock; it goes on working when
	// the journal takes no writes. Errors: journal_unavailable.
	Sold(till string, from, until time.Time, reply func(payment.Sold, error))
	// Watch is Attach without a till: every change of every payment, no owed outcomes, and nothing
	// is offered by itself.
	Watch(changed func(payment.Payment), terminal func()) (detach func())
}

// Terminal answers terminal.info and terminal.status.
type Terminal interface {
	Info(till string) Info
	Status(ctx context.Context, till string) (Status, error)
}
