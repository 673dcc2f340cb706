package config

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/conf"
	"kiosk-agent/packaging"
	"kiosk-agent/payment/engine"
	"kiosk-agent/test/conftest"
)

// TestEveryNumber: each duration, size and count has bounds; 0 is refused where it means nothing,
// and what lies within is taken.
func TestEveryNumber(t *testing.T) {
	conftest.Bounds(t, allKeys(), defaultTables(), func(text []byte) error {
		_, err := Parse("f.toml", text)
		return err
	})
}

// TestZero: of all durations, these alone can be 0.
func TestZero(t *testing.T) {
	var can []string
	all := allKeys()
	conf.Walk(defaultTables(), func(name string, v reflect.Value, _ bool) {
		if _, ok := v.Interface().(conf.Duration); ok && all[name].Range.Zero() != "" {
			can = append(can, name)
		}
	})
	if d := cmp.Diff([]string{"payment.require_canary"}, can); d != "" {
		t.Error(d)
	}
}

// TestAnswerWithin: a pair with which every unpaid sale would end as unknown is refused, with the
// least that works, at the key that the file has.
func TestAnswerWithin(t *testing.T) {
	noQuery := []string{`query_url = "https://member.uat.pay.axs.com.sg/api/hpp/v2/transaction"`,
		`query_url = ""`}
	for _, tc := range []struct {
		settle, within string
		change         []string
		want           string // "" = fine
	}{
		{"5s", "25s", nil, ""},
		{"1s", "12s", nil, ""},
		{"5s", "12s", nil, ""},
		{"1s", "5s", nil,
			`payment.answer_within: settle = "1s" needs answer_within = "12s" at least, ` +
				`and it is "5s"`},
		{"20s", "26s", nil, `payment.answer_within: settle = "20s" needs answer_within = "27s"`},
		{"1s", "3s", noQuery, ""},
		{"20s", "22s", noQuery, ""},
		{"20s", "21s", noQuery,
			`payment.answer_within: settle = "20s" needs answer_within = "22s"`},
		{"60s", "25s", []string{"answer_within = \"25s\"\n", ""},
			`payment.settle: settle = "60s" needs answer_within = "67s"`},
	} {
		text := strings.Replace(fullText(t), `settle = "5s"`, `settle = "`+tc.settle+`"`, 1)
		text = strings.Replace(text, `answer_within = "25s"`, `answer_within = "`+tc.within+`"`, 1)
		if tc.change != nil {
			text = strings.Replace(text, tc.change[0], tc.change[1], 1)
		}
		_, err := Parse("f.toml", []byte(text))
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(),
			tc.want) {
			t.Errorf("settle %s, answer_within %s: %v", tc.settle, tc.within, err)
		}
	}
	if least := engine.LeastAnswerWithin(time.Second, false); leastAnswer != least {
		t.Errorf("the key's own least is %s, the engine's %s", leastAnswer, least)
	}
}

// TestFileOfThePackage: what packaging/agent/config.toml shows behind a # is a key, and has its
// default; what it asks for is missing until it is filled in.
func TestFileOfThePackage(t *testing.T) {
	shown := regexp.MustCompile(`(?m)^#(\[|[a-z_]+ = )`).ReplaceAllString(packaging.AgentConfig,
		"$1")
	c := Default()
	tables := c.Tables()
	if _, ps := allKeys().Decode("config.toml", []byte(shown),
		tables.Addr().Interface()); len(ps) > 0 {
		t.Fatal(ps)
	}
	c.take(tables)
	want := Default()
	want.Section("axs").(*gateways.AXS).Secret = c.Section("axs").(*gateways.AXS).Secret
	want.Relay.Token = c.Relay.Token
	want.Till.WebSocket.Tills = c.Till.WebSocket.Tills
	want.Till.Serial = []Serial{{}}
	want.Till.Serial[0].SetDefaults()
	want.Till.Serial[0].Name, want.Till.Serial[0].Device = "till-2", "/dev/kiosk-till"
	if d := cmp.Diff(want.Tables().Interface(), c.Tables().Interface()); d != "" {
		t.Errorf("it shows other values than the defaults (-default +file):\n%s", d)
	}
	_, err := Parse("config.toml", []byte(packaging.AgentConfig))
	for _, key := range []string{"terminal.id", "axs.payment_link", "axs.client_id", "relay.url",
		"relay.hook_url"} {
		if err == nil || !strings.Contains(err.Error(), key+": is required") {
			t.Errorf("%s is not asked for: %v", key, err)
		}
	}
}
