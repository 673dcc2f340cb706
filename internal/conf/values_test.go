package conf

import (
	"testing"
	"time"
)

func TestValuesRoundTrip(t *testing.T) {
	for _, s := range []string{"0s", "1s", "90s", "180s", "1.5s", "10m", "24h", "2d", "400d"} {
		var d Duration
		if err := d.UnmarshalText([]byte(s)); err != nil || d.String() != s {
			t.Errorf("duration %q came back as %q, %v", s, d, err)
		}
	}
	for _, s := range []string{"", "1", "-1s", "1w", "99999d", "1.5d", "d"} {
		var d Duration
		if err := d.UnmarshalText([]byte(s)); err == nil {
			t.Errorf("duration %q was read as %v", s, time.Duration(d))
		}
	}
	for _, s := range []string{"0", "1", "1500", "512KiB", "64MiB", "3GiB"} {
		var z Size
		if err := z.UnmarshalText([]byte(s)); err != nil || z.String() != s {
			t.Errorf("size %q came back as %q, %v", s, z, err)
		}
	}
}
