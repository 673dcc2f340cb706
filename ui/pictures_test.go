package ui

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"kiosk-agent/payment"
	"kiosk-agent/test/browser"
)

var update = flag.Bool("update", false, "write the pictures to docs/images")

const imageDir = "../docs/images"

// scenes are the screens that a customer can meet, with the longest texts that the layout must
// hold.
func scenes() map[string]Screen {
	id := "01JD3V8Q6N4ZK9B7T5W2XYCMRE"
	result := func(kind payment.Screen) Screen {
		return Screen{Kind: kind, Payment: id, Revision: 4, Amount: "10.23", Currency: "SGD"}
	}
	pay := payScreen(id, 729)
	large := payScreen(id, 926)
	large.Amount = "9999999.00"
	choose := result(payment.ScreenChoose)
	choose.Deadline, choose.Schemes = 172*time.Second, []string{"paynow", "alipay", "wechatpay"}
	wallet := pay
	wallet.Payload = "00020101021226420009SG.PAYNOW01012021020190000000K03010520400005303702540" +
		"510.235802SG5912KOPI AND TOAST6009Singapore62230119142819140693664153663041D3E"
	wallet.Schemes = []string{"paynow"}
	opened := result(payment.ScreenOpened)
	opened.Deadline = 95 * time.Second
	out := Screen{Kind: payment.ScreenOutOfService, Reason: "relay_unproven"}
	unknown := result(payment.ScreenUnknown)
	unknown.Reason = "query_failed"
	all := map[string]Screen{
		"idle": {Kind: payment.ScreenIdle}, "pay": pay, "pay-large": large, "pay-wallet": wallet,
		"choose": choose, "opened": opened, "unknown": unknown, "out-of-service": out,
	}
	for _, screen := range payment.Screens() {
		name := strings.ReplaceAll(string(screen), "_", "-")
		if _, ok := all[name]; !ok {
			all[name] = result(screen)
		}
	}
	return all
}

const longName = "Sri Thirumurugan Traditional Food Court & Catering (Bukit Timah Plaza) Pte Ltd"

// TestPictures drives the real hub and a real Chromium through every screen at every size, with
// ordinary texts, with a long name and with the longest language first: the page confirms each,
// nothing is cut off or leaves the screen, the code can be read. With -update the pictures of
// docs/images are written.
func TestPictures(t *testing.T) {
	long, tamil := testConfig(), testConfig()
	long.MerchantName = longName
	tamil.MerchantName, tamil.Languages = longName, []string{"ta", "ms", "zh", "en"}
	for _, sz := range sizes {
		t.Run(sz.String(), func(t *testing.T) {
			walk(t, sz, testConfig(), ordinary)
			walk(t, sz, long, func(name string) string {
				return map[string]string{"pay-large": "pay-long-name"}[name]
			})
			walk(t, sz, tamil, func(name string) string {
				return map[string]string{"pay": "pay-tamil", "unknown": "unknown-tamil",
					"choose": "choose-tamil"}[name]
			})
		})
	}
}

// TestFirstCodeFits: type is fitted with the clock's time in its place, also on the first countdown
// of a page.
func TestFirstCodeFits(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	tb := newTab(t, size{1080, 1920, 1})
	tb.sign(s)
	screen := scenes()["pay-wallet"]
	s.Show(screen)
	s.events.awaitShown(t, screen)
	if found := evaluate[[]string](tb, findCutOff); len(found) > 0 {
		t.Errorf("cut off: %q", found)
	}
}

// ordinary keeps all but the largest amount and, of the screens that the page shows by itself, the
// one that is no other's.
func ordinary(name string) string {
	own, isOwn := strings.CutPrefix(name, "own ")
	if name == "pay-large" || isOwn && own != string(screenWait) {
		return ""
	}
	return own
}

// walk shows every scene, and every screen that the page shows by itself. Pictures are kept under
// the name that keep gives.
func walk(t *testing.T, sz size, cfg Config, keep func(string) string) {
	t.Helper()
	s := newStand(t, cfg, nil)
	defer s.stop()
	tb := newTab(t, sz)
	tb.sign(s)
	look := func(name string) {
		t.Helper()
		if found := evaluate[[]string](tb, findCutOff); len(found) > 0 {
			t.Errorf("%s in %v: cut off: %q", name, cfg.Languages, found)
		}
		if file := keep(name); *update && file != "" {
			save(t, fmt.Sprintf("display-%s-%s.png", file, sz), tb.Picture())
		}
	}
	for name, screen := range scenes() {
		s.Show(screen)
		s.events.awaitShown(t, screen)
		look(name)
		if screen.Kind == payment.ScreenPay {
			if got := browser.Read(t, tb.Picture()); got != screen.Payload {
				t.Errorf("%s: the code on the picture reads %q", name, got)
			}
		}
	}
	for _, kind := range []string{"wait", "checking", "moved", "too_small"} {
		evaluate[bool](tb, "import('/assets/view.js').then((view) => { view.showNotice('"+kind+
			"', {payment: '01JD3V8Q6N4ZK9B7T5W2XYCMRE'}); return true; })",
			chromedp.EvalAwaitPromise)
		look("own " + kind)
	}
}

// findCutOff lists elements of the visible layer whose text is cut off or outside of the screen.
const findCutOff = `(() => {
  const root = document.querySelector('section:not(.off)');
  const bad = [];
  const screen = { w: window.innerWidth + 0.5, h: window.innerHeight + 0.5 };
  const seen = 'h1, p, li, b, .brand span, .amount, .value, .schemes, .scheme, .clock, .foot, ' +
    '.others, #paper svg, #choices, button';
  const filled = '.brand span, .others, .schemes, #choices, button';
  for (const n of root.querySelectorAll(seen)) {
    const r = n.getBoundingClientRect();
    if (r.width === 0 || r.height === 0) continue;
    const name = n.tagName + '.' + n.className + ' ' + n.textContent.slice(0, 40);
    if (r.left < -0.5 || r.top < -0.5 || r.right > screen.w || r.bottom > screen.h) {
      bad.push('outside: ' + name);
    }
    if (n.scrollWidth > n.clientWidth + 1 && n.clientWidth > 0 && !n.matches('b')) {
      bad.push('too wide: ' + name);
    }
    if (n.scrollHeight > n.clientHeight + 2 && n.clientHeight > 0 && n.matches(filled)) {
      bad.push('too high: ' + name);
    }
  }
  for (const n of root.querySelectorAll('.text')) {
    const margin = parseFloat(getComputedStyle(n).paddingBottom);
    const end = n.lastElementChild.getBoundingClientRect().bottom;
    if (end > n.getBoundingClientRect().bottom - margin / 2 + 0.5) {
      bad.push('no margin below: ' + n.className);
    }
  }
  const parts = '.brand, .ask, .panel, .message, .others, .clock, .schemes, .foot';
  const blocks = [...root.querySelectorAll(parts)]
    .filter((n) => n.getBoundingClientRect().height > 0 && !n.closest('.words'));
  for (const a of blocks) for (const b of blocks) {
    if (a === b || a.contains(b) || b.contains(a)) continue;
    const p = a.getBoundingClientRect(), q = b.getBoundingClientRect();
    if (p.left < q.right - 1 && q.left < p.right - 1 &&
        p.top < q.bottom - 1 && q.top < p.bottom - 1) {
      bad.push('overlap: ' + a.className + ' and ' + b.className);
    }
  }
  return bad;
})()`

// save writes a picture with a palette of its own most frequent colours, which is a third of
// Chromium's size.
func save(t *testing.T, name string, picture []byte) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	small := quantise(img)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out,
		small); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(imageDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(imageDir, name), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// quantise keeps the 16 most frequent colours, at most one of each coarse cell of the colour cube:
// enough for flat areas with smooth letters, and four bits per pixel.
func quantise(img image.Image) *image.Paletted {
	b := img.Bounds()
	pixel := func(x, y int) color.RGBA {
		return color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)
	}
	counts := map[color.RGBA]int{}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			counts[pixel(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(counts), func(p, q color.RGBA) int {
		return cmp.Or(counts[q]-counts[p], int(p.R)-int(q.R), int(p.G)-int(q.G), int(p.B)-int(q.B))
	})
	var palette color.Palette
	taken := map[color.RGBA]bool{}
	for _, c := range colours {
		cell := color.RGBA{c.R &^ 31, c.G &^ 31, c.B &^ 31, 255}
		if !taken[cell] && len(palette) < 16 {
			taken[cell] = true
			palette = append(palette, c)
		}
	}
	out := image.NewPaletted(b, palette)
	index := map[color.RGBA]uint8{}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := pixel(x, y)
			i, ok := index[c]
			if !ok {
				i = uint8(palette.Index(c))
				index[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	return out
}
