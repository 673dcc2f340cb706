package ecr

import (
	"bytes"
	"slices"
	"testing"
)

// frames are the frames without error in a stream that ends in silence.
func frames(s *Scanner, p []byte) (list [][]byte) {
	for len(p) > 0 {
		var ev Event
		if ev, p = s.Next(p); ev.Kind == Frame && ev.Err == nil {
			list = append(list, bytes.Clone(ev.Raw))
		}
	}
	s.Gap()
	return list
}

// Every single bit of a sale's frame, flipped: alone it is no frame at all, and with the till's
// repetition behind it, whether there was silence between or not, nothing but the repetition is
// found. Amounts with and without neighbours that differ in one bit.
func TestNoSingleBitFlipIsASale(t *testing.T) {
	flips, prompt := 0, 0
	for _, d := range all(t) {
		for _, amount := range []int64{1, 1023, 33333, 999_999_900} {
			frame := frameOf(t, d, sale(t, d, amount).Message)
			for bit := range 8 * len(frame) {
				flipped := bytes.Clone(frame)
				flipped[bit/8] ^= 1 << (bit % 8)
				flips++
				s := d.NewRequestScanner()
				if got := frames(s, flipped); len(got) != 0 {
					t.Fatalf("%s, bit %d: %x reads as %x", d.Name(), bit, flipped, got)
				}
				if got := frames(s, frame); len(got) != 1 || !bytes.Equal(got[0], frame) {
					t.Fatalf("%s, bit %d: the repetition reads as %x", d.Name(), bit, got)
				}
				got := frames(d.NewRequestScanner(), slices.Concat(flipped, frame))
				if len(got) > 1 || len(got) == 1 && !bytes.Equal(got[0], frame) {
					t.Fatalf("%s, bit %d: with the repetition glued to it: %x", d.Name(), bit, got)
				}
				if len(got) == 1 {
					prompt++
				}
			}
		}
	}
	t.Logf("%d flips; after %d of them a repetition is understood without any silence", flips,
		prompt)
}

// A flipped bit behind STX never sounds like ACK or NAK: the rest of the frame is not taken for
// anything. (STX itself, 02, becomes ACK, 06, by one bit: that is the protocol's.)
func TestNoSingleBitFlipIsAnACK(t *testing.T) {
	for _, d := range all(t) {
		tried := 0
		for x := range 256 { // one of these makes the LRC an ACK, one a NAK
			req := sale(t, d, 1023)
			req.Fields = append(req.Fields,
				Field{Code: []byte("ZZZ")[:d.s.Field.Code], Data: []byte{byte(x)}})
			frame := frameOf(t, d, req.Message)
			if !d.control(frame[len(frame)-1]) {
				continue
			}
			tried++
			for bit := 8; bit < 8*len(frame); bit++ {
				flipped := bytes.Clone(frame)
				flipped[bit/8] ^= 1 << (bit % 8)
				if got := tell(d.NewRequestScanner(), flipped); slices.Contains(got, "ack") ||
					slices.Contains(got, "nak") {
					t.Fatalf("%s, bit %d of %x: %q", d.Name(), bit, frame, got)
				}
			}
		}
		if tried != 3 {
			t.Errorf("%s: %d frames were tried", d.Name(), tried)
		}
	}
}

// Two flipped bits can make a frame whose LRC is right: that is the limit of a parity byte, which
// no terminal of this family goes beyond. Such a frame needs the same bit of two bytes.
func TestTwoFlipsNeedTheSameBit(t *testing.T) {
	d := dialect(t, "paycube")
	frame := unhex(t, docSale)
	undetected := 0
	for a := 8; a < 8*len(frame); a++ {
		for b := a + 1; b < 8*len(frame); b++ {
			flipped := bytes.Clone(frame)
			flipped[a/8] ^= 1 << (a % 8)
			flipped[b/8] ^= 1 << (b % 8)
			if len(frames(d.NewRequestScanner(), flipped)) == 0 {
				continue
			}
			undetected++
			if a%8 != b%8 {
				t.Fatalf("bits %d and %d", a, b)
			}
		}
	}
	t.Logf("%d of %d pairs pass the LRC", undetected, 312*311/2)
}
