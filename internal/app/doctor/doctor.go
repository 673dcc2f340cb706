// Package doctor looks at everything that a kiosk needs in order to sell and says, for each thing,
// what was tried, what came back and what to do. It works beside a running agent and without one.
//
// Nothing that it does can touch money: it asks no gateway about a payment, opens no till's line
// and shows nothing to a customer. It makes one checkout link, opens it itself and throws it away.
// Towards gateways it sends a TLS handshake and HEAD /; towards the relay also the question for the
// newest journal head. Each probe ends within its time. Run may be called concurrently; nothing is
// kept but a file of some bytes in the journal's directory, for the time that a probe takes.
package doctor

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/browserpolicy"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/app/portunits"
)

// probeWithin bounds every single probe.
const probeWithin = 10 * time.Second

// State says how a thing is.
type State string

// The states. Only Wrong keeps a kiosk from selling.
const (
	OK    State = "ok"
	Note  State = "note"  // worth knowing, or not to be found out now
	Wrong State = "wrong" // must be mended
)

// Finding is one line of the report.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	Tried string `json:"tried"`
	Found string `json:"found"`
	Do    string `json:"do,omitempty"`
}

// Report is all of them, in a fixed order.
type Report struct {
	At       time.Time `json:"at"`
	Version  string    `json:"version"`
	Findings []Finding `json:"findings"`
}

// Wrong counts what must be mended.
func (r Report) Wrong() (n int) {
	for _, f := range r.Findings {
		if f.State == Wrong {
			n++
		}
	}
	return n
}

// Print writes the report for people.
func (r Report) Print(w io.Writer) error {
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%-5s  %s: %s\n       %s\n", f.State, f.Check, f.Tried, indented(f.Found))
		if f.Do != "" {
			fmt.Fprintf(w, "       do: %s\n", indented(f.Do))
		}
	}
	text := "nothing is wrong"
	if n := r.Wrong(); n > 0 {
		text = fmt.Sprintf("%d wrong", n)
	}
	_, err := fmt.Fprintln(w, "\n"+text)
	return err
}

func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n       ") }

// Options are what Run works with.
type Options struct {
	Config string // the configuration's path
	// $CREDENTIALS_DIRECTORY; "" = the running service's, where this process may read it
	CredDir string
	Version string
	// Ask asks the running agent on its admin socket for a path and decodes the answer.
	Ask func(ctx context.Context, socket, path string, into any) error
	// Head asks the relay for the newest journal head, with this terminal's token: a request that
	// changes nothing.
	Head func(ctx context.Context, c *config.Config) error
	// Gateways are the payment services that there are; nil = gateways.All.
	Gateways gateways.Table
	// Browsers are those whose policies are looked at, where a till is a page on the internet;
	// nil = this system's are not known.
	Browsers []browserpolicy.Browser
	// Ports are the units that hold the agent's ports.
	Ports portunits.Units
	// TLS is nil in production: the system's roots. Tests bring their own.
	TLS TLSRoots
}

// checker is what the probes share.
type checker struct {
	Options
	cfg    *config.Config
	status *agent.Status // of the running agent; nil = it does not answer
	dates  dates
}

// probe looks at one thing; it heeds ctx or is left behind.
type probe struct {
	check, tried string
	look         func(ctx context.Context) []Finding
}

// Run looks at everything.
func Run(ctx context.Context, o Options) Report {
	if o.CredDir == "" {
		o.CredDir = serviceCredentials()
	}
	c := &checker{Options: o}
	r := Report{At: time.Now().UTC(), Version: o.Version}
	r.Findings = append(r.Findings, c.version(), c.readConfig())
	if c.cfg == nil {
		return r
	}
	r.Findings = append(r.Findings,
		c.run(ctx, probe{"agent", "asked on " + c.cfg.Admin.Socket, c.askAgent})...)
	if c.status != nil {
		r.Findings[0] = c.versions()
	}
	probes := []probe{{"secrets", "read the secrets and tried the gateway's", c.secrets},
		{"relay", "asked the relay", c.relay}}
	probes = append(append(probes, c.gateways()...), c.lines()...)
	probes = append(probes, probe{"held ports", "looked at the units that hold them", c.heldPorts},
		probe{"pages", "looked for browsers' policies", c.pages},
		probe{"display", "asked the agent", c.display},
		probe{"disk", "wrote to the journal's directory", c.disk})
	found := make([][]Finding, len(probes))
	var all sync.WaitGroup
	for i, pr := range probes {
		all.Go(func() { found[i] = c.run(ctx, pr) })
	}
	all.Wait()
	for _, f := range found {
		r.Findings = append(r.Findings, f...)
	}
	r.Findings = append(r.Findings, c.clock())
	return r
}

// run bounds a probe, also one that hangs in the kernel.
func (c *checker) run(ctx context.Context, pr probe) []Finding {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() { done <- pr.look(ctx) }()
	select {
	case f := <-done:
		return f
	case <-ctx.Done():
	}
	select { // what heeds the time has a better text
	case f := <-done:
		return f
	case <-time.After(probeWithin / 10):
		return []Finding{{pr.check, Wrong, pr.tried, "no answer within " + probeWithin.String(),
			"look at what it waits for: the disk, the network or the device"}}
	}
}

func (c *checker) version() Finding {
	return Finding{"version", OK, "looked at this program",
		fmt.Sprintf("kiosk-agent %s, %s, %s/%s", c.Version, runtime.Version(), runtime.GOOS,
			runtime.GOARCH), ""}
}

// versions compares this program with the one that runs: after an upgrade that has not restarted it
// they differ.
func (c *checker) versions() Finding {
	f := c.version()
	f.Tried = "compared this program with the running agent"
	running := c.status.Version
	if running == c.Version {
		f.Found += "; the agent runs the same"
		return f
	}
	if running == "" {
		running = "an older version, which does not say which"
	}
	f.State, f.Found = Note, f.Found+"; the agent runs "+running
	f.Do = "restart it: systemctl restart kiosk-agent; a payment that is under way goes on " +
		"after that"
	return f
}

func (c *checker) readConfig() Finding {
	f := Finding{Check: "config", State: OK, Tried: "read " + c.Config}
	var err error
	reader := config.Reader{Gateways: c.Gateways}
	if c.cfg, err = reader.Salvage(c.Config); err != nil {
		f.State, f.Found, f.Do = Wrong, err.Error(), "mend the file, then: kiosk-agent check-config"
		return f
	}
	f.Found = fmt.Sprintf("terminal %s, tag %s, %s", c.cfg.Terminal.ID, c.cfg.TerminalTag(),
		c.cfg.Payment.Provider)
	if open := changeable(c.Config); open != "" {
		f.State, f.Found, f.Do = Wrong,
			f.Found+"; but everybody on this machine can change "+open+
				", and with it whom the agent believes", "chmod o-w "+open
	}
	return f
}

// changeable is the configuration's file, or its directory, where anybody may change it: whoever
// can name another gateway can have any sale approved.
func changeable(path string) string {
	if runtime.GOOS == "windows" { // the mode says nothing there
		return ""
	}
	for _, name := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(name)
		if err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
			return name
		}
	}
	return ""
}
