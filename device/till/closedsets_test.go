package till

import "testing"

// TestNothingIsDropped: what no switch has a case for is not passed over in silence. The linter
// (gochecksumtype) sees to it that there is a case.
func TestNothingIsDropped(t *testing.T) {
	for name, do := range map[string]func(){
		"an event":  func() { new(Machine).Step(Now{}, struct{ Event }{}) },
		"an effect": func() { (&connection{Session: new(Session)}).carry(struct{ Effect }{}) },
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
