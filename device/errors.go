package device

import (
	"errors"
	"fmt"

	"kiosk-agent/payment"
)

// The till API's error numbers. Two kinds share CodeReference.
const (
	CodeBusy               = 1001
	CodeNotReady           = 1002
	CodeAmountInvalid      = 1003
	CodeReference          = 1004
	CodeNotFound           = 1005
	CodeNotCancellable     = 1006
	CodeReferenceInvalid   = 1007
	CodeJournalUnavailable = 1008
	CodeNotOwner           = 1009

	CodeInvalidParams = -32602
	CodeInternal      = -32603
)

// Mapping is a till's view of one payment.Code.
type Mapping struct {
	Number  int    // JSON-RPC error code
	Kind    string // data.kind
	Message string // when the error brings none
	Hint    string // when the error brings none
}

// mappings has one entry for each payment.Code; it is never written after its creation.
// TestEveryCodeIsMapped keeps it complete.
var mappings = map[payment.Code]Mapping{
	payment.CodeBusy: {CodeBusy, "busy", "another payment is awaiting",
		"wait until it is final (payment.changed), or cancel it if it is yours; then start again"},
	payment.CodeNotReady: {CodeNotReady, "not_ready", "the terminal takes no sale now",
		"read data.reasons; start again when terminal.changed says ready"},
	payment.CodeAmountInvalid: {CodeAmountInvalid, "amount_invalid", "the amount cannot be taken",
		"send a whole number of minor units within amount_limits of terminal.info, in its " +
			"currency"},
	payment.CodeReferenceConflict: {CodeReference, "reference_conflict",
		"the reference names a payment of another amount or currency",
		"look at data.payment; use a new reference for a new sale"},
	payment.CodeReferenceReused: {CodeReference, "reference_reused",
		"the reference was used up by an earlier payment",
		"look at data.payment; use a new reference for a new sale"},
	payment.CodeReferenceInvalid: {CodeReferenceInvalid, "reference_invalid",
		"the reference is not 1-40 printable ASCII characters",
		"send 1-40 printable ASCII characters"},
	payment.CodeNotFound: {CodeNotFound, "not_found", "this till has no such payment",
		"nothing was started under this name; start the payment if the customer is still to pay"},
	payment.CodeNotCancellable: {CodeNotCancellable, "not_cancellable",
		"the payment is final already", "act on its status: data.payment or payment.get"},
	payment.CodeJournalUnavailable: {CodeJournalUnavailable, "journal_unavailable",
		"nothing could be committed; nothing was started",
		"take the money another way and call staff: the terminal's disk needs attention"},
	payment.CodeNotOwner: {CodeNotOwner, "not_owner", "the payment belongs to another till",
		"only the till that started a payment may cancel or acknowledge it"},
	payment.CodeInvalid: {CodeInvalidParams, "invalid", "a parameter breaks its contract",
		"correct the request"},
	payment.CodeInternal: {CodeInternal, "internal", "internal fault",
		"ask payment.get with the reference before anything else; report this to whoever runs " +
			"the terminal"},
}

// MappingOf is the till's view of c; an unknown code is an internal fault.
func MappingOf(c payment.Code) Mapping {
	m, ok := mappings[c]
	if !ok {
		return mappings[payment.CodeInternal]
	}
	return m
}

// Error is an error object of the till API. Every text in it is safe to show and to log.
type Error struct {
	Code    int       `json:"code"`
	Message string    `json:"message"`
	Data    ErrorData `json:"data"`
}

// ErrorData says what the till can do about an Error.
type ErrorData struct {
	Kind      string           `json:"kind"`
	Hint      string           `json:"hint"`
	Retryable bool             `json:"retryable"` // the same request may succeed later
	Payment   View             `json:"payment,omitempty"`
	Reasons   []payment.Reason `json:"reasons,omitempty"`
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Code, e.Data.Kind, e.Message) }

// ErrorFor is err as this till may see it. An error that is no payment.Error is an internal fault,
// and its text stays here.
func ErrorFor(err error, till string) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e, ok := errors.AsType[*payment.Error](err)
	if !ok {
		e = &payment.Error{Code: payment.CodeInternal}
	}
	m := MappingOf(e.Code)
	out := &Error{Code: m.Number, Message: e.Message,
		Data: ErrorData{Kind: m.Kind, Hint: e.Hint, Retryable: e.Retryable, Reasons: e.Reasons}}
	if out.Message == "" {
		out.Message = m.Message
	}
	if out.Data.Hint == "" {
		out.Data.Hint = m.Hint
	}
	if e.Payment != nil {
		out.Data.Payment = ViewFor(*e.Payment, till)
	}
	return out
}
