// Package examples holds the example tills of docs/INTEGRATION.md, and gives the browser page to
// the demo.
package examples

import (
	"embed"
	"net/http"
	"strings"
	"time"
)

//go:embed till.html why.js
var files embed.FS

// TillPage serves the browser till: its script at its name, the page everywhere else.
func TillPage() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "till.html"
		if r.URL.Path == "/why.js" {
			name = "why.js"
		}
		text, err := files.ReadFile(name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.ServeContent(w, r, name, time.Time{}, strings.NewReader(string(text)))
	})
}
