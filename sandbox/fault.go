package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"kiosk-agent/sandbox/simkit"
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
		FaultWrongCurrency, FaultUnknownRef, FaultGarbage, FaultAlg, FaultEnc, FaultP2C,
		FaultKidAbsent, FaultKidChanged, FaultTruncated, FaultLinkEcho, FaultWrongStatus,
		FaultSuccessCode05,

		FaultQuery500, FaultQueryTimeout, FaultQueryNonsense, FaultQuery404, FaultQueryEmpty,
		FaultQueryAmount, FaultQueryCurrency, FaultQueryOtherRef,

		FaultQR500, FaultQRTimeout, FaultQRNonsense, FaultQROtherRef,
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
type Duration = simkit.Duration

// Script is what the list of faults goes by.
func (f Fault) Script() simkit.Script[FaultKind] {
	return simkit.Script[FaultKind]{Kind: f.Kind, MerchantRef: f.MerchantRef, Amount: f.Amount,
		Times: f.Times, Count: f.Count, Delay: f.Delay}
}

// faultSet are the faults that strike one webhook, query or request for a code.
type faultSet = simkit.Strikes[FaultKind, Fault]

// AddFault puts a fault into force and returns its number.
func (s *Server) AddFault(f Fault) (id int, err error) {
	if f.Kind == FaultP2C && f.Value != "" {
		if n, err := strconv.Atoi(f.Value); err != nil || n < 1 || n > 10_000_000 {
			return 0, errors.New(
				"sandbox: the value of p2c_changed is a count of iterations, 1 to 10000000")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, err = s.faults.Add(f); err != nil {
		return 0, fmt.Errorf("sandbox: %w", err)
	}
	return id, nil
}

// Faults lists the faults in force.
func (s *Server) Faults() []FaultState {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []FaultState{}
	s.faults.Each(func(id int, f Fault, struck, held int) {
		all = append(all, FaultState{ID: id, Fault: f, Struck: struck, Held: held})
	})
	return all
}

// ClearFaults ends every fault and sends what was held back, newest first.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(s.faults.Clear())
}

// ReleaseHeld sends what out_of_order faults hold back, newest first; the faults stay in force.
func (s *Server) ReleaseHeld() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(s.faults.Release())
}

// struckBy returns the first fault of each kind that strikes this payment, and counts it. The
// caller holds s.mu.
func (s *Server) struckBy(merchantRef string, amount int64, of string) faultSet {
	return s.faults.Strike(merchantRef, amount, func(f Fault) bool { return f.Kind.of() == of })
}

// otherAmount, otherCurrency and otherRef are what the faults claim instead of the truth.
func (f *Fault) otherAmount(cents int64) string {
	other := cents - 100
	if cents <= 100 {
		other = cents + 100
	}
	return cmp.Or(f.Value, dollars(other))
}

func (f *Fault) otherCurrency() string { return cmp.Or(f.Value, "USD") }

func (f *Fault) otherRef(ref string) string { return cmp.Or(f.Value, simkit.OtherRef(ref)) }
