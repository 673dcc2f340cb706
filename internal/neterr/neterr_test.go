package neterr

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
)

// stranger is what another's server, certificate or resolver says, and what an address may carry:
// none of it is repeated.
const stranger = "stranger-7f3a"

// asSent wraps an error as http.Client does.
func asSent(err error) error {
	return &url.Error{Op: "Get", URL: "https://member.example/?data=" + stranger, Err: err}
}

func TestTLS(t *testing.T) {
	certificate := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"expired", certificate(x509.CertificateInvalidError{Reason: x509.Expired,
			Detail: stranger}),
			"certificate of member.example has expired or is not valid yet: look at this " +
				"machine's clock too"},
		{"another host", certificate(x509.HostnameError{
			Certificate: &x509.Certificate{DNSNames: []string{stranger}}, Host: "member.example"}),
			"certificate is for another host than member.example"},
		{"unknown authority", certificate(x509.UnknownAuthorityError{}),
			"certificate of member.example comes from an authority that this machine does not " +
				"know"},
		{"invalid otherwise", certificate(
			x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign, Detail: stranger}),
			"certificate of member.example cannot be verified"},
		{"invalid, and nobody says that it is a certificate's",
			x509.CertificateInvalidError{Reason: x509.TooManyIntermediates},
			"certificate of member.example cannot be verified"},
		{"not verified for a reason of its own", certificate(errors.New(stranger)),
			"certificate of member.example cannot be verified"},
		{"no TLS record", tls.RecordHeaderError{Msg: stranger},
			"member.example does not speak TLS"},
		{"plain HTTP", http.ErrSchemeMismatch, "member.example does not speak TLS"},
		{"their alert", &net.OpError{Op: "remote error", Err: errors.New(stranger)},
			"TLS with member.example failed"},
		{"our alert", &net.OpError{Op: "local error", Err: errors.New(stranger)},
			"TLS with member.example failed"},
		{"refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, ""},
		{"anything else", errors.New(stranger), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := TLS("member.example", asSent(tc.err)); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestConnection(t *testing.T) {
	call := func(op string, err error) error {
		return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, err)}
	}
	const closed = "connection closed by member.example:8443 before the end of the answer"
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"refused", call("connect", syscall.ECONNREFUSED),
			"connection refused by member.example:8443"},
		{"no network", call("connect", syscall.ENETUNREACH),
			"no route to member.example:8443: is the network up?"},
		{"no such neighbour", call("connect", syscall.EHOSTUNREACH),
			"no route to member.example:8443: is the network up?"},
		{"reset", call("read", syscall.ECONNRESET), closed},
		{"broken pipe", call("write", syscall.EPIPE), closed},
		{"end before an answer", io.EOF, closed},
		{"end within an answer", fmt.Errorf("%s: %w", stranger, io.ErrUnexpectedEOF), closed},
		{"anything else", errors.New(stranger), "no valid HTTP answer from member.example:8443"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Connection("member.example:8443", asSent(tc.err))
			if got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
			if strings.Contains(got, stranger) {
				t.Errorf("%q repeats what a stranger said", got)
			}
		})
	}
}
