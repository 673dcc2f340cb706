package singapay

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"kiosk-agent/sandbox"
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
		FaultWrongCurrency, FaultWrongStatus,
		FaultUnknownRef, FaultNotSuccess, FaultForged, FaultWrongSecret, FaultUnsigned, FaultStale,
		FaultFuture, FaultTampered,
		FaultWrongEndpoint, FaultTruncated, FaultGarbage,
		FaultAPITimeout, FaultAPITimeoutAfter, FaultAPI500, FaultAPI500After, FaultAPINonsense,
		FaultAPINonsenseAfter, FaultAPI429,
		FaultAPICode, FaultAPITokenExpired, FaultAPIAddress, FaultAPIEcho, FaultAPIEmpty,
		FaultAPIStatus, FaultAPINoLinkRef,
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
	Count int              `json:"count,omitempty"`
	Delay sandbox.Duration `json:"delay,omitempty"`
	Value string           `json:"value,omitempty"`
}

// FaultState is a Fault in force.
type FaultState struct {
	ID int `json:"id"`
	Fault
	Struck int `json:"struck"`
	Held   int `json:"held"` // webhooks that it holds back now
}

// fault is a Fault in force; the Server's mutex guards it.
type fault struct {
	id int
	Fault
	struck int
	held   []*Webhook
}

func (f *fault) strikes(ref string, amount int64) bool {
	return (f.MerchantRef == "" || f.MerchantRef == ref) && (f.Amount == 0 || f.Amount == amount)
}

func (f Fault) check() error {
	if !slices.Contains(FaultKinds(), f.Kind) {
		return fmt.Errorf("singapay sandbox: fault %.40q is not one of %v", string(f.Kind),
			FaultKinds())
	}
	if f.Times < 0 || f.Count < 0 || f.Count > 1000 || f.Delay < 0 || f.Amount < 0 {
		return errors.New("singapay sandbox: times, count (≤ 1000), delay and amount of a " +
			"fault are not negative")
	}
	if f.Kind == FaultDelay && f.Delay == 0 {
		return errors.New("singapay sandbox: the fault delay needs a delay")
	}
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

// struckBy returns the first fault of each kind that meets, and counts it. The caller holds s.mu.
func (s *Server) struckBy(meets func(*fault) bool) map[FaultKind]*fault {
	strikes := map[FaultKind]*fault{}
	for _, f := range s.faults {
		if strikes[f.Kind] == nil && (f.Times == 0 || f.struck < f.Times) && meets(f) {
			f.struck++
			strikes[f.Kind] = f
		}
	}
	return strikes
}

func names(strikes map[FaultKind]*fault) []FaultKind {
	var all []FaultKind
	for _, kind := range FaultKinds() {
		if strikes[kind] != nil {
			all = append(all, kind)
		}
	}
	return all
}

// otherRef changes the last character.
func otherRef(ref string) string {
	if ref == "" {
		return "0"
	}
	if strings.HasSuffix(ref, "0") {
		return ref[:len(ref)-1] + "1"
	}
	return ref[:len(ref)-1] + "0"
}

// bend lets the faults change what an answer says.
func (a *answer) bend(strikes map[FaultKind]*fault) {
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
