package conf

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"kiosk-agent/internal/webaddr"
)

// Checker collects what is wrong with values that could be read, each with the line of its key. A
// key whose mistake Decode has told is not told again.
type Checker struct {
	f  *File
	ps Problems
}

// Check begins to check the file.
func (f *File) Check() *Checker { return &Checker{f: f} }

// Problems are the mistakes that were found.
func (k *Checker) Problems() Problems { return k.ps }

// Fail reports a mistake.
func (k *Checker) Fail(key, hint, format string, args ...any) { k.fail(key, hint, format, args...) }

func (k *Checker) fail(key, hint, format string, args ...any) (told bool) {
	if k.f.wrong[key] {
		return false
	}
	k.ps = append(k.ps, Problem{Path: k.f.path, Line: k.f.Line(key), Key: key,
		What: fmt.Sprintf(format, args...), Hint: hint})
	return true
}

// Need reports a mistake unless ok.
func (k *Checker) Need(ok bool, key, hint, format string, args ...any) {
	if !ok {
		k.Fail(key, hint, format, args...)
	}
}

// Other reports another file that the key names and that cannot be used.
func (k *Checker) Other(err error, key, hint, format string, args ...any) {
	if err != nil && k.fail(key, hint, format, args...) {
		k.ps[len(k.ps)-1].File = true
	}
}

// OneOf wants one of the values.
func (k *Checker) OneOf(key, value string, allowed ...string) {
	k.Need(slices.Contains(allowed, value), key, "one of: "+strings.Join(allowed, ", "),
		"%.40q is not possible", value)
}

// WebURL wants an address with the encrypted scheme, or with the plain one on this very machine.
func (k *Checker) WebURL(key, raw, secure, plain string) {
	if raw == "" {
		k.Fail(key, "", "is required")
		return
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "":
		k.Fail(key, "", "is not an address such as %s://HOST/", secure)
	case u.Scheme == secure:
	case u.Scheme == plain && webaddr.Loopback(u.Hostname()):
	default:
		k.Fail(key, "only a loopback address may do without encryption", "must start with %s://",
			secure)
	}
}

// Secret wants the name of a secret's place, and never the secret.
func (k *Checker) Secret(key, ref string, required bool) {
	if ref == "" {
		k.Need(!required, key, "write file:PATH or credential:NAME", "is required")
		return
	}
	kind, name, _ := strings.Cut(ref, ":")
	switch {
	case kind == "credential" && name != "":
	case kind == "file" && filepath.IsAbs(name):
	case kind == "file":
		k.Fail(key, "a service has no useful working directory", "the file's path must be absolute")
	default:
		k.Fail(key, "put the value into a file of mode 0600 and name that: file:PATH",
			"the value itself must not stand here")
	}
}

// Listen wants an address and port, and returns the host; "" when it is none.
func (k *Checker) Listen(key, addr, example string) (host string) {
	host, port, err := net.SplitHostPort(addr)
	if err == nil && host != "" && port != "" {
		if _, err = strconv.ParseUint(port, 10, 16); err == nil {
			return host
		}
	}
	k.Fail(key, "such as "+example, "%.60q is not ADDRESS:PORT", addr)
	return ""
}
