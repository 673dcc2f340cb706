package singapay

import "kiosk-agent/payment"

// Reason says why a delivery was not accepted. The set is closed.
type Reason string

// The reasons, in the order in which a delivery meets the checks. Up to ReasonSignature anybody may
// have sent it.
const (
	ReasonMethod  Reason = "not a POST"
	ReasonTooLong Reason = "body too long"
	// X-Signature, X-Timestamp or Authorization is missing or comes twice
	ReasonUnsigned Reason = "unsigned"
	// proves that the address is reached, and nothing else
	ReasonTest      Reason = "unsigned, as the dashboard's Test button sends it"
	ReasonTimestamp Reason = "X-Timestamp is not Unix seconds" // ten digits
	// not 128 hex digits; no token
	ReasonForm Reason = "X-Signature or Authorization malformed"
	// or has a member twice, is too deep, or is no text
	ReasonPayload Reason = "body is not one plain JSON object"
	// forged, damaged, another secret or another singapay.webhook_path
	ReasonSignature Reason = "signature does not match"
	// what the dashboard has is not singapay.webhook_path
	ReasonPath     Reason = "verified, but signed for another path than singapay.webhook_path"
	ReasonEvent    Reason = "verified, but of a kind that this version does not know"
	ReasonReversal Reason = "verified, about money that goes back: look into the SingaPay " +
		"dashboard"
	ReasonField Reason = "verified, but a field is missing or malformed"
)

// Reasons lists every Reason in the order above.
func Reasons() []Reason {
	return []Reason{
		ReasonMethod, ReasonTooLong, ReasonUnsigned, ReasonTest, ReasonTimestamp, ReasonForm,
		ReasonPayload, ReasonSignature, ReasonPath, ReasonEvent, ReasonReversal, ReasonField,
	}
}

// OpenError is a refusal. It wraps payment.ErrUnopened; its text is safe to store and to show and
// repeats nothing of the delivery.
type OpenError struct {
	Reason Reason
	Detail string // the name of a field or header, the event; "" = none
	// of ReasonField: the key that takes another name, and the names that came where one was looked
	// for
	key, came string
}

func (e *OpenError) Error() string {
	s := payment.ErrUnopened.Error() + ": " + string(e.Reason)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func (e *OpenError) Unwrap() error { return payment.ErrUnopened }

// Cure is what to do about it.
func (e *OpenError) Cure() string {
	switch e.Reason {
	case ReasonSignature:
		return "If the client secret was changed, set singapay.client_secret and " +
			"singapay.previous_secret; else compare the notification URL in the dashboard with " +
			"singapay.webhook_path: it must belong to the credential that owns the account. A " +
			"delivery that is signed with another key, such as the dashboard's HMAC Validation " +
			"Key, verifies with that in singapay.previous_secret."
	case ReasonPath:
		return "Write the path of the dashboard's notification URL into singapay.webhook_path, " +
			"exactly."
	case ReasonReversal:
		return "Money of a sale goes back: find the sale by the dashboard's refund, and note it " +
			"there."
	case ReasonEvent:
		return "Look into the dashboard what it is about, and write the event into " +
			"singapay.events.link or singapay.events.qr where it is the transaction of a payment " +
			"link or a QRIS code, or into singapay.events.other."
	case ReasonField:
		return "It is a transaction's, and not in the form that this version knows: where " +
			"another member says the same, write its path into " + e.key +
			". There are: " + e.came + "."
	case ReasonPayload:
		return "It is SingaPay's own and not in the form that this version knows: look into the " +
			"dashboard what it is about, and send a support bundle to who maintains the agent."
	case ReasonMethod:
		return "SingaPay posts its notifications: somebody else has called the hook URL."
	case ReasonTest:
		return "It is the dashboard's Test button: the address is reached, and nothing else is " +
			"proved."
	case ReasonTimestamp:
		return "singapay.headers.other_times takes milliseconds and ISO 8601."
	case ReasonForm:
		return "singapay.headers.bare_token takes a token without Bearer; another header with " +
			"the token is for singapay.headers.token."
	case ReasonUnsigned:
		return "Enable the signature headers of the credential in the SingaPay dashboard. Where " +
			"they come under other names, or a proxy takes Authorization away: " +
			"singapay.headers.signature, .timestamp and .token; without any token " +
			"singapay.headers.bare_token."
	default:
		return "Enable the signature headers of the credential in the SingaPay dashboard."
	}
}

// Is says that the refusal is payment.ErrJunk, too, when no secret and no path of the configuration
// would change it: the delivery is not signed, so that there is nothing to keep. What is signed is
// kept, also when its body cannot be read: a later release may.
func (e *OpenError) Is(target error) bool {
	if target != payment.ErrJunk {
		return false
	}
	switch e.Reason {
	case ReasonMethod, ReasonTooLong, ReasonTest:
		return true
	case ReasonUnsigned, ReasonTimestamp: // what has a part of it may be carried otherwise
		return e.Detail == ""
	case ReasonForm:
		return e.Detail != "Authorization"
	default:
		return false
	}
}

func refuse(r Reason, detail string) *OpenError { return &OpenError{Reason: r, Detail: detail} }

// refuseMember is about a member that is missing or malformed, or "twice"; where are those that
// came.
func refuseMember(key, detail string, where any) *OpenError {
	if detail == "twice" {
		detail = "of " + key + " two names are there"
	}
	return &OpenError{ReasonField, detail, "singapay.members." + key, came(where)}
}
