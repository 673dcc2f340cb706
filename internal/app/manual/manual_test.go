package manual

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

const wanted = `.TH TILL 8 "2026-11-21" "1.2" "System Administration"
.SH NAME
till \- Sells things
.SH SYNOPSIS
.B till
.I COMMAND
[\fIOPTIONS\fR]
.SH DESCRIPTION
One \(en two\-three.
.PP
\&.four
.nf
  kept  as it is
.fi
.SH OPTIONS OF EVERY COMMAND
.TP
\fB\-\-config\fR \fIFILE\fR
the FILE (default /etc/till)
.SH COMMANDS
.SS till journal show ID
Show one.
.TP
\fB\-\-raw\fR
as it is
.SH FILES
.TP
.B /etc/till
where a back\eslash stands
`

func TestPage(t *testing.T) {
	root := &cobra.Command{Use: "till", Short: "Sells things",
		Long: "One – two-three.\n\n.four\n  kept  as it is"}
	root.PersistentFlags().String("config", "/etc/till", "the `FILE`")
	run := func(*cobra.Command, []string) {}
	show := &cobra.Command{Use: "show ID", Short: "Show one", Run: run}
	show.Flags().Bool("raw", false, "as it is")
	journal := &cobra.Command{Use: "journal", Short: "The journal"}
	journal.AddCommand(show)
	root.AddCommand(journal, &cobra.Command{Use: "secret-word", Hidden: true, Run: run})
	got := Page(root, time.Unix(1795219200+3600, 0), "1.2",
		Section{"Files", [][2]string{{"/etc/till", `where a back\slash stands`}}})
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
}
