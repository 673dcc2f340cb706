package singapay

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"kiosk-agent/internal/emvco"
	"kiosk-agent/internal/webaddr"
	"kiosk-agent/payment"
)

type qrRequest struct {
	Amount    int64  `json:"amount"` // whole rupiah
	Reff      string `json:"merchant_reff_no"`
	ExpiredAt string `json:"expired_at"` // without it a code stays open for ever
}

func (g *Gateway) mintQR(ctx context.Context, o *order) payment.MintAnswer {
	a := g.call(ctx, request{about: aboutCode, client: g.fresh, method: http.MethodPost,
		path: qrPath + g.cfg.AccountID + "/generate-qr", make: func() ([]byte, error) {
			g.date(o)
			return marshal(qrRequest{o.rupiah(), g.sent(o.MerchantRef),
				o.ends.In(jakarta).Format(iso)})
		}})
	if a.failure != "" {
		return payment.MintAnswer{Failure: a.failure, NeverSent: !a.sent}
	}
	q := g.codeOf(g.object(a))
	e := q.echoes(o)
	if e.wrong == "" {
		e.wrong = g.misdated(o, a, q.created.Add(e.zone))
	}
	if e.wrong != "" {
		return payment.MintAnswer{Failure: "the code is not as it was asked for: " + e.wrong +
			"; it is not shown, and ends by itself"}
	}
	g.seen.put(qrPrefix, o.MerchantRef, q.id)
	return payment.MintAnswer{Minted: payment.Minted{Payload: q.payload,
		ProviderRef: qrPrefix + q.id}, ValidFor: o.validFor(e.ends), Odd: e.words()}
}

// code is what SingaPay says about a QRIS code.
type code struct {
	id, reff, ref, payload string // reff is our reference, ref SingaPay's
	amount, total          int64  // minor units
	amountText             string
	stated                 bool           // the amount is there
	status                 payment.Record // Status and Said
	said                   []string       // theirs
	paidAt                 time.Time
	dated                  bool // it says when it ends
	ends, created          time.Time
}

// codeOf reads a code. A value of which two names are there is none.
func (g *Gateway) codeOf(v any) code {
	m, _ := v.(object)
	names := &g.cfg.Members
	of := func(known string, further []string) any {
		v, _ := pick(m, m[known], further)
		return v
	}
	said := statedBy(of("status", names.MadeStatus), m)
	q := code{
		id: id(of("id", names.MadeID)), ref: reference(m["reff_no"]),
		reff:    g.ours(text(of("merchant_reff_no", names.MadeRef))),
		payload: text(of("qr_data", names.QRData)),
		ends:    moment(m["expired_at"]), created: moment(m["created_at"]),
		paidAt: moment(m["payment_date"]), dated: m["expired_at"] != nil,
		said: []string{said.stored, said.computed},
	}
	g.setStatus(&q.status, fromQR, said)
	// the amount, and the one with the tip: what is paid in all
	total := m["total_amount"]
	stated, twice := pick(m, m["amount"], names.MadeAmount)
	if stated == nil && !twice {
		stated = total
	}
	q.stated = stated != nil
	q.amount, q.amountText = g.amount(stated, "made_amount")
	if q.total = q.amount; total != nil {
		q.total, _ = amount(total)
	}
	return q
}

func (q code) echoes(o *order) (e echo) {
	e.end(o, q.ends, q.dated)
	switch {
	case q.reff == "" && q.id == "" && q.payload == "":
		e.wrong = "the answer has no code where it is looked for: see singapay.answers.object"
	case q.reff == "":
		e.wrong = lacks("merchant_reff_no", "made_ref")
	case q.reff != o.MerchantRef:
		e.wrong = otherRef("merchant_reff_no", o.MerchantRef, q.reff)
	case q.id == "":
		e.wrong = lacks("id", "made_id")
	case !q.stated:
		e.wrong = lacks("amount", "made_amount")
	case q.payload == "":
		e.wrong = lacks("qr_data", "qr_data")
	case q.amount != o.Money.Amount || q.total != o.Money.Amount:
		e.wrong = "it has another amount"
	case slices.ContainsFunc(q.said, func(s string) bool { return slices.Contains(notOpen[:], s) }),
		q.status.Status == payment.RecordExpired:
		e.wrong = "it is not open"
	default:
		if problem := checkQRIS(q.payload, o.rupiah()); problem != "" {
			e.wrong = problem
		}
	}
	e.note(unknown(q.status.Status), "its status is "+q.status.Status)
	return e
}

// checkQRIS looks at the code's own text, which is what the customer's app believes: a merchant's
// code in rupiah, and for this amount if it states one. The code of SingaPay's page has a checksum
// that does not hold: nobody looks at that here.
func checkQRIS(s string, rupiah int64) string {
	const wrong = "qr_data is not the text of a QRIS code"
	if !webaddr.Printable(s, 1, maxURL) || !emvco.Is(s) || strings.TrimSpace(s) != s {
		return wrong
	}
	switch problem := emvco.Check(s, emvco.Want{Currency: "360", Amount: rupiah}); problem {
	case "":
		return ""
	case emvco.OtherCurrency:
		return "qr_data is not in rupiah"
	case emvco.OtherAmount:
		return "qr_data is for another amount"
	default:
		return wrong
	}
}
