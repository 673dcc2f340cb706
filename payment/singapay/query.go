package singapay

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"kiosk-agent/internal/webaddr"
	"kiosk-agent/payment"
)

const (
	managePath  = "/api/v1.0/payment-link-manage/"
	historyPath = "/api/v1.0/payment-link-histories/"

	// clockSlack is how far the clock that made a reference may have been ahead; historySlack how
	// far one end of a window that comes from SingaPay's own times is moved outwards.
	clockSlack   = 48 * time.Hour
	historySlack = time.Hour
	// how far back a reference without a time in it is looked for
	longestWatch = 31 * 24 * time.Hour
)

// Query asks SingaPay what became of merchantRef, within Config.QueryTimeout and ctx; the caller
// paces it, no two closer than 5 s for one reference. It needs nothing but the reference, so it
// works after a restart, and finds a link whose creation was never answered.
//
// Records are the attempts to pay the link, or the state of the QRIS code. A reported payment is an
// answer even when the rest could not be read. No payment is one only if the lists were read to an
// end that proves itself, and the link agrees that it was not used. NotFound says that both lists
// were read to that end and neither has the reference. A failure's words repeat neither a token,
// nor a secret, nor what SingaPay says about customers.
func (g *Gateway) Query(ctx context.Context, merchantRef string) payment.QueryAnswer {
	if !isReff(merchantRef) {
		return failed(0,
			fmt.Sprintf("the merchant reference is not 1 to %d letters, digits, dots, dashes "+
				"and underscores", MaxRef))
	}
	ctx, cancel := within(ctx, g.cfg.QueryTimeout)
	defer cancel()
	// A payment made before the mode was changed is among the others, so that both are asked before
	// one is said not to exist.
	first, second := g.askLink, g.askCode
	if g.cfg.Mode == ModeQR && g.seen.get(linkPrefix, merchantRef) == "" ||
		g.seen.get(qrPrefix, merchantRef) != "" {
		first, second = second, first
	}
	a, _ := first(ctx, merchantRef)
	if !a.NotFound {
		return a
	}
	b, forbidden := second(ctx, merchantRef)
	if forbidden { // a credential that may not look at the other product has made none
		return a
	}
	return b
}

// failed is an answer that does not count.
func failed(status int, why string) payment.QueryAnswer {
	return payment.QueryAnswer{HTTPStatus: status, Failure: why}
}

// askLink asks about a payment link and its attempts.
func (g *Gateway) askLink(ctx context.Context, ref string) (a payment.QueryAnswer, forbidden bool) {
	l, found, fault := g.findLink(ctx, ref)
	if fault != nil {
		return fault.answer()
	}
	list := listing{about: aboutAttempts, path: historyPath + g.cfg.AccountID, since: g.since(ref)}
	list.filter = map[string]string{"sort_by": "id", "sort_order": "desc"}
	if found && !l.created.IsZero() {
		list.since = l.created.Add(-historySlack) // SingaPay's own clock
		if !l.ends.IsZero() {
			list.filter["created_at_to"] = l.ends.Add(historySlack).In(jakarta).Format(iso)
		}
	}
	list.filter["created_at_from"] = list.since.In(jakarta).Format(iso)
	h := history{g: g, ref: ref, link: l.id}
	fault = g.each(ctx, list, func(m object) (string, bool) { return h.add(m), false })
	switch paid := slices.ContainsFunc(h.records, isPaid); {
	case paid:
		return payment.QueryAnswer{Records: h.records, HTTPStatus: http.StatusOK}, false
	case fault != nil:
		return fault.answer()
	case h.doubt != "":
		return unread(h.doubt), false
	case !found && len(h.records) == 0:
		return payment.QueryAnswer{HTTPStatus: http.StatusOK, NotFound: true}, false
	case found && l.usage < 0:
		return unread("the link does not say whether it was used: see " +
			"singapay.members.made_usage"), false
	case found && l.usage > 0:
		return unread("the link was used, but no attempt to pay it says paid"), false
	}
	return payment.QueryAnswer{Records: h.records, HTTPStatus: http.StatusOK}, false
}

func unread(why string) payment.QueryAnswer { return failed(http.StatusOK, "HTTP 200, "+why) }

func isPaid(r payment.Record) bool { return r.Status == payment.RecordSuccess }

// findLink looks under the id that was seen last, then in the list of all links.
func (g *Gateway) findLink(ctx context.Context, ref string) (l link, found bool, fault *faultOf) {
	if known := g.seen.get(linkPrefix, ref); known != "" {
		a := g.call(ctx, request{about: aboutLinkAsked, client: g.client,
			method: http.MethodGet, path: linkPath + known})
		if l := g.linkOf(g.object(a)); a.failure == "" && l.reff == ref && l.id == known {
			return l, true, nil
		} else if a.failure != "" && !a.notFound {
			return link{}, false, faultFrom(a)
		}
	}
	list := listing{about: aboutLinks, path: managePath + g.cfg.AccountID, since: g.since(ref)}
	fault = g.each(ctx, list, func(m object) (string, bool) {
		one := g.linkOf(m)
		if one.reff != ref {
			return "", false
		}
		l, found = one, one.id != ""
		if !found {
			return "a link has no id: see singapay.members.made_id", false
		}
		return "", true
	})
	if found {
		g.seen.put(linkPrefix, ref, l.id)
		return l, true, nil
	}
	return link{}, false, fault
}

// history gathers the attempts to pay one link out of the account's.
type history struct {
	g         *Gateway
	ref, link string
	records   []payment.Record
	doubt     string // why the absence of a payment would prove nothing
}

// add takes one attempt; the words say why the list cannot be read. Whose attempt it is says
// payment_link_reff_no. Where that is missing, an attempt that may be this link's leaves a doubt
// unless it is known not to have moved money: the link's id at the start of the attempt's reference
// is a hint, and no more.
func (h *history) add(m object) string {
	names := &h.g.cfg.Members
	word, twice := pick(m, m["status"], names.AttemptStatus)
	said := statedBy(word, m)
	r := payment.Record{MerchantRef: h.ref, Type: payment.TypePay,
		Currency: currency(m["currency"]),
		Scheme:   scheme(m["payment_method_name"])}
	h.g.setStatus(&r, fromAttempt, said)
	attempt, _ := pick(m, m["reff_no"], names.AttemptRef)
	r.TransactionRef = reference(attempt)
	doubt := func(key, words string) {
		h.doubt = "an attempt " + words + ": see singapay.members." + key
	}
	switch owner, known, ambiguous := h.g.ownerOf(m); {
	case !known && (r.Status == payment.RecordSuccess || unknown(r.Status)) &&
		(h.link == "" || r.TransactionRef == "" || strings.HasPrefix(r.TransactionRef, h.link)):
		words := "that may be this link's does not name its link"
		if ambiguous {
			words = "that may be this link's names two"
		}
		doubt("attempt_link", words)
		return ""
	case !known || owner != h.ref:
		return ""
	case r.TransactionRef == "":
		return "an attempt has no reff_no: see singapay.members.attempt_ref"
	case twice:
		doubt("attempt_status", "has two statuses")
		return ""
	case said.stored == "":
		doubt("attempt_status", "has no status")
	}
	value, _ := pick(m, m["amount"], names.AttemptAmount)
	r.Amount, r.AmountText = h.g.amount(value, "attempt_amount")
	if r.Status == payment.RecordSuccess {
		r.PaidAt = moment(m["payment_date"])
	}
	if !slices.ContainsFunc(h.records,
		func(other payment.Record) bool {
			return other.Content() == r.Content() && other.PaidAt.Equal(r.PaidAt)
		}) {
		h.records = append(h.records, r)
	}
	return ""
}

// ownerOf is the reff_no of the link that an attempt belongs to.
func (g *Gateway) ownerOf(m object) (reff string, known, twice bool) {
	stated := m["payment_link_reff_no"]
	if text(stated) == "" {
		stated = at(m["payment_link"], "reff_no")
	}
	stated, twice = pick(m, stated, g.cfg.Members.AttemptLink)
	reff = g.ours(text(stated))
	return reff, reff != "", twice
}

// currency is the one that is stated; SingaPay's API has no other than IDR and mostly states none.
func currency(v any) string {
	switch s := text(v); {
	case v == nil:
		return string(payment.IDR)
	case webaddr.Printable(s, 3, 3):
		return s
	default:
		return "?"
	}
}

// askCode asks about a QRIS code.
func (g *Gateway) askCode(ctx context.Context, ref string) (a payment.QueryAnswer, forbidden bool) {
	q, found, fault := g.findCode(ctx, ref)
	switch {
	case fault != nil:
		return fault.answer()
	case !found:
		return payment.QueryAnswer{HTTPStatus: http.StatusOK, NotFound: true}, false
	case q.ref == "":
		return unread("the code has no reff_no"), false
	case q.said[0] == "":
		return unread("the code has no status: see singapay.members.made_status"), false
	case !q.stated:
		return unread("the code has no amount: see singapay.members.made_amount"), false
	}
	r := payment.Record{
		MerchantRef: ref, TransactionRef: q.ref, Type: payment.TypePay,
		Status: q.status.Status, Said: q.status.Said,
		Amount: q.total, AmountText: q.amountText, Currency: string(payment.IDR),
		Scheme: methodQRIS,
	}
	if isPaid(r) {
		r.PaidAt = q.paidAt
	}
	return payment.QueryAnswer{Records: []payment.Record{r}, HTTPStatus: http.StatusOK}, false
}

func (g *Gateway) findCode(ctx context.Context, ref string) (q code, found bool, fault *faultOf) {
	if known := g.seen.get(qrPrefix, ref); known != "" {
		a := g.call(ctx, request{about: aboutCodeAsked, client: g.client,
			method: http.MethodGet, path: qrPath + g.cfg.AccountID + "/show/" + known})
		if q := g.codeOf(g.object(a)); a.failure == "" && q.reff == ref && q.id == known {
			return q, true, nil
		} else if a.failure != "" && !a.notFound {
			return code{}, false, faultFrom(a)
		}
	}
	list := listing{about: aboutCodes, path: qrPath + g.cfg.AccountID, since: g.since(ref)}
	fault = g.each(ctx, list, func(m object) (string, bool) {
		if one := g.codeOf(m); one.reff == ref {
			q, found = one, true
		}
		return "", found
	})
	if found {
		if q.id != "" {
			g.seen.put(qrPrefix, ref, q.id)
		}
		return q, true, nil
	}
	return code{}, false, fault
}

// since is the time before which nothing of this reference can be: the reference ends in a ULID,
// which begins with the time at which it was made, by a clock that may have been wrong.
func (g *Gateway) since(ref string) time.Time {
	now := g.cfg.Now()
	_, tail, _ := strings.Cut(ref, "-")
	if !ulid.MatchString(tail) {
		return now.Add(-longestWatch)
	}
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var ms int64
	for _, c := range tail[:10] {
		ms = ms<<5 | int64(strings.IndexRune(alphabet, c))
	}
	made := time.UnixMilli(ms)
	if made.After(now) {
		made = now
	}
	return made.Add(-clockSlack)
}
