package ecrtill

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Golden is an expected frame: bytes, and places where any byte may stand. Its text form is hex in
// any grouping, ?? for any byte, ??*40 for forty of them, LRC for the check byte of what really
// stands before it, and comments from # to the end of the line.
type Golden struct {
	bytes []byte
	any   []bool
	lrc   int // where the check byte is computed; -1 = it stands in the text
}

// ParseGolden reads the text form.
func ParseGolden(text string) (Golden, error) {
	g := Golden{lrc: -1}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for word := range strings.FieldsSeq(line) {
			if err := g.add(word); err != nil {
				return Golden{}, err
			}
		}
	}
	if len(g.bytes) == 0 || g.lrc >= 0 && g.lrc != len(g.bytes)-1 {
		return Golden{}, frameError("a golden frame that is empty or goes on after its LRC")
	}
	return g, nil
}

func (g *Golden) add(word string) error {
	switch rest, wild := strings.CutPrefix(word, "??"); {
	case word == "LRC":
		g.lrc = len(g.bytes)
		g.put(0, true)
	case wild:
		n := 1
		if rest != "" {
			var err error
			if n, err = strconv.Atoi(strings.TrimPrefix(rest, "*")); err != nil || n < 1 {
				return frameError("golden word %q", word)
			}
		}
		for range n {
			g.put(0, true)
		}
	default:
		b, err := hex.DecodeString(word)
		if err != nil {
			return frameError("golden word %q", word)
		}
		for _, c := range b {
			g.put(c, false)
		}
	}
	return nil
}

func (g *Golden) put(b byte, wild bool) {
	g.bytes, g.any = append(g.bytes, b), append(g.any, wild)
}

// Match compares a frame byte for byte. The error shows both.
func (g Golden) Match(frame []byte) error {
	if len(frame) != len(g.bytes) {
		return fmt.Errorf("%d bytes, want %d\n got %s\nwant %s", len(frame), len(g.bytes),
			hexes(frame, nil), g)
	}
	for i, b := range frame {
		if !g.any[i] && b != g.bytes[i] {
			return fmt.Errorf("byte %d is %02x, want %02x\n got %s\nwant %s", i, b, g.bytes[i],
				hexes(frame, nil), g)
		}
	}
	if g.lrc >= 0 && frame[g.lrc] != LRC(frame[:g.lrc]) {
		return fmt.Errorf("the LRC is %02x, want %02x\n got %s", frame[g.lrc], LRC(frame[:g.lrc]),
			hexes(frame, nil))
	}
	return nil
}

func (g Golden) String() string { return hexes(g.bytes, g.any) }

func hexes(b []byte, wild []bool) string {
	var s strings.Builder
	for i, c := range b {
		if wild != nil && wild[i] {
			s.WriteString("?? ")
			continue
		}
		fmt.Fprintf(&s, "%02x ", c)
	}
	return strings.TrimSpace(s.String())
}
