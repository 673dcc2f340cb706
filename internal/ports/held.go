package ports

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
)

// Held are the sockets that this process was passed. A nil Held has none.
type Held struct {
	sockets []socket
	control *socket // where a program that serves says so; nil: nobody holds the ports
}

type socket struct {
	addr netip.AddrPort // of a TCP socket
	path string         // of a Unix socket
	file *os.File
}

// Passed takes the sockets that the service manager passed (LISTEN_FDS), once: the environment no
// longer tells of them afterwards. A socket that is neither TCP nor Unix is an error.
func Passed() (*Held, error) { return take(activation.Files(true)) }

func take(files []*os.File) (*Held, error) {
	h := &Held{}
	for _, f := range files {
		ln, err := net.FileListener(f)
		if err != nil {
			return nil,
				fmt.Errorf("the service manager passed %s, which is no listening socket: %w",
					f.Name(), err)
		}
		switch a := ln.Addr().(type) {
		case *net.TCPAddr:
			h.sockets = append(h.sockets, socket{addr: plain(a.AddrPort()), file: f})
		case *net.UnixAddr:
			h.control = &socket{path: a.Name, file: f}
			ln.(*net.UnixListener).SetUnlinkOnClose(false)
		default:
			return nil, fmt.Errorf("the service manager passed a socket of %s", a)
		}
		if err := ln.Close(); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Listen is net.Listen, but for a TCP address HOST:PORT whose socket was passed: it is that. Each
// call is a listener of its own; closing it leaves the passed socket as it is.
func (h *Held) Listen(network, addr string) (net.Listener, error) {
	if s := h.find(addr); s != nil && network == "tcp" {
		return net.FileListener(s.file)
	}
	return net.Listen(network, addr)
}

// Has says whether the socket of an address was passed.
func (h *Held) Has(addr string) bool { return h.find(addr) != nil }

func (h *Held) find(addr string) *socket {
	if h == nil {
		return nil
	}
	for i, s := range h.sockets {
		if Same(addr, s.addr) {
			return &h.sockets[i]
		}
	}
	return nil
}

// Any says whether any socket of a port was passed at all.
func (h *Held) Any() bool { return h != nil && len(h.sockets) > 0 }

// Surplus are the passed addresses that are none of the given ones: the configuration was changed,
// the units were not. Nobody serves on them.
func (h *Held) Surplus(addrs []string) []string {
	if h == nil {
		return nil
	}
	var surplus []string
	for _, s := range h.sockets {
		wanted := false
		for _, a := range addrs {
			wanted = wanted || Same(a, s.addr)
		}
		if !wanted {
			surplus = append(surplus, s.addr.String())
		}
	}
	return surplus
}

// Missing are those of the given addresses whose sockets were not passed, although others were.
func (h *Held) Missing(addrs []string) []string {
	if !h.Any() {
		return nil
	}
	var missing []string
	for _, a := range addrs {
		if a != "" && !h.Has(a) {
			missing = append(missing, a)
		}
	}
	return missing
}

// Same says whether HOST:PORT of a configuration is a socket's address. An empty host is every
// address, IPv4 and IPv6, and localhost is 127.0.0.1, as it is for a listener of Go's.
func Same(addr string, socket netip.AddrPort) bool {
	want, err := Parse(addr)
	return err == nil && plain(want) == plain(socket)
}

// Address is a listener of a program's configuration.
type Address struct {
	Key    string // of the configuration
	Listen string // HOST:PORT
}

// Parse is HOST:PORT of a configuration as a socket has it. Host is an address, "localhost" or
// empty: no name is looked up.
func Parse(addr string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	switch strings.ToLower(host) {
	case "":
		host = "::"
	case "localhost":
		host = "127.0.0.1"
	}
	return netip.ParseAddrPort(net.JoinHostPort(host, port))
}

func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
