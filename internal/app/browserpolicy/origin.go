package browserpolicy

import (
	"net/netip"
	"net/url"
	"strings"

	"kiosk-agent/internal/webaddr"
)

// Public reports whether a page of this origin comes from the internet, as far as its name tells:
// browsers go by the address that the name leads to. Names of one word, and those that lead nowhere
// on the internet, do not.
func Public(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
		return !addr.IsLoopback() && !addr.IsPrivate() && !addr.IsLinkLocalUnicast() &&
			!addr.IsUnspecified()
	}
	if webaddr.Loopback(host) || !strings.Contains(host, ".") {
		return false
	}
	for _, end := range []string{".localhost", ".local", ".lan", ".internal", ".home.arpa"} {
		if strings.HasSuffix(host, end) {
			return false
		}
	}
	return true
}

// matches reports whether a pattern of a policy covers an origin: [scheme://]host[:port][/path],
// where [*.] before the host takes in all names below it, and * stands for any host. No port means
// any.
func matches(pattern, origin string) bool {
	u, err := url.Parse(origin)
	if err != nil {
		return false
	}
	if pattern == "*" {
		return true
	}
	scheme, rest, has := strings.Cut(pattern, "://")
	if !has {
		scheme, rest = "*", pattern
	}
	rest, _, _ = strings.Cut(rest, "/")
	below := strings.HasPrefix(rest, "[*.]")
	rest = strings.TrimPrefix(rest, "[*.]")
	host, port := rest, "*"
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, ']') {
		host, port = rest[:i], rest[i+1:]
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	name := strings.ToLower(u.Hostname())
	return (scheme == "*" || scheme == u.Scheme) &&
		(host == "*" || host == name || below && strings.HasSuffix(name, "."+host)) &&
		(port == "*" || port == usual(u))
}

// usual is the origin's port, also where it goes without saying.
func usual(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}
