package axs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"kiosk-agent/internal/neterr"
	"kiosk-agent/internal/webaddr"
	"kiosk-agent/payment"
)

const (
	maxAnswer = 1 << 20 // bytes of an answer's body; one record has about 300

	// for the next question; a waiting payment asks every few seconds
	idleConnection = 2 * time.Minute
)

// newClient is what AXS is asked with, on kept connections or on a new one each time: TLS verified
// against the system's roots, HTTP/1.1, no cookies, no redirects (where one leads nobody has
// configured). No proxy either: the environment of a kiosk's service is no place that anybody looks
// at to see where payments are asked about.
func newClient(timeout time.Duration, keep bool) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		// The caller's context ends it all after timeout; the bounds here end a dial that goes on
		// behind a request that has ended.
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: timeout}).DialContext,
			TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout,
			IdleConnTimeout: idleConnection, MaxResponseHeaderBytes: 64 << 10,
			DisableCompression: true, DisableKeepAlives: !keep,
		},
	}
}

// Endpoint names what Query asks, "" when there is none: a short digest of query URL,
// merchantLinkId and Client ID, which changes with any of them and tells none. What one endpoint
// has proved says nothing of another.
func (g *Gateway) Endpoint() string {
	if g.cfg.QueryURL == "" {
		return ""
	}
	h := sha256.New()
	for _, part := range []string{g.cfg.QueryURL, g.linkID(), g.cfg.ClientID} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// linkID is the merchantLinkId of the payment link, which New has checked.
func (g *Gateway) linkID() string { return lastSegment(g.cfg.PaymentLink) }

// Query asks AXS once for every record of merchantRef, within Config.QueryTimeout and ctx; the
// caller paces it. A failure is in the answer: its words help an operator and repeat neither the
// request, nor a token, nor a secret.
//
// Where AXS may know a reference with its dash or without, what is not found in the one form is
// asked for in the other: a sale of before the key was set, or one that AXS itself has written so.
func (g *Gateway) Query(ctx context.Context, merchantRef string) payment.QueryAnswer {
	if g.cfg.QueryURL == "" {
		return failed(0, "no query is configured (axs.query_url)")
	}
	sent, other := g.sent(merchantRef), merchantRef
	if g.cfg.Reference == ReferenceLoose {
		other = plain(merchantRef)
	}
	answer := g.askFor(ctx, sent)
	if sent == other || answer.Failure != "" || len(answer.Records) > 0 {
		return answer
	}
	second := g.askFor(ctx, other)
	if s := second.HTTPStatus; s == http.StatusBadRequest || s == http.StatusUnprocessableEntity {
		return answer // AXS takes no such reference, so that nothing was sold under it
	}
	return second
}

// askFor asks once for one reference as AXS has it.
func (g *Gateway) askFor(ctx context.Context, sent string) (answer payment.QueryAnswer) {
	address, fault := g.question(sent)
	if fault != "" {
		return failed(0, fault)
	}
	limited, cancel := context.WithTimeout(ctx, g.cfg.QueryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, http.MethodGet, address, nil)
	if err != nil {
		return failed(0, "the request could not be made") // err repeats the address
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "kiosk-agent")
	began := time.Now()
	resp, err := g.client.Do(req)
	var body []byte
	defer func() { g.saw("query", began, resp, body, answer.Failure) }()
	if err != nil {
		return failed(0, g.networkFailure(ctx, limited, req.URL.Host, err))
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch status := resp.StatusCode; {
	case status == http.StatusNotFound:
		return payment.QueryAnswer{HTTPStatus: status, NotFound: true}
	case redirects(resp):
		return failed(status, redirected(status, "axs.query_url"))
	case status != http.StatusOK:
		return failed(status, fmt.Sprintf("HTTP %d", status))
	case err != nil:
		// the body broke off
		return failed(status, g.networkFailure(ctx, limited, req.URL.Host, err))
	case len(body) > maxAnswer:
		return unread("the answer is longer than 1 MiB")
	}
	return g.decodeAnswer(body)
}

// question is the address with a fresh token in it, or what is wrong.
func (g *Gateway) question(merchantRef string) (address, fault string) {
	if !webaddr.Printable(merchantRef, 1, MaxRef) {
		return "", fmt.Sprintf("the merchant reference is not 1 to %d printable characters", MaxRef)
	}
	plaintext, err := json.Marshal(map[string]string{"merchantRef": merchantRef})
	if err != nil {
		return "", "the question could not be encoded"
	}
	token, err := seal(plaintext, g.mintKey(), g.cfg.ClientID)
	if err != nil {
		return "", "the question could not be encrypted"
	}
	return g.cfg.QueryURL + "/" + g.linkID() + "?data=" + token, ""
}

func redirects(resp *http.Response) bool {
	return resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.Header.Get("Location") != ""
}

func redirected(status int, key string) string {
	return fmt.Sprintf(
		"HTTP %d, a redirect, which is not followed: a network's login page, or a wrong %s", status,
		key)
}

// failed is an answer that does not count.
func failed(status int, why string) payment.QueryAnswer {
	return payment.QueryAnswer{HTTPStatus: status, Failure: why}
}

// networkFailure says in words of its own why there was no answer: err's text repeats the address
// with its token, and what a stranger's server or certificate wrote.
func (g *Gateway) networkFailure(caller, limited context.Context, address string,
	err error) string {
	host := address
	if name, _, splitErr := net.SplitHostPort(address); splitErr == nil {
		host = name
	}
	netErr, isNet := errors.AsType[net.Error](err)
	dns, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(caller.Err(), context.Canceled):
		return "stopped before the answer came"
	case limited.Err() != nil, isNet && netErr.Timeout() && !isDNS:
		if ours, ok := caller.Deadline(); ok {
			if end, _ := limited.Deadline(); end.Equal(ours) {
				return "timeout"
			}
		}
		return "timeout after " + g.cfg.QueryTimeout.String()
	case isDNS && dns.IsTimeout:
		return "cannot resolve host " + host + ": the name server does not answer"
	case isDNS:
		return "cannot resolve host " + host
	}
	if words := neterr.TLS(host, err); words != "" {
		return words
	}
	return neterr.Connection(address, err)
}
