package axs

import (
	"slices"

	"kiosk-agent/payment"
)

// Reason says why a delivery was not accepted. The set is closed.
type Reason string

// The reasons, in the order in which a delivery meets the checks: of several tokens, the one that
// may yet open, and then the one that got furthest, is reported.
const (
	// no five-part token anywhere
	ReasonNoToken Reason = "no token found"
	// a token that AXS may have made, under a name that is not looked at
	ReasonElsewhere Reason = "a token where none is looked for"
	// query, body or token over its bound
	ReasonTooLong Reason = "too long"
	// not five parts of canonical base64url
	ReasonMalformed Reason = "token malformed"
	// not one JSON object with each member once and of the right type
	ReasonHeader     Reason = "token header malformed"
	ReasonAlgorithm  Reason = "algorithm not allowed"          // alg
	ReasonEncryption Reason = "content encryption not allowed" // enc
	// zip: a decompressor is no place for a stranger's bytes
	ReasonCompression Reason = "compression not allowed"
	ReasonCritical    Reason = "critical extension not allowed" // crit
	ReasonSalt        Reason = "salt too short"                 // p2s
	ReasonIterations  Reason = "iteration count not allowed"    // p2c
	// kid present and not our Client ID
	ReasonKeyID Reason = "kid of another client"
	// wrapped key, nonce, ciphertext or tag
	ReasonParts Reason = "token part of the wrong size"
	// forged, damaged, or encrypted with a secret that we do not have
	ReasonKey Reason = "does not open with the configured secrets"
	// or has a member twice, trailing data, bytes that are no text
	ReasonPayload Reason = "payload is not a JSON object"
	// a link of ours, sent back to us
	ReasonOwnLink  Reason = "not a notification: it has clientId"
	ReasonNoStatus Reason = "not a notification: no status"
	ReasonNoRef    Reason = "not a notification: no merchantRef"
	// an object, list or boolean where text or a number belongs
	ReasonField Reason = "notification field malformed"
	// a value under two of the names that are configured for it
	ReasonTwoNames Reason = "one value under two names"
)

// Reasons lists every Reason in the order above.
func Reasons() []Reason {
	return []Reason{
		ReasonNoToken, ReasonElsewhere, ReasonTooLong, ReasonMalformed, ReasonHeader,
		ReasonAlgorithm, ReasonEncryption, ReasonCompression, ReasonCritical, ReasonSalt,
		ReasonIterations, ReasonKeyID, ReasonParts, ReasonKey, ReasonPayload,
		ReasonOwnLink, ReasonNoStatus, ReasonNoRef, ReasonField, ReasonTwoNames,
	}
}

// OpenError is a refusal. It wraps payment.ErrUnopened; its text is safe to store and to show and
// repeats nothing of the delivery but a number of at most nine digits, names of members, and the
// kid of what our secret opens: that is no secret, and who must configure it has to see it.
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

// Cure is what to do about it.
func (e *OpenError) Cure() string {
	switch e.Reason {
	case ReasonIterations:
		return "If AXS asks for more iterations, raise axs.max_p2c; more than 10000 no setting " +
			"allows, because anybody could make this machine count them: then ask AXS for fewer, " +
			"or for a newer version of this agent."
	case ReasonKeyID:
		return "If AXS names its tokens otherwise than by the Client ID, write the kid into " +
			"axs.key_ids (kiosk-agent gateway probe --replay shows it). If axs.client_id was " +
			"changed, name the one before in [[axs.previous]], with its secret."
	case ReasonKey:
		return "If the gateway's secret was changed, set axs.secret and axs.previous_secret."
	case ReasonOwnLink:
		return "Somebody has sent one of this terminal's own links back: it is no notification."
	case ReasonElsewhere:
		if e.namedStray() {
			return "If AXS sends its tokens so, write the name into axs.members.token."
		}
		return "No key makes it look there: ask AXS to send the token as data, and send a " +
			"support bundle to who maintains the agent."
	case ReasonNoStatus:
		return "It is AXS's own. If one of its members says how the payment went, write that " +
			"name into axs.members.status; look its sale up in the portal in the meantime."
	case ReasonNoRef:
		return "It is AXS's own. If one of its members has our reference, write that name into " +
			"axs.members.merchant_ref; look its sale up in the portal in the meantime."
	case ReasonTwoNames:
		return "Nobody knows which of the two counts: take the further name out of that list, or " +
			"ask AXS what each of them means."
	case ReasonPayload, ReasonField:
		return "It is AXS's own and not in the form that this version knows: look its sale up in " +
			"the portal, and send a support bundle to who maintains the agent."
	default:
		return "It has not the form of a token that AXS makes."
	}
}

// Is says that the refusal is payment.ErrJunk, too, when no secret, no client id and no bound of
// the configuration would change it: then there is nothing to keep.
func (e *OpenError) Is(target error) bool { return target == payment.ErrJunk && e.junk() }

// junk reports whether the delivery is no notification, whatever is configured: it has no token
// that could be one of AXS's. A token that is too long may be one of a later release.
func (e *OpenError) junk() bool {
	switch e.Reason {
	case ReasonElsewhere, ReasonIterations, ReasonKeyID, ReasonKey, ReasonPayload, ReasonNoStatus,
		ReasonNoRef, ReasonField, ReasonTwoNames:
		return false
	case ReasonTooLong:
		return e.Detail != longToken
	default:
		return true
	}
}

// longToken is the Detail of a token over its bound.
const longToken = "token"

func refuse(r Reason) *OpenError { return &OpenError{Reason: r} }

// further is the refusal of what may yet open, and of two such, or of two others, the one whose
// token passed more checks.
func further(a, b *OpenError) *OpenError {
	order := Reasons()
	switch {
	case b == nil:
		return a
	case a == nil:
		return b
	case a.junk() != b.junk():
		if a.junk() {
			return b
		}
		return a
	case slices.Index(order, b.Reason) > slices.Index(order, a.Reason):
		return b
	default:
		return a
	}
}
