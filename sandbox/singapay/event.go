package singapay

import (
	"cmp"
	"fmt"
	"time"

	"kiosk-agent/sandbox/simkit"
)

// textTime is the form of times in money-in webhooks.
func textTime(t time.Time) string { return t.In(jakarta).Format("02 Jan 2006 15:04:05") }

// payer is whom the link names, and otherwise who fills in the page's form.
func (s *Server) payer(l *link) Customer {
	who := Customer{l.CustomerName, l.CustomerEmail, cmp.Or(l.CustomerPhone, s.cfg.Customer.Phone)}
	if who.Name == "" {
		who.Name, who.Email = s.cfg.Customer.Name, s.cfg.Customer.Email
	}
	return who
}

// announceLink tells of a paid attempt. The caller holds s.mu, as everywhere here.
func (s *Server) announceLink(l *link, a *Attempt, now time.Time) {
	acc, payer := s.accounts[l.Account], s.payer(l)
	body := object{
		"status": 200, "success": true, "event": s.wireName(EventPayment),
		"timestamp": textTime(a.PaidAt),
		"data": object{
			"transaction": object{
				"reff_no": a.Reff, "type": "pl", "status": paid,
				"amount": object{"value": decimals(a.Amount), "currency": "IDR"},
				"tip":    nil, "post_timestamp": textTime(a.CreatedAt),
				"processed_timestamp": textTime(a.PaidAt),
			},
			"customer": object{
				"id": nil, "name": orNull(payer.Name), "email": orNull(payer.Email),
				"phone": orNull(payer.Phone),
			},
			"payment": object{"method": "payment_link",
				"additional_info": object{"payment_link": object{
					"id": l.ID, "reff_no": l.Reff, "title": cmp.Or(l.Description, l.Reff),
					"payment_url": s.payURL(l), "status": l.Status,
					"max_usage": l.MaxUsage, "current_usage": l.Usage,
					"expired_at":   iso(l.ExpiresAt),
					"total_amount": decimals(l.Amount),
					"account_id":   acc.number, "payment_date": l.CreatedAt.UTC().Format(
						"2006-01-02T15:04:05.000000Z"),
					"created_at": iso(l.CreatedAt), "updated_at": iso(l.UpdateAt),
				}}},
		},
	}
	if s.cfg.OmitEvent {
		delete(body, "event")
		delete(body, "timestamp")
	}
	s.announce(announcement{EventPayment, acc.owner, acc.owner.TransactionURL, l.Reff, a.Reff,
		minor(l.Amount), body}, now)
}

// announceCode tells of a paid code.
func (s *Server) announceCode(q *code, now time.Time) {
	acc := s.accounts[q.Account]
	amount := func(v int64) object { return object{"value": v, "currency": "IDR"} }
	body := object{
		"status": 200, "success": true, "event": s.wireName(EventQRIS),
		"timestamp": textTime(q.PaidAt),
		"data": object{
			"transaction": object{
				"id": q.ID, "reff_no": q.Reff, "merchant_reff_no": orNull(q.MerchantReff),
				"type": "qris", "status": paid, "amount": amount(q.Amount), "tip": amount(0),
				"total_amount": amount(q.Amount), "post_timestamp": textTime(q.CreatedAt),
				"processed_timestamp": textTime(q.PaidAt),
			},
			"customer": object{"id": "936000140000000000",
				"name": cmp.Or(s.cfg.Customer.Name, "Pelanggan Café")},
			"payment": object{"method": "qris", "additional_info": object{
				"qr_string": q.Data, "payment_event_id": fmt.Sprintf("evt-%d", q.ID),
			}},
		},
	}
	s.announce(announcement{EventQRIS, acc.owner, acc.owner.TransactionURL, q.MerchantReff, q.Reff,
		minor(q.Amount), body}, now)
}

// inquire tells that a method was picked, or that what was picked has expired.
func (s *Server) inquire(l *link, a *Attempt, e Event, now time.Time) {
	owner := s.accounts[l.Account].owner
	if owner.InquiryURL == "" {
		return
	}
	fee := a.Amount / 10
	body := object{
		"status": 200, "success": true, "event": s.wireName(e), "timestamp": textTime(now),
		"data": object{"payment_link_history": object{
			"id": a.ID, "reff_no": a.Reff, "payment_link_reff_no": l.Reff,
			"status": a.computed(now), "payment_method_name": methodOf(a.Method).Name,
			"payment_method_value": a.Value, "payment_method_additional": orNull(a.Additional),
			"amount": a.Amount, "vendor_fee": fee / 2, "our_margin": fee - fee/2,
			"merchant_fee": fee, "net_amount": a.Amount - fee, "expired_at": iso(a.ExpiresAt),
			"created_at": iso(a.CreatedAt),
		}},
	}
	s.announce(announcement{e, owner, owner.InquiryURL, l.Reff, a.Reff, minor(l.Amount), body}, now)
}

// inquireView tells that a page was opened: the documentation says so, nobody has measured it.
func (s *Server) inquireView(l *link, now time.Time) {
	owner := s.accounts[l.Account].owner
	if owner.InquiryURL == "" || !s.cfg.DocumentedNames {
		return
	}
	body := object{
		"status": 200, "success": true, "event": s.wireName(EventInquiry),
		"timestamp": textTime(now),
		"data": object{"payment_link": object{"id": l.ID, "reff_no": l.Reff, "status": l.Status},
			"payment_link_history": nil},
	}
	s.announce(announcement{EventInquiry, owner, owner.InquiryURL, l.Reff, "", minor(l.Amount),
		body}, now)
}

// expireAttempt tells of an attempt whose time is over; its stored status changes with the next
// batch, except a wallet's.
func (s *Server) expireAttempt(l *link, a *Attempt, now time.Time) {
	s.inquire(l, a, EventInquiryExpired, now)
	if methodOf(a.Method).Group != "ewallet" {
		s.scheduleSweep(s.accounts[l.Account].owner, now)
	}
}

// scheduleSweep plans the batch that will tell of what expired now: on a whole minute, at least 54
// s from now.
func (s *Server) scheduleSweep(owner *Credential, now time.Time) {
	due := now.Add(54*time.Second + time.Minute - 1).Truncate(time.Minute)
	if !s.queue.Any(func(j simkit.Job[job]) bool {
		return j.What.sweep == owner &&
			j.Due.Equal(due)
	}) {
		s.queue.Add(due, job{sweep: owner})
	}
}

// sweep stores what has expired and tells of it in one batch.
func (s *Server) sweep(owner *Credential, now time.Time) {
	histories, codes := []object{}, []object{}
	for _, l := range s.links {
		if s.accounts[l.Account].owner != owner {
			continue
		}
		for _, a := range l.Attempts {
			if a.late(now) && methodOf(a.Method).Group != "ewallet" {
				a.Status = expired
				histories = append(histories, s.historyData(l, a, now))
				s.keep(line{Link: l})
			}
		}
	}
	for _, q := range s.codes {
		if s.accounts[q.Account].owner == owner && q.late(now) {
			q.Status = expired
			codes = append(codes, codeData(q, now))
			s.keep(line{Code: q})
		}
	}
	if owner.ExpirationURL == "" || len(histories)+len(codes) == 0 || s.book.Err() != nil {
		return
	}
	body := object{
		"status": 200, "success": true, "event": s.wireName(EventExpiration),
		"timestamp": textTime(now),
		"data": object{
			"payment_link_histories": histories, "virtual_account_transactions": []object{},
			"qris_histories": codes,
			"summary": object{
				"payment_link_histories": len(histories), "virtual_account_transactions": 0,
				"qris_histories": len(codes), "total": len(histories) + len(codes),
			},
		},
	}
	s.announce(announcement{event: EventExpiration, owner: owner, url: owner.ExpirationURL,
		body: body}, now)
}

// productExpired tells that a link is over.
func (s *Server) productExpired(l *link, now time.Time) {
	owner := s.accounts[l.Account].owner
	if owner.ProductExpirationURL == "" {
		return
	}
	body := object{
		"status": 200, "success": true, "event": s.wireName(EventProductExpiration),
		"timestamp": textTime(now),
		"data": object{
			"payment_links": []object{s.linkData(l, now)}, "virtual_accounts": []object{},
			"qris_transactions": []object{},
			"summary": object{"payment_links": 1, "virtual_accounts": 0, "qris_transactions": 0,
				"total": 1},
		},
	}
	s.announce(announcement{EventProductExpiration, owner, owner.ProductExpirationURL, l.Reff, "",
		minor(l.Amount), body}, now)
}

// Test presses the dashboard's Test button of a credential: an unsigned webhook whose data is a
// string.
func (s *Server) Test(clientID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.cfg.Credentials {
		owner := &s.cfg.Credentials[i]
		if owner.ClientID == clientID || clientID == "" {
			body := object{"status": 200, "success": true,
				"data": "VA Payment Notification testing"}
			s.announce(announcement{event: EventTest, owner: owner, url: owner.TransactionURL,
				body: body}, s.clock.Now())
			return nil
		}
	}
	return ErrUnknown
}
