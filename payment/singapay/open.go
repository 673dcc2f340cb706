package singapay

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"kiosk-agent/payment"
)

const (
	maxBody = 64 << 10 // bytes; the relay takes no more
	maxTest = 1 << 10  // bytes of what the dashboard's Test button sends
)

// Open verifies a delivery and returns what it states about payments: none, where an authentic
// delivery is about something else. The error is an *OpenError, which wraps payment.ErrUnopened:
// the delivery is not authentic, or it is and cannot be understood, so that it is worth keeping.
//
// X-Timestamp is compared with e.ReceivedAt, the relay's clock, and with no other: this very
// delivery may be read hours later. Outside the window, whatever it states becomes StatusStale.
func (g *Gateway) Open(e payment.Envelope) ([]payment.Record, error) {
	s, refused := g.signatureOf(e)
	if refused != nil {
		return nil, refused
	}
	m, err := parse(e.Body)
	if err != nil {
		return nil, refuse(ReasonPayload, "")
	}
	hashes := hashesOf(m, e.Body)
	if !g.authentic(s, g.cfg.WebhookPath, hashes) {
		return nil, g.elsewhereSigned(s, e, hashes)
	}
	records, refused := g.statements(m)
	if refused != nil {
		return nil, refused
	}
	stale := e.ReceivedAt.IsZero() || s.at.Sub(e.ReceivedAt).Abs() > g.cfg.ReplayWindow
	for i := range records {
		switch {
		case stale:
			records[i].Status, records[i].Said.Status = StatusStale, ""
		case g.elsewhere(m, records[i].MerchantRef):
			records[i].Status, records[i].Said.Status = StatusRecheck, ""
		}
	}
	return records, nil
}

// Plausible reports whether a delivery could be a notification of SingaPay, under whichever secret
// path and setting: it has headers of one that is signed.
func Plausible(e payment.Envelope) bool {
	_, refused := new(Gateway).signatureOf(e)
	return refused == nil || !errors.Is(refused, payment.ErrJunk)
}

// elsewhere reports whether a notification gives our reference to another link than the one that
// SingaPay made for it, as far as that is remembered: then only SingaPay's answer to a question
// says what was paid.
func (g *Gateway) elsewhere(m object, ref string) bool {
	stated, known := id(at(m, "data", "payment", "additional_info", "payment_link", "id")),
		g.seen.get(linkPrefix, ref)
	return stated != "" && known != "" && stated != known
}

// signed is what the headers of a delivery say.
type signed struct {
	mac       []byte
	token     string // SingaPay's own, part of what is signed
	timestamp string
	at        time.Time
}

// signatureHeaders carry the signature, its time and SingaPay's token.
var signatureHeaders = [...]string{"X-Signature", "X-Timestamp", "Authorization"}

// signatureOf checks everything that can be checked before the body is looked at.
func (g *Gateway) signatureOf(e payment.Envelope) (signed, *OpenError) {
	switch {
	case e.Method != http.MethodPost:
		return signed{}, refuse(ReasonMethod, "")
	case len(e.Body) > maxBody:
		return signed{}, refuse(ReasonTooLong, "")
	}
	h := &g.cfg.Headers
	signature, timestamp := header(e, "X-Signature", h.Signature...),
		header(e, "X-Timestamp", h.Timestamp...)
	authorization := header(e, "Authorization", h.Token...)
	if signature == "" || timestamp == "" || authorization == "" && !h.BareToken {
		if len(e.Body) <= maxTest && signature+authorization+timestamp == "" {
			if m, err := parse(e.Body); err == nil && text(m["data"]) != "" {
				return signed{}, refuse(ReasonTest, "")
			}
		}
		return signed{}, refuse(ReasonUnsigned, missing(signature, timestamp, authorization))
	}
	at, ok := stampOf(timestamp, h.OtherTimes)
	if !ok {
		return signed{}, refuse(ReasonTimestamp, otherTime(timestamp))
	}
	mac := macOf(signature)
	if mac == nil {
		return signed{}, refuse(ReasonForm, "X-Signature")
	}
	const bearer = "bearer "
	token := authorization
	if len(token) > len(bearer) && strings.EqualFold(token[:len(bearer)], bearer) {
		token = strings.TrimSpace(token[len(bearer):])
	} else if !h.BareToken {
		return signed{}, refuse(ReasonForm, "Authorization")
	}
	return signed{mac, token, timestamp, at}, nil
}

// missing names the header that is not there where others are: something on the way has taken it.
func missing(values ...string) string {
	var none []string
	for i, v := range values {
		if v == "" {
			none = append(none, signatureHeaders[i])
		}
	}
	if len(none) == len(values) {
		return ""
	}
	return "no single " + strings.Join(none, ", ")
}

// macOf reads a signature: hex, or base64, which other services use.
func macOf(s string) []byte {
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString,
		base64.StdEncoding.DecodeString} {
		if mac, err := decode(s); err == nil && len(mac) == sha512.Size {
			return mac
		}
	}
	return nil
}

// otherTime says what another time than Unix seconds is, where a setting reads it.
func otherTime(s string) string {
	if _, ok := stampOf(s, true); ok {
		return "milliseconds or ISO 8601"
	}
	return ""
}

// stampOf reads X-Timestamp.
func stampOf(s string, others bool) (time.Time, bool) {
	digits := s != "" && s[0] >= '1' && s[0] <= '9' && strings.Trim(s, "0123456789") == ""
	n, _ := strconv.ParseInt(s, 10, 64)
	switch {
	case digits && len(s) == 10:
		return time.Unix(n, 0), true
	case digits && len(s) == 13 && others:
		return time.UnixMilli(n), true
	case others:
		at, err := time.Parse(time.RFC3339, s)
		return at, err == nil
	}
	return time.Time{}, false
}

// header is the value of a header that comes once, under one of its names; "" otherwise. The relay
// may write them in any case.
func header(e payment.Envelope, name string, further ...string) string {
	var values []string
	for k, v := range e.Headers {
		if strings.EqualFold(k, name) || slices.ContainsFunc(further,
			func(other string) bool { return strings.EqualFold(k, other) }) {
			values = append(values, v...)
		}
	}
	if len(values) != 1 {
		return ""
	}
	return strings.TrimSpace(values[0])
}

// hashesOf are those of each form of the body, each once.
func hashesOf(m object, body []byte) (hashes []string) {
	for _, f := range forms {
		hashes = append(hashes, hashed(f.canonical(m)))
	}
	hashes = append(hashes, hashed(body))
	slices.Sort(hashes)
	return slices.Compact(hashes)
}

// elsewhereSigned says whether the delivery is authentic but for the path: then the configuration
// or the dashboard is to be corrected, and the delivery counts for nothing until it is.
func (g *Gateway) elsewhereSigned(s signed, e payment.Envelope, hashes []string) *OpenError {
	bare, query, _ := strings.Cut(g.cfg.WebhookPath, "?")
	path := strings.TrimSuffix(bare, "/")
	for _, other := range []struct{ path, words string }{
		{path, "without a slash at its end, or without its query string"},
		{path + "/", "with a slash at its end"},
		{path + e.Path, "with what follows it in the address"},
		{path + "?" + e.Query, "with the query string of the address"},
		{path + "/?" + e.Query, "with a slash and the query string of the address"},
		{path + e.Path + "?" + e.Query, "with all that follows it in the address"},
		{path + "?" + query, "with its query string"}, {"/", "for /"}, {"", "for none"},
	} {
		if other.path != g.cfg.WebhookPath && g.authentic(s, other.path, hashes) {
			return refuse(ReasonPath, "signed "+other.words)
		}
	}
	return refuse(ReasonSignature, "")
}

// authentic tries each form of the body with each secret.
func (g *Gateway) authentic(s signed, path string, hashes []string) bool {
	for _, hash := range hashes {
		toSign := []byte("POST:" + path + ":" + s.token + ":" + hash + ":" +
			s.timestamp)
		for _, k := range g.openKeys {
			mac := hmac.New(sha512.New, k().Reveal())
			mac.Write(toSign)
			if hmac.Equal(mac.Sum(nil), s.mac) {
				return true
			}
		}
	}
	return false
}

func hashed(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
