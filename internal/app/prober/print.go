package prober

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"kiosk-agent/internal/app/reports"
	"kiosk-agent/payment"
)

// Assign gives a key of the configuration a value: the table that it stands in, without brackets,
// and its line there. line is "" where there is nothing to write.
type Assign func(key, value string) (table, line string)

// Sheet prints what came: each line once, however often it comes.
type Sheet struct {
	Out    io.Writer
	Assign Assign
	All    bool // also what came as the paper says, or is left open by it
	seen   map[payment.Observed]bool
	fits   map[payment.Fit]int // of the lines, each once
}

// Print writes one line for each thing that came and was not printed yet. It reports whether
// anything among it is otherwise and can be mended.
func (s *Sheet) Print(lines []payment.Observed) (differs bool) {
	w := reports.Legible(s.Out)
	for _, o := range lines {
		if s.seen[o] {
			continue
		}
		if s.seen == nil {
			s.seen, s.fits = map[payment.Observed]bool{}, map[payment.Fit]int{}
		}
		s.seen[o] = true
		s.fits[o.Fit]++
		differs = differs || o.Fit == payment.FitDiffers
		if s.All || o.Fit != payment.FitPaper && o.Fit != payment.FitOpen {
			fmt.Fprintf(w, "  %-13s %-22s %-30s %s\n", o.Path, o.What, o.Is, s.stands(o))
		}
	}
	return differs
}

// stands says how a line stands to the gateway's pages.
func (s *Sheet) stands(o payment.Observed) string {
	paper := ""
	if o.Paper != "" {
		paper = " (its pages: " + o.Paper + ")"
	}
	switch o.Fit {
	case payment.FitPaper:
		return "as its pages say"
	case payment.FitOpen:
		return "taken; its pages leave it open"
	case payment.FitMended:
		return "otherwise" + paper + ", mended by " + o.Key
	case payment.FitDiffers:
		if _, line := s.Assign(o.Key, o.Value); line == "" {
			return "otherwise" + paper + ": look at " + o.Key
		}
		table, line := s.Assign(o.Key, o.Value)
		return "otherwise" + paper + ": " + table + "." + line
	default:
		return "not known" + paper
	}
}

// Advise says what to write into the configuration, as it stands there, and whether anything is
// left that only support can tell.
func (s *Sheet) Advise() {
	w := reports.Legible(s.Out)
	tables, lines, look := []string{}, map[string][]string{}, []string{}
	for o := range s.seen {
		if o.Fit != payment.FitDiffers {
			continue
		}
		table, line := s.Assign(o.Key, o.Value)
		switch {
		case line == "" && !slices.Contains(look, o.Key):
			look = append(look, o.Key)
		case line != "" && !slices.Contains(tables, table):
			tables = append(tables, table)
			fallthrough
		case line != "" && !slices.Contains(lines[table], line):
			lines[table] = append(lines[table], line)
		}
	}
	slices.Sort(tables)
	slices.Sort(look)
	if len(tables) > 0 {
		fmt.Fprintln(w,
			"\nWrite into the configuration, restart the agent, and probe again. Where "+
				"a table is\nthere already, its lines go into it:")
	}
	for _, table := range tables {
		slices.Sort(lines[table])
		fmt.Fprintf(w, "\n  [%s]\n  %s\n", table, strings.Join(lines[table], "\n  "))
	}
	if len(look) > 0 {
		fmt.Fprintln(w, "\nLook at "+strings.Join(look, ", ")+".")
	}
	switch n := s.fits[payment.FitUnknown]; {
	case n > 0:
		fmt.Fprintf(w, "\nWhat no page and no key knows (%d): send the report (--report FILE) to "+
			"support.\n", n)
	case len(tables)+len(look) == 0 && len(s.seen) > 0:
		fmt.Fprintf(w, "\nEverything that came is as the gateway's pages or the configuration say "+
			"(%d things).\n", len(s.seen))
	}
}
