package ecr

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fit says how well a dialect reads a capture.
type Fit struct {
	Dialect string
	Frames  int // found by LEN, ETX and LRC
	Whole   int // of these: header and fields can be read
	Right   int // of these: structure and function are the dialect's
	Bad     int // began like a frame and were none
	Noise   int // bytes outside frames
}

func (f Fit) String() string {
	if f.Frames == 0 {
		return "fits nothing"
	}
	return fmt.Sprintf("frames: %d, with known functions: %d, bad: %d, bytes of noise: %d",
		f.Frames, f.Right, f.Bad, f.Noise)
}

// score orders fits: more frames, then known words, then less that is left over.
func (f Fit) score() int {
	return f.Frames*1_000_000 + f.Right*100_000 - min(f.Bad, 99)*1000 - min(f.Noise, 999)
}

// fit lets a scanner read the capture; where one goes wrong it starts again behind the STX, since a
// capture can be read twice. It gives up after so many bad frames.
func fit(s *Scanner, parts []part, most int) Fit {
	f := Fit{Dialect: s.d.Name()}
	for _, p := range parts {
		for b := p.bytes; len(b) > 0 && f.Bad < most; {
			s.Reset()
			ev, rest := s.Next(b)
			switch ev.Kind {
			case Frame:
				f.Frames++
				if ev.Err == nil {
					f.Whole++
				}
				if ev.Err == nil && s.d.function(ev.Response.Function) != nil {
					f.Right++
				}
			case Noise:
				f.Noise += ev.N
			case Bad, None:
				f.Bad++
				rest = b[1:]
			}
			b = rest
		}
	}
	return f
}

// fits tries d and the built-in dialects, best first.
func fits(d *Dialect, parts []part) []Fit {
	list := []Fit{fit(d.NewResponseScanner(), parts, manyBad)}
	for _, name := range builtins {
		if b, err := Builtin(name); err == nil && name != d.Name() {
			list = append(list, fit(b.NewResponseScanner(), parts, manyBad))
		}
	}
	slices.SortStableFunc(list, func(a, b Fit) int { return cmp.Compare(b.score(), a.score()) })
	return list
}

// hintBytes is how much of a capture the search for other rules looks at: some hundred rules are
// tried.
const hintBytes = 2048

// After so many bad frames a dialect does not fit: when three are tried, and when hundreds of rules
// are.
const (
	manyBad = 256
	fewBad  = 16
)

// variant is a dialect with other rules than the one that was asked for.
type variant struct {
	changes []string
	fit     Fit
}

// hints looks for rules of LEN, LRC and separators under which more frames are right: those with
// the fewest changes.
func hints(d *Dialect, parts []part, tried []Fit) []string {
	var short []part
	for _, p := range parts {
		if p.offset < hintBytes {
			p.bytes = p.bytes[:min(len(p.bytes), hintBytes-p.offset)]
			short = append(short, p)
		}
	}
	s := d.NewResponseScanner() // one for all: its buffers are the cost of a try
	now := fit(s, short, fewBad)
	var found []variant
	for _, length := range lengthRules(d) {
		for _, lrc := range lrcRules(d) {
			for _, trailing := range []bool{true, false} {
				if f := d.try(s, length, lrc, trailing, short); f.betterThan(now) {
					found = append(found, variant{d.changes(length, lrc, trailing), f})
				}
			}
		}
	}
	slices.SortStableFunc(found, func(a, b variant) int {
		return cmp.Or(cmp.Compare(b.fit.Right, a.fit.Right), cmp.Compare(b.fit.Whole, a.fit.Whole),
			cmp.Compare(len(a.changes), len(b.changes)))
	})
	var list []string
	for _, v := range found[:min(len(found), 3)] {
		if found[0].fit.betterThan(v.fit) || len(v.changes) > len(found[0].changes) {
			break
		}
		hint := v.hint(now)
		if !slices.Contains(list, hint) {
			list = append(list, hint)
		}
	}
	if tried[0].Frames == 0 && len(found) == 0 {
		list = append(list, "no dialect and no other rule finds a frame: check speed, parity, "+
			"wiring and frame.stx")
	}
	own := tried[slices.IndexFunc(tried, func(f Fit) bool { return f.Dialect == d.Name() })]
	if best := tried[0]; best.Right > own.Right {
		list = append(list, fmt.Sprintf("the dialect %q fits better", best.Dialect))
	}
	return list
}

// betterThan compares two readings of one capture: more known functions, else more whole frames.
func (f Fit) betterThan(g Fit) bool {
	return f.Right > g.Right || f.Right == g.Right && f.Whole > g.Whole
}

// hint says what the changes would do. A till that nobody knows has functions that no dialect
// lists: then it is the frames that count.
func (v variant) hint(now Fit) string {
	more, was, are := v.fit.Right, now.Right, "right"
	if more == was {
		more, was, are = v.fit.Whole, now.Whole, "whole"
	}
	hint := fmt.Sprintf("with %s, %d frames would be %s instead of %d",
		strings.Join(v.changes, " and "), more, are, was)
	if more-was == 1 {
		hint += " (one frame proves little: capture more)"
	}
	return hint
}

// try reads the capture under other rules.
func (d *Dialect) try(s *Scanner, length lengthSpec, lrc lrcSpec, trailing bool, parts []part) Fit {
	if trailing && len(d.fieldSep) == 0 {
		return Fit{}
	}
	changed := *d
	changed.s.Frame.Length, changed.s.Frame.LRC, changed.s.Field.Trailing = length, lrc, trailing
	changed.frameRules()
	s.d, s.resp.d = &changed, &changed
	return fit(s, parts, fewBad)
}

// changes are the keys in which rules differ from the dialect's.
func (d *Dialect) changes(length lengthSpec, lrc lrcSpec, trailing bool) (list []string) {
	note := func(changed bool, format string, args ...any) {
		if changed {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	was := d.s.Frame
	note(length.Encoding != was.Length.Encoding, "frame.length.encoding = %q", length.Encoding)
	note(length.Width != was.Length.Width, "frame.length.width = %d", length.Width)
	note(!slices.Equal(length.Counts, was.Length.Counts), "frame.length.counts = [\"%s\"]",
		strings.Join(length.Counts, `", "`))
	note(lrc.From != was.LRC.From, "frame.lrc.from = %q", lrc.From)
	note(lrc.Through != was.LRC.Through, "frame.lrc.through = %q", lrc.Through)
	note(lrc.Seed.first() != was.LRC.Seed.first(), "frame.lrc.seed = %q", string(lrc.Seed))
	note(trailing != d.s.Field.Trailing, "field.trailing_separator = %t", trailing)
	return list
}

// lengthRules are the rules for LEN that are found in the field, and the dialect's own.
func lengthRules(d *Dialect) []lengthSpec {
	own := d.s.Frame.Length
	list := []lengthSpec{own}
	for _, counts := range [][]string{
		own.Counts, {"header", "fields"}, {"fields"}, {"header", "fields", "etx"},
		{"header", "fields", "etx", "lrc"}, {"length", "header", "fields"},
		{"stx", "length", "header", "fields", "etx", "lrc"},
	} {
		list = append(list, lengthSpec{own.Encoding, own.Width, counts})
		for _, code := range []lengthCode{{"bcd", 2}, {"big-endian", 2}, {"little-endian", 2},
			{"big-endian", 1}, {"ascii", 3}, {"ascii", 4}} {
			list = append(list, lengthSpec{code.encoding, code.width, counts})
		}
	}
	return distinct(list)
}

// lrcRules are all ranges with the dialect's seed, and the seeds that are found in the field.
func lrcRules(d *Dialect) []lrcSpec {
	list := []lrcSpec{d.s.Frame.LRC}
	for _, from := range []string{"stx", "length", "header"} {
		for _, through := range []string{"etx", "fields"} {
			for _, seed := range []byte{d.seed, 0x00, 0x7f, 0xff} {
				list = append(list, lrcSpec{hexText(fmt.Sprintf("%02x", seed)), from, through})
			}
		}
	}
	return distinct(list)
}

// distinct keeps the first of equal rules.
func distinct[T any](list []T) (kept []T) {
	seen := make(map[string]bool)
	for _, x := range list {
		if key := fmt.Sprint(x); !seen[key] {
			seen[key] = true
			kept = append(kept, x)
		}
	}
	return kept
}
