package setup

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"kiosk-agent/internal/app/browserpolicy"
)

// publicOrigins are those of the pages whose browser needs a policy.
func publicOrigins(origins []string) []string {
	return slices.DeleteFunc(slices.Clone(origins), func(o string) bool {
		return !browserpolicy.Public(o) || !strings.HasPrefix(o, "https://")
	})
}

// checkPolicies finds out whether the policies can be written, before the code is spent.
func (k Kiosk) checkPolicies() error {
	if len(publicOrigins(k.Origins)) == 0 {
		return nil
	}
	for _, b := range k.Browsers {
		if err := writable(b.Dir); err != nil {
			return fmt.Errorf("the policy for %s: %w (run this as root)", b.Name, err)
		}
	}
	return nil
}

// writePolicies makes this machine's browsers let in the pages of origins that need it, and says
// which files do so.
func (k Kiosk) writePolicies(origins []string) (files []string, err error) {
	public := publicOrigins(origins)
	if len(public) == 0 {
		return nil, nil
	}
	for _, b := range k.Browsers {
		file, err := b.Write(public)
		if err != nil {
			return files, fmt.Errorf("the policy for %s: %w", b.Name, err)
		}
		files = append(files, file)
	}
	return files, nil
}

// OnlyPages is whether a kiosk that is there is only to let in a till's page.
func (n *Interview) OnlyPages() bool {
	return len(n.Kiosk.Origins) > 0 && n.Kiosk.Code == "" && n.Fleet == "" && !n.Kiosk.Replace &&
		n.Kiosk.Free() != nil
}

// AllowPages lets in the pages on a kiosk that is there, as far as browsers are concerned: its
// configuration stays as it is, and the report says what is to be added to it.
func (n *Interview) AllowPages(w io.Writer) error {
	c, err := n.Kiosk.reader().Salvage(n.Kiosk.Path())
	if err != nil {
		return err
	}
	origins := slices.Clone(c.Till.WebSocket.AllowedOrigins)
	var missing []string
	for _, o := range n.Kiosk.Origins {
		if u, err := url.Parse(o); err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" {
			return fmt.Errorf("%.80q is not an origin as a browser sends it: "+
				"https://till.example", o)
		}
		if !slices.Contains(origins, o) {
			origins, missing = append(origins, o), append(missing, fmt.Sprintf("%q", o))
		}
	}
	files, err := n.Kiosk.writePolicies(origins)
	if err != nil {
		return fmt.Errorf("%w (run this as root)", err)
	}
	fmt.Fprintf(w, "%s stays as it is.\n\nNext:\n", n.Kiosk.Path())
	step := 0
	say := sayTo(w, &step)
	if len(missing) > 0 {
		say("Add %s to allowed_origins below [till.websocket] in it, and: systemctl restart "+
			"kiosk-agent", strings.Join(missing, ", "))
	}
	n.sayPages(say, origins, files)
	say("kiosk-agent doctor%s", n.suffix())
	return nil
}

// suffix is what commands need to find the configuration.
func (n *Interview) suffix() string {
	if n.Kiosk.Dir == "/etc/kiosk-agent" {
		return ""
	}
	return " --config " + n.Kiosk.Path()
}

// sayTo writes numbered steps.
func sayTo(w io.Writer, step *int) func(format string, args ...any) {
	return func(format string, args ...any) {
		*step++
		fmt.Fprintf(w, "  %d. "+format+"\n", append([]any{*step}, args...)...)
	}
}

// sayPages says what is left to do for the tills that are pages.
func (n *Interview) sayPages(say func(format string, args ...any), origins, files []string) {
	for _, o := range origins {
		if browserpolicy.Public(o) && strings.HasPrefix(o, "http://") {
			say("Serve the till's page %s by https: browsers let no page from the internet reach "+
				"this machine by plain http, whatever the policy.", o)
		}
	}
	if public := publicOrigins(origins); len(public) > 0 {
		if len(files) > 0 {
			say("Start the till's browser anew: chrome://policy shows %s. It is in:\n     %s",
				browserpolicy.Allowed, strings.Join(files, "\n     "))
		}
		others := make([]string, 0, len(browserpolicy.All()))
		lines := []string(nil)
		for _, b := range browserpolicy.All() {
			if b.Name == "Edge" {
				lines = b.RegistryLines(public)
				continue
			}
			others = append(others, fmt.Sprintf("for %s with %s", b.Name, b.Registry))
		}
		say("Where the till's browser runs on Windows: as administrator there (these are for "+
			"Edge;\n     %s)\n     %s", strings.Join(others, ", "), strings.Join(lines, "\n     "))
	}
}
