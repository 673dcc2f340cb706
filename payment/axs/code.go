package axs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"kiosk-agent/payment"
)

const defaultWallet = "paynow" // as AXS's, where no scheme is named

// FetchCode asks AXS once for a code that the customer's wallet scans, within Config.QueryTimeout
// and ctx. It never asks a second time, and its connection is used for nothing else: net/http
// repeats a request by itself only on a connection that it had kept. A failure is in the answer, in
// words as Query's; NeverSent is true only where no connection was there to write the request to.
func (g *Gateway) FetchCode(ctx context.Context, r payment.MintRequest) (a payment.MintAnswer) {
	address, scheme, fault := g.order(r)
	if fault != "" {
		return payment.MintAnswer{Failure: fault, NeverSent: true}
	}
	limited, cancel := context.WithTimeout(ctx, g.cfg.QueryTimeout)
	defer cancel()
	// name resolved, connection made, TLS agreed: from here on the request may be on its way
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(limited,
		&httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, err := http.NewRequestWithContext(traced, http.MethodGet, address, nil)
	if err != nil {
		// err repeats the address
		return payment.MintAnswer{Failure: "the request could not be made", NeverSent: true}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "kiosk-agent")
	began := time.Now()
	resp, err := g.orders.Do(req)
	var body []byte
	defer func() { g.saw("code", began, resp, body, a.Failure) }()
	if err != nil {
		return payment.MintAnswer{Failure: g.networkFailure(ctx, limited, req.URL.Host, err),
			NeverSent: !connected.Load()}
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxCode+1))
	switch status := resp.StatusCode; {
	case redirects(resp):
		return noCode(redirected(status, "axs.qr_url"))
	case status != http.StatusOK:
		return noCode(fmt.Sprintf("HTTP %d", status))
	case err != nil:
		return noCode(g.networkFailure(ctx, limited, req.URL.Host, err)) // the body broke off
	case len(body) > maxCode:
		return noCode("HTTP 200, the answer is longer than 64 KiB")
	}
	answer, problem := g.decodeCode(body, r, scheme)
	if problem != "" {
		return noCode("HTTP 200, " + problem)
	}
	return answer
}

// noCode is a failure after which a code may exist all the same.
func noCode(why string) payment.MintAnswer { return payment.MintAnswer{Failure: why} }

// order is the address with a fresh token in it and the one wallet that it asks for, or what is
// wrong.
func (g *Gateway) order(r payment.MintRequest) (address, scheme, fault string) {
	if g.cfg.QRURL == "" {
		return "", "", "no QR code request is configured (axs.qr_url)"
	}
	if scheme, fault = g.wallet(r.Schemes); fault != "" {
		return "", "", fault
	}
	if r.Timeout <= 0 {
		return "", "", "the timeout is not positive"
	}
	r.Schemes = []string{scheme}
	l, err := g.link(r)
	if e, ok := errors.AsType[*payment.Error](err); ok {
		return "", "", e.Message
	}
	l.SuccessURL, l.FailURL, l.CancelURL = "", "", "" // there is no page to leave
	l.Expiry = int64((r.Timeout + time.Second - 1) / time.Second)
	plaintext, err := marshal(l)
	if err != nil {
		return "", "", "the request could not be encoded"
	}
	token, err := seal(plaintext, g.mintKey(), g.cfg.ClientID)
	if err != nil {
		return "", "", "the request could not be encrypted"
	}
	return g.cfg.QRURL + "/" + g.linkID() + "?data=" + token, scheme, ""
}

// wallet is the one that was asked for; else the first that this terminal offers.
func (g *Gateway) wallet(asked []string) (scheme, fault string) {
	switch {
	case len(asked) > 1:
		return "", "a code is for one wallet, and " + strings.Join(asked, ", ") + " were asked for"
	case len(asked) == 1 && asked[0] == cards:
		return "", "a card cannot pay by a code"
	case len(asked) == 1:
		return asked[0], ""
	case len(g.cfg.Schemes) == 0:
		return defaultWallet, ""
	}
	if i := slices.IndexFunc(g.cfg.Schemes, func(s string) bool { return s != cards }); i >= 0 {
		return g.cfg.Schemes[i], ""
	}
	return "", "this terminal offers cards only, and they cannot pay by a code"
}
