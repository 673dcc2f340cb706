package arch

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/device/till"
	"kiosk-agent/internal/bootclock"
	"kiosk-agent/payment/engine"
	"kiosk-agent/relay"
)

// There is one Now: the compiler holds the engine's, which imports its domain only, to the others'.
var (
	_ = bootclock.Now(engine.Now{})
	_ = till.Now(engine.Now{})
	_ = relay.Now(engine.Now{})
)

// methods are the signatures of a room's methods, as Go writes them without names: "Machine.Step"
// → "func(Now, Event) Output"; and the types that have a method of each name.
func methods(files []*ast.File) (signatures map[string]string, having map[string][]string) {
	signatures, having = map[string]string{}, map[string][]string{}
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil {
				continue
			}
			owner := strings.TrimPrefix(types.ExprString(fn.Recv.List[0].Type), "*")
			signatures[owner+"."+fn.Name.Name] = "func(" + kinds(fn.Type.Params) + ") (" +
				kinds(fn.Type.Results) + ")"
			having[fn.Name.Name] = append(having[fn.Name.Name], owner)
		}
	}
	return signatures, having
}

func kinds(list *ast.FieldList) string {
	var all []string
	if list != nil {
		for _, f := range list.List {
			for range max(1, len(f.Names)) {
				all = append(all, types.ExprString(f.Type))
			}
		}
	}
	return strings.Join(all, ", ")
}

// TestStepMachines holds the machines to one dialect: docs/ARCHITECTURE.md, "Step machines".
func TestStepMachines(t *testing.T) {
	_, rooms := parsed(t)
	const wake = "func() (time.Duration, bool)"
	for _, tc := range []struct{ room, machine, step, wake string }{
		{"payment/engine", "Machine", "func(Now, Event) (Output)", wake},
		{"device/till", "Machine", "func(Now, Event) ([]Effect)", wake},
		{"relay", "Machine", "func(Now, Event) ([]Effect)", wake},
		{"device/jsonrpc", "machine", "func(event) ([]effect)", ""}, // no time matters to it
	} {
		t.Run(tc.room, func(t *testing.T) {
			is, having := methods(rooms[tc.room])
			if got := is[tc.machine+".Step"]; got != tc.step {
				t.Errorf("Step is %q, and not %q", got, tc.step)
			}
			if got := is[tc.machine+".NextWake"]; got != tc.wake {
				t.Errorf("NextWake is %q, and not %q", got, tc.wake)
			}
			events, effects := having["event"], having["effect"]
			if len(events) < 3 || len(effects) < 3 {
				t.Fatalf("events %v, effects %v", events, effects)
			}
			if slices.Contains(events, "Ticked") != (tc.wake != "") {
				t.Errorf("events %v", events)
			}
			for _, name := range append(events, effects...) {
				for _, prefix := range []string{"In", "Out", "Do", "Event", "Effect"} {
					rest, cut := strings.CutPrefix(name, prefix)
					if cut && rest != "" && strings.ToUpper(rest[:1]) == rest[:1] {
						t.Errorf("%s.%s: an event is named for what happened, an effect for "+
							"what to do", tc.room, name)
					}
				}
			}
		})
	}
}
