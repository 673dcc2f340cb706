package singapay

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Attempt is one use of a method of a link: what the gateway calls a history. Amount is rupiah
// inside and minor units in copies.
type Attempt struct {
	ID         int64     `json:"id"`
	Reff       string    `json:"reffNo"`
	Method     string    `json:"method"`
	Value      string    `json:"value"` // VA number, pay code, QR text
	Amount     int64     `json:"amountCents"`
	Status     string    `json:"status"` // pending, paid, settled, failed, expired
	Refunded   bool      `json:"refunded,omitempty"`
	CreatedAt  time.Time `json:"createdAt"`
	ExpiresAt  time.Time `json:"expiresAt"`
	PaidAt     time.Time `json:"paidAt,omitzero"`
	SettledAt  time.Time `json:"settledAt,omitzero"`
	Additional string    `json:"additional,omitempty"` // JSON
}

func (a *Attempt) paid() bool { return a.Status == paid || a.Status == settled }

func (a *Attempt) late(now time.Time) bool {
	return a.Status == pending &&
		!now.Before(a.ExpiresAt)
}

func (a *Attempt) computed(now time.Time) string {
	if a.late(now) {
		return expired
	}
	return a.Status
}

func (s *Server) attemptByID(id int64) (*link, *Attempt) {
	for _, l := range s.links {
		if a := find(l.Attempts, func(a *Attempt) bool { return a.ID == id }); a != nil {
			return l, a
		}
	}
	return nil, nil
}

func (s *Server) historyData(l *link, a *Attempt, now time.Time) object {
	payer := s.payer(l)
	out := object{
		"id": a.ID, "reff_no": a.Reff, "payment_link_reff_no": l.Reff,
		"payment_method_name": methodOf(a.Method).Name, "payment_method_value": a.Value,
		"payment_method_additional": orNull(a.Additional), "amount": s.money(a.Amount),
		"status": a.Status, "status_computed": a.computed(now),
		"is_expired": a.computed(now) == expired, "payment_date": iso(a.PaidAt),
		"processed_timestamp": iso(a.PaidAt), "expired_at": iso(a.ExpiresAt), "balance_after": nil,
		"customer_name": orNull(payer.Name), "customer_email": orNull(payer.Email),
		"customer_phone": orNull(payer.Phone), "has_settle": !a.SettledAt.IsZero(),
		"settle_at": iso(a.SettledAt), "optional_metadata": nil, "created_at": iso(a.CreatedAt),
	}
	if s.cfg.HideLinkRef {
		delete(out, "payment_link_reff_no")
	}
	return out
}

// oneHistory answers GET /api/v1.0/payment-link-histories/{account}/{id}.
func (s *Server) oneHistory(c *call) answer {
	acc, no, found := s.account(c)
	if !found {
		return no
	}
	id, _ := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	l, a := s.attemptByID(id)
	if l == nil || l.Account != acc.id {
		return refused(http.StatusNotFound, "SP014", "Payment link history not found")
	}
	return ok(s.historyData(l, a, c.now))
}

// listHistories answers GET /api/v1.0/payment-link-histories/{account} with its filters.
func (s *Server) listHistories(c *call) answer {
	acc, no, found := s.account(c)
	if !found {
		return no
	}
	q := c.r.URL.Query()
	keep, problems := historyFilter(q)
	if len(problems) > 0 {
		return invalid(problems)
	}
	type row struct {
		link *link
		*Attempt
	}
	var rows []row
	for _, l := range s.links {
		for _, a := range l.Attempts {
			if l.Account == acc.id && keep(a) {
				rows = append(rows, row{l, a})
			}
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		var c int
		switch q.Get("sort_by") {
		case "created_at":
			c = a.CreatedAt.Compare(b.CreatedAt)
		case "amount":
			c = cmp.Compare(a.Amount, b.Amount)
		}
		if c = cmp.Or(c, cmp.Compare(a.ID, b.ID)); q.Get("sort_order") == "asc" {
			return c
		}
		return -c
	})
	all := make([]object, 0, len(rows))
	for _, r := range rows {
		all = append(all, s.historyData(r.link, r.Attempt, c.now))
	}
	return page(c, all)
}

// historyFilter reads the filters of a query string; each that is there must hold.
func historyFilter(q url.Values) (keep func(*Attempt) bool, problems map[string][]string) {
	var tests []func(*Attempt) bool
	f := newFields(nil)
	add := func(name string, test func(v string) func(*Attempt) bool) {
		if v := q.Get(name); v != "" {
			if t := test(v); t != nil {
				tests = append(tests, t)
			} else {
				f.bad(name, "is invalid")
			}
		}
	}
	oneOf := func(words ...string) func(string) func(*Attempt) bool {
		return func(v string) func(*Attempt) bool {
			if !slices.Contains(words, v) {
				return nil
			}
			return func(*Attempt) bool { return true }
		}
	}
	add("reff_no", func(v string) func(*Attempt) bool {
		return func(a *Attempt) bool { return strings.Contains(a.Reff, v) }
	})
	add("status", func(v string) func(*Attempt) bool {
		if oneOf(pending, paid, failed, expired)(v) == nil {
			return nil
		}
		return func(a *Attempt) bool { return a.Status == v || v == paid && a.paid() }
	})
	add("payment_method_name", func(v string) func(*Attempt) bool {
		return func(a *Attempt) bool { return strings.Contains(methodOf(a.Method).Name, v) }
	})
	add("payment_method_value", func(v string) func(*Attempt) bool {
		return func(a *Attempt) bool { return strings.Contains(a.Value, v) }
	})
	add("has_settle", func(v string) func(*Attempt) bool {
		want, err := strconv.ParseBool(v)
		if err != nil {
			return nil
		}
		return func(a *Attempt) bool { return want == !a.SettledAt.IsZero() }
	})
	for name, fits := range map[string]func(a *Attempt, n int64) bool{
		"amount":     func(a *Attempt, n int64) bool { return a.Amount == n },
		"amount_min": func(a *Attempt, n int64) bool { return a.Amount >= n },
		"amount_max": func(a *Attempt, n int64) bool { return a.Amount <= n },
	} {
		add(name, func(v string) func(*Attempt) bool {
			n, err := strconv.ParseInt(strings.TrimSuffix(v, ".00"), 10, 64)
			if err != nil {
				return nil
			}
			return func(a *Attempt) bool { return fits(a, n) }
		})
	}
	for name, at := range map[string]func(*Attempt) time.Time{
		"created_at":          func(a *Attempt) time.Time { return a.CreatedAt },
		"payment_date":        func(a *Attempt) time.Time { return a.PaidAt },
		"processed_timestamp": func(a *Attempt) time.Time { return a.PaidAt },
		"settle_at":           func(a *Attempt) time.Time { return a.SettledAt },
	} {
		for suffix, sign := range map[string]int{"_from": 1, "_to": -1} {
			add(name+suffix, func(v string) func(*Attempt) bool {
				limit, good := parseTime(v)
				if !good {
					return nil
				}
				return func(a *Attempt) bool { // in whole seconds, like the times that answers show
					return !at(a).IsZero() && at(a).Truncate(time.Second).Compare(
						limit.Truncate(time.Second))*sign >= 0
				}
			})
		}
	}
	add("sort_by", oneOf("id", "created_at", "amount"))
	add("sort_order", oneOf("asc", "desc"))
	return func(a *Attempt) bool {
		return !slices.ContainsFunc(tests, func(t func(*Attempt) bool) bool { return !t(a) })
	}, f.errors
}

// page cuts the page out of a list that page and per_page (default 25, at most 100) ask for.
func page(c *call, all []object) answer {
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(c.r.URL.Query().Get(name)); err == nil && n > 0 &&
			n <= 1_000_000 {
			return n
		}
		return otherwise
	}
	per, at := min(number("per_page", 25), 100), number("page", 1)
	if c.unpaged {
		per, at = 1_000_000, 1
	}
	from := min((at-1)*per, len(all))
	part := append([]object{}, all[from:min(from+per, len(all))]...)
	a := ok(part)
	a.pages = &pages{Count: len(part), Total: len(all), PerPage: per, Page: at,
		TotalPages: max(1, (len(all)+per-1)/per)}
	return a
}
