package sandbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"

	"kiosk-agent/sandbox/simkit"
)

// HookState is what became of a webhook.
type HookState string

// The states of a webhook. Queued and held ones may still be sent; the others are final.
const (
	HookQueued    HookState = "queued"
	HookHeld      HookState = "held"      // by an out_of_order fault
	HookDelivered HookState = "delivered" // answered 2xx
	HookRefused   HookState = "refused"   // answered otherwise
	HookFailed    HookState = "failed"    // no answer
	HookLost      HookState = "lost"      // by a lost fault
	HookNoURL     HookState = "no_url"    // neither the link nor the merchant names a URL
	HookDropped   HookState = "dropped"   // the queue was full
)

// Claims is the payload of a webhook, in the document's order and types.
type Claims struct {
	Amount          string `json:"amount"` // dollars: "10.23"
	Currency        string `json:"currency"`
	TransactionRef  string `json:"transactionRef"`
	MerchantRef     string `json:"merchantRef"`
	Status          string `json:"status"`
	ResponseCode    string `json:"responseCode,omitempty"`
	PaymentScheme   string `json:"paymentScheme"`
	PaymentDateTime string `json:"paymentDateTime"` // UTC, microseconds
}

// Webhook is the log of one webhook. It never holds the token.
type Webhook struct {
	Seq         int         `json:"seq"`
	MerchantRef string      `json:"merchantRef"` // of the payment, whatever the claims say
	Claims      Claims      `json:"claims"`
	Carriage    Carriage    `json:"carriage"`
	URL         string      `json:"-"` // a hook URL may be a capability: only the Go API shows it
	Faults      []FaultKind `json:"faults,omitempty"`
	State       HookState   `json:"state"`
	Tries       int         `json:"tries"`
	HTTPStatus  int         `json:"httpStatus,omitempty"` // of the last try
	Answer      string      `json:"answer,omitempty"`     // its body, up to 200 bytes
	Error       string      `json:"error,omitempty"`      // why the last try got no answer
	QueuedAt    time.Time   `json:"queuedAt"`
	SentAt      time.Time   `json:"sentAt,omitzero"` // of the last try

	payment *payment
	status  Status // the record's, whatever the claims say
	strikes faultSet
}

// dollars writes cents as the document does: "10.23".
func dollars(cents int64) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }

// dateTime writes UTC with microseconds.
func dateTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// announce queues the webhooks of a record that reached its end, bent by the faults in force. The
// caller holds s.mu.
func (s *Server) announce(p *payment, r *Record) {
	strikes := s.struckBy(p.link.MerchantRef, p.link.Amount, ofWebhooks)
	claims := Claims{
		Amount: dollars(r.Amount), Currency: r.Currency, TransactionRef: r.TransactionRef,
		MerchantRef: p.link.MerchantRef, Status: string(r.Status),
		ResponseCode: r.ResponseCode, PaymentScheme: string(r.Scheme),
		PaymentDateTime: dateTime(r.At),
	}
	claims.bend(strikes, r.Amount)
	for range strikes.Copies() {
		w := &Webhook{
			Seq: len(s.hooks) + 1, MerchantRef: p.link.MerchantRef, Claims: claims,
			Carriage: p.merchant.Carriage, URL: p.link.WebhookURL,
			Faults: strikes.Names(FaultKinds()), State: HookQueued, QueuedAt: s.clock.Now(),
			payment: p, status: r.Status, strikes: strikes,
		}
		s.hooks = append(s.hooks, w)
		s.post(w, strikes.Delayed(w.QueuedAt))
	}
}

// post decides whether a new webhook is sent, held, lost or dropped. The caller holds s.mu.
func (s *Server) post(w *Webhook, due time.Time) {
	holder := w.strikes[FaultOutOfOrder]
	switch {
	case w.URL == "":
		w.State = HookNoURL
	case w.strikes[FaultLost] != nil, s.bend.silent:
		w.State = HookLost
	case s.queue.Sending() >= s.cfg.MaxQueue:
		w.State = HookDropped
		s.log.Warn("webhook dropped: the queue is full", "merchant_ref", w.MerchantRef)
	case holder != nil:
		w.State = HookHeld
		s.release(s.faults.Hold(holder, w))
	default:
		s.queue.Add(due, job{hook: w})
	}
}

// release queues what faults held back. The caller holds s.mu.
func (s *Server) release(held []*Webhook) {
	now := s.clock.Now()
	for _, w := range held {
		w.State = HookQueued
		s.queue.Add(now, job{hook: w})
	}
}

// bend lets the faults of content change what the webhook claims.
func (c *Claims) bend(strikes faultSet, cents int64) {
	if f := strikes[FaultWrongAmount]; f != nil {
		c.Amount = f.otherAmount(cents)
	}
	if f := strikes[FaultWrongCurrency]; f != nil {
		c.Currency = f.otherCurrency()
	}
	if f := strikes[FaultUnknownRef]; f != nil {
		c.MerchantRef = f.otherRef(c.MerchantRef)
	}
	if strikes[FaultSuccessCode05] != nil {
		c.Status, c.ResponseCode = string(StatusSuccess), "05"
	}
	if f := strikes[FaultWrongStatus]; f != nil {
		c.Status = "PAID"
		if f.Value != "" {
			c.Status = f.Value
		}
	}
}

// token seals the claims afresh, bent by the faults of the envelope.
func (w *Webhook) token(random io.Reader, as bend) (string, error) {
	m := w.payment.merchant
	if f := w.strikes[FaultGarbage]; f != nil {
		if f.Value != "" {
			return f.Value, nil
		}
		return "this-is-not-a-token", nil
	}
	if w.strikes[FaultLinkEcho] != nil {
		return w.payment.token, nil
	}
	o := seal{secret: m.Secret.Reveal(), kid: m.ClientID}
	if w.strikes[FaultForged] != nil {
		o.secret = make([]byte, 32)
		if _, err := io.ReadFull(random, o.secret); err != nil {
			return "", err
		}
	}
	if w.strikes[FaultAlg] != nil {
		o.alg = jose.PBES2_HS256_A128KW
	}
	if w.strikes[FaultEnc] != nil {
		o.enc = jose.A256CBC_HS512
	}
	if f := w.strikes[FaultP2C]; f != nil {
		n, _ := strconv.Atoi(f.Value) // checked by Fault.check
		o.p2c = cmp.Or(n, 20_000)
	}
	if f := w.strikes[FaultKidChanged]; f != nil {
		o.kid = "somebody-else"
		if f.Value != "" {
			o.kid = f.Value
		}
	}
	if w.strikes[FaultKidAbsent] != nil {
		o.kid = ""
	}
	plaintext, err := json.Marshal(w.Claims)
	if err != nil {
		return "", err
	}
	plaintext = bent(plaintext, as.webhook)
	if as.bare {
		return string(plaintext), nil
	}
	if as.seal != nil {
		as.seal(&o)
	}
	token, err := o.token(random, plaintext)
	if w.strikes[FaultTruncated] != nil {
		token = token[:len(token)*2/3]
	}
	return token, err
}

// deliver sends one webhook and writes down what came of it.
func (s *Server) deliver(ctx context.Context, j simkit.Job[job]) {
	w := j.What.hook
	status, answer, err := s.send(ctx, w)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.Sent(j)
	w.Tries++
	w.SentAt, w.HTTPStatus, w.Answer, w.Error = s.clock.Now(), status, answer, ""
	switch {
	case err != nil:
		w.State, w.Error = HookFailed, err.Error()
	case status/100 == 2:
		w.State = HookDelivered
		if err := s.keep(bookLine{At: w.SentAt,
			Told: &toldLine{w.Claims.TransactionRef, w.status, w.Faults}}); err != nil {
			s.log.Error("a delivered webhook will go out again", "merchant_ref", w.MerchantRef,
				"error", err.Error())
		}
	default:
		w.State = HookRefused
	}
	s.log.Info("webhook sent", "merchant_ref", w.MerchantRef, "seq", w.Seq,
		"state", string(w.State), "http_status", status)
	if w.State != HookDelivered && w.Tries <= len(s.cfg.Retry) && ctx.Err() == nil {
		w.State = HookQueued
		s.queue.Add(w.SentAt.Add(s.cfg.Retry[w.Tries-1]), job{hook: w})
	}
}

// send makes one HTTP exchange. Its errors never contain the URL, which carries the token.
func (s *Server) send(ctx context.Context, w *Webhook) (status int, answer string, err error) {
	token, err := w.token(s.rand, s.bend)
	if err != nil {
		return 0, "", err
	}
	req, err := w.Carriage.request(ctx, w.URL, token)
	if err != nil {
		return 0, "", errors.New("the webhook URL makes no request")
	}
	s.bend.request(req, token)
	if err := s.bend.probe(s.client, req); err != nil {
		return 0, "", err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // without the URL
		}
		return 0, "", err
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
	return resp.StatusCode, string(body), nil
}

// Webhooks returns the log of all webhooks, oldest first.
func (s *Server) Webhooks() []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Webhook, 0, len(s.hooks))
	for _, w := range s.hooks {
		c := *w
		c.payment, c.strikes = nil, nil
		all = append(all, c)
	}
	return all
}

// Quiet waits until no webhook is queued or on its way (held ones do not count), or returns ctx's
// error.
func (s *Server) Quiet(ctx context.Context) error { return s.queue.Quiet(ctx) }
