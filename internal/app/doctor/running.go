package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/agent"
)

// askAgent asks whether the agent takes sales. One that does not run sells nothing.
func (c *checker) askAgent(ctx context.Context) []Finding {
	f := Finding{Check: "agent", State: OK, Tried: "asked for its status on " + c.cfg.Admin.Socket,
		Found: "it runs and takes sales"}
	var answer json.RawMessage
	err := c.Ask(ctx, c.cfg.Admin.Socket, "/v1/status", &answer)
	var st struct {
		agent.Status
		// a payment that is under way: of no interest here, and device.Status only writes it
		Active json.RawMessage `json:"active"`
	}
	if err == nil {
		err = json.Unmarshal(answer, &st)
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		f.State, f.Found, f.Do = Wrong, "this user may not ask it",
			"run this as root or as the agent's user"
	case err != nil:
		f.State, f.Found, f.Do = Wrong, "it does not answer: "+err.Error(),
			"start it: systemctl start kiosk-agent; why it ended: journalctl -u kiosk-agent"
		return append([]Finding{f}, c.unasked()...)
	default:
		c.status = &st.Status
		all := []Finding{f}
		if !st.Ready {
			all = c.notReady(f, st.Status.Status)
		}
		return append(append(all, c.ports()...), c.worklist(), c.questions())
	}
	return []Finding{f}
}

// ports are the addresses that another program has.
func (c *checker) ports() (all []Finding) {
	for _, p := range c.status.Ports {
		all = append(all, Finding{Check: "address " + p.Key, State: Wrong,
			Tried: "asked the agent whether it has " + p.Address, Found: p.Error, Do: p.Hint})
	}
	return all
}

// worklist is what staff have not looked at yet. It stops no sale.
func (c *checker) worklist() Finding {
	f := Finding{Check: "worklist", State: OK, Tried: "asked the agent what staff must look at",
		Found: "nothing"}
	switch n := c.status.Worklist; {
	case n < 0:
		f.State, f.Found = Note, "not known: the journal cannot be read"
	case n > 0:
		f.State, f.Found = Note, fmt.Sprintf("%d entries: money may hang on each", n)
		f.Do = "kiosk-agent worklist lists them and says what to do"
	}
	return f
}

// unasked says what it costs that the gateway cannot be asked about payments.
func (c *checker) unasked() []Finding {
	g, err := c.cfg.Gateway()
	if err != nil || g.Unasked() == "" {
		return nil
	}
	return []Finding{{"questions", Note, "looked where the gateway is asked about payments",
		g.Unasked(), "ask the gateway for the address of its query, and write it there"}}
}

// questions is how the gateway's query answers.
func (c *checker) questions() Finding {
	q := c.status.Questions
	f := Finding{Check: "questions", State: OK,
		Tried: "asked the agent how the gateway answers about payments",
		Found: fmt.Sprintf("%d asked since the agent's start, %d failed", q.Asked, q.Failed)}
	if none := c.unasked(); len(none) > 0 {
		return none[0]
	}
	if q.FailedInARow > 0 {
		f.Found += fmt.Sprintf(", the last %d in a row: %s", q.FailedInARow, q.LastFailure)
	}
	switch {
	case q.Silent():
		f.State = Wrong
		f.Do = "sales that nobody pays end as unknown until it answers: correct the query's " +
			"address or the network, or ask the gateway's support with these words"
		if strings.Contains(q.LastFailure, "("+c.cfg.Payment.Provider+".") {
			f.Do = "write the key that it names into the configuration and restart the agent; " +
				"kiosk-agent gateway probe shows its value"
		}
	case q.Asked == 0:
		f.State, f.Found = Note, "none asked since the agent's start"
	case q.Failed > 0:
		f.State = Note
	}
	return f
}

func (c *checker) notReady(f Finding, st device.Status) (all []Finding) {
	for _, r := range st.Reasons {
		f.State, f.Found, f.Do = Wrong, "it runs and takes no sale: "+r.Code+": "+r.Message, r.Hint
		all = append(all, f)
	}
	return all
}

// display knows only what the agent tells: it is the one that the display's page talks to.
func (c *checker) display(context.Context) []Finding {
	f := Finding{Check: "display", State: OK, Tried: "asked the agent for its display"}
	if c.status == nil {
		f.State, f.Found = Note, "not known: the agent did not say"
		return []Finding{f}
	}
	d := c.status.Display
	switch {
	case !d.Connected && d.Warning != "":
		f.State, f.Found, f.Do = Wrong, d.Warning, "end the program that has the display's address"
	case !d.Connected && c.cfg.Payment.RequireDisplay:
		f.State, f.Found = Wrong, "none is connected"
		f.Do = "start the display's browser; its page is http://" + c.cfg.Display.Listen +
			"/, the first time with ?token= and the content of display.token"
	case !d.Connected:
		f.State, f.Found = Note, "none is connected, and payment.require_display asks for none"
	case d.Warning != "":
		f.State, f.Found, f.Do = Wrong, d.Warning,
			"use a larger display"
		if g, err := c.cfg.Gateway(); err == nil && g.Row().Shorter != "" {
			f.Do += ", or " + g.Row().Shorter
		}
	default:
		f.Found = "connected, shows " + d.Showing
		if d.PxPerModule > 0 {
			f.Found += fmt.Sprintf("; a real link has %d pixels per module", d.PxPerModule)
		}
	}
	return []Finding{f}
}

// canary is what the running agent knows about the way from the hook URL to itself.
func (c *checker) canary() Finding {
	f := Finding{Check: "relay", State: OK, Tried: "asked the agent for the newest test message"}
	r, most := c.status.Relay, c.cfg.Payment.RequireCanary.Of()
	switch {
	case !r.Connected:
		f.State, f.Found, f.Do = Wrong, "the agent is not connected: "+r.Error,
			"check the network and relay.url"
	case r.CanaryAge == nil:
		f.State, f.Found, f.Do = Wrong, "none has come back yet"+because(r.Error),
			"wait some seconds; then check relay.hook_url"
	default:
		age := time.Duration(*r.CanaryAge) * time.Second
		f.Found = fmt.Sprintf("it went out through the hook URL %s ago and came back", age)
		if most > 0 && age > most {
			f.State, f.Do = Wrong, "check that relay.hook_url can be reached from here"
			f.Found += because(r.Error)
		}
	}
	return f
}

// because is the newest failure, which names the hook URL's answer where it was one.
func because(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// clock compares this machine's wall clock with everybody who told a date. It is for people and
// certificates; deadlines do not use it.
func (c *checker) clock() Finding {
	f := Finding{Check: "clock", State: OK, Tried: "compared this clock with others"}
	var told []string
	worst := time.Duration(0)
	note := func(who string, offset time.Duration) {
		told = append(told, fmt.Sprintf("%s: %+.1f s", who, offset.Seconds()))
		if offset.Abs() > worst {
			worst = offset.Abs()
		}
	}
	if c.status != nil && c.status.Clock.OffsetMS != nil {
		note("the relay, as the agent learned it",
			time.Duration(*c.status.Clock.OffsetMS)*time.Millisecond)
	}
	for _, d := range c.dates.all() {
		note(d.host, d.offset)
	}
	switch {
	case c.status != nil && !c.status.Clock.Plausible, worst > wrongClock:
		f.State, f.Do = Wrong, "set the clock and keep it set: timedatectl set-ntp true"
	case len(told) == 0:
		f.State, f.Found, f.Do = Note,
			"nobody could be asked; this clock says "+time.Now().UTC().Format(time.RFC3339),
			"compare it yourself"
		return f
	case worst > slowClock:
		f.State, f.Do = Note, "let it be kept by NTP: timedatectl set-ntp true"
	}
	f.Found = "theirs minus ours: " + strings.Join(told, ", ")
	return f
}

// What a clock may be wrong by. A Date header has whole seconds.
const (
	wrongClock = 10 * time.Minute // clock_implausible
	slowClock  = 30 * time.Second
)
