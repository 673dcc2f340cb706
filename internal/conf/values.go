// Package conf has the values that the programs' configuration files are written in: durations and
// sizes.
//
// It reads no file and knows no key. Values are plain data.
package conf

import (
	"fmt"
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
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as \"90s\", \"10m\", \"24h\" or \"400d\"",
				s)
		}
		*d = Duration(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration such as \"90s\", \"10m\", \"24h\" or \"400d\"", s)
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
var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

// UnmarshalText reads the file's form.
func (z *Size) UnmarshalText(b []byte) error {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(string(b), u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil {
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
