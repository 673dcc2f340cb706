package prober

import (
	"fmt"
	"io"
	"slices"

	"kiosk-agent/internal/app/reports"
	"kiosk-agent/payment"
)

// Print writes one line for each thing that came.
func Print(w io.Writer, lines []payment.Observed, assign func(key, value string) string) {
	w = reports.Legible(w)
	for _, o := range lines {
		fmt.Fprintf(w, "%-13s %-24s %-34s %s\n", o.Path, o.What, o.Is, stands(o, assign))
	}
}

// stands says how a line stands to the paper.
func stands(o payment.Observed, assign func(key, value string) string) string {
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
		if o.Value == "" {
			return "otherwise" + paper + ": look at " + o.Key
		}
		return "otherwise" + paper + ": set " + assign(o.Key, o.Value)
	default:
		return "not known" + paper + ": send the report to support"
	}
}

// Advise lists what to write into the configuration, each line once, and says whether anything is
// left that only support can tell.
func Advise(w io.Writer, lines []payment.Observed, assign func(key, value string) string) {
	var set []string
	unknown := 0
	for _, o := range lines {
		switch o.Fit {
		case payment.FitDiffers:
			if a := assign(o.Key, o.Value); !slices.Contains(set, a) {
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
