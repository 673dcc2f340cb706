package gateways_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/app/gateways"
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
