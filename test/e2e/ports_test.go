package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// squatter is another program that has one of the agent's addresses.
func squatter(t testing.TB, addr string) (leaves func()) {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ln) }()
	leaves = func() { _ = srv.Close(); <-done }
	t.Cleanup(leaves)
	return leaves
}

// TestPortsThatAreTaken: another program has one of the agent's addresses. Whatever else works goes
// on and says so, and the agent takes the address when it is free, in the same process.
func TestPortsThatAreTaken(t *testing.T) {
	t.Parallel()
	sale := func(w *world, x *till) {
		t.Helper()
		x.ready()
		p := x.start("TAKEN", 700)
		w.until(p.ID, payment.KindShown)
		pay(t, p.QRPayload)
		x.acknowledge(x.approved(p.ID))
	}
	told := func(w *world, key string) {
		t.Helper()
		eventually(t, key+" is told", func() error {
			out := w.command(1, "status")
			if !strings.Contains(out, key) || !strings.Contains(out, "address already in use") {
				return fmt.Errorf("status says %s", out)
			}
			return nil
		})
		if out := w.command(1, "doctor"); !strings.Contains(out, key) {
			t.Errorf("doctor says %s", out)
		}
		if !strings.Contains(w.agentLog.String(), key) {
			t.Errorf("the log says %s", w.agentLog)
		}
	}
	still := func(w *world) {
		t.Helper()
		select {
		case <-w.agent.ended:
			t.Error("the agent has ended")
		default:
			w.agent.stop()
		}
	}

	t.Run("metrics.listen", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		leaves := squatter(t, w.metrics)
		_, x := w.opens()
		sale(w, x)
		if out := w.command(0, "status"); !strings.Contains(out, "metrics.listen") {
			t.Errorf("status says %s", out)
		}
		leaves()
		eventually(t, "there is a status page", func() error {
			if status, body := w.watched("/readyz"); status != http.StatusOK {
				return fmt.Errorf("%d %s", status, body)
			}
			return nil
		})
		still(w)
	})
	t.Run("till.websocket.listen", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		leaves := squatter(t, w.till)
		screen := w.showScreen()
		w.startAgent("")
		screen.shows("idle", "")
		eventually(t, "the pages tell it", func() error {
			if _, page := w.watched("/"); !strings.Contains(page, "till.websocket.listen") {
				return fmt.Errorf("the status page says %s", page)
			}
			if _, page := w.watched("/metrics"); !strings.Contains(page,
				`kiosk_listening{listener="till.websocket.listen"} 0`) {
				return fmt.Errorf("the metrics say %s", page)
			}
			return nil
		})
		leaves()
		sale(w, w.connect())
		still(w)
	})
	t.Run("display.listen", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		leaves := squatter(t, w.screen)
		w.startAgent("")
		x := w.connect()
		told(w, "display.listen")
		var st struct{ Display struct{ Warning string } }
		if x.do("terminal.status", nil, &st); !strings.Contains(st.Display.Warning,
			"display.listen") {
			t.Errorf("the till is told %q", st.Display.Warning)
		}
		leaves()
		w.showScreen()
		sale(w, x)
		still(w)
	})
}
