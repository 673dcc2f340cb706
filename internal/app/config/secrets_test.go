package config

import (
	"slices"
	"testing"

	"kiosk-agent/internal/app/gateways"
)

func TestSecrets(t *testing.T) {
	c := Default()
	c.Section("axs").(*gateways.AXS).Secret = "file:/a"
	c.Till.WebSocket.Tills = []NamedTill{{Name: "till-1", Token: "credential:t"}}
	c.Till.Serial = []Serial{{Name: "line-1"}}
	refs := c.Secrets()
	for _, want := range []SecretRef{
		{Name: "axs", Key: "axs.secret", Ref: "file:/a"},
		{Name: "axs-previous", Key: "axs.previous_secret", Ref: ""},
		{Name: "relay", Key: "relay.token", Ref: ""},
		{Name: "display", Key: "display.token", Ref: "file:" + StateDir + "display.token"},
		{Name: "till:till-1", Key: "till.websocket.tills[0].token", Ref: "credential:t"},
		{Name: "till:line-1", Key: "till.serial[0].token", Ref: ""},
	} {
		if !slices.Contains(refs, want) {
			t.Errorf("%+v is missing in %+v", want, refs)
		}
	}
}
