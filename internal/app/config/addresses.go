package config

import (
	"strings"

	"kiosk-agent/internal/ports"
)

// Addresses are the TCP listeners of the agent, those of lines too.
func (c *Config) Addresses() []ports.Address {
	list := []ports.Address{{Key: "till.websocket.listen", Listen: c.Till.WebSocket.Listen},
		{Key: "display.listen", Listen: c.Display.Listen},
		{Key: "metrics.listen", Listen: c.Metrics.Listen}}
	for _, s := range c.Till.Serial {
		if addr, ok := strings.CutPrefix(s.Device, tcpListen); ok {
			list = append(list, ports.Address{Key: "till.serial " + s.Name, Listen: addr})
		}
	}
	var open []ports.Address
	for _, a := range list {
		if a.Listen != "" {
			open = append(open, a)
		}
	}
	return open
}
