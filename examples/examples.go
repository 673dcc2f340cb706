// Package examples holds the example tills of docs/INTEGRATION.md, and gives the browser page to
// the demo.
package examples

import (
	_ "embed"
	"io"
	"strings"
)

//go:embed till.html
var tillPage string

// TillPage is the browser till, whole.
func TillPage() io.ReadSeeker { return strings.NewReader(tillPage) }
