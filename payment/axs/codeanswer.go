package axs

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"kiosk-agent/internal/emvco"
	"kiosk-agent/internal/strictjson"
	"kiosk-agent/internal/webaddr"
	"kiosk-agent/payment"
)

const (
	maxCode     = 64 << 10 // bytes of an answer's body; one has about 400
	maxQRString = 512      // bytes; PayNow's have about 200
	maxProvider = 64       // characters of a transactionReferenceId

	maxValidity = 24 * time.Hour // more is no number of seconds
)

// decodeCode reads the body of a 200: the object itself, or a token that opens as one, bare or as
// data of an object. It counts only when it is about the very payment and the very wallet that were
// asked for.
func (g *Gateway) decodeCode(body []byte, r payment.MintRequest, scheme string) (
	a payment.MintAnswer, problem string) {
	merchantRef := r.MerchantRef
	body = stripped(body)
	token := answerToken(body, g.cfg.Members.Token...)
	if token != "" {
		plaintext, refused := g.openAnswer(token)
		if refused != nil {
			return a, "the encrypted answer is refused: " + refused.words()
		}
		body = stripped(plaintext)
	}
	m, err := strictjson.Object(body, maxDepth)
	switch {
	case err != nil && token != "":
		return a, "the encrypted answer is not a JSON object with each member once"
	case err != nil && len(body) == 0:
		return a, "the answer is empty"
	case err != nil:
		return a, "the answer is not a JSON object with each member once: " + g.excerpt(body)
	}
	status, _ := text(m["status"])
	ref, _ := text(m["merchantRef"])
	kind, _ := text(m["paymentType"])
	code, _ := text(m["qrString"])
	provider, ok := scalar(m["transactionReferenceId"])
	switch {
	case status != "SUCCESS":
		return a, "the answer's status is not SUCCESS: " + g.excerpt(body)
	case g.read(ref) != merchantRef && canonical(ref) == merchantRef:
		return a, "the answer has our merchantRef in other letters (axs.reference)"
	case g.read(ref) != merchantRef:
		return a, "the answer is about another merchantRef"
	case kind != strings.ToUpper(scheme):
		return a, "the code is for another paymentType than " + strings.ToUpper(scheme)
	case code == "":
		return a, "the answer has no qrString"
	case !webaddr.Printable(code, 1, maxQRString):
		return a, "the qrString is longer than 512 bytes or not printable"
	case checkCode(code, r.Money, scheme) != "":
		return a, "the qrString " + checkCode(code, r.Money, scheme)
	case !ok || !webaddr.Printable(provider, 0, maxProvider):
		return a, "the transactionReferenceId is malformed"
	case !sensible(m["createdAt"]):
		return a, "createdAt is not a time in Unix milliseconds"
	}
	valid, ok := validity(m["expiry"])
	if !ok {
		return a, "the expiry is not a number of seconds up to a day"
	}
	return payment.MintAnswer{Minted: payment.Minted{Payload: code, ProviderRef: provider},
		ValidFor: valid}, ""
}

// checkCode looks at the code's own text, which is what the customer's app believes: PayNow's, and
// whatever else has EMVCo's form, is for this amount in Singapore's dollars, and has its checksum.
func checkCode(code string, m payment.Money, scheme string) string {
	if !strings.EqualFold(scheme, defaultWallet) && !emvco.Is(code) {
		return "" // an address of that wallet's own
	}
	return emvco.Check(code, emvco.Want{Currency: "702", Amount: m.Amount, Decimals: 2,
		Whole: true})
}

// validity is how long AXS lets the code be paid; 0 = it does not say. It is counted from
// createdAt, which is never before the asking: whoever counts from the asking on a clock of their
// own ends too early, not too late.
func validity(raw json.RawMessage) (d time.Duration, ok bool) {
	s, ok := scalar(raw)
	if !ok || s == "" {
		return 0, ok
	}
	n, err := strconv.ParseUint(s, 10, 32)
	d = time.Duration(n) * time.Second
	return d, err == nil && n > 0 && d <= maxValidity
}

// sensible reports whether createdAt is a time of this century in milliseconds, or absent. It is
// AXS's clock: nothing is counted by it.
func sensible(raw json.RawMessage) bool {
	s, ok := scalar(raw)
	if !ok || s == "" {
		return ok
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return false
	}
	year := time.UnixMilli(n).UTC().Year()
	return year >= 2020 && year < 2100
}
