package payment

import "errors"

// Code is the closed set of reasons for which this agent refuses or fails. Each edge (JSON-RPC,
// ECR, HTTP, screen text) maps every one of them in one table whose completeness a test checks
// against Codes.
type Code string

// The codes. The first nine are the till API's kinds (docs/INTEGRATION.md).
const (
	CodeBusy Code = "busy" // another payment is awaiting
	// a sale now could not be confirmed or shown; Error.Reasons says why
	CodeNotReady Code = "not_ready"
	// not positive, above the limit, or not in the terminal's currency
	CodeAmountInvalid Code = "amount_invalid"
	// the reference is in use with another amount or currency
	CodeReferenceConflict Code = "reference_conflict"
	CodeReferenceReused   Code = "reference_reused"  // the reference was used up earlier
	CodeReferenceInvalid  Code = "reference_invalid" // not 1-40 printable ASCII characters
	CodeNotFound          Code = "not_found"         // no such payment of this till
	CodeNotCancellable    Code = "not_cancellable"   // already final
	// nothing could be committed; nothing was started
	CodeJournalUnavailable Code = "journal_unavailable"
	CodeNotOwner           Code = "not_owner" // another till's payment
	// a parameter that breaks its contract; the message names it
	CodeInvalid  Code = "invalid"
	CodeInternal Code = "internal" // a fault of ours
)

// Codes lists every Code, for the tables that must be complete.
func Codes() []Code {
	return []Code{
		CodeBusy, CodeNotReady, CodeAmountInvalid, CodeReferenceConflict, CodeReferenceReused,
		CodeReferenceInvalid, CodeNotFound, CodeNotCancellable, CodeJournalUnavailable,
		CodeNotOwner, CodeInvalid, CodeInternal,
	}
}

// Error is a refusal or failure with all that a till, a log or a member of staff needs. Every text
// in it is safe to log and show.
type Error struct {
	Code      Code
	Op        string // what was tried: "start", "cancel"
	Message   string // what was wrong
	Hint      string // what to do
	Retryable bool   // the same request may succeed later
	// the payment concerned, when there is one; an edge shows a stranger's only in outline
	Payment *Payment
	Reasons []Reason // for CodeNotReady
	Cause   error    // for errors.Is; its text is not shown to tills
}

func (e *Error) Error() string {
	s := e.Op + ": " + e.Message
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Cause }

// CodeOf is the Code of the first Error in err's chain, or CodeInternal.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// Reason says why the terminal takes no sale now.
type Reason struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	Hint       string `json:"hint"`
	RetryAfter int    `json:"retry_after_s,omitempty"` // seconds; 0 = unknown
}
