package singapay

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"kiosk-agent/sandbox"
	"kiosk-agent/sandbox/simkit"
)

// Event is what a webhook is about, whatever name it bears on the wire.
type Event string

// The events.
const (
	EventPayment           Event = "payment-link-transaction"
	EventQRIS              Event = "qris-acquirer-transaction"
	EventInquiry           Event = "payment-link-inquiry"
	EventInquiryExpired    Event = "payment_link.inquiry.expired"
	EventExpiration        Event = "transaction-expiration"
	EventProductExpiration Event = "product-expiration"
	EventTest              Event = "test" // the dashboard's button
)

// Events lists every event.
func Events() []Event {
	return []Event{EventPayment, EventQRIS, EventInquiry, EventInquiryExpired, EventExpiration,
		EventProductExpiration, EventTest}
}

// wireName is the event's name in a body.
func (s *Server) wireName(e Event) string {
	documented := map[Event]string{
		EventInquiry: "payment_link.inquiry", EventExpiration: "transaction_expiration",
		EventProductExpiration: "product_expiration",
	}
	if name := documented[e]; name != "" && s.cfg.DocumentedNames {
		return name
	}
	return string(e)
}

// Webhook is the log of one webhook. It never holds signature, token or the customer's data.
type Webhook struct {
	Seq   int   `json:"seq"`
	Event Event `json:"event"`
	// of the order, whatever the body says
	MerchantRef string `json:"merchantRef,omitempty"`
	ReffNo      string `json:"reffNo,omitempty"` // of the attempt or code
	// a hook URL may be a capability: only the Go API shows it
	URL        string            `json:"-"`
	Faults     []FaultKind       `json:"faults,omitempty"`
	State      sandbox.HookState `json:"state"`
	Tries      int               `json:"tries"`
	HTTPStatus int               `json:"httpStatus,omitempty"` // of the last try
	Answer     string            `json:"answer,omitempty"`     // its body, up to 200 bytes
	Error      string            `json:"error,omitempty"`      // why the last try got no answer
	QueuedAt   time.Time         `json:"queuedAt"`
	SentAt     time.Time         `json:"sentAt,omitzero"` // of the last try

	owner   *Credential
	body    []byte // as on the wire, before what is done to it after signing
	token   string
	stamp   time.Time // of the signature
	pays    bool      // once answered 2xx it need not be sent after a restart
	strikes faultSet
}

// announcement is what a webhook is to say.
type announcement struct {
	event     Event
	owner     *Credential
	url       string
	ref, reff string // of the order, of the attempt
	amount    int64  // minor units
	body      object
}

// announce queues the webhooks of an announcement, bent by the faults in force. The caller holds
// s.mu.
func (s *Server) announce(n announcement, now time.Time) {
	pays := n.event == EventPayment || n.event == EventQRIS
	strikes := s.faults.Strike(n.ref, n.amount, func(f Fault) bool {
		return !f.Kind.ofAPI() && (f.Event == n.event || f.Event == "" && pays)
	})
	bendBody(n.body, strikes)
	if s.bend.webhook != nil && pays {
		n.body = plain(n.body)
		s.bend.webhook(n.body)
	}
	body := wire(n.body, !s.cfg.PlainWire)
	if f := strikes[FaultGarbage]; f != nil {
		body = []byte(cmp.Or(f.Value, "<p>this is not JSON"))
	}
	for range strikes.Copies() {
		w := &Webhook{
			Seq: len(s.hooks) + 1, Event: n.event, MerchantRef: n.ref, ReffNo: n.reff, URL: n.url,
			Faults: strikes.Names(FaultKinds()),
			State:  sandbox.HookQueued, QueuedAt: now, owner: n.owner, body: body, pays: pays,
			strikes: strikes, token: s.text(32, len(alphabet)),
		}
		s.hooks = append(s.hooks, w)
		s.post(w, strikes.Delayed(now))
	}
}

// post decides whether a new webhook is sent, held, lost or dropped. The caller holds s.mu.
func (s *Server) post(w *Webhook, due time.Time) {
	holder := w.strikes[FaultOutOfOrder]
	switch {
	case w.URL == "":
		w.State = sandbox.HookNoURL
	case w.strikes[FaultLost] != nil:
		w.State = sandbox.HookLost
	case s.queue.Sending() >= maxQueue:
		w.State = sandbox.HookDropped
		s.log.Warn("webhook dropped: the queue is full", "reff_no", w.MerchantRef)
	case holder != nil:
		w.State = sandbox.HookHeld
		s.release(s.faults.Hold(holder, w))
	default:
		s.queue.Add(due, job{hook: w})
	}
}

// release queues what faults held back. The caller holds s.mu.
func (s *Server) release(held []*Webhook) {
	now := s.clock.Now()
	for _, w := range held {
		w.State = sandbox.HookQueued
		s.queue.Add(now, job{hook: w})
	}
}

// bendBody lets the faults of content change what a payment's webhook claims.
func bendBody(body object, strikes faultSet) {
	if strikes[FaultNotSuccess] != nil {
		body["success"] = false
	}
	data, _ := body["data"].(object)
	transaction, _ := data["transaction"].(object)
	if transaction == nil {
		return
	}
	amounts := []object{transaction["amount"].(object)}
	if total, is := transaction["total_amount"].(object); is {
		amounts = append(amounts, total)
	}
	for _, amount := range amounts {
		if f := strikes[FaultWrongAmount]; f != nil {
			amount["value"] = otherAmount(amount["value"], f.Value)
		}
		if f := strikes[FaultWrongCurrency]; f != nil {
			amount["currency"] = cmp.Or(f.Value, "USD")
		}
	}
	if f := strikes[FaultWrongStatus]; f != nil {
		transaction["status"] = cmp.Or(f.Value, failed)
	}
	if f := strikes[FaultUnknownRef]; f != nil {
		if ref, is := transaction["merchant_reff_no"].(string); is {
			transaction["merchant_reff_no"] = cmp.Or(f.Value, simkit.OtherRef(ref))
		} else {
			of := data["payment"].(object)["additional_info"].(object)["payment_link"].(object)
			of["reff_no"] = cmp.Or(f.Value, simkit.OtherRef(of["reff_no"].(string)))
		}
	}
}

// otherAmount is what the fault wrong_amount claims: text for text, an integer for an integer.
func otherAmount(v any, claimed string) any {
	switch v := v.(type) {
	case int64:
		if claimed != "" {
			return json.RawMessage(claimed)
		}
		return v - 1000
	case string:
		return cmp.Or(claimed, "1"+v)
	default:
		return claimed
	}
}

// wire writes a body as it travels: keys in no useful order, so that nobody gets by without sorting
// them.
func wire(body object, php bool) []byte {
	var out bytes.Buffer
	writeUnsorted(&out, body)
	if php {
		return phpEscapes(out.Bytes())
	}
	return out.Bytes()
}

func writeUnsorted(out *bytes.Buffer, v any) {
	switch v := v.(type) {
	case object:
		keys := slices.Sorted(maps.Keys(v))
		slices.Reverse(keys)
		out.WriteByte('{')
		for i, key := range keys {
			if i > 0 {
				out.WriteByte(',')
			}
			writeUnsorted(out, key)
			out.WriteByte(':')
			writeUnsorted(out, v[key])
		}
		out.WriteByte('}')
	case []object:
		out.WriteByte('[')
		for i, o := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			writeUnsorted(out, o)
		}
		out.WriteByte(']')
	default:
		text, err := encode(v)
		if err != nil { // a fault's value that is no JSON
			text = []byte("null")
		}
		out.Write(text)
	}
}

// Webhooks returns the log of all webhooks, oldest first.
func (s *Server) Webhooks() []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Webhook, 0, len(s.hooks))
	for _, w := range s.hooks {
		c := *w
		c.owner, c.body, c.token, c.strikes = nil, nil, "", nil
		all = append(all, c)
	}
	return all
}
