package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "kiosk-agent/"

// family is the room that a package belongs to: packages of one room may import each other.
func family(pkg string) string {
	rel := strings.TrimPrefix(pkg, module)
	switch first, _, _ := strings.Cut(rel, "/"); {
	case rel == "payment" || strings.HasPrefix(rel, "payment/") || slices.Contains(forTests, rel):
		return rel
	default:
		return first
	}
}

// forTests are what no room may import but in its tests.
var forTests = []string{"internal/browser", "internal/forgetfs", "internal/metricspage", "internal/pipenet", "internal/testlog"}

// adapters meet only in cmd.
var adapters = []string{"device", "offline", "relay", "ui", "sandbox", "payment/axs", "payment/singapay"}

// allowed lists what a room may import of this module besides itself. A room that is not listed here does not exist yet: add it
// with its rule.
var allowed = map[string][]string{
	"payment":              {},
	"payment/engine":       {"payment"},
	"payment/axs":          {"payment", "internal"},
	"payment/singapay":     {"payment", "internal"},
	"device":               {"payment", "internal"},
	"offline":              {"payment", "internal"},
	"relay":                {"internal"}, // opaque bytes: never payment
	"ui":                   {"payment", "internal"},
	"sandbox":              {"internal"},
	"internal":             {},
	"internal/browser":     {},
	"internal/forgetfs":    {},
	"internal/metricspage": {},
	"internal/pipenet":     {},
	"internal/testlog":     {},
	"examples":             {},
	"packaging":            {}, // texts that the packages bring
	"cmd":                  append([]string{"payment", "payment/engine", "internal"}, append([]string{"examples", "packaging"}, adapters...)...),
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// violation says what is wrong with one import, or "".
func violation(from, to string) string {
	room := family(from)
	rule, known := allowed[room]
	if !known {
		return "room " + room + " has no rule in allowed"
	}
	if !strings.HasPrefix(to, module) {
		first, _, _ := strings.Cut(to, "/")
		if (room == "payment" || room == "payment/engine") && strings.Contains(first, ".") {
			return room + " imports only the standard library (and engine its domain)"
		}
		if room == "internal/forgetfs" && strings.Contains(first, ".") && !strings.HasPrefix(to, "github.com/hanwen/go-fuse/") {
			return room + " imports only the standard library and go-fuse"
		}
		if to == "flag" && room != "cmd" && room != "examples" {
			return "only cmd reads flags"
		}
		if to == "os/signal" && room != "cmd" {
			return "only cmd handles signals"
		}
		return ""
	}
	if family(to) == room || slices.Contains(rule, family(to)) {
		return ""
	}
	return room + " must not import " + family(to)
}

func TestImportRules(t *testing.T) {
	pkgs := packages(t)
	if len(pkgs) < 10 {
		t.Fatalf("only %d packages found", len(pkgs))
	}
	for _, p := range pkgs {
		for _, imp := range p.Imports {
			if v := violation(p.ImportPath, imp); v != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, v)
			}
		}
	}
}

func TestRulesBite(t *testing.T) {
	for _, tc := range []struct {
		from, to string
		ok       bool
	}{
		{"payment", "encoding/json", true}, {"payment", "github.com/google/uuid", false}, {"payment", module + "payment/engine", false},
		{"payment/engine", module + "payment", true}, {"payment/engine", module + "offline", false},
		{"payment/axs", module + "payment", true}, {"payment/axs", module + "relay", false}, {"payment/axs", module + "payment/engine", false}, {"payment/singapay", module + "payment/axs", false}, {"payment/singapay", module + "payment", true},
		{"device/jsonrpc", module + "device", true}, {"device/jsonrpc", module + "payment/engine", false},
		{"relay/relayd", module + "relay", true}, {"relay", module + "payment", false}, {"relay/relayd", module + "payment", false},
		{"ui", module + "device", false}, {"sandbox", module + "payment/axs", false}, {"ui", "flag", false}, {"offline", "os/signal", false},
		{"cmd/kiosk-agent", module + "offline", true}, {"cmd/kiosk-agent", "flag", true}, {"novel", "fmt", false},
		{"internal/forgetfs", "github.com/hanwen/go-fuse/v2/fs", true}, {"internal/forgetfs", "golang.org/x/sys/unix", false},
		{"offline", module + "internal/forgetfs", false}, {"internal/guard", module + "internal/forgetfs", false},
		{"ui", module + "internal/testlog", false}, {"cmd/kiosk-agent", module + "internal/metricspage", false},
	} {
		if v := violation(module+tc.from, tc.to); (v == "") != tc.ok {
			t.Errorf("%s → %s: %q", tc.from, tc.to, v)
		}
	}
}
