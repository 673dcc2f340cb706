package strangers

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
)

// place is where a connection is on its way in.
type place int

const (
	silent   place = iota // nothing has come
	speaking              // something has, and the head is not whole
	answered
	heard   // its body is waited for, though nobody knows who it is
	leaving // it has its answer, and may not have read it
	kept
	places
)

// crowd is the connections of a server, by their places.
type crowd struct {
	share    int
	unshared func(netip.Addr) bool

	mu     sync.Mutex
	places [places]struct {
		most int
		all  list.List // of *conn, oldest first
		of   map[netip.Addr]*list.List
	}
}

// enter moves c to a place, and returns who has to go for it. Who has left comes nowhere.
func (w *crowd) enter(c *conn, to place) (out *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.at.gone {
		return nil
	}
	w.remove(c)
	p := &w.places[to]
	c.at.place, c.at.entered = to, true
	c.at.all = p.all.PushBack(c)
	addr, shared := w.sharer(c, to)
	if shared {
		if p.of == nil {
			p.of = make(map[netip.Addr]*list.List)
		}
		if p.of[addr] == nil {
			p.of[addr] = list.New()
		}
		c.at.of = p.of[addr].PushBack(c)
	}
	switch {
	case shared && p.of[addr].Len() > w.share:
		out = p.of[addr].Front().Value.(*conn)
	case p.all.Len() > p.most:
		out = p.all.Front().Value.(*conn)
	default:
		return nil
	}
	w.remove(out)
	out.at.gone = true
	return out
}

// leave forgets c.
func (w *crowd) leave(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(c)
	c.at.gone = true
}

func (w *crowd) remove(c *conn) {
	if !c.at.entered {
		return
	}
	p := &w.places[c.at.place]
	p.all.Remove(c.at.all)
	if c.at.of != nil {
		addr := addressOf(c)
		if p.of[addr].Remove(c.at.of); p.of[addr].Len() == 0 {
			delete(p.of, addr)
		}
	}
	c.at.entered, c.at.all, c.at.of = false, nil, nil
}

// sharer is the address that c has a share of a place with.
func (w *crowd) sharer(c *conn, to place) (addr netip.Addr, shared bool) {
	if w.share == 0 || to == kept {
		return addr, false
	}
	addr = addressOf(c)
	return addr, addr.IsValid() && !addr.IsLoopback() && (w.unshared == nil || !w.unshared(addr))
}

// addressOf is what one person has: an address, of IPv6 a network of 64 bits.
func addressOf(c *conn) netip.Addr {
	tcp, ok := c.raw.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if addr.Is6() && !addr.IsLoopback() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}
