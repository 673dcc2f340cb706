package axs

import (
	"slices"

	"kiosk-agent/payment"
)

// Reason says why a delivery was not accepted. The set is closed.
type Reason string

// The reasons, in the order in which a delivery meets the checks: of several tokens, the one that got furthest is reported.
const (
	ReasonNoToken     Reason = "no token found"                            // no five-part token anywhere
	ReasonTooLong     Reason = "too long"                                  // query, body or token over its bound
	ReasonMalformed   Reason = "token malformed"                           // not five parts of canonical base64url
	ReasonHeader      Reason = "token header malformed"                    // not one JSON object with each member once and of the right type
	ReasonAlgorithm   Reason = "algorithm not allowed"                     // alg
	ReasonEncryption  Reason = "content encryption not allowed"            // enc
	ReasonCompression Reason = "compression not allowed"                   // zip: a decompressor is no place for a stranger's bytes
	ReasonCritical    Reason = "critical extension not allowed"            // crit
	ReasonSalt        Reason = "salt too short"                            // p2s
	ReasonIterations  Reason = "iteration count not allowed"               // p2c
	ReasonKeyID       Reason = "kid of another client"                     // kid present and not our Client ID
	ReasonParts       Reason = "token part of the wrong size"              // wrapped key, nonce, ciphertext or tag
	ReasonKey         Reason = "does not open with the configured secrets" // forged, damaged, or encrypted with a secret that we do not have
	ReasonPayload     Reason = "payload is not a JSON object"              // or has a member twice, trailing data, bytes that are no text
	ReasonOwnLink     Reason = "not a notification: it has clientId"       // a link of ours, sent back to us
	ReasonNoStatus    Reason = "not a notification: no status"
	ReasonNoRef       Reason = "not a notification: no merchantRef"
	ReasonField       Reason = "notification field malformed" // an object, list or boolean where text or a number belongs
)

// Reasons lists every Reason in the order above.
func Reasons() []Reason {
	return []Reason{
		ReasonNoToken, ReasonTooLong, ReasonMalformed, ReasonHeader, ReasonAlgorithm, ReasonEncryption, ReasonCompression, ReasonCritical,
		ReasonSalt, ReasonIterations, ReasonKeyID, ReasonParts, ReasonKey, ReasonPayload, ReasonOwnLink, ReasonNoStatus, ReasonNoRef, ReasonField,
	}
}

// OpenError is a refusal. It wraps payment.ErrUnopened; its text is safe to store and to show and repeats nothing of the
// delivery but a number of at most nine digits.
type OpenError struct {
	Reason Reason
	Detail string // "p2c 5000 over the bound 1000", "amount"; "" = none
}

func (e *OpenError) Error() string {
	return payment.ErrUnopened.Error() + ": " + e.words()
}

// words is the text without what it is that was refused.
func (e *OpenError) words() string {
	if e.Detail == "" {
		return string(e.Reason)
	}
	return string(e.Reason) + ": " + e.Detail
}

func (e *OpenError) Unwrap() error { return payment.ErrUnopened }

func refuse(r Reason) *OpenError { return &OpenError{Reason: r} }

// further is the refusal whose delivery passed more checks.
func further(a, b *OpenError) *OpenError {
	order := Reasons()
	if a == nil || b != nil && slices.Index(order, b.Reason) > slices.Index(order, a.Reason) {
		return b
	}
	return a
}
