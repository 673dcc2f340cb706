package gateways_test

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
	"kiosk-agent/internal/secret"
)

// TestRows: each row has what the parts read, and no two share what must be one's own.
func TestRows(t *testing.T) {
	table := gateways.All()
	for _, name := range table.Names() {
		row, err := table.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		keys := map[string]bool{}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(row.Section)) {
			keys[f.Tag.Get("toml")] = true
		}
		for _, q := range row.Questions {
			if !keys[q.Key] || q.Flag == "" || q.Usage == "" || q.Ask == "" {
				t.Errorf("%s: the question %+v", name, q)
			}
		}
		for _, m := range row.Modes {
			if m.Name != gateways.ModeLink && m.Name != gateways.ModeQR {
				t.Errorf("%s: there is no mode %q", name, m.Name)
			}
		}
	}
	c := config.Default()
	var tables []string
	for _, f := range reflect.VisibleFields(c.Tables().Type()) {
		tables = append(tables, f.Tag.Get("toml"))
	}
	slices.Sort(tables)
	if once := slices.Compact(slices.Clone(tables)); len(once) != len(tables) {
		t.Errorf("two tables of the configuration have one name: %v", tables)
	}
}

// TestARowThatLacksSomething is refused by its name, with what it lacks.
func TestARowThatLacksSomething(t *testing.T) {
	for want, spoil := range map[string]func(*gateways.Row){
		"Title":    func(r *gateways.Row) { r.Title = "" },
		"Currency": func(r *gateways.Row) { r.Currency = "" },
		"Modes":    func(r *gateways.Row) { r.Modes = nil },
		"Section":  func(r *gateways.Row) { r.Section = "" },
		"Doc":      func(r *gateways.Row) { r.Doc = "" },
		"Account":  func(r *gateways.Row) { r.Account = nil },
		"New":      func(r *gateways.Row) { r.New = nil },
		"Sample":   func(r *gateways.Row) { r.Sample = nil },
		"Hosts":    func(r *gateways.Row) { r.Hosts = nil },
		"axs.client_id means": func(r *gateways.Row) {
			r.Keys = maps.Clone(r.Keys)
			delete(r.Keys, "client_id")
		},
		`no key "secrt"`: func(r *gateways.Row) { r.Secret = "secrt" },
		`no key "old"`:   func(r *gateways.Row) { r.PreviousSecret = "old" },
		`no key "pin"`:   func(r *gateways.Row) { r.Private = []string{"pin"} },
		`gateway "axs"`:  func(r *gateways.Row) { r.Name = "axsy" },
	} {
		row := gateways.AXSRow()
		spoil(&row)
		_, err := gateways.Table{row}.Find("axs")
		if err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "axs") {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestCodesThatEndByAClock: a row says how wrong the clock may be that its codes end by, and its
// adapter asks for the time; one that does not is refused.
func TestCodesThatEndByAClock(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if _, err := secret.EnsureFile(file); err != nil {
		t.Fatal(err)
	}
	axs := &gateways.AXS{PaymentLink: "https://axs.example/hpp/checkout/1", ClientID: "client-1",
		Secret: "file:" + file, AmountAs: "string", MaxP2C: 1000}
	defaults := gateways.SingaPayRow().Section.(gateways.SingaPay)
	for _, tc := range []struct {
		row     gateways.Row
		section any
		want    time.Duration
	}{
		{gateways.AXSRow(), axs, 0},
		{gateways.SingaPayRow(), &defaults, 30 * time.Second},
		{gateways.SingaPayRow(), &gateways.SingaPay{}, 5 * time.Second},
	} {
		c, err := gateways.Table{tc.row}.Choose(tc.row.Name, gateways.Settings{},
			map[string]any{tc.row.Name: tc.section})
		if err != nil || c.ClockError() != tc.want {
			t.Errorf("%s: %s, want %s (%v)", tc.row.Name, c.ClockError(), tc.want, err)
		}
	}
	row := gateways.AXSRow()
	settings := gateways.Settings{Terminal: "K001", MaxAmount: 100_000, Mode: gateways.ModeLink,
		HookURL: "https://relay.example/hook/AAAAAAAAAAAAAAAAAAAAAA"}
	for _, bears := range []time.Duration{0, time.Second} {
		row.ClockError = func(gateways.Settings) time.Duration { return bears }
		c, err := gateways.Table{row}.Choose(row.Name, settings,
			map[string]any{row.Name: axs})
		if err == nil {
			_, err = c.Open("", gateways.Clock{Now: time.Now})
		}
		if (err != nil) != (bears > 0) || bears > 0 && !strings.Contains(err.Error(), "no time") {
			t.Errorf("with %s: %v", bears, err)
		}
	}
}

// TestAssignment: what a probe tells to write is a line of the configuration that can be copied.
func TestAssignment(t *testing.T) {
	section := gateways.AXSRow().Section.(gateways.AXS)
	section.Words.Paid = []string{"OK"}
	c, err := gateways.All().Choose("axs", gateways.Settings{}, map[string]any{"axs": &section,
		"singapay": new(gateways.SingaPay)})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ key, value, table, line string }{
		{"axs.words.paid", "PAID", "axs.words", `paid = ["OK", "PAID"]`},
		{"axs.words.declined", `a"b`, "axs.words", `declined = ["a\"b"]`},
		{"axs.max_p2c", "2000", "axs", "max_p2c = 2000"},
		{"axs.send_expiry", "false", "axs", "send_expiry = false"},
		{"axs.query_url", "https://h", "axs", `query_url = "https://h"`},
		{"axs.secret", "", "axs", ""}, {"axs.nothing", "x", "axs", ""},
		{"relay.hook_url", "x", "relay", ""},
	} {
		if table, line := c.Assignment(tc.key, tc.value); table != tc.table || line != tc.line {
			t.Errorf("%s: [%s] %s, want [%s] %s", tc.key, table, line, tc.table, tc.line)
		}
	}
}
