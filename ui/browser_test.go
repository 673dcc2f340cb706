package ui

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"

	"kiosk-agent/test/browser"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(browser.Tests{M: m}) }

// size of a display, in CSS pixels at ratio device pixels each.
type size struct {
	w, h  int64
	ratio float64
}

func (s size) String() string { return fmt.Sprintf("%dx%d", s.w, s.h) }

var sizes = []size{{1080, 1920, 1}, {1920, 1080, 1}, {1024, 600, 1}, {800, 480, 1}}

// tab is a page of the browser.
type tab struct{ *browser.Tab }

func newTab(t testing.TB, s size) *tab {
	t.Helper()
	return &tab{browser.Open(t, s.w, s.h, s.ratio)}
}

// sign opens the display as an installer does: with the token in the address.
func (tb *tab) sign(s *stand) { tb.Go(s.url + "/?token=" + testToken) }

func evaluate[T any](tb *tab, expression string, opts ...chromedp.EvaluateOption) T {
	return browser.Evaluate[T](tb.Tab, expression, opts...)
}

const (
	codeShown = `document.querySelector('#paper svg') !== null`
	codeGone  = `document.querySelector('#paper svg') === null`
)
