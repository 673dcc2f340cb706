package ports

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
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

// Listen is the passed socket of a TCP address HOST:PORT, or a new one where none was passed. Each
// call is a listener of its own; closing it leaves the passed socket as it is.
func (h *Held) Listen(addr string) (net.Listener, error) {
	if s := h.find(addr); s != nil {
		return net.FileListener(s.file)
	}
	return net.Listen("tcp", addr)
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

// Differ compares the passed sockets with the addresses of the configuration. Where none was passed
// at all, nothing differs.
func (h *Held) Differ(wanted []Address) (missing, surplus []string) {
	if !h.Any() {
		return nil, nil
	}
	held := make([]netip.AddrPort, len(h.sockets))
	for i, s := range h.sockets {
		held[i] = s.addr
	}
	return Differ(wanted, held)
}

// Differ compares the addresses of a configuration with those of sockets: missing are the ones that
// no socket has, surplus the sockets that nobody serves on. An address that no socket can have (a
// host's name, port 0) is not missing.
func Differ(wanted []Address, held []netip.AddrPort) (missing, surplus []string) {
	for _, w := range wanted {
		at, err := Parse(w.Listen)
		if err == nil && at.Port() != 0 && !slices.ContainsFunc(held,
			func(a netip.AddrPort) bool { return Same(w.Listen, a) }) {
			missing = append(missing, w.Listen)
		}
	}
	for _, a := range held {
		if !slices.ContainsFunc(wanted, func(w Address) bool { return Same(w.Listen, a) }) {
			surplus = append(surplus, a.String())
		}
	}
	return missing, surplus
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
