package simkit

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

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

// The kinds that every gateway has, by these names: a webhook goes out later, or several times.
const (
	kindDelay     = "delay"
	kindDuplicate = "duplicate"
)

// Script is what every scripted misbehaviour says: what it is, whom it strikes, how often, and by
// what measure.
type Script[K ~string] struct {
	Kind        K
	MerchantRef string // "" = any
	Amount      int64  // minor units; 0 = any
	Times       int    // 0 = every time
	Count       int    // 0 = the kind's default
	Delay       Duration
}

// Scripted is a gateway's own description of a misbehaviour.
type Scripted[K ~string] interface{ Script() Script[K] }

// fault is a misbehaviour in force.
type fault[F, H any] struct {
	id     int
	what   F
	struck int
	held   []H
}

func (f *fault[F, H]) release() []H {
	held := f.held
	f.held = nil
	slices.Reverse(held)
	return held
}

// Faults are the misbehaviours of a simulated gateway that are in force; H is what they hold back.
// They are guarded by the gateway's own lock, which is held in every call.
type Faults[K ~string, F Scripted[K], H any] struct {
	kinds []K
	seq   int
	force []*fault[F, H]
}

// NewFaults makes an empty list for a gateway that has these kinds.
func NewFaults[K ~string, F Scripted[K], H any](kinds []K) *Faults[K, F, H] {
	return &Faults[K, F, H]{kinds: kinds}
}

// Add puts a fault into force and returns its number.
func (fs *Faults[K, F, H]) Add(what F) (id int, err error) {
	s := what.Script()
	switch {
	case !slices.Contains(fs.kinds, s.Kind):
		return 0, fmt.Errorf("fault %.40q is not one of %v", string(s.Kind), fs.kinds)
	case s.Times < 0 || s.Count < 0 || s.Count > 1000 || s.Delay < 0 || s.Amount < 0:
		return 0, errors.New("times, count (≤ 1000), delay and amount of a fault are not negative")
	case s.Kind == kindDelay && s.Delay == 0:
		return 0, errors.New("the fault delay needs a delay")
	}
	fs.seq++
	fs.force = append(fs.force, &fault[F, H]{id: fs.seq, what: what})
	return fs.seq, nil
}

// Each tells of the faults in force, oldest first: how often each has struck, and how much it holds
// back.
func (fs *Faults[K, F, H]) Each(tell func(id int, what F, struck, held int)) {
	for _, f := range fs.force {
		tell(f.id, f.what, f.struck, len(f.held))
	}
}

// Strike returns the first fault of each kind that strikes an order, of those that meet, and counts
// it. merchantRef and amount are "" and 0 for what is about no order.
func (fs *Faults[K, F, H]) Strike(merchantRef string, amount int64,
	meets func(F) bool) Strikes[K, F] {
	strikes := Strikes[K, F]{}
	for _, f := range fs.force {
		s := f.what.Script()
		if strikes[s.Kind] != nil || s.Times > 0 && f.struck >= s.Times ||
			s.MerchantRef != "" && s.MerchantRef != merchantRef ||
			s.Amount != 0 && s.Amount != amount || !meets(f.what) {
			continue
		}
		f.struck++
		strikes[s.Kind] = &f.what
	}
	return strikes
}

// Hold keeps h back for a fault that Strike has returned, until there are as many as its count says
// (default 2), and returns all of them then, newest first.
func (fs *Faults[K, F, H]) Hold(by *F, h H) (released []H) {
	for _, f := range fs.force {
		if &f.what != by {
			continue
		}
		f.held = append(f.held, h)
		if len(f.held) >= cmp.Or((*by).Script().Count, 2) {
			return f.release()
		}
	}
	return nil
}

// Release returns what every fault holds back, newest first; the faults stay in force.
func (fs *Faults[K, F, H]) Release() (released []H) {
	for _, f := range fs.force {
		released = append(released, f.release()...)
	}
	return released
}

// Clear ends every fault and returns what was held back, newest first.
func (fs *Faults[K, F, H]) Clear() (released []H) {
	released = fs.Release()
	fs.force = nil
	return released
}

// Strikes are the faults that strike one webhook or one call.
type Strikes[K ~string, F Scripted[K]] map[K]*F

// Names are the kinds that strike, in the order of all.
func (s Strikes[K, F]) Names(all []K) (names []K) {
	for _, kind := range all {
		if s[kind] != nil {
			names = append(names, kind)
		}
	}
	return names
}

// Copies says how often a webhook is sent.
func (s Strikes[K, F]) Copies() int {
	if f := s[kindDuplicate]; f != nil {
		return cmp.Or((*f).Script().Count, 2)
	}
	return 1
}

// Delayed is when a webhook goes out that would go out at due.
func (s Strikes[K, F]) Delayed(due time.Time) time.Time {
	if f := s[kindDelay]; f != nil {
		return due.Add(time.Duration((*f).Script().Delay))
	}
	return due
}

// OtherRef is ref with its last character changed.
func OtherRef(ref string) string {
	changed := "0"
	if strings.HasSuffix(ref, "0") {
		changed = "1"
	}
	_, last := utf8.DecodeLastRuneInString(ref)
	return ref[:len(ref)-last] + changed
}
