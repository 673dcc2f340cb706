package axs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kiosk-agent/internal/webaddr"
	"kiosk-agent/payment"
)

// link is the payload of a checkout link, in the order of AXS's table. What is empty is left out: a
// shorter link is a more scannable code. expiry is a JSON number, as AXS's own shop module sends
// it.
type link struct {
	ClientID    string          `json:"clientId"`
	Amount      json.RawMessage `json:"amount"` // cents
	Currency    string          `json:"currency"`
	MerchantRef string          `json:"merchantRef"`
	Scheme      string          `json:"scheme,omitempty"`
	Expiry      int64           `json:"expiry,omitempty"` // seconds
	TerminalID  string          `json:"terminalId,omitempty"`
	WebhookURL  string          `json:"webhookUrl,omitempty"`
	SuccessURL  string          `json:"successUrl,omitempty"`
	FailURL     string          `json:"failUrl,omitempty"`
	CancelURL   string          `json:"cancelUrl,omitempty"`
}

// Mint makes the checkout link for r. Nothing leaves the device. The error is a *payment.Error:
// CodeAmountInvalid for an amount or currency that AXS does not take, CodeInvalid for another part
// of the request, CodeInternal when encryption fails.
func (g *Gateway) Mint(r payment.MintRequest) (payment.Minted, error) {
	l, err := g.link(r)
	if err != nil {
		return payment.Minted{}, err
	}
	plaintext, err := marshal(l)
	if err != nil {
		return payment.Minted{}, mintError(payment.CodeInternal,
			"the link's content could not be encoded", "report this: it is a fault of the agent",
			err)
	}
	token, err := g.sealLink(plaintext)
	if err != nil {
		return payment.Minted{}, mintError(payment.CodeInternal, "the link could not be encrypted",
			"report this: it is a fault of the agent", err)
	}
	return payment.Minted{Payload: g.cfg.PaymentLink + "?data=" + token}, nil
}

// spareAfter is how long after a link the key of the next one is derived: when its till and its
// display have been served.
const spareAfter = 100 * time.Millisecond

// sealLink takes the key that was derived before anybody asked, where there is one: a till waits
// for a link.
func (g *Gateway) sealLink(plaintext []byte) (string, error) {
	defer time.AfterFunc(spareAfter, g.deriveSpare)
	select {
	case d := <-g.spare:
		return d.seal(plaintext, g.cfg.ClientID)
	default:
		return seal(plaintext, g.mintKey(), g.cfg.ClientID)
	}
}

// deriveSpare derives the key of the next link. Without one that link derives its own.
func (g *Gateway) deriveSpare() {
	d, err := derive(g.mintKey())
	if err != nil {
		return // the next link meets it again, and says so
	}
	select {
	case g.spare <- d:
	default: // there is one
	}
}

// link checks r and fills in the payload.
func (g *Gateway) link(r payment.MintRequest) (link, error) {
	switch {
	case r.Money.Currency != payment.SGD:
		return link{}, mintError(payment.CodeAmountInvalid, "AXS takes SGD only",
			"ask for an amount in SGD", nil)
	case r.Money.Amount <= 0:
		return link{}, mintError(payment.CodeAmountInvalid, "the amount is not positive",
			"ask for at least one cent", nil)
	case r.Money.Amount > g.cfg.MaxAmount:
		return link{}, mintError(payment.CodeAmountInvalid,
			fmt.Sprintf("the amount is over the limit of %d cents", g.cfg.MaxAmount),
			"ask for less, or raise terminal.max_amount", nil)
	case !webaddr.Printable(r.MerchantRef, 1, MaxRef):
		return link{}, mintError(payment.CodeInvalid,
			fmt.Sprintf("the merchant reference is not 1 to %d printable characters", MaxRef),
			"report this: the agent makes it itself", nil)
	case g.cfg.SendExpiry && r.Timeout <= 0:
		return link{}, mintError(payment.CodeInvalid, "the timeout is not positive",
			"ask for a timeout of some seconds", nil)
	}
	scheme, err := g.scheme(r.Schemes)
	if err != nil {
		return link{}, err
	}
	amount := strconv.FormatInt(r.Money.Amount, 10)
	if g.cfg.AmountAs == AmountString {
		amount = `"` + amount + `"`
	}
	l := link{
		ClientID: g.cfg.ClientID, Amount: json.RawMessage(amount),
		Currency: string(r.Money.Currency), MerchantRef: g.sent(r.MerchantRef),
		Scheme: scheme, TerminalID: g.cfg.TerminalID, WebhookURL: g.cfg.WebhookURL,
		SuccessURL: g.cfg.SuccessURL, FailURL: g.cfg.FailURL, CancelURL: g.cfg.CancelURL,
	}
	if g.cfg.SendExpiry {
		l.Expiry = int64((r.Timeout + g.cfg.ExpiryGrace + time.Second - 1) / time.Second)
	}
	return l, nil
}

// scheme is AXS's comma-separated list. A request may narrow what the terminal offers, never widen
// it; without a wish it gets what the terminal offers.
func (g *Gateway) scheme(asked []string) (string, error) {
	if len(asked) == 0 {
		asked = g.cfg.Schemes
	}
	offered := g.cfg.Schemes
	if len(offered) == 0 {
		offered = knownSchemes[:]
	}
	var list []string
	for _, s := range asked {
		if !slices.Contains(offered, s) {
			return "", mintError(payment.CodeInvalid,
				fmt.Sprintf("scheme %.20q is not offered on this terminal", s),
				"use one of "+strings.Join(offered, ", "), nil)
		}
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return strings.Join(list, ","), nil
}

// marshal encodes without \u0026 for &: the escape is as valid and five bytes longer.
func marshal(l link) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func mintError(code payment.Code, message, hint string, cause error) error {
	return &payment.Error{Code: code, Op: "mint", Message: message, Hint: hint, Cause: cause}
}
