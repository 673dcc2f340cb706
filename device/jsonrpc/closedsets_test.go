package jsonrpc

import "testing"

// TestNothingIsDropped: what no switch has a case for is not passed over in silence. The linter
// (gochecksumtype) sees to it that there is a case.
func TestNothingIsDropped(t *testing.T) {
	for name, do := range map[string]func(){
		"no event":  func() { new(machine).Step(nil) },
		"no effect": func() { new(session).carry(nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was dropped", name)
				}
			}()
			do()
		}()
	}
}
