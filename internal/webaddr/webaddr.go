// Package webaddr judges addresses and short texts that people wrote into a configuration, or a
// service into an answer.
package webaddr

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Loopback reports whether a host's name or address (without its port) is this machine: localhost
// in any case, 127.0.0.0/8, ::1, and the same written as IPv6.
func Loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// Check reads an absolute https URL of at most longest characters, or an http one of a loopback
// host, without user information. problem is what is wrong with it, to be said after its name; "" =
// nothing.
func Check(raw string, longest int) (u *url.URL, problem string) {
	if raw == "" {
		return nil, "is empty"
	}
	if !Printable(raw, 1, longest) {
		return nil, fmt.Sprintf("is longer than %d characters or not printable ASCII", longest)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return nil, "is not an absolute URL"
	case u.User != nil:
		return nil, "has a user name or password in it"
	case u.Scheme == "https" || u.Scheme == "http" && Loopback(u.Hostname()):
		return u, ""
	default:
		return nil, "is not https (plain http is for a loopback host only)"
	}
}

// Name reports whether s can name a terminal or a till, wherever it has to: 1 to 32 printable ASCII
// characters, no blank around them.
func Name(s string) bool { return Printable(s, 1, 32) && strings.Trim(s, " ") == s }

// Printable reports whether s has least to most characters, all of them printable ASCII.
func Printable(s string, least, most int) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) >= least && len(s) <= most
}
