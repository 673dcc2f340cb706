package singapay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"kiosk-agent/internal/webaddr"
	"kiosk-agent/payment"
)

const (
	linkPath   = "/api/v2.0/payment-link/"
	updatePath = linkPath + "update/"
	qrPath     = "/api/v1.0/qris-dynamic/"

	// echoSlack is how far an echoed end may be from the one that was asked for: SingaPay may round
	// to minutes.
	echoSlack = time.Minute
)

// Check tells, without asking anybody, whether SingaPay could take the request: nil, or a
// *payment.Error. CodeAmountInvalid for an amount or currency that it does not take, CodeInvalid
// for another part of the request.
func (g *Gateway) Check(r payment.MintRequest) error {
	_, err := g.methods(r.Schemes)
	switch m := r.Money; {
	case m.Currency != payment.IDR:
		return refusal(payment.CodeAmountInvalid, "SingaPay takes IDR only",
			"ask for an amount in IDR")
	case m.Amount%100 != 0:
		return refusal(payment.CodeAmountInvalid, "the amount is not whole rupiah",
			"ask for a multiple of 100 minor units")
	case m.Amount <= 0:
		return refusal(payment.CodeAmountInvalid, "the amount is not positive",
			"ask for at least 100 minor units")
	case m.Amount < MinAmount && g.cfg.Mode != ModeQR:
		// of a QRIS code the merchant's own limits are the only ones
		return refusal(payment.CodeAmountInvalid,
			"the amount is below SingaPay's minimum of IDR 10000",
			"ask for at least 1000000 minor units")
	case m.Amount > g.cfg.MaxAmount:
		return refusal(payment.CodeAmountInvalid, "the amount is above the limit of this terminal",
			"ask for less, or raise terminal.max_amount")
	case !isReff(r.MerchantRef):
		return refusal(payment.CodeInvalid,
			fmt.Sprintf("the merchant reference is not 1 to %d letters, digits, dots, dashes "+
				"and underscores", MaxRef), "report this: the agent makes it itself")
	case r.Timeout <= 0:
		return refusal(payment.CodeInvalid, "the timeout is not positive",
			"ask for a timeout of some seconds")
	}
	return err
}

func refusal(code payment.Code, message, hint string) error {
	return &payment.Error{Code: code, Op: "mint", Message: message, Hint: hint}
}

// isReff reports whether s can be a reff_no: SingaPay wants no spaces and no slashes, and puts it
// into addresses.
func isReff(s string) bool {
	return s != "" && len(s) <= MaxRef && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' &&
			r != '_' && r != '.'
	})
}

// methods is the whitelist for a request: it may narrow what the terminal offers, never widen it.
func (g *Gateway) methods(asked []string) ([]string, error) {
	offered := g.cfg.Methods
	if g.cfg.Mode == ModeQR {
		offered = []string{methodQRIS}
	}
	if len(asked) == 0 {
		return g.cfg.Methods, nil
	}
	var list []string
	for _, s := range asked {
		if !methodCode.MatchString(s) || len(offered) > 0 && !slices.Contains(offered, s) {
			return nil, refusal(payment.CodeInvalid,
				fmt.Sprintf("scheme %.20q is not offered on this terminal", s),
				"use payment method codes of SingaPay such as QRIS or VA_BCA")
		}
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list, nil
}

// Mint asks SingaPay, once, for a payment link, or in ModeQR for a QRIS code, within
// Config.CreateTimeout and ctx. What is refused here, and what failed before a connection stood, is
// NeverSent. Any other Failure leaves open whether there is something payable.
func (g *Gateway) Mint(ctx context.Context, r payment.MintRequest) payment.MintAnswer {
	if err := g.Check(r); err != nil {
		return payment.MintAnswer{Failure: strings.TrimPrefix(err.Error(), "mint: "),
			NeverSent: true}
	}
	o := &order{MintRequest: r, lasts: r.Timeout + g.cfg.ExpiryGrace, began: time.Now()}
	ctx, cancel := within(ctx, g.cfg.CreateTimeout)
	defer cancel()
	if g.cfg.Mode == ModeQR {
		return g.mintQR(ctx, o)
	}
	return g.mintLink(ctx, o)
}

// order is what is asked for.
type order struct {
	payment.MintRequest
	lasts time.Duration // from the moment at which Mint was called
	began time.Time     // that moment, on Go's monotonic clock
	ends  time.Time     // by the clock that was the best then
}

func (o *order) rupiah() int64 { return o.Money.Amount / 100 }

// validFor is how long something is good that ends then, from the moment at which Mint was called.
func (o *order) validFor(ends time.Time) time.Duration { return o.lasts + ends.Sub(o.ends) }

// linkRequest is the body of a create. What is empty is left out: SingaPay has a meaning of its own
// for an empty list.
type linkRequest struct {
	Reff        string   `json:"reff_no"`
	Type        string   `json:"payment_link_type"`
	Amount      int64    `json:"total_amount"` // whole rupiah
	MaxUsage    int      `json:"max_usage"`
	ExpiredAt   string   `json:"expired_at"`
	Description string   `json:"description,omitempty"`
	Methods     []string `json:"whitelisted_payment_method,omitempty"`
	SuccessURL  string   `json:"success_redirect_url,omitempty"`
	ExpiredURL  string   `json:"expired_redirect_url,omitempty"`
	Name        string   `json:"customer_name,omitempty"`
	Email       string   `json:"customer_email,omitempty"`
}

func (g *Gateway) mintLink(ctx context.Context, o *order) payment.MintAnswer {
	methods, _ := g.methods(o.Schemes) // Check has looked
	a := g.call(ctx, request{about: aboutLink, client: g.fresh, method: http.MethodPost,
		path: linkPath + g.cfg.AccountID, make: func() ([]byte, error) {
			g.date(o)
			return marshal(linkRequest{
				Reff: g.sent(o.MerchantRef), Type: "total", Amount: o.rupiah(), MaxUsage: 1,
				ExpiredAt: o.ends.In(jakarta).Format(iso), Description: g.cfg.Description,
				Methods: methods, SuccessURL: g.cfg.SuccessURL, ExpiredURL: g.cfg.ExpiredURL,
				Name: g.cfg.CustomerName, Email: g.cfg.CustomerEmail,
			})
		}})
	if a.failure != "" {
		return payment.MintAnswer{Failure: a.failure, NeverSent: !a.sent}
	}
	l := g.linkOf(g.object(a))
	e := l.echoes(o, methods)
	if e.wrong == "" {
		e.wrong = g.misdated(o, a, l.created.Add(e.zone))
	}
	if e.wrong != "" {
		return payment.MintAnswer{Failure: "the link is not as it was asked for: " + e.wrong +
			g.takeBack(ctx, l, o.MerchantRef)}
	}
	g.seen.put(linkPrefix, o.MerchantRef, l.id)
	return payment.MintAnswer{Minted: payment.Minted{Payload: l.url,
		ProviderRef: linkPrefix + l.id}, ValidFor: o.validFor(e.ends), Odd: e.words()}
}

// takeBack closes a link that is not what it should be, if it is known to be ours; the words say
// what came of it.
func (g *Gateway) takeBack(ctx context.Context, l link, ref string) string {
	if l.id == "" || !sameLetters(ref, l.reff) {
		return ""
	}
	if err := g.close(ctx, l.id); err != nil {
		return "; it could not be closed: " + err.Error()
	}
	return "; it was closed"
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// link is what SingaPay says about a payment link.
type link struct {
	id, reff, url string
	amount        int64 // minor units
	stated        bool  // the amount is there
	status        string
	maxUsage      int // -1 = not stated
	usage         int // -1 = not stated
	methods       any
	currency      string
	fee           bool // the customer pays it, on top of the amount
	dated         bool // it says when it ends, whether that can be read or not
	ends, created time.Time
}

// linkOf reads a link. A value of which two names are there is none.
func (g *Gateway) linkOf(v any) link {
	m, _ := v.(object)
	names := &g.cfg.Members
	of := func(known string, further []string) any {
		v, _ := pick(m, m[known], further)
		return v
	}
	l := link{
		id: id(of("id", names.MadeID)), reff: g.ours(text(of("reff_no", names.MadeRef))),
		url:    text(of("payment_url", names.PaymentURL)),
		status: text(m["status_computed"]), maxUsage: count(m["max_usage"]),
		usage:   count(of("current_usage", names.MadeUsage)),
		methods: m["whitelisted_payment_method"],
		ends:    moment(m["expired_at"]), created: moment(m["created_at"]),
		dated: m["expired_at"] != nil, currency: text(m["currency"]),
	}
	switch m["customer_pays_fee"] {
	case nil, false, "", "false", "0", json.Number("0"):
	default:
		l.fee = true
	}
	total := of("total_amount", names.MadeAmount)
	l.stated = total != nil
	l.amount, _ = amount(total)
	if l.status == "" {
		l.status = text(of("status", names.MadeStatus))
	}
	if expired, _ := m["is_expired"].(bool); expired {
		l.status = "expired"
	}
	return l
}

// notOpen are the words of a link that nobody can pay any more, or that somebody has paid.
var notOpen = [...]string{"expired", "closed", "paid", "settled", "failed", "inactive"}

// echoes compares a fresh link with what was asked for: SingaPay drops fields that it does not
// know, and a repeated reference might bring an old link back.
func (l link) echoes(o *order, methods []string) (e echo) {
	e.end(o, l.ends, l.dated)
	_, problem := webaddr.Check(l.url, maxURL)
	switch {
	case l.reff == "" && l.id == "" && l.url == "":
		e.wrong = "the answer has no link where it is looked for: see singapay.answers.object"
	case l.reff == "":
		e.wrong = lacks("reff_no", "made_ref")
	case l.reff != o.MerchantRef:
		e.wrong = otherRef("reff_no", o.MerchantRef, l.reff)
	case l.id == "":
		e.wrong = lacks("id", "made_id")
	case !l.stated:
		e.wrong = lacks("total_amount", "made_amount")
	case l.amount != o.Money.Amount:
		e.wrong = "it has another total_amount"
	case l.currency != "" && l.currency != string(payment.IDR):
		e.wrong = "it is not in rupiah"
	case l.fee:
		e.wrong = "customer_pays_fee is true: customers would pay more than the sale, and every " +
			"sale would end unknown; let the merchant bear the fee, in the SingaPay dashboard"
	case l.maxUsage >= 0 && l.maxUsage != 1:
		e.wrong = "max_usage is not 1"
	case l.usage > 0:
		e.wrong = "it has been used before"
	case slices.Contains(notOpen[:], l.status):
		e.wrong = "it is not open"
	case l.url == "":
		e.wrong = lacks("payment_url", "payment_url")
	case problem != "":
		e.wrong = "payment_url " + problem
	}
	e.note(l.maxUsage < 0, "max_usage is missing")
	e.note(l.status != "" && l.status != "open" && !slices.Contains(notOpen[:], l.status),
		fmt.Sprintf("its status is %.24q", l.status))
	e.note(!sameMethods(methods, l.methods), "whitelisted_payment_method is another list")
	return e
}

// sameMethods compares a whitelist with its echo. The order may differ, and the codes of shops come
// back under another name: ALFAMART as RETAIL_ALFAMART_LINKQU. Without a whitelist all ways are
// open, whatever is echoed.
func sameMethods(asked []string, echo any) bool {
	if len(asked) == 0 {
		return true
	}
	list, ok := echo.([]any)
	if !ok || len(list) != len(asked) {
		return false
	}
	for _, code := range asked {
		if !slices.ContainsFunc(list, func(v any) bool {
			return text(v) == code ||
				strings.HasPrefix(text(v), "RETAIL_"+code+"_")
		}) {
			return false
		}
	}
	return true
}
