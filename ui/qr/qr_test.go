package qr

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"strings"
	"testing"

	"kiosk-agent/test/browser"
)

// link has the shape of a checkout link: a fixed start and then base64url.
func link(n int) string {
	const abc = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	b := []byte("https://checkout.svc.uat.pay.axs.com.sg/hpp/checkout/20f8?p=")
	for x := uint32(n); len(b) < n; {
		x = x*1664525 + 1013904223
		b = append(b, abc[x>>26])
	}
	return string(b[:n])
}

func TestDecodesAtEveryLevel(t *testing.T) {
	for _, n := range []int{60, 582, 729, 926, 1270} {
		for level := L; level <= H; level++ {
			t.Run(fmt.Sprintf("%d bytes at %s", n, level), func(t *testing.T) {
				t.Parallel()
				text := link(n)
				m, err := Encode(text, level)
				if err != nil {
					t.Fatal(err)
				}
				picture, err := m.PNG(4)
				if err != nil {
					t.Fatal(err)
				}
				if got := browser.Read(t, picture); got != text {
					t.Errorf("decoded %q, want %q", got, text)
				}
			})
		}
	}
}

// The sizes follow from the capacities in ISO/IEC 18004, byte mode; a shift by one in the mapping
// of levels shows here at once.
func TestModulesOfLinks(t *testing.T) {
	for _, tc := range []struct {
		bytes int
		want  [4]int
	}{
		{926, [4]int{101, 117, 137, 153}},
		{729, [4]int{93, 105, 121, 137}},
		{582, [4]int{81, 93, 109, 121}},
	} {
		for level := L; level <= H; level++ {
			n, err := Modules(link(tc.bytes), level)
			if err != nil || n != tc.want[level] {
				t.Errorf("Modules(%d bytes, %s) = %d, %v; want %d", tc.bytes, level, n, err,
					tc.want[level])
			}
			if m, err := Encode(link(tc.bytes), level); err != nil || m.Size() != n {
				t.Errorf("Encode(%d bytes, %s) has another size than Modules says: %v", tc.bytes,
					level, err)
			}
		}
	}
}

func TestFit(t *testing.T) {
	for _, tc := range []struct {
		name         string
		bytes, boxPx int
		want         Choice
		warn         bool
		err          error
	}{
		{"full link, 1080 px", 926, 1080, Choice{Level: M, Modules: 117, PxPerModule: 8}, false,
			nil},
		{"full link, 600 px", 926, 600, Choice{Level: M, Modules: 117, PxPerModule: 4}, false, nil},
		{"full link, 599 px", 926, 599, Choice{Level: L, Modules: 101, PxPerModule: 5}, false, nil},
		{"full link, 480 px", 926, 480, Choice{Level: L, Modules: 101, PxPerModule: 4}, false, nil},
		{"full link, 400 px", 926, 400, Choice{Level: L, Modules: 101, PxPerModule: 3}, true, nil},
		{"full link, 240 px", 926, 240, Choice{}, false, ErrTooSmall},
		{"minimal link, 320 px", 582, 320, Choice{Level: L, Modules: 81, PxPerModule: 3}, true,
			nil},
		{"long text, 610 px: M would have 3 px", 1550, 610,
			Choice{Level: L, Modules: 133, PxPerModule: 4}, false, nil},
		{"too long for M, not for L", 2600, 1080, Choice{Level: L, Modules: 169, PxPerModule: 6},
			false, nil},
		{"no area", 60, 0, Choice{}, false, ErrTooSmall},
		{"negative area", 60, -5, Choice{}, false, ErrTooSmall},
		{"no text", 0, 600, Choice{}, false, ErrEmpty},
		{"too long", 3000, 5000, Choice{}, false, ErrTooLong},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := Fit(link(tc.bytes), tc.boxPx)
			if !errors.Is(err, tc.err) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if (got.Warn != "") != tc.warn {
				t.Errorf("Warn = %q", got.Warn)
			}
			got.Warn = ""
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
	_, err := Fit(link(926), 240)
	if want := "the QR code needs 101+8 modules, 240 px give 2 px each; at least 3"; err == nil ||
		err.Error() != want {
		t.Errorf("error text %q, want %q", err, want)
	}
}

// The three drawings must show the very same modules.
func TestDrawingsAgree(t *testing.T) {
	m, err := Encode(link(729), M)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := m.PNG(1)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	n := m.Size() + 2*Quiet
	if img.Bounds().Dx() != n || img.Bounds().Dy() != n {
		t.Fatalf("PNG is %v, want %d square", img.Bounds(), n)
	}
	rows := strings.Split(strings.TrimSuffix(m.Terminal(), "\n"), "\n")
	path := parsePath(t, m.Path(), n)
	for y := range n {
		line := []rune(strings.TrimSuffix(strings.TrimPrefix(rows[y/2], "\x1b[38;5;16;48;5;231m"),
			"\x1b[0m"))
		if len(line) != n {
			t.Fatalf("terminal line %d has %d cells, want %d", y/2, len(line), n)
		}
		for x := range n {
			want := m.Dark(x-Quiet, y-Quiet)
			r, _, _, _ := img.At(x, y).RGBA()
			cell := line[x] == '█' || line[x] == '▀' && y%2 == 0 || line[x] == '▄' && y%2 == 1
			if (r == 0) != want || cell != want || path[y*n+x] != want {
				t.Fatalf("module %d,%d: matrix %v, png %v, terminal %v, path %v", x, y, want,
					r == 0, cell, path[y*n+x])
			}
		}
	}
	if err := xml.Unmarshal(m.SVG(), new(struct{ XMLName xml.Name })); err != nil {
		t.Errorf("SVG: %v", err)
	}
}

func parsePath(t *testing.T, d string, n int) []bool {
	t.Helper()
	out := make([]bool, n*n)
	for _, run := range strings.Split(strings.TrimSuffix(d, "z"), "z") {
		var x, y, w, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &w, &back); err != nil ||
			w != back {
			t.Fatalf("run %q: %v", run, err)
		}
		for i := range w {
			out[y*n+x+i] = true
		}
	}
	return out
}

func TestPNGRefusesSillySizes(t *testing.T) {
	m, err := Encode("x", L)
	if err != nil {
		t.Fatal(err)
	}
	for _, px := range []int{-1, 0, maxPx + 1} {
		if _, err := m.PNG(px); err == nil {
			t.Errorf("PNG(%d) was drawn", px)
		}
	}
	if _, err := Encode("x", H+1); err == nil {
		t.Error("a fifth level was accepted")
	}
}

func FuzzEncode(f *testing.F) {
	seeds := []string{"", "0", "0123456789", "ABC-12:$%", "HELLO WORLD 123456789012345 abc",
		"\x00\xff\xfe", "付款", link(582), link(926), strings.Repeat("7", 7089),
		strings.Repeat("A", 4297)}
	for _, s := range seeds {
		for level := L; level <= H; level++ {
			f.Add(s, uint8(level), 600)
		}
	}
	f.Fuzz(func(t *testing.T, text string, level uint8, boxPx int) {
		m, err := Encode(text, Level(level))
		if err != nil {
			if m != nil {
				t.Error("a matrix and an error")
			}
			return
		}
		if m.Size() < 21 || m.Size() > 177 || (m.Size()-17)%4 != 0 {
			t.Errorf("size %d is not one of a QR code", m.Size())
		}
		if n, err := Modules(text, Level(level)); err != nil || n != m.Size() {
			t.Errorf("Modules = %d, %v; the matrix has %d", n, err, m.Size())
		}
		if !m.Dark(0, 0) || !m.Dark(6, 0) || m.Dark(7, 0) || m.Dark(-1, 0) || m.Dark(0, m.Size()) {
			t.Error("the finder pattern is wrong")
		}
		if c, err := Fit(text, boxPx); err == nil &&
			(c.PxPerModule < MinPx || c.PxPerModule*(c.Modules+2*Quiet) > boxPx) {
			t.Errorf("Fit(%d px) = %+v does not fit", boxPx, c)
		}
	})
}

func BenchmarkLinkToSVG(b *testing.B) {
	text := link(926)
	b.ReportAllocs()
	for b.Loop() {
		c, err := Fit(text, 1080)
		if err != nil {
			b.Fatal(err)
		}
		m, err := c.Draw(text)
		if err != nil {
			b.Fatal(err)
		}
		if len(m.SVG()) == 0 {
			b.Fatal("empty")
		}
	}
}

func BenchmarkModules(b *testing.B) {
	text := link(926)
	for b.Loop() {
		if _, err := Modules(text, L); err != nil {
			b.Fatal(err)
		}
	}
}
