package conf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a duration in the file: Go's form ("180s", "10m", "24h"), and whole days ("400d").
type Duration time.Duration

// Of is the plain duration.
func (d Duration) Of() time.Duration { return time.Duration(d) }

// UnmarshalText reads the file's form.
func (d *Duration) UnmarshalText(b []byte) error {
	s := string(b)
	refused := fmt.Errorf("%q is not a duration such as \"90s\", \"10m\", \"24h\" or \"400d\"", s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return refused
		}
		*d = Duration(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return refused
	}
	*d = Duration(v)
	return nil
}

func (d Duration) String() string {
	v := time.Duration(d)
	const day = 24 * time.Hour
	switch {
	case v > day && v%day == 0:
		return strconv.FormatInt(int64(v/day), 10) + "d"
	case v >= time.Hour && v%time.Hour == 0:
		return strconv.FormatInt(int64(v/time.Hour), 10) + "h"
	case v >= 10*time.Minute && v%time.Minute == 0:
		return strconv.FormatInt(int64(v/time.Minute), 10) + "m"
	default:
		return strconv.FormatFloat(v.Seconds(), 'f', -1, 64) + "s"
	}
}

// MarshalText writes the file's form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Size is a number of bytes in the file: "64MiB", "512KiB", "1GiB", or plain digits.
type Size int64

// sizeUnits are tried from the longest suffix.
var sizeUnits = [...]struct {
	suffix string
	bytes  int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

// UnmarshalText reads the file's form.
func (z *Size) UnmarshalText(b []byte) error {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(string(b), u.suffix)
		if !ok {
			continue
		}
		if u.suffix != "" {
			digits = strings.TrimSuffix(digits, " ")
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || n > math.MaxInt64/uint64(u.bytes) {
			break
		}
		*z = Size(int64(n) * u.bytes)
		return nil
	}
	return fmt.Errorf("%q is not a size such as \"64MiB\"", b)
}

func (z Size) String() string {
	for _, u := range sizeUnits {
		if int64(z)%u.bytes == 0 && int64(z) >= u.bytes {
			return strconv.FormatInt(int64(z)/u.bytes, 10) + u.suffix
		}
	}
	return "0"
}

// MarshalText writes the file's form.
func (z Size) MarshalText() ([]byte, error) { return []byte(z.String()), nil }
