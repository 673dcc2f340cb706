package relay

import "testing"

// TestNothingIsDropped: what no switch has a case for is not passed over in silence. The linter
// (gochecksumtype) sees to it that there is a case.
func TestNothingIsDropped(t *testing.T) {
	for name, do := range map[string]func(){
		"an event":       func() { new(Machine).Step(Now{}, struct{ Event }{}) },
		"an effect":      func() { new(Client).carry(t.Context(), struct{ Effect }{}) },
		"an observation": func() { new(metrics).observe(struct{ Observation }{}) },
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
