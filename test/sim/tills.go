package sim

import "slices"

// aTill is a till of either kind, as the world moves it.
type aTill interface {
	wants()               // a customer has come
	cancelsEarly(s *sale) // before its sale has a code
	agentStarts()
	agentGone()
}

// everyTill are those on lines and then the others.
func (w *World) everyTill() (all []aTill) {
	for _, t := range w.ecrs {
		all = append(all, t)
	}
	for _, t := range w.tills {
		all = append(all, t)
	}
	return all
}

// named is the till of this name.
func (w *World) named(name string) aTill {
	if i := slices.IndexFunc(w.ecrs, func(t *ecrTill) bool { return t.name == name }); i >= 0 {
		return w.ecrs[i]
	}
	i := slices.IndexFunc(w.tills, func(t *jsonTill) bool { return t.name == name })
	if i < 0 {
		w.fail("there is no till %q", name)
	}
	return w.tills[i]
}

// habit is how JSON-RPC tills hear at the end what they are owed.
type habit string

const (
	asks     habit = "asks"     // for everything
	connects habit = "connects" // and relies on what it is told then
	lists    habit = "lists"    // what it has not acknowledged
)

// trade is who sells how often: customers come to one of these tills.
type trade struct {
	name  string
	tills []string
}

func (w *World) drawTrade() trade {
	return pick(w,
		trade{"all tills", []string{"till-1", "till-2", "till-3", "till-4"}},
		trade{"all tills", []string{"till-1", "till-2", "till-3", "till-4"}},
		trade{"lines", []string{"till-3", "till-4"}},
		trade{"a line above all", []string{"till-1", "till-3", "till-3", "till-3"}},
		trade{"a line above all", []string{"till-2", "till-4", "till-4", "till-4"}},
		trade{"JSON-RPC above all", []string{"till-1", "till-1", "till-2", "till-3"}},
		trade{"JSON-RPC above all", []string{"till-1", "till-2", "till-2", "till-4"}})
}

// asksForSale lets one of the tills ask for a sale.
func (w *World) asksForSale() { w.named(pick(w, w.prof.trade.tills...)).wants() }

// cancelsEarly lets the till of a sale cancel it before it has a code.
func (w *World) cancelsEarly(s *sale) {
	if s != nil {
		w.named(s.till).cancelsEarly(s)
	}
}
