package ui

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/test/browser"
	"kiosk-agent/ui/qr"
)

// A link of either length is read from a picture of the whole screen, at every size, drawn in pure
// black and white.
func TestCodeIsReadable(t *testing.T) {
	// 400x240 at ratio 2 is the 800x480 panel of a system that scales its interface; 1.5 gives
	// positions between pixels.
	for _, sz := range append([]size{{400, 240, 2}, {1280, 720, 1.5}, {1024, 768, 1}}, sizes...) {
		t.Run(fmt.Sprintf("%v at %g", sz, sz.ratio), func(t *testing.T) {
			s := newStand(t, testConfig(), nil)
			tb := newTab(t, sz)
			tb.sign(s)
			for revision, n := range []int{582, 729, 926} {
				pay := payScreen("01JD3V8Q6N4ZK9B7T5W2XYCMRE", n)
				pay.Revision = int64(revision + 1)
				s.Show(pay)
				s.events.awaitShown(t, pay)
				picture := tb.Picture()
				if got := browser.Read(t, picture); got != pay.Payload {
					t.Errorf("%d bytes: read %q", n, got)
				}
				st := s.State()
				want, err := qr.Fit(pay.Payload, st.BoxPx)
				if err != nil {
					t.Fatal(err)
				}
				side := (want.Modules + 2*qr.Quiet) * want.PxPerModule
				css := evaluate[float64](tb,
					`document.querySelector('#paper svg').getBoundingClientRect().width`)
				if got := css * sz.ratio; got < float64(side)-0.02 || got > float64(side)+0.02 {
					t.Errorf("%d bytes: the code has %.2f device pixels, want %d (%d per module)",
						n, got, side, want.PxPerModule)
				}
				checkCrisp(t, tb, picture, sz.ratio, want)
			}
		})
	}
}

// checkCrisp compares the picture with a grid of modules: each module is one colour, in every one
// of its pixels. The grid may start a pixel beside the page's own coordinates, because Chromium's
// emulated fractional ratios shift a layer as a whole.
func checkCrisp(t *testing.T, tb *tab, picture []byte, ratio float64, c qr.Choice) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	corner := evaluate[[]float64](tb, `(() => { const r = document.querySelector('#paper `+
		`svg').getBoundingClientRect(); return [r.left, r.top]; })()`)
	var complaint string
	for shift := range 9 {
		at := image.Pt(int(corner[0]*ratio+0.5)+(shift+4)%3-1,
			int(corner[1]*ratio+0.5)+(shift/3+1)%3-1)
		if complaint = notFlat(img, at, c); complaint == "" {
			return
		}
	}
	t.Errorf("blurred at %d px per module: %s", c.PxPerModule, complaint)
}

func notFlat(img image.Image, at image.Point, c qr.Choice) string {
	for my := range c.Modules + 2*qr.Quiet {
		for mx := range c.Modules + 2*qr.Quiet {
			first, _, _, _ := img.At(at.X+mx*c.PxPerModule, at.Y+my*c.PxPerModule).RGBA()
			for i := range c.PxPerModule * c.PxPerModule {
				r, g, b, _ := img.At(at.X+mx*c.PxPerModule+i%c.PxPerModule,
					at.Y+my*c.PxPerModule+i/c.PxPerModule).RGBA()
				if r != first || g != r || b != r || r != 0 && r != 0xffff {
					return fmt.Sprintf("module %d,%d is not one flat square: %x %x %x, first %x",
						mx, my, r, g, b, first)
				}
			}
		}
	}
	return ""
}

func TestTooSmallScreenSaysSo(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	tb := newTab(t, size{320, 240, 1})
	tb.sign(s)
	pay := payScreen("P1", 926)
	s.Show(pay)
	r := s.events.await(t, "refused", nil)
	if r.payment != "P1" || r.revision != 3 || !strings.Contains(r.reason, "101+8 modules") {
		t.Errorf("refused %+v", r)
	}
	tb.Until(`document.querySelector('#notice').dataset.kind === 'too_small'`)
	s.events.awaitState(t, func(st State) bool { return st.Showing == payment.ScreenOutOfService })
	if evaluate[bool](tb, codeShown) {
		t.Error("a code is shown")
	}
	tb.Do(chromedp.EmulateViewport(1024, 600))
	s.events.awaitShown(t, pay)
	if got := browser.Read(t, tb.Picture()); got != pay.Payload {
		t.Errorf("on the larger screen it reads %q", got)
	}
}

// TestTheCustomerTouches: each touch tells the agent once, and what was touched is seen at once.
func TestTheCustomerTouches(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	for _, sz := range []size{sizes[0], sizes[3]} {
		tb := newTab(t, sz)
		tb.sign(s)
		offer := Screen{Kind: payment.ScreenChoose, Payment: "P1", Revision: 1, Amount: "10.23",
			Currency: "SGD", Schemes: []string{"paynow", "alipay", "wechatpay"},
			Deadline: time.Minute}
		s.Show(offer)
		s.events.awaitShown(t, offer)
		if !s.State().Touch {
			t.Error("the page says that nothing can be chosen on it")
		}
		for _, name := range []string{"WeChat Pay", "Alipay"} {
			tb.Do(chromedp.Click(`button[data-brand="` + name + `"]`))
			if h := s.events.await(t, "chose", nil); h.payment != "P1" ||
				h.scheme != strings.ToLower(strings.ReplaceAll(name, " ", "")) {
				t.Errorf("touched %s, the agent hears %+v", name, h)
			}
			if !evaluate[bool](tb, `document.querySelectorAll('#choices `+
				`button:disabled').length === 3 && `+
				`document.querySelector('.pressed').textContent === '`+name+`'`) {
				t.Error("a second touch would count, or the first is not seen")
			}
			// nothing came of it: the customer may try again
			tb.Until(`document.querySelectorAll('#choices button:enabled').length === 3`)
		}
		pay := payScreen("P1", 582)
		s.Show(pay)
		s.events.awaitShown(t, pay)
		if !evaluate[bool](tb, `document.querySelectorAll('#choices button').length === 0`) {
			t.Error("there is still something to choose")
		}
	}
}

// TestNobodyChooses: when the time is over there is nothing to touch, whatever becomes of the
// agent.
func TestNobodyChooses(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	tb := newTab(t, sizes[2])
	tb.sign(s)
	offer := Screen{Kind: payment.ScreenChoose, Payment: "P1", Revision: 1,
		Amount: "10.23", Currency: "SGD",
		Schemes: []string{"paynow", "alipay"}, Deadline: 2 * time.Second}
	s.Show(offer)
	s.events.awaitShown(t, offer)
	s.events.awaitState(t, func(st State) bool { return st.Showing == screenWait })
	if !evaluate[bool](tb, `document.querySelectorAll('#choices button').length === 0`) {
		t.Error("there is still something to choose")
	}
}

func TestNothingSecretInThePage(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	tb := newTab(t, sizes[2])
	ctx, cancel := context.WithCancel(tb.Context())
	messages := chromedp.Console(ctx)
	complaints := make(chan []string, 1)
	go func() {
		var all []string
		for m, err := range messages {
			if err != nil {
				break
			}
			all = append(all, m.String())
		}
		complaints <- all
	}()
	tb.sign(s)
	pay := payScreen("P1", 729)
	s.Show(pay)
	s.events.awaitShown(t, pay)
	page := evaluate[string](tb, `document.documentElement.outerHTML + location.href + `+
		`document.referrer + document.cookie + JSON.stringify(localStorage)`)
	for name, what := range map[string]string{"token": testToken, "cookie": s.cookieValue(),
		"payload": pay.Payload, "link": "checkout"} {
		if strings.Contains(page, what) {
			t.Errorf("the %s is in the page", name)
		}
	}
	if got := evaluate[string](tb, `location.href`); got != s.url+"/" {
		t.Errorf("address %q", got)
	}
	if strings.Contains(s.log.String(), testToken) || strings.Contains(s.log.String(), "checkout") {
		t.Error("the log has the token or the link in it")
	}
	cancel()
	if all := <-complaints; len(all) > 0 {
		t.Errorf("the browser complains: %q", all)
	}
}

// The agent dies: no code after three seconds. It comes back: the page shows what the new process
// wants, without being reloaded.
func TestDeadMansSwitchWhenTheAgentIsGone(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	tb := newTab(t, sizes[3])
	tb.sign(s)
	pay := payScreen("P1", 729)
	s.Show(pay)
	s.events.awaitShown(t, pay)
	evaluate[bool](tb, `window.notReloaded = true`)
	address := s.server.Listener.Addr().String()
	start := time.Now()
	s.stop()
	tb.Until(codeGone)
	if took := time.Since(start); took < time.Second || took > 8*time.Second {
		t.Errorf("the code was gone after %v, want about 3 s", took)
	}
	tb.Until(`document.querySelector('#notice').dataset.kind === 'wait' && ` +
		`!document.querySelector('#notice').classList.contains('off')`)

	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s = newStand(t, testConfig(), listener)
	pay.Revision = 9
	s.Show(pay)
	s.events.awaitShown(t, pay)
	if !evaluate[bool](tb, codeShown+` && window.notReloaded === true`) {
		t.Error("the code is not back, or the page was reloaded")
	}
}

// gate is an Events whose first confirmation of a payment blocks the hub's loop: the sockets stay
// open, the heartbeat stops.
type gate struct {
	recorder
	closed chan struct{}
}

func (g gate) DisplayShown(kind payment.Screen, id string, revision int64) {
	g.recorder.DisplayShown(kind, id, revision)
	if kind == payment.ScreenPay {
		<-g.closed
	}
}

func TestDeadMansSwitchWhenTheHeartbeatStops(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	g := gate{s.events, make(chan struct{})}
	s.ev = g // before any display is there
	tb := newTab(t, sizes[2])
	tb.sign(s)
	pay := payScreen("P1", 729)
	s.Show(pay)
	s.events.awaitShown(t, pay)
	start := time.Now()
	tb.Until(codeGone)
	if took := time.Since(start); took < time.Second || took > 8*time.Second {
		t.Errorf("the code was gone after %v, want about 3 s", took)
	}
	close(g.closed)
	tb.Until(codeShown)
	s.events.awaitShown(t, pay)
}

// A busy page cannot hide anything, but it hides before it shows another frame, because it compares
// times.
func TestFrozenPageIsNotTrusted(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	tb := newTab(t, sizes[2])
	tb.sign(s)
	pay := payScreen("P1", 729)
	s.Show(pay)
	s.events.awaitShown(t, pay)
	evaluate[bool](tb, `(() => { setTimeout(() => { const end = performance.now() + 6000; `+
		`while (performance.now() < end); }, 0); return true; })()`)
	s.events.awaitState(t, func(st State) bool { return !st.Connected })
	s.Show(Screen{Kind: payment.ScreenIdle})
	s.events.awaitShown(t, Screen{Kind: payment.ScreenIdle})
	tb.Until(codeGone)
}

// A page that nobody can see shows nothing, and says so.
func TestHiddenPageIsNotShowing(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	tb := newTab(t, sizes[2])
	tb.sign(s)
	pay := payScreen("P1", 582)
	s.Show(pay)
	s.events.awaitShown(t, pay)
	hide := `Object.defineProperty(document, 'hidden', {value: %t, configurable: true}); ` +
		`document.dispatchEvent(new Event('visibilitychange'))`
	evaluate[bool](tb, fmt.Sprintf(hide, true))
	s.events.awaitState(t,
		func(st State) bool { return st.Showing == screenHidden && st.Warn != "" })
	evaluate[bool](tb, fmt.Sprintf(hide, false))
	s.events.awaitShown(t, pay)
	if st := s.State(); st.Showing != payment.ScreenPay || st.Warn != "" {
		t.Errorf("state %+v", st)
	}
}

func TestCountdownHidesTheCode(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	tb := newTab(t, sizes[2])
	tb.sign(s)
	s.Show(Screen{Kind: payment.ScreenIdle})
	s.events.awaitShown(t, Screen{Kind: payment.ScreenIdle})
	pay := payScreen("P1", 729)
	pay.Deadline = 2500 * time.Millisecond
	start := time.Now()
	s.Show(pay)
	s.events.awaitShown(t, pay)
	tb.Until(`document.querySelector('#pay .clock b').textContent === '0:01'`)
	s.events.awaitState(t, func(st State) bool { return st.Showing == payment.ScreenChecking })
	if took := time.Since(start); took < 2400*time.Millisecond || took > 4500*time.Millisecond {
		t.Errorf("hidden after %v, want 2.5 s", took)
	}
	if !evaluate[bool](tb, codeGone+
		` && document.querySelector('#notice').dataset.kind === 'checking'`) {
		t.Error("the code is still there")
	}
}

func TestOlderDisplayGivesWayAndComesBack(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	s.Show(Screen{Kind: payment.ScreenIdle})
	older := newTab(t, sizes[2])
	older.sign(s)
	s.events.awaitState(t, func(st State) bool {
		return st.Showing == payment.ScreenIdle &&
			st.ViewportW == 1024
	})
	newer := newTab(t, sizes[3])
	newer.sign(s)
	s.events.awaitState(t, func(st State) bool {
		return st.Showing == payment.ScreenIdle &&
			st.ViewportW == 800
	})
	older.Until(`document.querySelector('#notice').dataset.kind === 'moved'`)
	pay := payScreen("P1", 582)
	s.Show(pay)
	s.events.awaitShown(t, pay)
	// Long enough for the older one to ask whether the place is free: it must not take it.
	older.Until(`performance.getEntriesByType('resource').some((r) => ` +
		`r.name.endsWith('/vacant') && r.responseEnd > 0)`)
	if got := testutil.ToFloat64(s.metrics.dropped.WithLabelValues("moved")); got != 1 ||
		s.State().ViewportW != 800 {
		t.Errorf("%v displays were replaced, want 1; active is %+v", got, s.State())
	}
	if evaluate[bool](older, codeShown) {
		t.Error("the older display shows the code")
	}
	newer.Do(chromedp.Navigate("about:blank"))
	s.events.awaitState(t, func(st State) bool {
		return st.Showing == payment.ScreenPay &&
			st.ViewportW == 1024
	})
	if !evaluate[bool](older, codeShown) {
		t.Error("the older display has not come back")
	}
}

// When the token changes, the page stops waiting in vain and says what to do.
func TestChangedTokenShowsTheSignInPage(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	tb := newTab(t, sizes[2])
	tb.sign(s)
	s.events.awaitState(t, func(st State) bool { return st.Showing == payment.ScreenOutOfService })
	address := s.server.Listener.Addr().String()
	s.stop()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	cfg := testConfig()
	cfg.Token = secret.New([]byte("another-display-token-0000"))
	newStand(t, cfg, listener)
	tb.Do(chromedp.WaitVisible(chromedp.CSS("body.denied h1")))
}

func BenchmarkScreenToFrame(b *testing.B) {
	hub, err := NewHub(testConfig(), make(recorder, 1),
		slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
	if err != nil {
		b.Fatal(err)
	}
	hub.state = State{Connected: true, BoxPx: 1045}
	l := &loop{h: hub, drawn: map[drawKey]*drawing{}}
	screen := timed{Screen: payScreen("P1", 926), until: time.Hour}
	for b.Loop() {
		clear(l.drawn)
		f, _ := l.frame(screen)
		if f.QR == nil || len(encode(f)) == 0 {
			b.Fatal("nothing drawn")
		}
	}
}

// TestNothingStaysOfTheSaleBefore: whatever was on the screen, a sale's is as on a page that has
// shown nothing else.
func TestNothingStaysOfTheSaleBefore(t *testing.T) {
	all := scenes()
	shown := func(names ...string) (seen string) {
		s := newStand(t, testConfig(), nil)
		tb := newTab(t, sizes[3])
		tb.sign(s)
		for _, name := range names {
			s.Show(all[name])
			s.events.awaitShown(t, all[name])
		}
		return evaluate[string](tb, `document.querySelectorAll('#pay .clock b, #pay .clock i')`+
			`.forEach((n) => n.remove()), document.querySelector('#pay').outerHTML`)
	}
	for _, last := range []string{"pay", "pay-wallet", "choose"} {
		want := shown(last)
		if got := shown("pay-large", "choose", "pay-wallet", "approved", last); got != want {
			t.Errorf("%s after others:\n%s\nalone:\n%s", last, got, want)
		}
	}
}
