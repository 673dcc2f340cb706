package config

import (
	"slices"
	"testing"

	"kiosk-agent/internal/app/gateways"
)

func TestSecrets(t *testing.T) {
	c := Default()
	c.Section("axs").(*gateways.AXS).Secret = "file:/a"
	c.Section("axs").(*gateways.AXS).Previous = []gateways.PastAXS{{}, {Secret: "file:/b"}}
	c.Section("singapay").(*gateways.SingaPay).Previous = []gateways.PastSingaPay{
		{ClientSecret: "file:/c"}}
	c.Till.WebSocket.Tills = []NamedTill{{Name: "till-1", Token: "credential:t"}}
	c.Till.Serial = []Serial{{Name: "line-1"}}
	refs := c.Secrets()
	for _, want := range []SecretRef{
		{Name: "axs", Key: "axs.secret", Ref: "file:/a"},
		{Name: "axs-previous", Key: "axs.previous_secret", Ref: ""},
		{Name: "axs-previous-2", Key: "axs.previous[1].secret", Ref: "file:/b"},
		{Name: "singapay-previous-1", Key: "singapay.previous[0].client_secret", Ref: "file:/c"},
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
