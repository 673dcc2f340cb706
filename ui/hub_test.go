package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"kiosk-agent/payment"
	"kiosk-agent/ui/qr"
)

func confirm(t *testing.T, conn *websocket.Conn, m map[string]any, kind payment.Screen) {
	t.Helper()
	id, _ := m["payment"].(string)
	revision, _ := m["revision"].(float64)
	say(t, conn, map[string]any{"type": "shown", "seq": m["seq"], "kind": kind, "payment": id,
		"revision": revision, "box_px": 1000, "viewport": []int{1000, 1000}, "dpr": 1})
}

func TestSnapshotThenScreens(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	s.Show(Screen{Kind: payment.ScreenIdle})
	conn := s.dialHello(t, 1000)
	snapshot := hear(t, conn, "snapshot")
	if snapshot["kind"] != string(payment.ScreenIdle) || snapshot["build"] != s.page.build {
		t.Errorf("snapshot %v", snapshot)
	}
	s.events.awaitState(t, func(st State) bool {
		return st.Connected && st.BoxPx == 1000 &&
			st.Showing == ""
	})
	confirm(t, conn, snapshot, payment.ScreenIdle)
	s.events.awaitShown(t, Screen{Kind: payment.ScreenIdle})

	pay := payScreen("P1", 926)
	pay.Amount = "1234.50"
	s.Show(pay)
	m := hear(t, conn, "screen")
	drawn, _ := m["qr"].(map[string]any)
	if m["amount"] != "1,234.50" || m["how"] != "link" || drawn["level"] != "M" ||
		drawn["modules"] != 117.0 || drawn["px"] != 8.0 {
		t.Errorf("screen %v, qr %v modules at %v", m["amount"], drawn["modules"], drawn["level"])
	}
	if left, _ := m["remaining_ms"].(float64); left <= 170_000 || left > 180_000 {
		t.Errorf("remaining %v", m["remaining_ms"])
	}
	if raw := fmt.Sprint(m); strings.Contains(raw, pay.Payload) ||
		strings.Contains(raw, "checkout") {
		t.Error("the payload was sent as text")
	}
	confirm(t, conn, m, payment.ScreenPay)
	s.events.awaitShown(t, pay)
	if got := s.State(); got.Showing != payment.ScreenPay || got.Warn != "" {
		t.Errorf("state %+v", got)
	}
	if got := testutil.ToFloat64(s.metrics.connected); got != 1 {
		t.Errorf("connected metric %v", got)
	}
}

// A report about an older frame, another payment or another kind must not confirm the newest
// screen, even if the older frame showed the same payment: it may have been drawn for a screen of
// another size.
func TestOnlyTheNewestFrameIsConfirmed(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	pay := payScreen("P1", 582)
	s.Show(pay)
	conn := s.dialHello(t, 1000)
	old := hear(t, conn, "snapshot")
	s.Show(pay)
	m := hear(t, conn, "screen")
	confirm(t, conn, old, payment.ScreenPay)
	confirm(t, conn, map[string]any{"seq": m["seq"], "payment": "P2", "revision": m["revision"]},
		payment.ScreenPay)
	confirm(t, conn, map[string]any{"seq": m["seq"], "payment": "P1", "revision": 2.0},
		payment.ScreenPay)
	confirm(t, conn, m, payment.ScreenIdle)
	say(t, conn, map[string]any{"type": "layout", "box_px": 900, "viewport": []int{900, 900},
		"dpr": 1})
	m = hear(t, conn, "screen") // so all reports before it have been judged
	if st := s.State(); st.Showing != "" {
		t.Errorf("a wrong report was believed: %+v", st)
	}
	for len(s.events) > 0 {
		if h := <-s.events; h.what == "shown" {
			t.Errorf("a wrong report confirmed %+v", h)
		}
	}
	confirm(t, conn, m, payment.ScreenPay)
	s.events.awaitShown(t, pay)
}

// A touch counts for the newest screen only, and for what that screen offers: the payment is
// another one, or the choice is over.
func TestOnlyAnOfferedWalletIsChosen(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	offer := Screen{Kind: payment.ScreenChoose, Payment: "P1", Revision: 1,
		Amount: "10.23", Currency: "SGD",
		Schemes: []string{"paynow", "alipay"}, Deadline: time.Minute}
	s.Show(offer)
	conn := s.dialHello(t, 1000)
	old := hear(t, conn, "snapshot")
	s.Show(offer)
	m := hear(t, conn, "screen")
	if got := fmt.Sprint(
		m["choices"]); got != "[map[name:PayNow scheme:paynow] map[name:Alipay scheme:alipay]]" ||
		m["remaining_ms"] == nil || m["schemes"] != nil {
		t.Errorf("offered %v", m)
	}
	touch := func(seq any, payment, scheme string) {
		say(t, conn, map[string]any{"type": "choose", "seq": seq, "payment": payment,
			"scheme": scheme})
	}
	touch(old["seq"], "P1", "paynow")
	touch(m["seq"], "P2", "paynow")
	touch(m["seq"], "P1", "PayNow")
	touch(m["seq"], "P1", "")
	touch(m["seq"], "P1", "alipay")
	if h := s.events.await(t, "chose", nil); h.payment != "P1" || h.scheme != "alipay" {
		t.Errorf("chosen first: %+v", h)
	}
	s.Show(Screen{Kind: payment.ScreenPreparing, Payment: "P1", Revision: 1})
	m = hear(t, conn, "screen")
	touch(m["seq"], "P1", "paynow")
	confirm(t, conn, m, payment.ScreenPreparing)
	s.events.awaitShown(t, Screen{Kind: payment.ScreenPreparing, Payment: "P1", Revision: 1})
	for len(s.events) > 0 {
		if h := <-s.events; h.what == "chose" {
			t.Errorf("chosen after the choice: %+v", h)
		}
	}
}

func TestCodeThatDoesNotFit(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	if err := s.Fits(link(926)); err != nil {
		t.Errorf("no display is known, yet: %v", err)
	}
	pay := payScreen("P1", 926)
	s.Show(pay)
	conn := s.dialHello(t, 240)
	m := hear(t, conn, "snapshot")
	if m["kind"] != string(payment.ScreenOutOfService) ||
		m["reason"] != reasonTooSmall || m["qr"] != nil ||
		m["payment"] != "P1" {
		t.Errorf("sent %v", m)
	}
	r := s.events.await(t, "refused", nil)
	if r.payment != "P1" || r.revision != 3 ||
		!strings.Contains(r.reason, "101+8 modules, 240 px give 2 px each") {
		t.Errorf("refused %+v", r)
	}
	if err := s.Fits(link(926)); !errors.Is(err, qr.ErrTooSmall) {
		t.Errorf("Fits = %v", err)
	}
	if err := s.Fits(link(60)); err != nil {
		t.Errorf("Fits(short) = %v", err)
	}
	say(t, conn, map[string]any{"type": "layout", "box_px": 340, "viewport": []int{340, 340},
		"dpr": 1})
	if m = hear(t, conn, "screen"); m["kind"] != string(payment.ScreenPay) {
		t.Errorf("after the layout has grown: %v", m["kind"])
	}
	s.events.awaitState(t, func(st State) bool { return strings.Contains(st.Warn, "only 3 px") })

	pay.Payload, pay.Revision = link(3000), 4
	s.Show(pay)
	if m = hear(t, conn, "screen"); m["reason"] != reasonTooLong {
		t.Errorf("too long: %v", m)
	}
}

func TestNothingPayableAfterTheDeadline(t *testing.T) {
	cfg := testConfig()
	s := newStand(t, cfg, nil)
	pay := payScreen("P1", 582)
	pay.Deadline = 0
	s.Show(pay)
	if m := hear(t, s.dialHello(t, 1000), "snapshot"); m["qr"] != nil || m["remaining_ms"] != 0.0 {
		t.Errorf("sent %v", m)
	}
}

func TestNewestDisplayWins(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	first := s.dialHello(t, 500)
	hear(t, first, "snapshot")
	silent := s.dial(t, nil) // signed in, but no hello: takes nobody's place
	second := s.dialHello(t, 700)
	hear(t, second, "snapshot")
	if m := hear(t, first, "bye"); m["reason"] != "moved" {
		t.Errorf("bye %v", m)
	}
	if _, _, err := first.ReadMessage(); !websocket.IsCloseError(err, closeMoved) {
		t.Errorf("closed with %v", err)
	}
	if st := s.State(); !st.Connected || st.BoxPx != 700 {
		t.Errorf("state %+v", st)
	}
	_ = silent
	second.Close()
	s.events.awaitState(t, func(st State) bool { return st.BoxPx == 700 })
	s.events.awaitState(t, func(st State) bool { return !st.Connected })
}

func TestSilentDisplayIsLost(t *testing.T) {
	cfg := testConfig()
	cfg.Beat = 50 * time.Millisecond
	s := newStand(t, cfg, nil)
	conn := s.dialHello(t, 500)
	s.events.awaitState(t, func(st State) bool { return st.Connected })
	start := time.Now()
	s.events.awaitState(t, func(st State) bool { return !st.Connected })
	if took := time.Since(start); took < 2*cfg.Beat {
		t.Errorf("lost after %v already", took)
	}
	for { // the beats that were sent meanwhile, the goodbye, the close
		if _, _, err := conn.ReadMessage(); err != nil {
			if !websocket.IsCloseError(err, closeSilent) {
				t.Errorf("closed with %v", err)
			}
			return
		}
	}
}

func TestConnectionWithoutHelloIsClosed(t *testing.T) {
	cfg := testConfig()
	cfg.Beat = 20 * time.Millisecond
	s := newStand(t, cfg, nil)
	conn := s.dial(t, nil)
	if m := hear(t, conn, "bye"); m["reason"] != "silent" {
		t.Errorf("bye %v", m)
	}
}

// A display that answers but does not read must not hold up anybody.
func TestSlowDisplayIsDropped(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	conn := s.dialHello(t, 1000)
	if tcp, ok := conn.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4096)
	}
	s.events.awaitState(t, func(st State) bool { return st.Connected })
	timeout := time.After(patience)
	for i := int64(0); s.State().Connected; i++ {
		select {
		case <-timeout:
			t.Fatal("still connected")
		default:
		}
		pay := payScreen("P1", 926)
		pay.Revision = i
		s.Show(pay)
		// fails once it has been dropped
		_ = conn.WriteJSON(map[string]any{"type": "alive", "n": i})
	}
	if got := testutil.ToFloat64(s.metrics.dropped.WithLabelValues("slow")); got != 1 {
		t.Errorf("dropped as slow: %v", got)
	}
}

func TestStrangeMessagesClose(t *testing.T) {
	for name, raw := range map[string]string{
		"no JSON": "hello", "unknown type": `{"type":"pay"}`,
		"unknown field": `{"type":"alive","n":1,"x":2}`, "two": `{"type":"alive"}{"type":"alive"}`,
		"unknown kind": `{"type":"shown","kind":"paid"}`,
		"negative box": `{"type":"hello","box_px":-1}`,
		"huge box":     `{"type":"hello","box_px":99999999}`,
		"pixel ratio":  `{"type":"hello","dpr":1e9}`,
		"too long":     `{"type":"alive","payment":"` + strings.Repeat("x", readLimit) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, testConfig(), nil)
			conn := s.dial(t, nil)
			if err := conn.WriteMessage(websocket.TextMessage, []byte(raw)); err != nil {
				t.Fatal(err)
			}
			_, _, err := conn.ReadMessage()
			if !websocket.IsCloseError(err, websocket.ClosePolicyViolation,
				websocket.CloseMessageTooBig) {
				t.Errorf("read: %v", err)
			}
		})
	}
}

func FuzzParseReport(f *testing.F) {
	for _, seed := range []string{
		`{"type":"hello","box_px":1045,"viewport":[1920,1080],"dpr":1}`, `{"type":"alive","n":7}`,
		`{"type":"ask"}`,
		`{"type":"layout","box_px":1}`,
		`{"type":"choose","seq":11,"payment":"01J","scheme":"paynow"}`,
		`{"type":"shown","seq":12,"kind":"pay","payment":"01J",` +
			`"revision":3,"box_px":5,"viewport":[1,2],"dpr":1.5}`, `{}`, `[]`,
		`{"type":"shown","kind":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := parseReport(raw)
		if err != nil {
			return
		}
		again, err := parseReport(encode(r))
		if r.Type != "alive" && (err != nil || again != r) {
			t.Errorf("%q: %+v became %+v, %v", raw, r, again, err)
		}
	})
}

func TestShowNeverBlocksAndNewestWins(t *testing.T) {
	hub, err := NewHub(testConfig(), make(recorder, 1),
		slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 { // nobody runs the hub
		hub.Show(Screen{Kind: payment.ScreenIdle, Revision: int64(i)})
	}
	if got := hub.current(); got.Revision != 999 {
		t.Errorf("current %+v", got)
	}
	hub.Show(Screen{Kind: "paid", Payload: "x"})
	if got := hub.current(); got.Kind != payment.ScreenOutOfService ||
		got.Reason != reasonBadScreen || got.Payload != "" {
		t.Errorf("an unknown kind became %+v", got)
	}
}

func TestRunEndsEverything(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	conn := s.dialHello(t, 500)
	hear(t, conn, "snapshot")
	s.stop() // waits for Run; TestMain looks for goroutines that are left
	if m := hear(t, conn, "bye"); m["reason"] != "shutdown" {
		t.Errorf("bye %v", m)
	}
	if s.State() != (State{}) {
		t.Errorf("state %+v", s.State())
	}
	if err := s.Run(context.Background()); err == nil {
		t.Error("Run ran twice")
	}
}
