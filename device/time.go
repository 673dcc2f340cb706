package device

import (
	"fmt"
	"time"
)

// timeLayout is RFC 3339 in UTC with milliseconds, always three decimals.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a wall clock time as tills see it: RFC 3339, UTC, milliseconds (rounded down). The zero
// Time is left out.
type Time struct{ time.Time }

// MarshalText writes the one form that the contract knows.
func (t Time) MarshalText() ([]byte, error) { return t.UTC().AppendFormat(nil, timeLayout), nil }

// MarshalJSON writes the same in quotes.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(nil, `"`+timeLayout+`"`), nil
}

// UnmarshalText reads any RFC 3339 time.
func (t *Time) UnmarshalText(b []byte) error {
	v, err := time.Parse(time.RFC3339, string(b))
	if err != nil {
		return fmt.Errorf("not an RFC 3339 time: %.40q", b)
	}
	t.Time = v.UTC()
	return nil
}

// UnmarshalJSON reads a quoted RFC 3339 time.
func (t *Time) UnmarshalJSON(b []byte) error {
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return fmt.Errorf("not an RFC 3339 time: %.40q", b)
	}
	return t.UnmarshalText(b[1 : len(b)-1])
}
