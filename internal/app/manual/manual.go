// Package manual says how a program is called: with a manual page made from its commands, so that
// the page says what the program does, and with the refusal of a call that names too few things or
// too many.
//
// It knows roff's man macros as far as a page of ours needs them, and nothing about any command. It
// keeps nothing.
package manual

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Section is one more part of a page, after the commands.
type Section struct {
	Title string
	Items [][2]string // what, and what it is
}

// Page returns the manual page of section 8 of a program and all of its commands. date is printed
// as a day; source is the version.
func Page(root *cobra.Command, date time.Time, source string, more ...Section) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 8 %q %q %q\n", strings.ToUpper(root.Name()),
		date.UTC().Format(time.DateOnly), source, "System Administration")
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", text(root.Name()), text(root.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n.I COMMAND\n[\\fIOPTIONS\\fR]\n", text(root.Name()))
	if root.Long != "" {
		fmt.Fprintf(&b, ".SH DESCRIPTION\n%s", paragraphs(root.Long))
	}
	if flags := options(root.PersistentFlags()); flags != "" {
		fmt.Fprintf(&b, ".SH OPTIONS OF EVERY COMMAND\n%s", flags)
	}
	b.WriteString(".SH COMMANDS\n")
	commands(&b, root)
	for _, s := range more {
		fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(s.Title))
		for _, item := range s.Items {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", text(item[0]), line(item[1]))
		}
	}
	return b.String()
}

func commands(b *strings.Builder, parent *cobra.Command) {
	for _, c := range parent.Commands() {
		if !c.IsAvailableCommand() && !c.HasAvailableSubCommands() || c.Name() == "help" {
			continue
		}
		if c.HasAvailableSubCommands() {
			commands(b, c)
			continue
		}
		use := c.CommandPath()
		if _, args, ok := strings.Cut(c.Use, " "); ok {
			use += " " + args
		}
		fmt.Fprintf(b, ".SS %s\n%s.\n", text(use), line(strings.TrimSuffix(c.Short, ".")))
		if c.Long != "" && c.Name() != "bash" && c.Name() != "zsh" && c.Name() != "fish" &&
			c.Name() != "powershell" {
			fmt.Fprintf(b, ".PP\n%s", paragraphs(c.Long))
		}
		b.WriteString(options(c.LocalNonPersistentFlags()))
	}
}

func options(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" || f.Name == "version" {
			return
		}
		name, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(&b, ".TP\n\\fB%s\\fR", text("--"+f.Name))
		if name != "" {
			fmt.Fprintf(&b, " \\fI%s\\fR", text(name))
		}
		fmt.Fprintf(&b, "\n%s", line(usage))
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" &&
			f.DefValue != "[]" {
			fmt.Fprintf(&b, " (default %s)", text(f.DefValue))
		}
		b.WriteByte('\n')
	})
	return b.String()
}

// paragraphs keeps empty lines as breaks, and indented lines as they are.
func paragraphs(long string) string {
	var b strings.Builder
	as := false // within lines that are kept as they are
	for l := range strings.Lines(strings.TrimRight(long, "\n") + "\n") {
		l = strings.TrimSuffix(l, "\n")
		kept := strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t")
		if kept != as && (kept || l != "") {
			b.WriteString(map[bool]string{true: ".nf\n", false: ".fi\n"}[kept])
			as = kept
		}
		if l == "" {
			b.WriteString(".PP\n")
			continue
		}
		b.WriteString(line(l) + "\n")
	}
	if as {
		b.WriteString(".fi\n")
	}
	return b.String()
}

// line is text that may stand at the start of a line, where roff reads . and ' as commands.
func line(s string) string {
	if s = text(s); strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}

var escapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", " ", "≤", `\(<=`, "≥", `\(>=`,
	"–", `\(en`, "…", "...", "→", `\(->`)

func text(s string) string { return escapes.Replace(s) }
