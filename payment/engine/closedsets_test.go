package engine

import "testing"

// TestNothingIsDropped: what no switch has a case for is not passed over in silence. The linter
// (gochecksumtype) sees to it that there is a case.
func TestNothingIsDropped(t *testing.T) {
	for name, do := range map[string]func(){
		"an event":  func() { NewMachine(Config{}, Ports{}).Step(Now{}, struct{ Event }{}) },
		"an effect": func() { new(Engine).carry(struct{ Effect }{}) },
		"no event":  func() { NewMachine(Config{}, Ports{}).Step(Now{}, nil) },
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
