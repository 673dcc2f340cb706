package bootclock

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	again, err := New()
	if err != nil {
		t.Fatal(err)
	}
	a, b := c.Now(), again.Now()
	if a.Boot == "" || a.Boot != b.Boot {
		t.Errorf("boot ids %q and %q", a.Boot, b.Boot)
	}
	if a.Up <= 0 || b.Up < a.Up {
		t.Errorf("the boot clock went from %v to %v", a.Up, b.Up)
	}
	if a.Wall.IsZero() || a.Wall.Location() != time.UTC {
		t.Errorf("the wall clock shows %v", a.Wall)
	}
}
