package relayd

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Gateway is where the hooks of some routes come from.
type Gateway struct {
	// Terminals and Merchants are whose hook URLs are meant; none of either = all.
	Terminals, Merchants []string
	From                 []netip.Prefix
}

func (g Gateway) means(to route) bool {
	switch {
	case len(g.Terminals)+len(g.Merchants) == 0:
		return true
	case to.Merchant != "":
		return slices.Contains(g.Merchants, to.Merchant)
	default:
		return slices.Contains(g.Terminals, to.terminal)
	}
}

// fromGateway is whether a hook may come from where it does.
func (s *Server) fromGateway(to route, r *http.Request) bool {
	named := false
	for _, g := range s.cfg.Gateways {
		if !g.means(to) {
			continue
		}
		named = true
		if within(g.From, s.sender(r)) {
			return true
		}
	}
	return !named
}

// sender is who has sent a request: what the last proxy that we know says of the one before it. No
// address = it cannot be told.
func (s *Server) sender(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := at.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && within(s.cfg.Proxies, addr); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap().WithZone("")
	}
	return addr
}

func within(list []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(addr) })
}
