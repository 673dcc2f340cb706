package device

import (
	"encoding/json"

	"kiosk-agent/payment"
)

// Protocol is the version of the till API that Info reports.
const Protocol = 1

// Info is the result of terminal.info: what does not change while the agent runs.
type Info struct {
	TerminalID   string           `json:"terminal_id"`
	Till         string           `json:"till"` // the asking till's name
	Version      string           `json:"version"`
	Protocol     int              `json:"protocol"`
	Currency     payment.Currency `json:"currency"`
	AmountLimits AmountLimits     `json:"amount_limits"`
	Schemes      []string         `json:"schemes"` // empty = all
	Provider     string           `json:"provider"`
	Mode         string           `json:"mode"` // "link" or "qr"
	AnswerWithin int              `json:"answer_within_s"`
}

// AmountLimits are inclusive, in minor units.
type AmountLimits struct {
	Min int64 `json:"min"`
	Max int64 `json:"max"`
}

// MarshalJSON writes schemes as an array always.
func (i Info) MarshalJSON() ([]byte, error) {
	type plain Info
	if i.Schemes == nil {
		i.Schemes = []string{}
	}
	return json.Marshal(plain(i))
}

// Status is the result of terminal.status and the content of terminal.changed.
type Status struct {
	// a payment.start now would not be refused as not_ready
	Ready   bool             `json:"ready"`
	Reasons []payment.Reason `json:"reasons"` // why not; empty when ready
	Active  View             `json:"active"`  // the payment that is not final yet, or null
	Relay   RelayStatus      `json:"relay"`
	Display DisplayStatus    `json:"display"`
	Journal JournalStatus    `json:"journal"`
	Clock   ClockStatus      `json:"clock"`
	Tills   []TillStatus     `json:"tills"`
}

// RelayStatus is how outcomes reach this terminal.
type RelayStatus struct {
	Connected bool   `json:"connected"`
	Host      string `json:"host"` // of the relay's URL; never the hook's path
	Since     Time   `json:"since,omitzero"`
	// when the newest proof of the path was sent
	LastCanaryAt Time   `json:"last_canary_at,omitzero"`
	CanaryAge    *int   `json:"canary_age_s,omitempty"` // seconds since then, on the boot clock
	Error        string `json:"error,omitempty"`
}

// DisplayStatus is the customer display.
type DisplayStatus struct {
	Connected bool `json:"connected"`
	// the screen that it has confirmed: "idle", "pay" …; "" = none
	Showing     string `json:"showing"`
	PxPerModule int    `json:"px_per_module,omitempty"`
	Warning     string `json:"warning,omitempty"`
}

// JournalStatus is the disk.
type JournalStatus struct {
	Writable  bool  `json:"writable"`
	FreeBytes int64 `json:"free_bytes"`
	HeadSeq   int64 `json:"head_seq"`
}

// ClockStatus is the wall clock, which is for people only.
type ClockStatus struct {
	Plausible bool `json:"plausible"`
	// the relay's clock minus this one; absent = not known yet
	OffsetMS *int64 `json:"offset_ms,omitempty"`
}

// TillStatus is one configured till.
type TillStatus struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"` // "websocket", "serial" or "tcp"
	Connected bool   `json:"connected"`
	Device    string `json:"device,omitempty"` // of a till on a line, as configured
	// why the line is not open or was closed last, or what is wrong with one that is open
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"` // what to do about it
}

// MarshalJSON writes reasons and tills as arrays always.
func (s Status) MarshalJSON() ([]byte, error) {
	type plain Status
	if s.Reasons == nil {
		s.Reasons = []payment.Reason{}
	}
	if s.Tills == nil {
		s.Tills = []TillStatus{}
	}
	return json.Marshal(plain(s))
}
