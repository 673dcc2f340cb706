package invisible

import (
	"bytes"
	"encoding/json"
	"testing"
)

const tricks = "a\x1b[2J\u009b1mb\u202ec\u200bd\U000E0041e\x7f\r\x00\n\tGröße 停"

func TestLegible(t *testing.T) {
	const want = "a\uFFFD[2J\uFFFD1mb\uFFFDc\uFFFDd\uFFFDe\uFFFD\uFFFD\uFFFD\n\tGröße 停"
	for size := 1; size <= len(tricks); size++ { // whatever the writes are
		var out bytes.Buffer
		w := Legible(&out)
		for rest := []byte(tricks); len(rest) > 0; {
			n := min(size, len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if out.String() != want {
			t.Errorf("in writes of %d: %q, want %q", size, out.String(), want)
		}
	}
	var out bytes.Buffer
	if _, err := Legible(&out).Write([]byte("a\xffb")); err != nil || out.String() != "a\uFFFDb" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// TestLegibleJSON: nothing is lost, and nothing is left that a terminal would obey.
func TestLegibleJSON(t *testing.T) {
	var out bytes.Buffer
	if err := json.NewEncoder(LegibleJSON(&out)).Encode(tricks); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got != tricks {
		t.Errorf("%q, %v", got, err)
	}
	if f, hidden := First(out.Bytes()); hidden {
		t.Errorf("%+v in %s", f, out.String())
	}
}
