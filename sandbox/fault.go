package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// FaultKind names a way in which the simulated gateway misbehaves.
type FaultKind string

// Faults of webhooks. Several may strike the same webhook.
const (
	// sent Count times in all (default 2), each with a token of its own
	FaultDuplicate FaultKind = "duplicate"
	FaultDelay     FaultKind = "delay" // sent Delay later
	// held until Count webhooks wait (default 2; see ReleaseHeld), then sent newest first
	FaultOutOfOrder FaultKind = "out_of_order"
	FaultLost       FaultKind = "lost"   // never sent
	FaultForged     FaultKind = "forged" // sealed with another secret
	// Value, in dollars; default: one dollar less (or more, under two)
	FaultWrongAmount   FaultKind = "wrong_amount"
	FaultWrongCurrency FaultKind = "wrong_currency" // Value; default USD
	// Value; default: the reference with its last character changed
	FaultUnknownRef FaultKind = "unknown_reference"
	// Value instead of the token; default: not a token at all
	FaultGarbage       FaultKind = "garbage"
	FaultAlg           FaultKind = "alg_changed"     // PBES2-HS256+A128KW
	FaultEnc           FaultKind = "enc_changed"     // A256CBC-HS512
	FaultP2C           FaultKind = "p2c_changed"     // Value; default 20000
	FaultKidAbsent     FaultKind = "kid_absent"      // no kid
	FaultKidChanged    FaultKind = "kid_changed"     // Value; default: a stranger's
	FaultTruncated     FaultKind = "truncated"       // the token's first two thirds
	FaultLinkEcho      FaultKind = "link_token_echo" // the link's own token comes back
	FaultWrongStatus   FaultKind = "wrong_status"    // Value; default PAID
	FaultSuccessCode05 FaultKind = "success_code_05" // status SUCCESS with responseCode 05
	FaultQuery500      FaultKind = "query_500"       // 500
	// no answer for Delay (default 30 s), then 504
	FaultQueryTimeout  FaultKind = "query_timeout"
	FaultQueryNonsense FaultKind = "query_nonsense" // 200 and Value; default: an HTML page
	FaultQuery404      FaultKind = "query_404"      // 404
	FaultQueryEmpty    FaultKind = "query_empty"    // 200 and [], whatever is on record
	// records with another amount, like wrong_amount
	FaultQueryAmount FaultKind = "query_wrong_amount"
	// records with another currency, like wrong_currency
	FaultQueryCurrency FaultKind = "query_wrong_currency"
	// records with another reference, like unknown_reference
	FaultQueryOtherRef FaultKind = "query_wrong_reference"
	FaultQR500         FaultKind = "qr_500" // 500, and no code is made
	// the code is made; no answer for Delay (default 30 s), then 504
	FaultQRTimeout FaultKind = "qr_timeout"
	// the code is made; 200 and Value; default: an HTML page
	FaultQRNonsense FaultKind = "qr_nonsense"
	// the code is made; the answer names another reference, like unknown_reference
	FaultQROtherRef FaultKind = "qr_wrong_reference"
)

// FaultKinds lists every kind: those of webhooks first, then those of queries (they begin with
// "query_") and of codes ("qr_").
func FaultKinds() []FaultKind {
	return []FaultKind{
		FaultDuplicate, FaultDelay, FaultOutOfOrder, FaultLost, FaultForged, FaultWrongAmount,
		FaultWrongCurrency,
		FaultUnknownRef, FaultGarbage, FaultAlg, FaultEnc, FaultP2C, FaultKidAbsent,
		FaultKidChanged, FaultTruncated,
		FaultLinkEcho, FaultWrongStatus, FaultSuccessCode05,
		FaultQuery500, FaultQueryTimeout, FaultQueryNonsense, FaultQuery404, FaultQueryEmpty,
		FaultQueryAmount,
		FaultQueryCurrency, FaultQueryOtherRef, FaultQR500, FaultQRTimeout, FaultQRNonsense,
		FaultQROtherRef,
	}
}

// What a fault strikes: its kind's prefix.
const (
	ofWebhooks = ""
	ofQueries  = "query_"
	ofCodes    = "qr_"
)

func (k FaultKind) of() string {
	for _, prefix := range []string{ofQueries, ofCodes} {
		if strings.HasPrefix(string(k), prefix) {
			return prefix
		}
	}
	return ofWebhooks
}

// Fault is one scripted misbehaviour. With neither MerchantRef nor Amount it strikes any webhook
// (or query, or request for a code).
type Fault struct {
	Kind FaultKind `json:"fault"`
	// MerchantRef and Amount (cents) choose what is struck; "" and 0 mean any.
	MerchantRef string `json:"merchantRef,omitempty"`
	Amount      int64  `json:"amount,omitempty"`
	// Times is how many webhooks (or queries) it strikes before it is used up. 0 = every one.
	Times int `json:"times,omitempty"`
	// Count, Delay and Value are the kind's own parameter, see there. 0 and "" mean the kind's
	// default.
	Count int      `json:"count,omitempty"`
	Delay Duration `json:"delay,omitempty"`
	Value string   `json:"value,omitempty"`
}

// FaultState is a Fault in force.
type FaultState struct {
	ID int `json:"id"`
	Fault
	Struck int `json:"struck"` // how often it has struck
	Held   int `json:"held"`   // webhooks that it holds back now
}

// Duration reads and writes "1.5s" in JSON.
type Duration time.Duration

// MarshalJSON writes the form of time.Duration.String.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON reads the form of time.ParseDuration.
func (d *Duration) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return errors.New(`a duration is written like "1.5s"`)
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return errors.New(`a duration is written like "1.5s"`)
	}
	*d = Duration(v)
	return nil
}

// fault is a Fault in force; the Server's mutex guards it.
type fault struct {
	id int
	Fault
	struck int
	held   []*Webhook
}

func (f Fault) check() error {
	if !slices.Contains(FaultKinds(), f.Kind) {
		return fmt.Errorf("sandbox: fault %.40q is not one of %v", string(f.Kind), FaultKinds())
	}
	if f.Times < 0 || f.Count < 0 || f.Count > 1000 || f.Delay < 0 || f.Amount < 0 {
		return errors.New(
			"sandbox: times, count (≤ 1000), delay and amount of a fault are not negative")
	}
	if f.Kind == FaultDelay && f.Delay == 0 {
		return errors.New("sandbox: the fault delay needs a delay")
	}
	if f.Kind == FaultP2C && f.Value != "" {
		if n, err := strconv.Atoi(f.Value); err != nil || n < 1 || n > 10_000_000 {
			return errors.New(
				"sandbox: the value of p2c_changed is a count of iterations, 1 to 10000000")
		}
	}
	return nil
}

// AddFault puts a fault into force and returns its number.
func (s *Server) AddFault(f Fault) (id int, err error) {
	if err := f.check(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faultSeq++
	s.faults = append(s.faults, &fault{id: s.faultSeq, Fault: f})
	return s.faultSeq, nil
}

// Faults lists the faults in force.
func (s *Server) Faults() []FaultState {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]FaultState, 0, len(s.faults))
	for _, f := range s.faults {
		all = append(all, FaultState{ID: f.id, Fault: f.Fault, Struck: f.struck, Held: len(f.held)})
	}
	return all
}

// ClearFaults ends every fault and sends what was held back, newest first.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		s.release(f)
	}
	s.faults = nil
}

// ReleaseHeld sends what out_of_order faults hold back, newest first; the faults stay in force.
func (s *Server) ReleaseHeld() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		s.release(f)
	}
}

// struckBy returns the first fault of each kind that strikes this payment, and counts it. The
// caller holds s.mu.
func (s *Server) struckBy(merchantRef string, amount int64, of string) map[FaultKind]*fault {
	strikes := map[FaultKind]*fault{}
	for _, f := range s.faults {
		if f.Kind.of() != of || strikes[f.Kind] != nil || f.Times > 0 && f.struck >= f.Times ||
			f.MerchantRef != "" && f.MerchantRef != merchantRef || f.Amount != 0 &&
			f.Amount != amount {
			continue
		}
		f.struck++
		strikes[f.Kind] = f
	}
	return strikes
}

// otherAmount, otherCurrency and otherRef are what the faults claim instead of the truth.
func (f *fault) otherAmount(cents int64) string {
	other := cents - 100
	if cents <= 100 {
		other = cents + 100
	}
	return cmp.Or(f.Value, dollars(other))
}

func (f *fault) otherCurrency() string { return cmp.Or(f.Value, "USD") }

func (f *fault) otherRef(ref string) string {
	changed := "0"
	if strings.HasSuffix(ref, "0") {
		changed = "1"
	}
	_, last := utf8.DecodeLastRuneInString(ref)
	return cmp.Or(f.Value, ref[:len(ref)-last]+changed)
}
