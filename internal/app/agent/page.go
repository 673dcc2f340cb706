package agent

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

//go:embed status.html
var statusHTML string

// statusStyle stands in the page itself, which loads nothing from anywhere.
const statusStyle = `
:root { color-scheme: light dark; --line: #d5d7dc; --soft: #5d626c; --card: #fff;
  --back: #f2f3f5; --ink: #1b1d21; --mark: #1b7f3b; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a3d44; --soft: #a5abb6; --card: #22242a;
    --back: #16171b; --ink: #eceef2; --mark: #41b866; }
}
body { margin: 0; background: var(--back); color: var(--ink);
  font: 16px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
body.closed { --mark: #c0392b; }
body.wait { --mark: #b9770e; }
main { max-width: 44rem; margin: 0 auto; padding: 1rem; }
header, section, table { background: var(--card); border-radius: .5rem;
  padding: .9rem 1rem; margin: 0 0 .8rem; }
header { border-left: .5rem solid var(--mark); }
section { border-left: .5rem solid var(--mark); }
h1 { margin: 0; font-size: 1.7rem; color: var(--mark); }
h2 { margin: 0; font-size: 1rem; }
p { margin: .25rem 0 0; }
.terminal, .code, footer { color: var(--soft); font-size: .85rem; margin: 0; }
.code { margin-top: .25rem; font-family: ui-monospace, monospace; }
table { width: 100%; box-sizing: border-box; border-collapse: collapse; display: block; }
tbody { display: table; width: 100%; }
tr + tr > * { border-top: 1px solid var(--line); }
th, td { text-align: left; vertical-align: top; padding: .4rem .5rem .4rem 0; font-weight: normal; }
th { color: var(--soft); width: 9rem; }
td.bad { color: #c0392b; }
@media (max-width: 30rem) { main { padding: .6rem; } th { width: 7rem; } }
`

// statusScript reads the page again and puts what it says in the place of what it said: nothing
// that a reader has found, or has in focus, is taken from him by a new page.
const statusScript = `
setInterval(async () => {
  try {
    const r = await fetch(location.href, {cache: "no-store"});
    const now = new DOMParser().parseFromString(await r.text(), "text/html");
    const main = now.querySelector("main");
    if (!r.ok || !main) throw new Error(r.status);
    document.querySelector("main").replaceWith(main);
    document.body.className = now.body.className;
    document.title = now.title;
  } catch (e) {
    document.body.className = "closed";
    document.querySelector("h1").textContent = "the agent does not answer";
  }
}, 10000);
`

// statusPage is what statusHTML shows. Nothing in it is a secret, a token or an address that is a
// capability.
type statusPage struct {
	Terminal, State, Means, Class string
	Reasons                       []payment.Reason
	Rows                          []statusRow
	Style                         template.CSS
	Script                        template.JS
	At                            string
}

type statusRow struct {
	Name, Value string
	Bad         bool
}

// statusHandler serves the page for people. It answers 200 whatever it says: /readyz is for
// programs.
func (a *Agent) statusHandler() (http.Handler, error) {
	t, err := template.New("status").Parse(statusHTML)
	if err != nil {
		return nil, err
	}
	policy := "default-src 'none'; style-src " + only(statusStyle) + "; script-src " +
		only(statusScript) + "; connect-src 'self'; img-src data:; base-uri 'none'; " +
		"form-action 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), askWithin)
		defer cancel()
		st, snap, err := terminal{a}.look(ctx, "")
		if err != nil {
			http.Error(w, "the engine does not answer: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		var page bytes.Buffer
		data := a.statusPage(a.whole(st, snap))
		if err := t.Execute(&page, data); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		for name, value := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy,
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"X-Content-Type-Options": "nosniff",
		} {
			w.Header().Set(name, value)
		}
		_, _ = w.Write(page.Bytes())
	}), nil
}

// only is a text of the page's own, as its policy names it.
func only(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (a *Agent) statusPage(st Status) statusPage {
	p := statusPage{
		Terminal: cmp.Or(a.cfg.Terminal.ID, "kiosk-agent"), State: "ready",
		Means: "A sale can start now.", Reasons: st.Reasons,
		Style: statusStyle, Script: statusScript, At: a.clock.Now().Wall.Format(time.DateTime),
	}
	switch {
	case len(a.closed) > 0:
		p.State, p.Means, p.Class = "out of service",
			"No sale can start until this is mended. The agent looks every few seconds and "+
				"goes on by itself.", "closed"
	case !st.Ready:
		p.State, p.Means, p.Class = "not ready", "No sale can start now.", "wait"
	case st.Active != nil:
		p.Means = "A payment is under way."
	}
	p.Rows = []statusRow{
		{Name: "Version", Value: a.opts.Version},
		{Name: "Configuration", Value: cmp.Or(a.cfg.Path(), "none that can be used"),
			Bad: a.cfg.Path() == ""},
		a.journalRow(st.Journal), relayRow(st.Relay), displayRow(st.Display),
		{Name: "Clock", Value: clockText(st.Clock), Bad: !st.Clock.Plausible},
		accountRow(st.Accounts), watchRow(st.Watch), questionsRow(st.Questions),
		portsRow(st.HeldPorts),
		workRow(st.Worklist),
	}
	for _, t := range st.Tills {
		p.Rows = append(p.Rows, tillRow(t))
	}
	return p
}

func (a *Agent) journalRow(j device.JournalStatus) statusRow {
	row := statusRow{Name: "Journal", Bad: !j.Writable}
	switch {
	case a.cfg.Path() == "":
		row.Value = "not known without a configuration"
	case a.journal == nil:
		row.Value = a.cfg.Journal.Path + ", cannot be opened"
	default:
		row.Value = fmt.Sprintf("%s, head %d, %d MiB free", a.cfg.Journal.Path, j.HeadSeq,
			j.FreeBytes>>20)
		if !j.Writable {
			row.Value += ", takes no entries"
		}
	}
	return row
}

func relayRow(r device.RelayStatus) statusRow {
	row := statusRow{Name: "Relay", Value: "not connected", Bad: !r.Connected}
	if r.Connected {
		row.Value = "connected"
	}
	if r.Host != "" {
		row.Value += " to " + r.Host
	}
	if r.CanaryAge != nil {
		row.Value += ", last test message " + strconv.Itoa(*r.CanaryAge) + " s ago"
	}
	if r.Error != "" {
		row.Value += ": " + r.Error
	}
	return row
}

func displayRow(d device.DisplayStatus) statusRow {
	row := statusRow{Name: "Display", Value: "not connected", Bad: !d.Connected}
	if d.Connected {
		row.Value = "connected, shows " + cmp.Or(d.Showing, "nothing yet")
	}
	if d.Warning != "" {
		row.Value += ": " + d.Warning
	}
	return row
}

func clockText(c device.ClockStatus) string {
	switch {
	case !c.Plausible:
		return "wrong"
	case c.OffsetMS == nil:
		return "plausible"
	default:
		return fmt.Sprintf("%d ms from the relay's", *c.OffsetMS)
	}
}

func watchRow(w Watch) statusRow {
	row := statusRow{Name: "Late money", Bad: w.Left > 0,
		Value: fmt.Sprintf("asked for, of %d earlier payments", w.Asked)}
	if w.Left+w.LeftApproved > 0 {
		row.Value += fmt.Sprintf("; %d are left out, %d of them approved", w.Left+w.LeftApproved,
			w.LeftApproved)
	}
	return row
}

func portsRow(p HeldPorts) statusRow {
	row := statusRow{Name: "Held ports", Value: "not held by the service manager"}
	if len(p.Held)+len(p.Surplus) > 0 {
		row.Value = "held while the agent is down: " + strings.Join(p.Held, ", ")
	}
	if p.Differ() {
		row.Bad = true
		row.Value += fmt.Sprintf(
			"; not held: %s; held for nothing: %s (as root: kiosk-agent ports "+
				"--apply)", orNone(p.Missing), orNone(p.Surplus))
	}
	return row
}

func orNone(list []string) string { return cmp.Or(strings.Join(list, ", "), "none") }

func tillRow(t device.TillStatus) statusRow {
	row := statusRow{Name: "Till " + t.Name, Value: t.Kind + ", not connected"}
	if t.Connected {
		row.Value = t.Kind + ", connected"
	}
	if t.Error != "" {
		row.Value, row.Bad = row.Value+": "+t.Error, true
	}
	if t.Hint != "" {
		row.Value += " (" + t.Hint + ")"
	}
	return row
}
