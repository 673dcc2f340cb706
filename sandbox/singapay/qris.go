package singapay

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"kiosk-agent/sandbox/simkit"
)

// maxQRIS is the largest amount of a code, rupiah.
const maxQRIS = 10_000_000

// code is a dynamic QRIS code; the Server's mutex guards it, and the book holds it as JSON. Amounts
// are rupiah.
type code struct {
	ID                           int64
	Account, Reff, MerchantReff  string
	Status, Data                 string
	Amount                       int64
	CreatedAt, ExpiresAt, PaidAt time.Time // ExpiresAt zero = never
	Refunded                     bool
	Notes                        []string `json:",omitempty"`
}

func (q *code) paid() bool { return q.Status == paid || q.Status == settled }

func (q *code) late(now time.Time) bool {
	return q.Status == open && !q.ExpiresAt.IsZero() && !now.Before(q.ExpiresAt)
}

func (q *code) computed(now time.Time) string {
	if q.late(now) {
		return expired
	}
	return q.Status
}

func (s *Server) codeByID(id int64) *code {
	return find(s.codes, func(q *code) bool { return q.ID == id })
}

// createCode answers POST /api/v1.0/qris-dynamic/{account}/generate-qr.
func (s *Server) createCode(c *call) answer {
	acc, no, found := s.account(c)
	if !found {
		return no
	}
	f := c.fields
	if !f.there("amount") {
		f.bad("amount", "field is required")
	}
	q := &code{
		Account: acc.id, MerchantReff: f.text("merchant_reff_no", false, 255), Status: open,
		CreatedAt: c.now, Amount: f.whole("amount", 0, 1, maxQRIS),
		ExpiresAt: f.future("expired_at", time.Time{}, c.now),
	}
	if len(f.errors) > 0 {
		return invalid(f.errors)
	}
	for _, name := range f.unknown() {
		q.Notes = append(q.Notes, fmt.Sprintf("the unknown field %.40q was dropped", name))
	}
	s.lastID++
	q.ID, q.Reff = s.lastID, "6601"+s.text(26, 32)
	q.Data = qrText(acc.owner.Name, q.Reff, q.Amount)
	s.codes = append(s.codes, q)
	s.keep(line{Code: q})
	if !q.ExpiresAt.IsZero() {
		s.queue.Add(q.ExpiresAt, job{code: q})
	}
	s.log.Info("QRIS code created", "merchant_reff_no", q.MerchantReff, "code_id", q.ID,
		"amount", q.Amount)
	return ok(codeData(q, c.now))
}

func codeData(q *code, now time.Time) object {
	return object{
		"id": q.ID, "reff_no": q.Reff, "merchant_reff_no": orNull(q.MerchantReff),
		"status": q.Status, "status_computed": q.computed(now),
		"is_expired": q.computed(now) == expired, "qr_data": q.Data, "kind": "acquirer",
		"type": "mpm-dynamic", "amount": q.Amount, "total_amount": q.Amount, "mdr_percentage": 0.7,
		"mdr_amount": float64(q.Amount*7) / 1000, "expired_at": iso(q.ExpiresAt),
		"payment_date": iso(q.PaidAt), "created_at": iso(q.CreatedAt),
	}
}

// oneCode answers GET /api/v1.0/qris-dynamic/{account}/show/{id}.
func (s *Server) oneCode(c *call) answer {
	acc, no, found := s.account(c)
	if !found {
		return no
	}
	id, _ := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	q := s.codeByID(id)
	if q == nil || q.Account != acc.id {
		return refused(http.StatusNotFound, "SP014", "QRIS not found")
	}
	return ok(codeData(q, c.now))
}

// listCodes answers GET /api/v1.0/qris-dynamic/{account}, newest first.
func (s *Server) listCodes(c *call) answer {
	acc, no, found := s.account(c)
	if !found {
		return no
	}
	var all []object
	for _, q := range slices.Backward(s.codes) {
		if q.Account == acc.id {
			all = append(all, codeData(q, c.now))
		}
	}
	return page(c, all)
}

// qrText is the EMVCo text of a code with its CRC-16. The merchant's data in it is made up.
func qrText(merchant, reff string, rupiah int64) string {
	tag := func(id, value string) string { return fmt.Sprintf("%s%02d%s", id, len(value), value) }
	plain := ""
	for _, r := range merchant {
		if r >= ' ' && r <= '~' && len(plain) < 25 {
			plain += string(r)
		}
	}
	text := tag("00", "01") + tag("01", "12") +
		tag("26", tag("00", "ID.CO.QRIS.WWW")+tag("01", "936009990000000000")+
			tag("02", "SANDBOX0000001")+tag("03", "UMI")) +
		tag("52", "5812") + tag("53", "360") + tag("54", strconv.FormatInt(rupiah, 10)) +
		tag("58", "ID") +
		tag("59", cmp.Or(plain, "SANDBOX")) + tag("60", "JAKARTA") + tag("62", tag("05", reff)) +
		"6304"
	return text + fmt.Sprintf("%04X", simkit.CRC16(text))
}
