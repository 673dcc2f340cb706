package singapay

import (
	"fmt"
	"net/http"
	"slices"
)

// updateLink answers PUT /api/v2.0/payment-link/update/{id}: only the fields that are there change.
// What cannot change is dropped without a word, like what is unknown.
func (s *Server) updateLink(c *call) answer {
	l, no, found := s.ownLink(c)
	if !found {
		return no
	}
	f, next := c.fields, *l
	if f.there("status") {
		next.Status = f.text("status", true, 16)
		if !slices.Contains([]string{open, closed, expired}, next.Status) {
			f.bad("status", "selected is invalid")
		}
	}
	if f.there("description") {
		next.Description = f.text("description", false, 255)
	}
	if next.MaxUsage = f.whole("max_usage", l.MaxUsage, 0, 1_000_000); next.MaxUsage != 0 &&
		next.MaxUsage < l.Usage {
		f.bad("max_usage", "must be at least the current usage")
	}
	next.ExpiresAt = f.future("expired_at", l.ExpiresAt, c.now)
	if _, given := f.raw["whitelisted_payment_method"]; given {
		next.Whitelist = f.whitelist("whitelisted_payment_method")
	}
	if f.there("success_redirect_url") {
		next.SuccessURL = f.url("success_redirect_url")
	}
	if f.there("expired_redirect_url") {
		next.ExpiredURL = f.url("expired_redirect_url")
	}
	if f.there("optional_metadata") {
		next.Metadata = f.metadata("optional_metadata")
	}
	if len(f.errors) > 0 {
		return invalid(f.errors)
	}
	for _, name := range f.unknown() {
		next.Notes = append(next.Notes, fmt.Sprintf("update dropped the field %.40q", name))
	}
	moved := !next.ExpiresAt.Equal(l.ExpiresAt)
	next.UpdateAt = c.now
	*l = next
	if moved {
		s.watch(l)
	}
	s.keep(line{Link: l})
	s.log.Info("link updated", "reff_no", l.Reff, "status", l.Status)
	return ok(s.linkData(l, c.now))
}

// deleteLink answers DELETE /api/v1.0/payment-link-manage/{account}/{id}.
func (s *Server) deleteLink(c *call) answer {
	l, no, found := s.ownLink(c)
	if !found {
		return no
	}
	if len(l.Attempts) > 0 {
		return refused(http.StatusForbidden, "SP015",
			"Payment link has payment history and cannot be deleted")
	}
	l.Deleted = true
	s.keep(line{Link: l})
	s.log.Info("link deleted", "reff_no", l.Reff)
	return ok(object{"id": l.ID, "reff_no": l.Reff})
}
