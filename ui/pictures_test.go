package ui

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the pictures to docs/images")

const imageDir = "../docs/images"

// scenes are the screens that a customer can meet, with the longest texts that the layout must hold.
func scenes() map[string]Screen {
	id := "01JD3V8Q6N4ZK9B7T5W2XYCMRE"
	result := func(kind string) Screen {
		return Screen{Kind: kind, Payment: id, Revision: 4, Amount: "10.23", Currency: "SGD"}
	}
	pay := payScreen(id, 729)
	large := payScreen(id, 926)
	large.Amount = "9999999.00"
	opened := result(KindOpened)
	opened.Deadline = 95 * time.Second
	out := Screen{Kind: KindOutOfService, Reason: "relay_unproven"}
	unknown := result(KindUnknown)
	unknown.Reason = "query_failed"
	return map[string]Screen{
		"idle": {Kind: KindIdle}, "pay": pay, "pay-large": large, "opened": opened, "approved": result(KindApproved),
		"declined": result(KindDeclined), "expired": result(KindExpired), "cancelled": result(KindCancelled),
		"unknown": unknown, "out-of-service": out,
	}
}

// TestPictures drives the real hub and a real Chromium through every screen at every size: the page confirms each, nothing is cut
// off or leaves the screen, and with -update the pictures of docs/images are written.
func TestPictures(t *testing.T) {
	for _, sz := range sizes {
		t.Run(sz.String(), func(t *testing.T) {
			for name, screen := range scenes() {
				cfg := testConfig()
				if name == "pay-large" {
					cfg.MerchantName = "Sri Thirumurugan Traditional Food Court & Catering (Bukit Timah Plaza) Pte Ltd"
				}
				s := newStand(t, cfg, nil)
				tb := newTab(t, sz)
				tb.sign(s)
				s.Show(screen)
				s.events.awaitShown(t, screen)
				if found := evaluate[[]string](tb, findCutOff); len(found) > 0 {
					t.Errorf("%s: cut off: %q", name, found)
				}
				picture := tb.picture()
				if screen.Kind == KindPay {
					if got := zbar(t, picture); got != screen.Payload {
						t.Errorf("%s: the code on the picture reads %q", name, got)
					}
				}
				if *update {
					save(t, fmt.Sprintf("display-%s-%s.png", name, sz), picture)
				}
				s.stop()
			}
		})
	}
}

// findCutOff lists elements of the visible layer whose text is cut off or outside of the screen.
const findCutOff = `(() => {
  const root = document.querySelector('section:not(.off)');
  const bad = [];
  const screen = { w: window.innerWidth + 0.5, h: window.innerHeight + 0.5 };
  for (const n of root.querySelectorAll('h1, p, li, b, .brand span, .amount, .value, .schemes, .scheme, .clock, .foot, .others, #paper svg')) {
    const r = n.getBoundingClientRect();
    if (r.width === 0 || r.height === 0) continue;
    const name = n.tagName + '.' + n.className + ' ' + n.textContent.slice(0, 40);
    if (r.left < -0.5 || r.top < -0.5 || r.right > screen.w || r.bottom > screen.h) bad.push('outside: ' + name);
    if (n.scrollWidth > n.clientWidth + 1 && n.clientWidth > 0 && !n.matches('b')) bad.push('too wide: ' + name);
    if (n.scrollHeight > n.clientHeight + 2 && n.clientHeight > 0 && n.matches('.brand span, .others, .schemes')) bad.push('too high: ' + name);
  }
  const blocks = [...root.querySelectorAll('.brand, .ask, .panel, .message, .others, .clock, .schemes, .foot')]
    .filter((n) => n.getBoundingClientRect().height > 0 && !n.closest('.words'));
  for (const a of blocks) for (const b of blocks) {
    if (a === b || a.contains(b) || b.contains(a)) continue;
    const p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
    if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1) bad.push('overlap: ' + a.className + ' and ' + b.className);
  }
  return bad;
})()`

// save writes a picture with a palette of its own most frequent colours, which is a third of Chromium's size.
func save(t *testing.T, name string, picture []byte) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	small := quantise(img)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, small); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(imageDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(imageDir, name), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// quantise keeps a frequent colour of every coarse cell of the colour cube: enough for flat areas and smooth letters.
func quantise(img image.Image) *image.Paletted {
	b := img.Bounds()
	counts := map[color.RGBA]int{}
	cell := func(c color.RGBA) color.RGBA { return color.RGBA{c.R &^ 31, c.G &^ 31, c.B &^ 31, 255} }
	pixel := func(x, y int) color.RGBA {
		return color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			counts[pixel(x, y)]++
		}
	}
	best := map[color.RGBA]color.RGBA{}
	for c, n := range counts {
		k := cell(c)
		if old, ok := best[k]; !ok || n > counts[old] || n == counts[old] && c.R < old.R {
			best[k] = c
		}
	}
	var palette color.Palette
	for _, c := range best {
		if len(palette) < 256 {
			palette = append(palette, c)
		}
	}
	out := image.NewPaletted(b, palette)
	cache := map[color.RGBA]uint8{}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := pixel(x, y)
			i, ok := cache[c]
			if !ok {
				i = uint8(palette.Index(c))
				cache[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	return out
}
