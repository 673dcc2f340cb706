package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"kiosk-agent/payment"
	"kiosk-agent/test/browser"
)

// TestSaleOnARealScreen is the main job whole, with a real browser as the display and a real
// decoder as the camera.
func TestSaleOnARealScreen(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int64{{1080, 1920}, {800, 480}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			screen := browser.Open(t, size[0], size[1], 1)
			screen.Go(s.h.Agent.DisplayLogin())
			x := s.till()
			x.ready()
			screen.Until(`document.querySelector('#notice').dataset.kind === 'idle' && ` +
				`!document.querySelector('#notice').classList.contains('off')`)

			p := x.start("SALE-1", 1023)
			s.until(p.ID, payment.KindShown)
			screen.Until(`document.querySelector('#paper svg') !== null`)
			if text := screen.Text(); !strings.Contains(text, "10.23") ||
				strings.Contains(text, p.QRPayload[len(p.QRPayload)-20:]) {
				t.Errorf("the screen says %q", text)
			}
			link := browser.Read(t, screen.Picture())
			if link != p.QRPayload {
				t.Fatalf("the camera reads another link than the till was told:\n%s\n%s", link,
					p.QRPayload)
			}
			checkLink(t, s, p, link)

			customer := scan(t, link)
			customer.press("pay", "PAYNOW")
			done := x.approved(p.ID)
			screen.Until(`document.querySelector('#notice').dataset.kind === 'approved' && ` +
				`!document.querySelector('#notice').classList.contains('off')`)
			screen.Until(`document.querySelector('#paper svg') === null`)
			if text := screen.Text(); !strings.Contains(text, "10.23") ||
				!strings.Contains(text, p.ID) {
				t.Errorf("the screen says %q", text)
			}
			if done.Amount != 1023 || done.Scheme != "PAYNOW" || len(done.ProviderRef) != 19 ||
				done.PaidAt.IsZero() || done.QRPayload != "" {
				t.Errorf("the till heard %+v", done)
			}
			x.acknowledge(done)
			s.till().owedNothing()
		})
	}
}
