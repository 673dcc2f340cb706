package singapay

import (
	"context"
	"errors"
	"net"

	"kiosk-agent/internal/neterr"
)

// networkFailure says in words of its own why there was no answer: an error's text repeats the
// address and what a stranger's server or certificate wrote. The address is the configured host,
// with its port if it has one.
func networkFailure(ctx context.Context, address string, err error) string {
	host := address
	if name, _, splitErr := net.SplitHostPort(address); splitErr == nil {
		host = name
	}
	dns, isDNS := errors.AsType[*net.DNSError](err)
	netErr, isNet := errors.AsType[net.Error](err)
	switch {
	case ctx.Err() != nil:
		return endWords(ctx)
	case isDNS && dns.IsTimeout:
		return "cannot resolve host " + host + ": the name server does not answer"
	case isDNS:
		return "cannot resolve host " + host
	case isNet && netErr.Timeout():
		return "timeout"
	}
	if words := neterr.TLS(host, err); words != "" {
		return words
	}
	return neterr.Connection(address, err)
}
