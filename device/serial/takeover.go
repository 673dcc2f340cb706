package serial

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Takeover lets a connection to a tcp-listen line take the place of the live one: of a till that
// connects anew for each command, or whose old connection is dead and says nothing. One that has
// ended is followed at once. One that has not is ended after Wait, by a peer that has sent what
// only a till sends: from the same address, or from another one while the line is not busy.
type Takeover struct {
	// Wait is how long the live connection has to end by itself.
	Wait time.Duration
	// Speaks reports whether the first bytes of a connection hold a request of the protocol.
	Speaks func(first []byte) bool
	// Busy reports whether a sale runs on the line: nobody else's address takes it over then.
	Busy func() bool
}

// maxOpening bounds what is read of a connection that waits for another one's end.
const maxOpening = 4096

// waitsFor lets c wait until no other connection is live, or until it has taken the live one's
// place. Any verdict but Pass sends it away.
func (l *Link) waitsFor(ctx context.Context, c *net.TCPConn, b *lobby,
	first []byte) ([]byte, Verdict) {
	freed := b.turn()
	if freed == nil {
		return first, Pass
	}
	timer := time.NewTimer(l.takeover.Wait)
	defer timer.Stop()
	first, speaks := l.opening(c, first)
	if !speaks {
		return first, Noise // no till's; the live one goes on
	}
	for ended := false; ; {
		select {
		case <-freed:
			if freed = b.turn(); freed == nil {
				return first, Pass
			}
			ended = false // another one was quicker
			timer.Reset(l.takeover.Wait)
		case <-timer.C:
			if ended || !b.displace(c, l.takeover.Busy) {
				return first, Pass // it cannot be claimed: refused as busy
			}
			l.refusals.Info(l.cfg.Till, "line taken over", "addr", c.RemoteAddr().String())
			ended = true
			timer.Reset(l.cfg.StopWait)
		case <-ctx.Done():
			return first, More
		}
	}
}

// opening reads on until the first bytes hold a request, for as long as the live connection has to
// end.
func (l *Link) opening(c *net.TCPConn, first []byte) (all []byte, speaks bool) {
	if err := c.SetReadDeadline(time.Now().Add(l.takeover.Wait)); err != nil {
		return first, false
	}
	for !l.takeover.Speaks(first) {
		if len(first) >= maxOpening {
			return first, false
		}
		chunk := make([]byte, 512)
		n, err := c.Read(chunk)
		first = append(first, chunk[:n]...)
		if err != nil && !l.takeover.Speaks(first) {
			return first, false
		}
	}
	return first, c.SetReadDeadline(time.Time{}) == nil
}

// turn is closed when the live connection's turn is over; nil when none is live.
func (b *lobby) turn() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.freed
}

// displace ends the live connection for c, if it may.
func (b *lobby) displace(c *net.TCPConn, busy func() bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.live || b.closed {
		return true
	}
	if addressOf(b.peer) != addressOf(c.RemoteAddr().String()) && busy() {
		return false
	}
	b.end()
	return true
}

// addressOf is an address without its port.
func addressOf(address string) netip.Addr {
	ap, _ := netip.ParseAddrPort(address)
	return ap.Addr().Unmap()
}
