package relayconf

import "kiosk-agent/internal/ports"

// Addresses are the relay's TCP listeners.
func (c Config) Addresses() []ports.Address {
	return []ports.Address{{Key: "public.listen", Listen: c.Public.Listen},
		{Key: "admin.listen", Listen: c.Admin.Listen}}
}
