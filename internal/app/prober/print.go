package prober

import (
	"fmt"
	"io"
	"slices"

	"kiosk-agent/internal/app/reports"
	"kiosk-agent/payment"
)

// Print writes one line for each thing that came.
func Print(w io.Writer, lines []payment.Observed) {
	w = reports.Legible(w)
	for _, o := range lines {
		fmt.Fprintf(w, "%-13s %-24s %-34s %s\n", o.Path, o.What, o.Is, stands(o))
	}
}

// stands says how a line stands to the paper.
func stands(o payment.Observed) string {
	paper := ""
	if o.Paper != "" {
		paper = " (the paper: " + o.Paper + ")"
	}
	switch o.Fit {
	case payment.FitPaper:
		return "as the paper says"
	case payment.FitOpen:
		return "taken; the paper leaves it open"
	case payment.FitMended:
		return "otherwise" + paper + ", mended by " + o.Key
	case payment.FitDiffers:
		return "otherwise" + paper + ": set " + assignment(o)
	default:
		return "not known" + paper + ": send the report to support"
	}
}

// assignment is a key with what to write there.
func assignment(o payment.Observed) string {
	if o.Value == "" {
		return o.Key
	}
	return o.Key + " = " + o.Value
}

// Advise lists what to write into the configuration, each line once, and says whether anything is
// left that only support can tell.
func Advise(w io.Writer, lines []payment.Observed) {
	var set []string
	unknown := 0
	for _, o := range lines {
		switch o.Fit {
		case payment.FitDiffers:
			if a := assignment(o); !slices.Contains(set, a) {
				set = append(set, a)
			}
		case payment.FitUnknown:
			unknown++
		case payment.FitPaper, payment.FitOpen, payment.FitMended:
		}
	}
	switch {
	case len(set) > 0:
		fmt.Fprintln(w, "\nWrite into the configuration, then restart the agent and probe again:")
		for _, s := range set {
			fmt.Fprintln(w, "  "+s)
		}
	case unknown == 0 && len(lines) > 0:
		fmt.Fprintln(w, "\nEverything came as the gateway's pages say, or as the configuration "+
			"says.")
	}
	if unknown > 0 {
		fmt.Fprintf(w, "\n%d things came that no page and no key knows: send the report to "+
			"support.\n", unknown)
	}
}
