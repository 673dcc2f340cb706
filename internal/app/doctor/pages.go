package doctor

import (
	"context"
	"fmt"
	"strings"

	"kiosk-agent/internal/app/browserpolicy"
)

// pages looks whether the browsers of this machine let in the tills' pages that come from the
// internet. Where there are none, there is nothing to be said.
func (c *checker) pages(context.Context) (found []Finding) {
	for _, origin := range c.cfg.Till.WebSocket.AllowedOrigins {
		if browserpolicy.Public(origin) {
			found = append(found, c.page(origin))
		}
	}
	return found
}

func (c *checker) page(origin string) Finding {
	f := Finding{Check: "page " + origin, State: Note,
		Tried: "looked for the policy that lets it reach this machine"}
	if strings.HasPrefix(origin, "http://") {
		f.Found = "it comes by plain http: where that is from the internet, Chrome from 147 on " +
			"lets no such page reach this machine, whatever the policy"
		f.Do = "serve the page by https, and name it so in allowed_origins"
		return f
	}
	f.Do = "as root: kiosk-agent init --till-origin " + origin + ", and start the browser anew; " +
		"for a browser on another machine docs/INTEGRATION.md, A page on the internet, has the " +
		"policy"
	if len(c.Browsers) == 0 {
		f.Found = "this system's policies are not looked at here"
		f.Do = "see whether chrome://policy has " + browserpolicy.Allowed + " with this origin; " +
			"docs/INTEGRATION.md, A page on the internet, has how it gets there"
		return f
	}
	var allow, silent, unread []string
	for _, b := range c.Browsers {
		verdict, file, err := b.Says(origin)
		if err != nil {
			unread = append(unread, err.Error())
		}
		switch verdict {
		case browserpolicy.Blocks:
			f.State, f.Found = Wrong, fmt.Sprintf("%s forbids it: %s", b.Name, file)
			f.Do = "take it out of " + browserpolicy.Blocked + " and " + browserpolicy.BlockedOld +
				" there: they win over what is allowed"
			return f
		case browserpolicy.Allows:
			allow = append(allow, b.Name)
		default:
			if file != "" {
				unread = append(unread, file+" allows other origins only")
			}
			silent = append(silent, b.Name)
		}
	}
	if len(allow) == 0 {
		f.Found = "no policy allows it: a person is asked, and in a kiosk it is forbidden"
	} else {
		f.State, f.Do = OK, ""
		f.Found = "allowed in " + strings.Join(allow, ", ")
		if len(silent) > 0 {
			f.Found += "; not in " + strings.Join(silent, ", ")
		}
	}
	if len(unread) > 0 {
		f.Found += "\n" + strings.Join(unread, "\n")
	}
	return f
}
