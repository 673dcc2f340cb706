package qr

import (
	"fmt"
	"strings"
	"testing"

	"kiosk-agent/test/browser"
)

// Everything that is drawn has the reference's version, and a decoder that is not ours reads the
// same text from both.
func TestQuickSaysWhatTheReferenceSays(t *testing.T) {
	const qris = "00020101021226660016ID.CO.SINGAPAY.WWW01189360091800216005230208216005230303UME" +
		"51440014ID.CO.QRIS.WWW0215ID10200211817450303UME520458145303360540510500" +
		"5802ID5904KOPI6007JAKARTA610512345630411B5"
	texts := []string{"1", "A", "a", "HELLO WORLD $%*+-./:", strings.Repeat("9", 400), qris,
		"https://pay.example/" + strings.Repeat("0123456789", 30) + "/x", "kopi é 餐 😀",
		"MIXED " + strings.Repeat("7", 60) + " lower " + strings.Repeat("X", 60)}
	for n := 60; n <= 1270; n += 110 {
		texts = append(texts, link(n))
	}
	for _, text := range texts {
		for level := L; level <= H; level++ {
			t.Run(fmt.Sprintf("%.12s %d at %s", text, len(text), level), func(t *testing.T) {
				t.Parallel()
				got, err := Encode(text, level)
				if err != nil {
					t.Fatal(err)
				}
				want, err := Reference(text, level)
				if err != nil {
					t.Fatal(err)
				}
				if got.Size() != want.Size() {
					t.Fatalf("%d modules, the reference has %d", got.Size(), want.Size())
				}
				if c, err := Fit(text, 40*got.Size()); err == nil && c.Level == level {
					if m, err := c.Draw(text); err != nil ||
						string(m.Bits()) != string(got.Bits()) {
						t.Error("what Fit has chosen is drawn otherwise:", err)
					}
				}
				a, b := read(t, got), read(t, want)
				if a != b || len(text) > 50 && a != text {
					t.Errorf("read %q, of the reference %q", a, b)
				}
			})
		}
	}
}

func read(t *testing.T, m *Matrix) string {
	t.Helper()
	picture, err := m.PNG(4)
	if err != nil {
		t.Fatal(err)
	}
	return browser.Read(t, picture)
}

// A link is drawn by the quick encoder, and what it cannot draw in the reference's version by the
// reference itself.
func TestWhoDraws(t *testing.T) {
	for text, quickly := range map[string]bool{
		link(572): true, link(926): true, strings.Repeat("1", 100): true,
		// digits in the middle of letters: parts of two kinds take a smaller code
		"kopi" + strings.Repeat("7", 200) + "kopi": false,
	} {
		code, err := newCode(text, M)
		if err != nil {
			t.Fatal(err)
		}
		m := quick(text, code.VersionNumber, M)
		if (m != nil) != quickly {
			t.Errorf("%.20s: drawn quickly: %v", text, m != nil)
		}
		drawn, err := Encode(text, M)
		if err != nil {
			t.Fatal(err)
		}
		want := m
		if m == nil {
			want = reference(code)
		}
		if string(drawn.Bits()) != string(want.Bits()) {
			t.Errorf("%.20s: another matrix was drawn", text)
		}
	}
}

func TestBits(t *testing.T) {
	m, err := Encode(link(572), M)
	if err != nil {
		t.Fatal(err)
	}
	bits := m.Bits()
	n := m.Size() * m.Size()
	if spare := 8*len(bits) - n; spare < 0 || spare > 7 || bits[len(bits)-1]&(1<<spare-1) != 0 {
		t.Errorf("%d bytes for %d modules, the last is %08b", len(bits), n, bits[len(bits)-1])
	}
	for y := range m.Size() {
		for x := range m.Size() {
			i := y*m.Size() + x
			if bits[i/8]>>(7-i%8)&1 == 1 != m.Dark(x, y) {
				t.Fatalf("module %d, %d differs", x, y)
			}
		}
	}
}

// The quick encoder costs a twentieth of the reference's memory, whatever the machine.
func TestEncodeAllocatesLittle(t *testing.T) {
	text := link(926)
	one := func(f func(string, Level) (*Matrix, error)) float64 {
		return testing.AllocsPerRun(5, func() {
			if _, err := f(text, M); err != nil {
				t.Fatal(err)
			}
		})
	}
	if quick, slow := one(Encode), one(Reference); quick*100 > slow {
		t.Errorf("%v allocations, the reference %v", quick, slow)
	}
}

func BenchmarkEncode(b *testing.B)    { benchmarkEncoder(b, Encode) }
func BenchmarkReference(b *testing.B) { benchmarkEncoder(b, Reference) }

func benchmarkEncoder(b *testing.B, encode func(string, Level) (*Matrix, error)) {
	text := link(926)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encode(text, M); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFit(b *testing.B) {
	text := link(926)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Fit(text, 1080); err != nil {
			b.Fatal(err)
		}
	}
}
