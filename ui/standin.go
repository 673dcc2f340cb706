package ui

import (
	"encoding/json"
	"fmt"
	"html"
	"strings"
)

// StandIn is a page for the customer display while no agent runs, in every language: it says out of
// service, and nothing else. It has no script and asks for no file.
func StandIn() string {
	var texts map[string]map[string]string
	if err := json.Unmarshal(textsJSON, &texts); err != nil {
		panic("ui: texts.json: " + err.Error()) // it is part of the program
	}
	var b strings.Builder
	b.WriteString(`<!doctype html><html lang="en"><head><meta charset="utf-8">` +
		`<title>Out of service</title><style>` +
		`html{height:100%;background:#101418;color:#fff;font-family:sans-serif}` +
		`body{min-height:100%;margin:0;display:grid;place-content:center;text-align:center}` +
		`p{margin:2vmin 4vmin;font-size:5vmin}p:first-child{font-size:9vmin;font-weight:700}` +
		`</style></head><body>`)
	for _, l := range languages {
		fmt.Fprintf(&b, `<p lang="%s">%s</p>`, l.tag,
			html.EscapeString(texts[l.code]["out_of_service.title"]))
	}
	b.WriteString("</body></html>")
	return b.String()
}
