package ui

import (
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"kiosk-agent/payment"
)

// incoming are the messages that a display gets, until its connection ends. It answers beats where
// it should.
func incoming(t *testing.T, conn *websocket.Conn, alive bool) <-chan map[string]any {
	t.Helper()
	all := make(chan map[string]any, 1024)
	go func() {
		defer close(all)
		for {
			var m map[string]any
			if conn.ReadJSON(&m) != nil {
				return
			}
			if alive && m["type"] == "beat" {
				_ = conn.WriteJSON(map[string]any{"type": "alive", "n": m["n"]})
			}
			all <- m
		}
	}()
	return all
}

// TestDisplayAtRestAsks: one that asks gets an answer and no beats, for as long as nothing is for
// sale; then it gets beats, and no answer, for the code's screen is kept by them alone.
func TestDisplayAtRestAsks(t *testing.T) {
	cfg := testConfig()
	cfg.Beat = 400 * time.Millisecond
	s := newStand(t, cfg, nil)
	s.Show(Screen{Kind: payment.ScreenIdle})
	conn := s.dialHello(t, 1000)
	hear(t, conn, "snapshot")
	for begun := time.Now(); time.Since(begun) < 4*cfg.Beat; {
		say(t, conn, map[string]any{"type": "ask"})
		var m map[string]any
		if err := conn.ReadJSON(&m); err != nil || m["type"] != "here" {
			t.Fatalf("heard %v, %v", m, err)
		}
	}
	s.Show(payScreen("P1", 582))
	hear(t, conn, "screen")
	say(t, conn, map[string]any{"type": "ask"})
	for range 2 {
		var m map[string]any
		if err := conn.ReadJSON(&m); err != nil || m["type"] != "beat" {
			t.Fatalf("heard %v, %v, while a code is shown", m, err)
		}
		say(t, conn, map[string]any{"type": "alive", "n": m["n"]})
	}
}

// TestDisplayAtRestThatDoesNotAsk gets beats, later than one that shows a code, and is lost as soon
// as that one when it does not answer.
func TestDisplayAtRestThatDoesNotAsk(t *testing.T) {
	cfg := testConfig()
	cfg.Beat = 200 * time.Millisecond
	s := newStand(t, cfg, nil)
	s.Show(Screen{Kind: payment.ScreenIdle})
	conn := s.dialHello(t, 1000)
	said := time.Now()
	all := incoming(t, conn, false)
	s.events.awaitState(t, func(st State) bool { return st.Connected })
	if m := <-all; m["type"] != "snapshot" {
		t.Fatalf("heard %v", m)
	}
	if m := <-all; m["type"] != "beat" || time.Since(said) < 2*cfg.Beat {
		t.Errorf("after %v: %v", time.Since(said), m)
	}
	s.events.awaitState(t, func(st State) bool { return !st.Connected })
	if took := time.Since(said); took < 4*cfg.Beat {
		t.Errorf("lost after %v already", took)
	}
}

// TestSignOfLifeIsTheLoops: an agent whose loop is stuck answers nobody, whatever its readers do.
func TestSignOfLifeIsTheLoops(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	s.Show(Screen{Kind: payment.ScreenIdle})
	conn := s.dialHello(t, 1000)
	hear(t, conn, "snapshot")
	all := incoming(t, conn, true)
	s.loop.mu.Lock()
	say(t, conn, map[string]any{"type": "ask"})
	select {
	case m := <-all:
		t.Errorf("a stuck agent says %v", m)
	case <-time.After(300 * time.Millisecond):
	}
	s.loop.mu.Unlock()
	if m := <-all; m["type"] != "here" {
		t.Errorf("heard %v", m)
	}
}

// TestPageAtRest: it asks by itself, and does not believe that the terminal is idle once nobody
// answers.
func TestPageAtRest(t *testing.T) {
	s := newStand(t, testConfig(), nil)
	s.Show(Screen{Kind: payment.ScreenIdle})
	tb := newTab(t, sizes[2])
	tb.sign(s)
	s.events.awaitShown(t, Screen{Kind: payment.ScreenIdle})
	evaluate[bool](tb, `(() => { window.asked = 0; const send = WebSocket.prototype.send; `+
		`WebSocket.prototype.send = function (m) { if (m === '{"type":"ask"}') window.asked++; `+
		`send.call(this, m); }; return true; })()`)
	tb.Until(`window.asked >= 3`) // it takes 6 s: the answers count, or it would not be idle still
	kind := `document.querySelector('#notice').dataset.kind`
	if got := evaluate[string](tb, kind); got != string(payment.ScreenIdle) {
		t.Errorf("the page shows %s", got)
	}
	s.loop.mu.Lock()
	start := time.Now()
	tb.Until(kind + ` === 'wait'`)
	if took := time.Since(start); took < time.Second || took > 9*time.Second {
		t.Errorf("the page waits after %v, want about 4 s", took)
	}
	s.loop.mu.Unlock()
	tb.Until(kind + ` === 'idle'`)
}
