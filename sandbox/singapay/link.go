package singapay

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRupiah bounds every amount.
const maxRupiah = 1_000_000_000

// The words of stored and computed statuses.
const (
	open    = "open"
	closed  = "closed"
	expired = "expired"
	pending = "pending"
	paid    = "paid"
	settled = "settled"
	failed  = "failed"
)

type item struct {
	Name      string `json:"name"`
	Quantity  int64  `json:"quantity"`
	UnitPrice int64  `json:"unit_price"`
}

// link is a payment link as it is stored; the Server's mutex guards it, and the book holds it as
// JSON. Amounts are rupiah.
type link struct {
	ID                             int64
	Account, Reff, Type, Status    string
	Amount, MaxUsage, Usage        int64
	Items                          []item `json:",omitempty"`
	Description                    string
	Whitelist                      []string `json:",omitempty"`
	SuccessURL, ExpiredURL         string
	CustomerName, CustomerEmail    string
	CustomerPhone                  string
	Metadata                       object `json:",omitempty"`
	Host                           string
	ExpiresAt, CreatedAt, UpdateAt time.Time
	Deleted                        bool
	Attempts                       []*Attempt
	Notes                          []string `json:",omitempty"` // for the integrator
}

func minor(rupiah int64) int64 { return rupiah * 100 }

func (l *link) late(now time.Time) bool { return !now.Before(l.ExpiresAt) }

// computed is what status_computed says: the stored status never learns of expiry.
func (l *link) computed(now time.Time) string {
	if l.Status == open && l.late(now) {
		return expired
	}
	return l.Status
}

func (l *link) usedUp() bool { return l.MaxUsage != 0 && l.Usage >= l.MaxUsage }

func (s *Server) linkByID(id int64) *link {
	return find(s.links, func(l *link) bool { return l.ID == id && !l.Deleted })
}

func (s *Server) linkByRef(ref string) *link {
	return find(s.links, func(l *link) bool { return l.Reff == ref && !l.Deleted })
}

func find[T any](all []*T, meets func(*T) bool) *T {
	if i := slices.IndexFunc(all, meets); i >= 0 {
		return all[i]
	}
	return nil
}

// createLink answers POST /api/v2.0/payment-link/{account}. The caller holds s.mu, as of every
// endpoint.
func (s *Server) createLink(c *call) answer {
	a, no, found := s.account(c)
	if !found {
		return no
	}
	l := s.readLink(c)
	l.Account = a.id
	if len(c.fields.errors) > 0 {
		return invalid(c.fields.errors)
	}
	if find(s.links, func(other *link) bool { return other.Reff == l.Reff }) != nil {
		if s.cfg.DuplicateSP004 {
			return coded(http.StatusConflict, "SP004", "Duplicate reference number")
		}
		return invalid(map[string][]string{"reff_no": {"The reff_no has already been taken."}})
	}
	for _, name := range c.fields.unknown() {
		l.Notes = append(l.Notes, fmt.Sprintf("the unknown field %.40q was dropped", name))
	}
	s.lastID++
	l.ID, l.Host = s.lastID, c.host
	s.links = append(s.links, l)
	s.keep(line{Link: l})
	s.watch(l)
	s.log.Info("link created", "reff_no", l.Reff, "link_id", l.ID, "amount", l.Amount)
	return ok(s.linkData(l, c.now))
}

// watch plans the batch that tells of a link's end.
func (s *Server) watch(l *link) {
	if s.cfg.ProductExpiry {
		s.queue.Add(l.ExpiresAt, job{link: l})
	}
}

// readLink reads the fields of a new link; what is wrong stands in c.fields.errors.
func (s *Server) readLink(c *call) *link {
	f := c.fields
	l := &link{
		Reff: f.text("reff_no", true, 40), Type: f.text("payment_link_type", true, 16),
		Status: open, MaxUsage: f.whole("max_usage", 1, 0, 1_000_000),
		Description: f.text("description", false, 255), SuccessURL: f.url("success_redirect_url"),
		ExpiredURL: f.url("expired_redirect_url"),
		ExpiresAt:  f.future("expired_at", c.now.Add(24*time.Hour), c.now), CreatedAt: c.now,
		UpdateAt: c.now, Whitelist: f.whitelist("whitelisted_payment_method"),
		Metadata:      f.metadata("optional_metadata"),
		CustomerName:  f.text("customer_name", false, 255),
		CustomerEmail: f.text("customer_email", false, 255),
		CustomerPhone: f.text("customer_phone", false, 32),
	}
	if strings.ContainsAny(l.Reff, " \t\r\n/\\") {
		f.bad("reff_no", "may not contain spaces or slashes")
	}
	switch l.Type {
	case "total":
		if !f.there("total_amount") {
			f.bad("total_amount", "field is required when payment_link_type is total")
		}
		l.Amount = f.whole("total_amount", 0, s.cfg.MinAmount, maxRupiah)
	case "items":
		l.Items = f.items()
		for _, i := range l.Items {
			l.Amount += i.Quantity * i.UnitPrice
		}
		if len(l.Items) > 0 && (l.Amount < s.cfg.MinAmount || l.Amount > maxRupiah) {
			f.bad("items", fmt.Sprintf("must total at least %d", s.cfg.MinAmount))
		}
	case "":
	default:
		f.bad("payment_link_type", "selected is invalid")
	}
	l.checkCustomer(f)
	return l
}

// checkCustomer: who pays is told beforehand for single-use links, and asked for by multi-use ones.
func (l *link) checkCustomer(f *fields) {
	single := l.MaxUsage == 1
	for _, name := range []string{"customer_name", "customer_email", "customer_phone"} {
		if f.there(name) && !single {
			f.bad(name, "is for single-use links only")
		}
	}
	if (l.CustomerName == "") != (l.CustomerEmail == "") {
		f.bad("customer_email", "and customer_name go together")
	}
	for _, name := range []string{"required_customer_number", "required_customer_email"} {
		if f.yes(name) && single {
			f.bad(name, "is for multi-use links only")
		}
	}
}

func (f *fields) items() []item {
	if !f.there("items") {
		f.bad("items", "field is required when payment_link_type is items")
		return nil
	}
	var raw []map[string]json.RawMessage
	if json.Unmarshal(f.raw["items"], &raw) != nil || len(raw) == 0 {
		f.bad("items", "must be an array of at least one item")
		return nil
	}
	var all []item
	for i, r := range raw {
		one := newFields(r)
		for _, name := range []string{"quantity", "unit_price"} {
			if !one.there(name) {
				one.bad(name, "field is required")
			}
		}
		all = append(all, item{one.text("name", true, 255), one.whole("quantity", 0, 1, 100_000),
			one.whole("unit_price", 0, -maxRupiah, maxRupiah)})
		for name, why := range one.errors {
			f.errors[fmt.Sprintf("items.%d.%s", i, name)] = why
		}
	}
	return all
}

// one answers GET /api/v2.0/payment-link/{id}, and with an account in the path its v1 form.
func (s *Server) oneLink(c *call) answer {
	l, no, found := s.ownLink(c)
	if !found {
		return no
	}
	return ok(s.linkData(l, c.now))
}

// ownLink finds the link of a path and checks that the credential owns it.
func (s *Server) ownLink(c *call) (*link, answer, bool) {
	if c.r.PathValue("account") != "" {
		if _, no, found := s.account(c); !found {
			return nil, no, false
		}
	}
	id, _ := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	l := s.linkByID(id)
	if l == nil || c.r.PathValue("account") != "" && l.Account != c.r.PathValue("account") {
		return nil, refused(http.StatusNotFound, "SP014", "Payment link not found"), false
	}
	if s.accounts[l.Account].owner != c.owner {
		return nil, wrongOwner(), false
	}
	return l, answer{}, true
}

// listLinks answers GET /api/v1.0/payment-link-manage/{account}, newest first.
func (s *Server) listLinks(c *call) answer {
	a, no, found := s.account(c)
	if !found {
		return no
	}
	var all []object
	for _, l := range slices.Backward(s.links) {
		if l.Account == a.id && !l.Deleted {
			all = append(all, s.linkData(l, c.now))
		}
	}
	return page(c, all)
}

// money gives an amount the way that this gateway is set to.
func (s *Server) money(rupiah int64) any {
	if s.cfg.AmountText {
		return decimals(rupiah)
	}
	return rupiah
}

func decimals(rupiah int64) string { return strconv.FormatInt(rupiah, 10) + ".00" }

func iso(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.In(jakarta).Format(time.RFC3339)
}

func orNull(v string) any {
	if v == "" {
		return nil
	}
	return v
}

func (s *Server) payURL(l *link) string { return l.Host + s.cfg.BasePath + "/b2b/" + l.Reff }

// linkData is a link as the API shows it.
func (s *Server) linkData(l *link, now time.Time) object {
	out := object{
		"id": l.ID, "reff_no": l.Reff, "title": cmp.Or(l.Description, l.Reff),
		"description": orNull(l.Description), "source": "api v2",
		"payment_link_type": l.Type, "payment_url": s.payURL(l), "status": l.Status,
		"status_computed": l.computed(now), "is_expired": l.late(now), "max_usage": l.MaxUsage,
		"current_usage": l.Usage, "total_amount": s.money(l.Amount),
		"customer_pays_fee": false, "whitelisted_payment_method": echoed(l.Whitelist),
		"success_redirect_url": orNull(l.SuccessURL), "expired_redirect_url": orNull(l.ExpiredURL),
		"customer_name": orNull(l.CustomerName), "customer_email": orNull(l.CustomerEmail),
		"customer_phone": orNull(l.CustomerPhone), "optional_metadata": nil,
		"expired_at": iso(l.ExpiresAt), "payment_date": iso(l.CreatedAt),
		"created_at": iso(l.CreatedAt), "updated_at": iso(l.UpdateAt),
		"account": object{"id": l.Account, "name": s.accounts[l.Account].owner.Name},
	}
	if l.Metadata != nil {
		out["optional_metadata"] = l.Metadata
	}
	if len(l.Items) > 0 {
		var items []object
		for _, i := range l.Items {
			items = append(items, object{"name": i.Name, "quantity": i.Quantity,
				"unit_price": i.UnitPrice, "subtotal": i.Quantity * i.UnitPrice})
		}
		out["items"] = items
	}
	return out
}
