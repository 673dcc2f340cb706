package foreign

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

// seen are requests as tills that nobody here wrote sent them, from captures.
var seen = []struct {
	name   string
	kind   func() Kind
	at     string // the till's clock
	number int
	ask    func(t *Till) Frame
	bytes  string
}{
	{"NETS ECR2, by PayNow", NETS2, "261128110428", 1, sale(QR, 100001),
		"02 00 83 32 36 31 31 32 38 31 31 30 34 32 38 33 30 30 31 30 1c 54 32 00 02 30 34 1c" +
			"34 33 00 01 30 1c 34 30 00 12 30 30 30 30 30 30 31 30 30 30 30 31 1c 34 32 00 12 30" +
			"00 00 00 00 00 00 00 00 00 00 00 1c 48 44 00 13 52 30 30 30 30 30 30 30 30 30 30 30" +
			"31 1c 03 9a"},
	{"NETS ECR1", NETS1, "", 3, sale(Any, 100001),
		"02 00 83 30 30 30 30 30 30 30 30 30 30 30 30 33 30 30 30 30 1c 54 32 00 02 30 31 1c" +
			"34 33 00 01 30 1c 34 30 00 12 30 30 30 30 30 30 31 30 30 30 30 31 1c 34 32 00 12 30" +
			"00 00 00 00 00 00 00 00 00 00 00 1c 48 44 00 13 52 30 30 30 30 30 30 30 30 30 30 30" +
			"33 1c 03 9c"},
	{"Link POS", LinkPOS, "", 1, sale(Card, 4567),
		"02 00 46 36 30 30 30 30 30 30 30 30 30 31 30 32 30 30 30 30 1c 34 30 00 12 30 30 30" +
			"30 30 30 30 30 34 35 36 37 1c 34 35 00 06 30 30 30 30 30 31 1c 03 7c"},
	{"Link POS settles", LinkPOS, "", 1, command(Settle),
		"02 00 37 36 30 30 30 30 30 30 30 30 30 31 30 35 30 30 30 30 1c 48 4e 00 03 39 39 39" +
			"1c 34 35 00 06 30 30 30 30 30 31 1c 03 20"},
	{"Link POS voids", LinkPOS, "", 1, command(Void),
		"02 00 29 36 30 30 30 30 30 30 30 30 30 31 30 32 36 30 30 30 1c 36 35 00 06 30 30 30" +
			"30 30 31 1c 03 1d"},
	{"Link POS polls", LinkPOS, "", 1, func(t *Till) Frame {
		return t.request(word{function: t.kind.Poll}, "", "")
	}, "02 00 18 36 30 30 30 30 30 30 30 30 30 31 30 37 34 30 30 30 1c 03 33"},
	{"UOB, card", UOB, "", 30, sale(Card, 100001),
		"02 00 59 36 30 30 30 30 30 30 30 30 30 31 30 32 30 30 30 30 1c 34 30 00 12 30 30 30" +
			"30 30 30 31 30 30 30 30 31 1c 44 38 00 19 30 30 30 30 30 30 30 30 52 30 30 30 30 30" +
			"30 30 30 33 30 1c 03 51"},
	{"PayCube asks for the status", PayCube, "251210091401", 0, command(Status),
		"02 00 18 32 35 31 32 31 30 30 39 31 34 30 31 41 31 30 31 30 1c 03 4e"},
	{"PayCube, card", PayCube, "251210091401", 0, sale(Card, 1023),
		"02 00 35 32 35 31 32 31 30 30 39 31 34 30 31 43 31 30 31 30 1c 34 30 00 12 30 30 30" +
			"30 30 30 30 30 31 30 32 33 1c 03 6b"},
}

func sale(tender Tender, cents int64) func(t *Till) Frame {
	return func(t *Till) Frame {
		return t.request(t.kind.sale[tender], amountOf(cents), t.receipt())
	}
}

func command(c Command) func(t *Till) Frame {
	return func(t *Till) Frame { return t.command(c, t.kind.commands[c]) }
}

// TestRequestsAreThoseOfRealTills: what our tills send is, byte for byte, what others sent.
func TestRequestsAreThoseOfRealTills(t *testing.T) {
	for _, tc := range seen {
		till := New(tc.kind(), Habits{}, nil)
		till.number = tc.number
		if tc.at != "" {
			at, err := time.Parse("060102150405", tc.at)
			if err != nil {
				t.Fatal(err)
			}
			till.clock = at.Add(-time.Second)
		}
		got := tc.ask(till)
		want := unhex(t, tc.bytes)
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s:\n% x, want\n% x", tc.name, got.Bytes(), want)
		}
		f, err := Parse(want)
		if err != nil || f.String() != got.String() {
			t.Errorf("%s is read as %s, %v", tc.name, f, err)
		}
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFramesAreReadByLength: what is in pieces waits, what is damaged is refused, and bytes that
// look like the line's own inside a field end nothing.
func TestFramesAreReadByLength(t *testing.T) {
	f := Frame{Head: "000000000000", Function: "30", Version: "00",
		Fields: []Field{{"42", "\x02\x03\x06\x15\x1c"}}}
	raw := f.Bytes()
	for n := range raw {
		if _, used := next(raw[:n]); used != 0 {
			t.Fatalf("%d bytes of %d are taken for whole", n, len(raw))
		}
	}
	h, used := next(append(bytes.Clone(raw), ack))
	got, err := Parse(h.frame)
	if used != len(raw) || err != nil || got.String() != f.String() {
		t.Fatalf("%d bytes of %d: %s, %v", used, len(raw), got, err)
	}
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 0x01
		if f, err := Parse(bad); err == nil {
			t.Errorf("byte %d is turned over, and it is read as %s", i, f)
		}
	}
}

// TestFloats: the till that counts in floats writes what JavaScript writes.
func TestFloats(t *testing.T) {
	if got := float(1999); got != "1998.9999999999998" {
		t.Errorf("19.99 is written %s", got)
	}
}
