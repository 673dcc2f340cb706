package ecr

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// direction is which way a frame went, as far as a capture shows it.
type direction struct {
	response bool
	both     bool   // nothing says so for certain: the other reading is possible, too
	wrong    string // the mark in the capture says otherwise
}

// answers reports whether the inside of a frame can only be an answer's.
func (d *Dialect) answers(body []byte) bool {
	var m Message
	if err := d.parseHeader(body, &m); err != nil && m.ECN == nil {
		return false
	}
	_ = d.parseFields(body[d.headerLen:], &m) // as far as they can be read
	return d.isResponse(&m)
}

// direction decides by the mark in the capture, by what only an answer has, or by the request that
// was seen before: a till whose version is 00 says what an approval says.
func (x *explainer) direction(id string, code []byte, answer bool) (dir direction) {
	version, asked := x.asked[id]
	switch {
	case x.from == fromTill && answer:
		dir.wrong = "what only an answer has is in a frame from the till: an echo, or another " +
			"terminal's; it starts nothing"
		return dir
	case x.from != "":
		dir.response = x.from == fromTerminal
	case answer:
		dir.response = true
	case len(x.d.OutcomesWith(string(code))) > 0:
		dir.both = true
		dir.response = asked && version != string(code)
	}
	if !dir.response {
		x.asked[id] = string(code)
	}
	return dir
}

// code explains what is a version in one direction and a response code in the other.
func (x *explainer) code(at int, code []byte, dir direction) {
	meaning := x.d.meanings(code)
	switch {
	case dir.both && dir.response:
		x.item(at, len(code), fmt.Sprintf("response code %q: %s; or, if the till sent it, "+
			"version %[1]q: a request", code, meaning))
	case dir.both:
		x.item(at, len(code), fmt.Sprintf("version %q: a request; or, if the terminal sent it, "+
			"response code %[1]q: %s", code, meaning))
	case !dir.response:
		it := x.item(at, len(code), fmt.Sprintf("version %q: a request", code))
		it.Wrong = dir.wrong
		if !printable(code) {
			it.Wrong = "not printable ASCII"
		}
	case meaning == "":
		x.item(at, len(code), fmt.Sprintf("response code %q", code)).Wrong = "no outcome of " +
			x.d.Name() + " has this code"
	default:
		x.item(at, len(code), fmt.Sprintf("response code %q: %s", code, meaning))
	}
}

// meanings are the outcomes that are told with a code.
func (d *Dialect) meanings(code []byte) string {
	var names []string
	for _, o := range d.OutcomesWith(string(code)) {
		names = append(names, string(o))
	}
	return strings.Join(names, ", ")
}

// logFormTurned is logForm where the frames say that the log is the terminal's.
const logFormTurned = "TX and RX as the terminal's own, because only an answer has what was sent"

// turned turns a log of the terminal's round: TX is what the till got, if only answers were sent
// and none received.
func turned(d *Dialect, parts []part, form string) bool {
	if !strings.Contains(form, logForm) {
		return false
	}
	count := map[string]int{}
	for _, p := range parts {
		s := d.NewRequestScanner()
		for b := p.bytes; len(b) > 0; {
			var ev Event
			if ev, b = s.Next(b); ev.Kind == Answer {
				count[p.from]++
			}
		}
	}
	if count[fromTill] == 0 || count[fromTerminal] > 0 {
		return false
	}
	for i := range parts {
		switch parts[i].from {
		case fromTill:
			parts[i].from = fromTerminal
		case fromTerminal:
			parts[i].from = fromTill
		}
	}
	return true
}

// unlisted is a hint about the functions that the dialect does not list, unless another dialect
// does.
func (x *explainer) unlisted() []string {
	own := slices.IndexFunc(x.r.Fits, func(f Fit) bool { return f.Dialect == x.d.Name() })
	codes := slices.Sorted(maps.Keys(x.unknown))
	codes = slices.DeleteFunc(codes, func(code string) bool { return !printable(code) })
	if len(codes) == 0 || len(codes) > 32 || x.r.Fits[0].Right > x.r.Fits[own].Right {
		return nil
	}
	return []string{fmt.Sprintf("functions that %s does not list: %s. What each asks for goes "+
		"into [functions]", x.d.Name(), strings.Join(codes, ", "))}
}
