package doctor

import (
	"context"
	"fmt"
	"strings"
)

// heldPorts looks whether systemd holds the agent's ports while it is down. Where the units are not
// installed, or another configuration is looked at, there is nothing to be said.
func (c *checker) heldPorts(context.Context) []Finding {
	if !c.Ports.Of(c.cfg.Path()) {
		return nil
	}
	f := Finding{Check: "held ports", State: OK,
		Tried: "compared the ports that systemd holds for the " +
			"agent with the configuration", Found: "they are the same"}
	differ, err := c.Ports.Differ(c.cfg.Addresses())
	switch {
	case err != nil:
		f.State, f.Found = Note, err.Error()
	case differ != "":
		f.State, f.Found = Note, differ
	case c.status != nil && c.status.HeldPorts.Differ():
		p := c.status.HeldPorts
		f.State = Note
		f.Found = fmt.Sprintf("the running agent was passed others: not held is %q, held for "+
			"nothing is %q", strings.Join(p.Missing, ", "), strings.Join(p.Surplus, ", "))
	case c.status != nil && len(c.status.HeldPorts.Held) == 0:
		f.State, f.Found = Note, "the running agent was passed none of them: while it is stopped, "+
			"any program of this machine can take its ports"
	}
	if f.State != OK {
		f.Do = "as root: kiosk-agent ports --apply"
	}
	return []Finding{f}
}
