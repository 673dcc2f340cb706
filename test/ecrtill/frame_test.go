package ecrtill

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encode(t testing.TB, m Message) []byte {
	t.Helper()
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const exampleECN = "251210091401"

// TestDocumentExamples: the two frames of docs/protocols/ecr-family.md, byte for byte, in both
// directions.
func TestDocumentExamples(t *testing.T) {
	for _, tc := range []struct {
		name, frame string
		message     Message
	}{
		{"A1", "02 0018 323531323130303931343031 4131 3031 30 1c 03 4e", Request(exampleECN, "A1")},
		{
			"C1 of 10.23", "02 0035 323531323130303931343031 4331 3031 30 1c 3430 0012 " +
				"303030303030303031303233 1c 03 6b",
			Paycube().Sale(exampleECN, "C1", 1023, ""),
		},
	} {
		want := unhex(t, tc.frame)
		if got := encode(t, tc.message); !bytes.Equal(got, want) {
			t.Errorf("%s: encoded\n% x, the document says\n% x", tc.name, got, want)
		}
		back, err := Decode(want)
		if err != nil || !bytes.Equal(encode(t, back), want) ||
			back.Function != tc.message.Function || len(back.Fields) != len(tc.message.Fields) {
			t.Errorf("%s: decoded %+v, %v", tc.name, back, err)
		}
	}
}

// parse pushes bytes one by one; a gap follows.
func parse(p *Parser, b []byte) (events []Event) {
	for _, c := range b {
		if e, ok := p.Push(c); ok {
			events = append(events, e)
		}
	}
	if e, ok := p.Gap(); ok {
		events = append(events, e)
	}
	return events
}

// awkward is a response whose field data and check byte equal control bytes.
func awkward() Message {
	m := Message{ECN: exampleECN, Function: "Q1", Code: "00",
		Fields: []Field{{"40", "000000001023"}, {"ZZ", "\x02\x03\x06\x15\x1c\x02"}, {"EM", ""}}}
	for c := byte(0); ; c++ {
		m.Fields[2].Data = string([]byte{c})
		if b, err := m.Encode(); err != nil || b[len(b)-1] == stx {
			return m
		}
	}
}

func TestParserByLength(t *testing.T) {
	good := encode(t, awkward())
	if good[len(good)-1] != stx {
		t.Fatal("the example has lost its point")
	}
	glued := append(append([]byte{0xff, ack}, good...), append([]byte{nak, 0x7f}, good...)...)
	var p Parser
	var kinds []Kind
	for _, e := range parse(&p, glued) {
		if kinds = append(kinds, e.Kind); e.Kind == Frame && !bytes.Equal(e.Raw, good) {
			t.Errorf("% x", e.Raw)
		}
	}
	want := []Kind{Noise, ACK, Frame, NAK, Noise, Frame}
	if len(kinds) != len(want) {
		t.Fatalf("%v, want %v", kinds, want)
	}
	for i := range want {
		if kinds[i] != want[i] {
			t.Fatalf("%v, want %v", kinds, want)
		}
	}
}

// TestParserBitFlips: no flipped bit of a response gives a message.
func TestParserBitFlips(t *testing.T) {
	good := encode(t, awkward())
	for at := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[at] ^= 1 << bit
			var p Parser
			for _, e := range parse(&p, b) {
				if e.Kind == Frame {
					t.Errorf("byte %d bit %d: %+v", at, bit, e.Message)
				}
			}
			if events := parse(&p, good); len(events) != 1 || events[0].Kind != Frame {
				t.Errorf("byte %d bit %d: after the gap %+v", at, bit, events)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	header := func(change func(b []byte)) []byte {
		b := encode(t, Request(exampleECN, "A1"))
		change(b)
		b[len(b)-1] = LRC(b[:len(b)-1])
		return b
	}
	for name, frame := range map[string][]byte{
		"nothing":          {},
		"no indicator":     header(func(b []byte) { b[19] = '1' }),
		"no separator":     header(func(b []byte) { b[20] = ' ' }),
		"short":            encode(t, Request(exampleECN, "A1"))[:20],
		"a byte after":     append(encode(t, Request(exampleECN, "A1")), 0),
		"length not BCD":   header(func(b []byte) { b[2] = 0x1a }),
		"a field cut":      rebuilt(t, "40"),
		"field too long":   rebuilt(t, "40\x00\x13000000001023\x1c"),
		"field not BCD":    rebuilt(t, "40\x00\x0c000000001023\x1c"),
		"no separator end": rebuilt(t, "40\x00\x12000000001023 "),
	} {
		if m, err := Decode(frame); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// rebuilt is a frame with these bytes as its fields.
func rebuilt(t *testing.T, fields string) []byte {
	t.Helper()
	b := append([]byte{stx}, packed(headerLen+len(fields))...)
	b = append(b, exampleECN+"Q1010\x1c"+fields+"\x03"...)
	return append(b, LRC(b))
}

func TestEncodeRefuses(t *testing.T) {
	for _, m := range []Message{
		{ECN: "1", Function: "A1", Code: "01"}, {ECN: exampleECN, Function: "A", Code: "01"},
		{ECN: exampleECN, Function: "A1", Code: "1"}, Request(exampleECN, "A1", Field{"4", ""}),
		Request(exampleECN, "A1", Field{"40", strings.Repeat("x", 10_000)}),
		Request(exampleECN, "A1", Field{"40", strings.Repeat("x", 9_990)}),
	} {
		if b, err := m.Encode(); err == nil {
			t.Errorf("%+v: % x", m, b[:20])
		}
	}
}

// FuzzParser: whatever arrives, what parses encodes to the same bytes, and after a gap the next
// good frame is heard.
func FuzzParser(f *testing.F) {
	good, err := awkward().Encode()
	if err != nil {
		f.Fatal(err)
	}
	seeds := [][]byte{good, good[:9], append([]byte{ack}, good...), {stx, 0x99, 0x99},
		{stx, 0, 0, etx, etx}, bytes.Repeat([]byte{stx}, 40)}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Parser
		for _, e := range parse(&p, b) {
			if e.Kind == Frame && !bytes.Equal(encode(t, e.Message), e.Raw) {
				t.Errorf("% x encodes to % x", e.Raw, encode(t, e.Message))
			}
		}
		if events := parse(&p, good); len(events) != 1 || events[0].Kind != Frame {
			t.Errorf("after the gap: %+v", events)
		}
	})
}
