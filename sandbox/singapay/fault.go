package singapay

import (
	"fmt"
	"slices"
	"strings"

	"kiosk-agent/sandbox/simkit"
)

// FaultKind names a misbehaviour.
type FaultKind string

// Faults of webhooks. Those of content are signed as if they were true.
const (
	FaultLost      FaultKind = "lost"      // never sent
	FaultDuplicate FaultKind = "duplicate" // sent Count times (default 2), the same body
	FaultDelay     FaultKind = "delay"     // sent Delay later
	// held until Count (default 2) are held, then newest first
	FaultOutOfOrder    FaultKind = "out_of_order"
	FaultWrongAmount   FaultKind = "wrong_amount"   // Value, or Rp1.000 less
	FaultWrongCurrency FaultKind = "wrong_currency" // Value, or USD
	FaultWrongStatus   FaultKind = "wrong_status"   // Value, or failed
	// another reff_no of the order: Value, or one character changed
	FaultUnknownRef  FaultKind = "unknown_ref"
	FaultNotSuccess  FaultKind = "not_success"  // success is false
	FaultForged      FaultKind = "forged"       // signed with a random key
	FaultWrongSecret FaultKind = "wrong_secret" // signed with Value, or with the API key
	FaultUnsigned    FaultKind = "unsigned"     // no X-Signature, X-Timestamp and Authorization
	FaultStale       FaultKind = "stale"        // signed well, Delay (default 10 minutes) ago
	FaultFuture      FaultKind = "future"       // signed well, Delay (default 10 minutes) ahead
	FaultTampered    FaultKind = "tampered"     // a digit of the body changed after signing
	// signed for another path: Value, or "/elsewhere"
	FaultWrongEndpoint FaultKind = "wrong_endpoint"
	FaultTruncated     FaultKind = "truncated" // two thirds of the body
	FaultGarbage       FaultKind = "garbage"   // the body is Value, or no JSON; signed
)

// Faults of the API; Op chooses the operation. Those with after do what was asked first.
const (
	FaultAPITimeout       FaultKind = "api_timeout"        // 504 after Delay (default 30 s)
	FaultAPITimeoutAfter  FaultKind = "api_timeout_after"  //
	FaultAPI500           FaultKind = "api_500"            //
	FaultAPI500After      FaultKind = "api_500_after"      //
	FaultAPINonsense      FaultKind = "api_nonsense"       // 200 and a page, or Value
	FaultAPINonsenseAfter FaultKind = "api_nonsense_after" //
	FaultAPI429           FaultKind = "api_429"            //
	// 400 and the SP code Value, default SP005
	FaultAPICode FaultKind = "api_code"
	// 401, and the token is worth nothing from now on
	FaultAPITokenExpired FaultKind = "api_token_expired"
	FaultAPIAddress      FaultKind = "api_address" // the caller's address is not registered
	// the answer's field Value (default total_amount or amount) is another
	FaultAPIEcho  FaultKind = "api_echo"
	FaultAPIEmpty FaultKind = "api_empty" // a list is empty
	// status of the answer is Value, or "mystery"
	FaultAPIStatus    FaultKind = "api_status"
	FaultAPINoLinkRef FaultKind = "api_no_link_ref" // histories lack payment_link_reff_no
)

// FaultKinds lists every kind.
func FaultKinds() []FaultKind {
	return []FaultKind{
		FaultLost, FaultDuplicate, FaultDelay, FaultOutOfOrder, FaultWrongAmount,
		FaultWrongCurrency, FaultWrongStatus, FaultUnknownRef, FaultNotSuccess, FaultForged,
		FaultWrongSecret, FaultUnsigned, FaultStale, FaultFuture, FaultTampered,
		FaultWrongEndpoint, FaultTruncated, FaultGarbage,

		FaultAPITimeout, FaultAPITimeoutAfter, FaultAPI500, FaultAPI500After, FaultAPINonsense,
		FaultAPINonsenseAfter, FaultAPI429, FaultAPICode, FaultAPITokenExpired, FaultAPIAddress,
		FaultAPIEcho, FaultAPIEmpty, FaultAPIStatus, FaultAPINoLinkRef,
	}
}

func (k FaultKind) ofAPI() bool { return strings.HasPrefix(string(k), "api_") }

// Fault is one scripted misbehaviour. With no selector it strikes any webhook about a payment, or
// any call.
type Fault struct {
	Kind FaultKind `json:"fault"`
	// MerchantRef (reff_no or merchant_reff_no) and Amount (minor units) choose what is struck; ""
	// and 0 mean any. Calls that are about no single order (token, lists) have neither.
	MerchantRef string `json:"merchantRef,omitempty"`
	Amount      int64  `json:"amount,omitempty"`
	// Op and Event choose the operation of an api_ fault and the event of a webhook; "" means any,
	// but for Event: any payment.
	Op    Op    `json:"op,omitempty"`
	Event Event `json:"event,omitempty"`
	// Times is how often it strikes before it is used up. 0 = every time.
	Times int `json:"times,omitempty"`
	// Count, Delay and Value are the kind's own parameter.
	Count int             `json:"count,omitempty"`
	Delay simkit.Duration `json:"delay,omitempty"`
	Value string          `json:"value,omitempty"`
}

// FaultState is a Fault in force.
type FaultState struct {
	ID int `json:"id"`
	Fault
	Struck int `json:"struck"`
	Held   int `json:"held"` // webhooks that it holds back now
}

// Script is what the list of faults goes by.
func (f Fault) Script() simkit.Script[FaultKind] {
	return simkit.Script[FaultKind]{Kind: f.Kind, MerchantRef: f.MerchantRef, Amount: f.Amount,
		Times: f.Times, Count: f.Count, Delay: f.Delay}
}

// faultSet are the faults that strike one webhook or one call.
type faultSet = simkit.Strikes[FaultKind, Fault]

func (f Fault) check() error {
	if f.Op != "" && (!f.Kind.ofAPI() || !slices.Contains(Ops(), f.Op)) {
		return fmt.Errorf("singapay sandbox: op belongs to api_ faults and is one of %v", Ops())
	}
	if f.Event != "" && (f.Kind.ofAPI() || !slices.Contains(Events(), f.Event)) {
		return fmt.Errorf("singapay sandbox: event belongs to faults of webhooks and is one of %v",
			Events())
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
	if id, err = s.faults.Add(f); err != nil {
		return 0, fmt.Errorf("singapay sandbox: %w", err)
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

// bend lets the faults change what an answer says.
func (a *answer) bend(strikes faultSet) {
	if a.failed() {
		return
	}
	list, isList := a.data.([]object)
	if isList && strikes[FaultAPIEmpty] != nil {
		a.data, list = []object{}, nil
		a.pages = &pages{PerPage: a.pages.PerPage, Page: 1, TotalPages: 1}
	}
	if one, isOne := a.data.(object); isOne {
		list = []object{one}
	}
	for _, o := range list {
		if f := strikes[FaultAPIEcho]; f != nil {
			name := f.Value
			if _, hasTotal := o["total_amount"]; name == "" && hasTotal {
				name = "total_amount"
			} else if name == "" {
				name = "amount"
			}
			o[name] = another(o[name])
		}
		if f := strikes[FaultAPIStatus]; f != nil {
			o["status"], o["status_computed"] = "mystery", "mystery"
			if f.Value != "" {
				o["status"], o["status_computed"] = f.Value, f.Value
			}
		}
		if strikes[FaultAPINoLinkRef] != nil {
			delete(o, "payment_link_reff_no")
		}
	}
}

// another is a value of the same type that differs.
func another(v any) any {
	switch v := v.(type) {
	case int64:
		return v + 1000
	case string:
		return "1" + v
	case bool:
		return !v
	default:
		return "another"
	}
}
