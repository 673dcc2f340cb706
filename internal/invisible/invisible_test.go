package invisible

import "testing"

func TestFirst(t *testing.T) {
	for _, tc := range []struct {
		text, name string
		line       int
	}{
		{"plain text\nwith\ttabs\r\nand Größe, 停, தமிழ்\n", "", 0},
		{"\uFEFFid", "a byte order mark (U+FEFF)", 1},
		{"a\nb\u00A0c", "a no-break space (U+00A0)", 2},
		{"a\u200Bb", "a zero-width space (U+200B)", 1},
		{"a\u2066b", "an invisible character (U+2066)", 1},
		{"a\u3000b", "an invisible character (U+3000)", 1},
		{"a\n\n\x00", "a zero byte (U+0000)", 3},
		{"a\rb", "a carriage return (U+000D)", 1},
		{"a\r", "a carriage return (U+000D)", 1},
		{"a\x1bb", "an invisible character (U+001B)", 1},
		{"a\n\xff", "a byte that is no UTF-8", 2},
		{"\uFFFD", "", 0},
	} {
		f, found := First([]byte(tc.text))
		if f != (Find{tc.name, tc.line}) || found != (tc.name != "") {
			t.Errorf("%q: %+v, %v", tc.text, f, found)
		}
	}
}
