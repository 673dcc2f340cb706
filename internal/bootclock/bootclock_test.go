package bootclock

import "testing"

func TestClock(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	again, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if c.BootID() == "" || c.BootID() != again.BootID() {
		t.Errorf("boot ids %q and %q", c.BootID(), again.BootID())
	}
	if a, b := c.Boot(), again.Boot(); a <= 0 || b < a {
		t.Errorf("the boot clock went from %v to %v", a, b)
	}
}
