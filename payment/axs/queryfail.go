package axs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"unicode"
)

// tlsFailure is the operator's word for an error of TLS; "" for any other.
func tlsFailure(host string, err error) string {
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, isOther := errors.AsType[x509.HostnameError](err)
	_, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, isRecord := errors.AsType[tls.RecordHeaderError](err)
	op, isOp := errors.AsType[*net.OpError](err)
	switch {
	case isInvalid && invalid.Reason == x509.Expired:
		return "certificate of " + host + " has expired or is not valid yet: look at this machine's clock too"
	case isOther:
		return "certificate is for another host than " + host
	case isUnknown:
		return "certificate of " + host + " comes from an authority that this machine does not know"
	case isCertificate || isInvalid:
		return "certificate of " + host + " cannot be verified"
	case isRecord || errors.Is(err, http.ErrSchemeMismatch):
		return host + " does not speak TLS"
	case isOp && (op.Op == "remote error" || op.Op == "local error"):
		return "TLS with " + host + " failed"
	}
	return ""
}

// connectionFailure is the operator's word for any other error. The address is the configured host, with its port if it has one.
func connectionFailure(address string, err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused by " + address
	case errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH):
		return "no route to " + address + ": is the network up?"
	case errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed by " + address + " before the end of the answer"
	}
	return "no valid HTTP answer from " + address
}

const (
	maxExcerpt = 80 // characters
	maxWord    = 16 // characters of a run that may be part of a token; the shortest part of one has as many
	hidden     = "[…]"
)

// excerpt shows how a body begins that is not an answer. It is a stranger's text, which may echo our request: control
// characters are dropped, our secrets are hidden, and so is each long run of a token's or a URL's characters, unless it is
// letters of one case only, as INVALID_MERCHANT_REFERENCE.
func (g *Gateway) excerpt(body []byte) string {
	for _, key := range g.openKeys {
		body = bytes.ReplaceAll(body, key().Reveal(), []byte(hidden))
	}
	body = body[:min(len(body), 8<<10)]
	var out []rune
	for rest := []rune(strings.ToValidUTF8(string(body), "�")); len(rest) > 0 && len(out) <= maxExcerpt; {
		n := 0
		for n < len(rest) && inRun(rest[n]) {
			n++
		}
		switch {
		case n > 0 && !harmless(rest[:n]):
			out = append(out, []rune(hidden)...)
		case n > 0:
			out = append(out, rest[:n]...)
		default:
			n = 1
			if c := rest[0]; c != ' ' && unicode.IsPrint(c) {
				out = append(out, c)
			} else if len(out) > 0 && out[len(out)-1] != ' ' {
				out = append(out, ' ')
			}
		}
		rest = rest[n:]
	}
	if len(out) > maxExcerpt {
		out = append(out[:maxExcerpt-1], '…')
	}
	return strings.TrimSpace(string(out))
}

// inRun reports whether a token, as it is or percent-encoded, or a URL's path may have the character.
func inRun(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(`-_.~%+/=\`, c)
}

func harmless(run []rune) bool {
	if len(run) < maxWord {
		return true
	}
	lower, upper := false, false
	for _, c := range run {
		switch {
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z':
			upper = true
		case c != '-' && c != '_' && c != '.' && c != '/':
			return false
		}
	}
	return !lower || !upper
}
