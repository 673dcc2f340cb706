// Package neterr says in an operator's words why a request had no answer. The words are its own:
// what net/http writes repeats the address with its query, and what a stranger's server or
// certificate says.
package neterr

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
)

// TLS is the operator's word for an error of TLS; "" for any other.
func TLS(host string, err error) string {
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	_, isOther := errors.AsType[x509.HostnameError](err)
	_, isUnknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, isCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, isRecord := errors.AsType[tls.RecordHeaderError](err)
	op, isOp := errors.AsType[*net.OpError](err)
	switch {
	case isInvalid && invalid.Reason == x509.Expired:
		return "certificate of " + host +
			" has expired or is not valid yet: look at this machine's clock too"
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

// Connection is the operator's word for any other error. The address is the configured host, with
// its port if it has one.
func Connection(address string, err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused by " + address
	case errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH):
		return "no route to " + address + ": is the network up?"
	case errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed by " + address + " before the end of the answer"
	}
	return "no valid HTTP answer from " + address
}
