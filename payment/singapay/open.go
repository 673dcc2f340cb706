package singapay

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
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
	s, refused := signatureOf(e)
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
	records, refused := statements(m)
	if refused != nil {
		return nil, refused
	}
	stale := e.ReceivedAt.IsZero() || s.at.Sub(e.ReceivedAt).Abs() > g.cfg.ReplayWindow
	for i := range records {
		switch {
		case stale:
			records[i].Status = StatusStale
		case g.elsewhere(m, records[i].MerchantRef):
			records[i].Status = StatusRecheck
		}
	}
	return records, nil
}

// Plausible reports whether a delivery could be a notification of SingaPay, under whichever secret
// and to whichever path: it has the headers of one that is signed.
func Plausible(e payment.Envelope) bool {
	_, refused := signatureOf(e)
	return refused == nil
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

// signatureOf checks everything that can be checked before the body is looked at.
func signatureOf(e payment.Envelope) (signed, *OpenError) {
	switch {
	case e.Method != http.MethodPost:
		return signed{}, refuse(ReasonMethod, "")
	case len(e.Body) > maxBody:
		return signed{}, refuse(ReasonTooLong, "")
	}
	signature, authorization, timestamp := header(e, "X-Signature"), header(e, "Authorization"),
		header(e, "X-Timestamp")
	if signature == "" || authorization == "" || timestamp == "" {
		if len(e.Body) <= maxTest && signature+authorization+timestamp == "" {
			if m, err := parse(e.Body); err == nil && text(m["data"]) != "" {
				return signed{}, refuse(ReasonTest, "")
			}
		}
		return signed{}, refuse(ReasonUnsigned, "")
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || len(timestamp) != 10 || timestamp[0] < '1' || timestamp[0] > '9' {
		return signed{}, refuse(ReasonTimestamp, "")
	}
	mac, err := hex.DecodeString(signature)
	if err != nil || len(mac) != sha512.Size {
		return signed{}, refuse(ReasonForm, "X-Signature")
	}
	const bearer = "bearer "
	if len(authorization) <= len(bearer) ||
		!strings.EqualFold(authorization[:len(bearer)], bearer) {
		return signed{}, refuse(ReasonForm, "Authorization")
	}
	return signed{mac, strings.TrimSpace(authorization[len(bearer):]), timestamp,
		time.Unix(seconds, 0)}, nil
}

// header is the value of a header that comes once; "" otherwise. The relay may write its name in
// any case.
func header(e payment.Envelope, name string) string {
	var values []string
	for k, v := range e.Headers {
		if strings.EqualFold(k, name) {
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
	for _, other := range []string{path, path + "/", path + e.Path, path + "?" + e.Query,
		path + "/?" + e.Query, path + e.Path + "?" + e.Query, path + "?" + query, "/", ""} {
		if other != g.cfg.WebhookPath && g.authentic(s, other, hashes) {
			return refuse(ReasonPath, "")
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
