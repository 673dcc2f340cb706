package config

import (
	"slices"
	"testing"
)

func TestSecrets(t *testing.T) {
	c := Default()
	c.AXS.Secret = "file:/a"
	c.Till.WebSocket.Tills = []NamedTill{{Name: "till-1", Token: "credential:t"}}
	c.Till.Serial = []Serial{{Name: "line-1"}}
	refs := c.Secrets()
	for _, want := range []SecretRef{
		{"axs", "axs.secret", "file:/a"}, {"axs-previous", "axs.previous_secret", ""},
		{"relay", "relay.token", ""},
		{"display", "display.token", "file:" + StateDir + "display.token"},
		{"till:till-1", "till.websocket.tills[0].token", "credential:t"},
		{"till:line-1", "till.serial[0].token", ""},
	} {
		if !slices.Contains(refs, want) {
			t.Errorf("%+v is missing in %+v", want, refs)
		}
	}
}
