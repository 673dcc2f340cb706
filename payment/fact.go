package payment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Kind names what a fact says. The set is closed; docs/ARCHITECTURE.md lists which part of the
// agent produces which.
type Kind string

// Facts about one payment.
const (
	KindRequested       Kind = "requested"
	KindMintSent        Kind = "mint_sent"
	KindMintFailed      Kind = "mint_failed"
	KindMinted          Kind = "minted"
	KindShown           Kind = "shown"
	KindOpened          Kind = "opened"
	KindDisplayLost     Kind = "display_lost"
	KindCancelRequested Kind = "cancel_requested"
	KindDeadlinePassed  Kind = "deadline_passed"
	KindWithdrawn       Kind = "withdrawn"
	KindPathProved      Kind = "path_proved"
	KindNotified        Kind = "notified"
	KindQueryEmpty      Kind = "query_empty"
	KindQueryFailed     Kind = "query_failed"
	KindUndecided       Kind = "undecided"
	KindOffered         Kind = "offered"
	KindAcknowledged    Kind = "acknowledged"
	KindSuperseded      Kind = "superseded"
	KindResolved        Kind = "resolved"
)

// Facts about the journal as a whole.
const (
	KindUnmatched   Kind = "unmatched"
	KindParked      Kind = "parked"
	KindGap         Kind = "gap"
	KindClockOffset Kind = "clock_offset"
	KindRecovered   Kind = "recovered"
	KindQueryProved Kind = "query_proved"
)

// Fact is one line of the journal. The journal gives Seq when it commits the fact; nothing is
// changed afterwards.
type Fact struct {
	Seq     int64     // position in the journal, from 1; "newest" and "oldest" mean this
	Payment string    // the payment's ULID; "" for a fact about the journal
	At      time.Time // wall clock, UTC, milliseconds: for people, never for a decision
	Boot    string    // boot id of the machine when the fact was made
	// boot clock (runs through suspend), milliseconds: every deadline and window is counted on it
	Up   time.Duration
	Data Data
}

// Kind is the kind of the fact's data.
func (f Fact) Kind() Kind { return f.Data.Kind() }

// Data is what one kind of fact says.
type Data interface{ Kind() Kind }

// Millis is a duration in whole milliseconds, as the journal stores it.
type Millis int64

// Duration converts to a time.Duration.
func (m Millis) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// ToMillis rounds down to whole milliseconds.
func ToMillis(d time.Duration) Millis { return Millis(d / time.Millisecond) }

// Policy is what was in force when the payment was requested, so that a later change of
// configuration cannot change its outcome.
type Policy struct {
	Query bool `json:"query"` // a transaction query is configured
	// DECLINED or EXPIRED ends the payment (mode qr) instead of one attempt (mode link)
	FinishDeclined bool   `json:"finish_declined"`
	Settle         Millis `json:"settle_ms"`
	AnswerWithin   Millis `json:"answer_within_ms"`
	Watch          Millis `json:"watch_ms"`
}

// The data of each kind. A field's JSON name is part of the journal's format: add fields, never
// rename one.
type (
	// Requested opens a payment: it is committed before anything leaves the device.
	Requested struct {
		Till        string   `json:"till"`
		Reference   string   `json:"reference"`
		MerchantRef string   `json:"merchant_ref"`
		Money       Money    `json:"money"`
		Schemes     []string `json:"schemes,omitempty"`
		Description string   `json:"description,omitempty"`
		Provider    string   `json:"provider"`
		Mode        string   `json:"mode"`
		// boot clock; valid in the fact's own boot only
		DeadlineUp Millis    `json:"deadline_up_ms"`
		DeadlineAt time.Time `json:"deadline_at"` // wall clock, for people
		Policy     Policy    `json:"policy"`
		Line       *Line     `json:"line,omitempty"` // from a till on an ECR line
	}
	// MintSent says that a remote mint is about to leave; it is never sent again.
	MintSent struct {
		// the wallet that the code is for, where it is for one
		Scheme string `json:"scheme,omitempty"`
	}
	// MintFailed says that no link or code came to be.
	MintFailed struct {
		// "mint_failed"; before anything was asked of the gateway: "cancelled", "not_chosen",
		// "not_ready", "display_lost"
		Reason  string `json:"reason"`
		Message string `json:"message"`
	}
	// Minted holds what the customer scans.
	Minted struct {
		Payload     string `json:"payload"`
		ProviderRef string `json:"provider_ref,omitempty"`
		// boot clock of the boot of mint_sent: the gateway's own end, where it is sooner
		DeadlineUp Millis `json:"deadline_up_ms,omitempty"`
		// a link in place of the gateway's code: for every scheme, not for the one of mint_sent
		Link bool `json:"link,omitempty"`
	}
	// Shown says that a display confirmed this payment.
	Shown struct {
		By       string `json:"by"` // "display" or "till"
		Revision int64  `json:"revision"`
	}
	// Opened says that the customer opened the link, where the gateway tells.
	Opened struct{}
	// DisplayLost says that no display confirmed the payment, or that it refused to draw the code.
	DisplayLost struct {
		Reason string `json:"reason"`
	}
	// CancelRequested says that a till or a member of staff asked to cancel.
	CancelRequested struct {
		By string `json:"by"`
	}
	// DeadlinePassed says that the customer's time is over.
	DeadlinePassed struct {
		Reason string `json:"reason,omitempty"` // "reboot" when the boot that counted it has ended
	}
	// Withdrawn says that no display was told to show the code any longer.
	Withdrawn struct{}
	// PathProved says that a canary sent after Withdrawn came back through the relay.
	PathProved struct {
		SentUp Millis `json:"sent_up_ms"`
	}
	// Notified is a verified record that names this payment.
	Notified struct {
		Record     Record `json:"record"`
		Source     string `json:"source"`                // "webhook" or "query"
		Delivery   string `json:"delivery,omitempty"`    // the relay's id of the delivery
		FromParked int64  `json:"from_parked,omitempty"` // Seq of the parked fact that now opened
	}
	// QueryEmpty says that a query answered and reported no PAY SUCCESS (a 404 only after a proven
	// good answer).
	QueryEmpty struct {
		HTTPStatus int `json:"http_status"`
		Records    int `json:"records"`
	}
	// QueryFailed says that a query gave no answer that counts.
	QueryFailed struct {
		Reason string `json:"reason"`
	}
	// Undecided says that deadline or cancel plus answer_within has passed without evidence either
	// way.
	Undecided struct{}
	// Offered says that this revision is being told to the till: it is committed first. On an ECR
	// line every transmission is one, with the very bytes that go out.
	Offered struct {
		Revision int64  `json:"revision"`
		Status   Status `json:"status"`
		Frame    []byte `json:"frame,omitempty"`
	}
	// Acknowledged says that the till has stored this revision.
	Acknowledged struct {
		Revision int64 `json:"revision"`
	}
	// Superseded says that the till on this ECR line asked for another sale while the response to
	// this one was still due: it is not given unasked any more, also after a restart.
	Superseded struct{}
	// Resolved is what staff found out. It never changes the status. As a fact about the journal it
	// closes an entry of the worklist that belongs to no payment: an unmatched or a parked fact.
	Resolved struct {
		Outcome string `json:"outcome"` // ResolvedApproved or ResolvedNotPaid
		By      string `json:"by"`
		Reason  string `json:"reason"`
		Entry   int64  `json:"entry,omitempty"` // Seq of the unmatched or parked fact
	}
	// Unmatched is a verified record with this terminal's tag and no such payment.
	Unmatched struct {
		Record     Record `json:"record"`
		Source     string `json:"source"`
		Delivery   string `json:"delivery,omitempty"`
		FromParked int64  `json:"from_parked,omitempty"`
	}
	// Parked is a delivery that did not open, kept whole so that it can be tried again.
	Parked struct {
		Reason   string   `json:"reason"`
		Delivery string   `json:"delivery,omitempty"`
		Envelope Envelope `json:"envelope"`
		// over the cap: the content was dropped, its hash and the delivery's id remain
		Cut  bool   `json:"cut,omitempty"`
		Hash string `json:"hash"` // Envelope.Content() before any cut
	}
	// Gap says that the relay may have lost or skipped deliveries.
	Gap struct {
		Reason string `json:"reason"`
	}
	// ClockOffset is the relay's clock minus this machine's.
	ClockOffset struct {
		Offset Millis `json:"offset_ms"`
	}
	// Recovered says that staff accepted this journal in place of one whose head the relay
	// remembered.
	Recovered struct {
		Reason string `json:"reason"`
		By     string `json:"by"`
		Lost   Head   `json:"lost"` // the head that is given up
	}
	// QueryProved says that the transaction query at this endpoint has returned a record that could
	// be read: from now on a 404 of the same endpoint means that there is none.
	QueryProved struct {
		Endpoint string `json:"endpoint"` // Gateway.Endpoint
	}
)

// Envelope is an HTTP request as the relay received it.
type Envelope struct {
	Method     string              `json:"method"`
	Path       string              `json:"path,omitempty"` // below the route
	Query      string              `json:"query,omitempty"`
	Headers    map[string][]string `json:"headers,omitempty"`
	Body       []byte              `json:"body,omitempty"`
	ReceivedAt time.Time           `json:"received_at"`
}

// Content identifies what the request carries, whatever its headers and time.
func (e Envelope) Content() string {
	return contentHash("envelope", e.Method, e.Path, e.Query, string(e.Body))
}

func (Requested) Kind() Kind       { return KindRequested }
func (MintSent) Kind() Kind        { return KindMintSent }
func (MintFailed) Kind() Kind      { return KindMintFailed }
func (Minted) Kind() Kind          { return KindMinted }
func (Shown) Kind() Kind           { return KindShown }
func (Opened) Kind() Kind          { return KindOpened }
func (DisplayLost) Kind() Kind     { return KindDisplayLost }
func (CancelRequested) Kind() Kind { return KindCancelRequested }
func (DeadlinePassed) Kind() Kind  { return KindDeadlinePassed }
func (Withdrawn) Kind() Kind       { return KindWithdrawn }
func (PathProved) Kind() Kind      { return KindPathProved }
func (Notified) Kind() Kind        { return KindNotified }
func (QueryEmpty) Kind() Kind      { return KindQueryEmpty }
func (QueryFailed) Kind() Kind     { return KindQueryFailed }
func (Undecided) Kind() Kind       { return KindUndecided }
func (Offered) Kind() Kind         { return KindOffered }
func (Acknowledged) Kind() Kind    { return KindAcknowledged }
func (Superseded) Kind() Kind      { return KindSuperseded }
func (Resolved) Kind() Kind        { return KindResolved }
func (Unmatched) Kind() Kind       { return KindUnmatched }
func (Parked) Kind() Kind          { return KindParked }
func (Gap) Kind() Kind             { return KindGap }
func (ClockOffset) Kind() Kind     { return KindClockOffset }
func (Recovered) Kind() Kind       { return KindRecovered }
func (QueryProved) Kind() Kind     { return KindQueryProved }

// decoders has one entry for each kind; the table is never written after its creation.
var decoders = map[Kind]func([]byte) (Data, error){
	KindRequested: decode[Requested], KindMintSent: decode[MintSent],
	KindMintFailed: decode[MintFailed], KindMinted: decode[Minted],
	KindShown: decode[Shown], KindOpened: decode[Opened], KindDisplayLost: decode[DisplayLost],
	KindCancelRequested: decode[CancelRequested], KindDeadlinePassed: decode[DeadlinePassed],
	KindWithdrawn:  decode[Withdrawn],
	KindPathProved: decode[PathProved], KindNotified: decode[Notified],
	KindQueryEmpty:  decode[QueryEmpty],
	KindQueryFailed: decode[QueryFailed], KindUndecided: decode[Undecided],
	KindOffered:      decode[Offered],
	KindAcknowledged: decode[Acknowledged], KindSuperseded: decode[Superseded],
	KindResolved: decode[Resolved], KindUnmatched: decode[Unmatched],
	KindParked: decode[Parked], KindGap: decode[Gap], KindClockOffset: decode[ClockOffset],
	KindRecovered:   decode[Recovered],
	KindQueryProved: decode[QueryProved],
}

// EncodeData is the canonical form of a fact's data: the very bytes that the journal stores and
// hashes.
func EncodeData(d Data) ([]byte, error) { return json.Marshal(d) }

// ErrFact is what every fact that cannot be read wraps.
var ErrFact = errors.New("unreadable fact")

// DecodeData reads what EncodeData wrote. Unknown kinds are an error; unknown fields are not (the
// next release may add some).
func DecodeData(k Kind, body []byte) (Data, error) {
	dec, ok := decoders[k]
	if !ok {
		return nil, fmt.Errorf("%w: kind %.40q is not known to this version", ErrFact, string(k))
	}
	d, err := dec(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFact, k, err)
	}
	return d, nil
}

func decode[T Data](body []byte) (Data, error) {
	var v T
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the end")
	}
	return v, nil
}

// Content identifies what a fact that came from outside says, so that a delivery repeated after a
// gap becomes no second fact; "" for facts of our own making.
func Content(d Data) string {
	switch d := d.(type) {
	case Notified:
		return d.Record.Content()
	case Unmatched:
		return d.Record.Content()
	case Parked:
		return d.Hash
	default:
		return ""
	}
}
