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
	case rel == "payment" || strings.HasPrefix(rel, "payment/") ||
		strings.HasPrefix(rel, "packaging/"):
		return rel
	case strings.HasPrefix(rel, "internal/app/"):
		return "internal/app"
	default:
		return first
	}
}

// gatewayAdapter stands for every gateway's adapter: payment/NAME.
const gatewayAdapter = "payment/NAME"

// ruled is the name that a room has in allowed.
func ruled(room string) string {
	if strings.HasPrefix(room, "payment/") && room != "payment/engine" {
		return gatewayAdapter
	}
	return room
}

// adapters meet only in internal/app.
var adapters = []string{"device", "offline", "relay", "ui", "sandbox", gatewayAdapter}

// product is all that is shipped, but for the programs.
var product = append([]string{"payment", "payment/engine", "internal", "internal/app", "examples",
	"packaging"}, adapters...)

// allowed lists what a room may import of this module besides itself. A room that is not listed
// here does not exist yet: add it with its rule. test is in no list: only _test.go files, and test
// itself, know the proof machinery.
var allowed = map[string][]string{
	"payment":              {},
	"payment/engine":       {"payment"},
	gatewayAdapter:         {"payment", "internal"},
	"device":               {"payment", "internal"},
	"offline":              {"payment", "internal"},
	"relay":                {"internal"}, // opaque bytes: never payment
	"ui":                   {"payment", "internal"},
	"sandbox":              {"internal"},
	"internal":             {},
	"internal/app":         product,
	"examples":             {},
	"packaging":            {}, // texts that the packages bring
	"packaging/sbom":       {}, // programs of the build's
	"packaging/provenance": {},
	// flags, help, exit codes and signals; what is behind them, its rooms do
	"cmd":  {"payment", "internal", "internal/app", "device", "offline", "relay"},
	"test": append([]string{"cmd"}, product...),
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

// flags are the rooms with programs in them.
var flags = []string{"cmd", "examples", "packaging/sbom", "packaging/provenance", "test"}

// violation says what is wrong with one import, or "".
func violation(from, to string) string {
	room := family(from)
	rule, known := allowed[ruled(room)]
	if !known {
		return "room " + room + " has no rule in allowed"
	}
	if !strings.HasPrefix(to, module) {
		first, _, _ := strings.Cut(to, "/")
		if (room == "payment" || room == "payment/engine") && strings.Contains(first, ".") {
			return room + " imports only the standard library (and engine its domain)"
		}
		if from == module+"test/crashfs" && strings.Contains(first, ".") &&
			!strings.HasPrefix(to, "github.com/hanwen/go-fuse/") {
			return from + " imports only the standard library and go-fuse"
		}
		if to == "flag" && !slices.Contains(flags, room) {
			return "only cmd reads flags"
		}
		if (to == "net" || strings.HasPrefix(to, "net/")) && room == "cmd" {
			return "cmd reaches no network: its rooms do"
		}
		if to == "os/signal" && room != "cmd" {
			return "only cmd handles signals"
		}
		return ""
	}
	if from == module+"test/foreign" {
		return from + " shares no code with the product, whose lines it judges"
	}
	if family(to) == room || slices.Contains(rule, ruled(family(to))) {
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
		{"payment", "encoding/json", true}, {"payment", "github.com/google/uuid", false},
		{"payment", module + "payment/engine", false}, {"payment/engine", module + "payment", true},
		{"payment/engine", module + "offline", false}, {"payment/axs", module + "payment", true},
		{"payment/axs", module + "relay", false}, {"payment/axs", module + "payment/engine", false},
		{"payment/singapay", module + "payment/axs", false},
		{"payment/singapay", module + "payment", true}, {"device/jsonrpc", module + "device", true},
		{"device/jsonrpc", module + "payment/engine", false},
		{"relay/relayd", module + "relay", true}, {"relay", module + "payment", false},
		{"relay/relayd", module + "payment", false}, {"ui", module + "device", false},
		{"sandbox", module + "payment/axs", false}, {"ui", "flag", false},
		{"offline", "os/signal", false}, {"cmd/kiosk-agent", module + "offline", true},
		{"cmd/kiosk-agent", "flag", true}, {"novel", "fmt", false},
		{"internal/app/agent", module + "offline", true}, {"internal/app/agent", "flag", false},
		{"internal/guard", module + "internal/app/agent", false},
		{"ui", module + "internal/app/agent", false},
		{"test/crashfs", "github.com/hanwen/go-fuse/v2/fs", true},
		{"test/crashfs", "golang.org/x/sys/unix", false},
		{"offline", module + "test/crashfs", false},
		{"cmd/kiosk-agent", module + "test/pipenet", false},
		{"test/foreign", "fmt", true}, {"test/foreign", module + "device/ecr", false},
		{"internal/app/demo", module + "test/browser", false},
		{"test/sim", module + "payment/engine", true},
		{"internal/app/agent", module + "cmd/kiosk-agent", false},
		{"packaging/sbom", module + "relay", false},
	} {
		if v := violation(module+tc.from, tc.to); (v == "") != tc.ok {
			t.Errorf("%s → %s: %q", tc.from, tc.to, v)
		}
	}
}
