package reports

import (
	"io"

	"kiosk-agent/internal/invisible"
)

// Legible writes text to w without what a terminal would obey.
func Legible(w io.Writer) io.Writer { return invisible.Legible(w) }
