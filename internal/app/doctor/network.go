package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// certificateSoon is when an end of a certificate is worth a word.
const certificateSoon = 14 * 24 * time.Hour

// TLSRoots are the roots that servers are verified against; nil = the system's.
type TLSRoots = *x509.CertPool

// dates are what servers said in their Date header, against our clock.
type dates struct {
	mu   sync.Mutex
	told []date
}

type date struct {
	host   string
	offset time.Duration // theirs minus ours
}

func (d *dates) add(host string, offset time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, date{host, offset})
}

// all are the dates in a fixed order.
func (d *dates) all() []date {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.SortedFunc(slices.Values(d.told),
		func(a, b date) int { return strings.Compare(a.host, b.host) })
}

// relay reaches the relay, and then either believes the running agent or asks with the terminal's
// own token.
func (c *checker) relay(ctx context.Context) []Finding {
	u, err := url.Parse(c.cfg.Relay.URL)
	if err != nil {
		return []Finding{{"relay", Wrong, "read relay.url", "it is no address",
			"kiosk-agent check-config"}}
	}
	base := url.URL{Scheme: "http" + strings.TrimPrefix(u.Scheme, "ws"), Host: u.Host}
	found := []Finding{c.reach(ctx, "relay", base)}
	if hook, err := url.Parse(c.cfg.Relay.HookURL); err == nil && hook.Host != u.Host {
		found = append(found, c.reach(ctx, "relay", url.URL{Scheme: hook.Scheme, Host: hook.Host}))
	}
	if c.status != nil {
		return append(found, c.canary())
	}
	if found[0].State == Wrong {
		return found
	}
	f := Finding{Check: "relay", State: OK,
		Tried: "asked it for what it knows of this terminal's journal",
		Found: "it knows this terminal's token"}
	if err := c.Head(ctx, c.cfg); err != nil {
		f.State, f.Found = Wrong, err.Error()
		f.Do = "with 401, the token is not this terminal's: enrol it again, or kiosk-relay " +
			"terminal rotate; then kiosk-agent secret set relay"
		if errors.Is(err, fs.ErrPermission) { // nobody was asked: the token could not be read
			f.Do = "run this as root or as the agent's user"
		}
	}
	return append(found, f)
}

// gateways are the hosts of the gateway's addresses, each once.
func (c *checker) gateways() (probes []probe) {
	var seen []string
	g, err := c.cfg.Gateway()
	if err != nil {
		return []probe{{"gateway", "looked for its hosts", func(context.Context) []Finding {
			return []Finding{{"gateway", Wrong, "looked for its hosts", err.Error(),
				"kiosk-agent check-config"}}
		}}}
	}
	for _, raw := range g.Hosts() {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || slices.Contains(seen, u.Host) {
			continue
		}
		seen = append(seen, u.Host)
		base := url.URL{Scheme: u.Scheme, Host: u.Host}
		probes = append(probes, probe{"gateway", "reached " + u.Host,
			func(ctx context.Context) []Finding {
				return []Finding{c.reach(ctx, "gateway", base)}
			}})
	}
	return probes
}

// reach resolves a host, shakes hands and asks HEAD /, which starts nothing anywhere. Any answer is
// a good one.
func (c *checker) reach(ctx context.Context, check string, base url.URL) Finding {
	f := Finding{Check: check, State: OK,
		Tried: "looked up " + base.Hostname() + ", connected, HEAD /"}
	began := time.Now()
	addrs, err := net.DefaultResolver.LookupHost(ctx, base.Hostname())
	if err != nil {
		f.State, f.Found, f.Do = Wrong, "the name cannot be looked up: "+plainly(err),
			"check network and DNS: resolvectl query "+base.Hostname()
		return f
	}
	client := http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &http.Transport{DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: c.TLS, MinVersion: tls.VersionTLS12}},
	}
	base.Path = "/"
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base.String(), nil)
	if err != nil {
		f.State, f.Found, f.Do = Wrong, "the address cannot be used", "kiosk-agent check-config"
		return f
	}
	resp, err := client.Do(req)
	if err != nil {
		f.State, f.Found, f.Do = Wrong, addrs[0]+": "+plainly(err), mend(err)
		return f
	}
	took := time.Since(began)
	_ = resp.Body.Close()
	f.Found = fmt.Sprintf("%s answers HTTP %d after %d ms", addrs[0], resp.StatusCode,
		took.Milliseconds())
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.dates.add(base.Hostname(), at.Sub(began.Add(took/2)).Truncate(time.Second))
	}
	if resp.TLS == nil {
		f.Found += ", without encryption (this machine only)"
		return f
	}
	end := resp.TLS.PeerCertificates[0].NotAfter
	f.Found += fmt.Sprintf(", %s, certificate until %s", tls.VersionName(resp.TLS.Version),
		end.UTC().Format(time.DateOnly))
	if time.Until(end) < certificateSoon {
		f.State, f.Do = Note, "its owner must renew the certificate"
	}
	return f
}

// plainly is the innermost text: net/http's repeats the address.
func plainly(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return err.Error()
}

func mend(err error) string {
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		if invalid, ok := errors.AsType[x509.CertificateInvalidError](e.Err); ok &&
			invalid.Reason == x509.Expired {
			return "the certificate is out of date, or this machine's clock is wrong: date"
		}
		return "the certificate is not trusted: is the address right, does something in the " +
			"network read along, is the package ca-certificates installed?"
	}
	return "check the network and the firewall: it must let this machine out to that host"
}
