package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"kiosk-agent/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// fakeRelay answers hello with welcome and does with the connection what serve says.
func fakeRelay(t *testing.T, serve func(conn *websocket.Conn)) (url string) {
	t.Helper()
	up := websocket.Upgrader{Subprotocols: []string{Subprotocol}}
	var handlers sync.WaitGroup
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/v1/head"):
			_, _ = io.WriteString(w, `{"head":null}`)
			return
		case !strings.HasSuffix(r.URL.Path, "/v1/stream"):
			return // the hook URL takes everything and delivers nothing
		}
		handlers.Add(1)
		defer handlers.Done()
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		if _, _, err := conn.ReadMessage(); err != nil {
			return
		}
		serve(conn)
	}))
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close(); handlers.Wait() })
	return strings.Replace(srv.URL, "http", "ws", 1)
}

func say(t *testing.T, conn *websocket.Conn, m Message) {
	data, err := Encode(m)
	if err != nil {
		t.Error(err)
	}
	_ = conn.WriteMessage(websocket.TextMessage, data)
}

func untilClosed(conn *websocket.Conn) {
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			return
		}
	}
}

// emptyJournal holds nothing and commits everything.
type emptyJournal struct{}

func (emptyJournal) Position(context.Context) (Position, bool, error) {
	return Position{}, false,
		nil
}
func (emptyJournal) Head(context.Context) (Head, error) {
	return Head{JournalID: "j"},
		nil
}
func (emptyJournal) Deliver(context.Context, Delivery) error { return nil }
func (emptyJournal) Gap(context.Context, string) error       { return nil }
func (emptyJournal) Now() Now {
	return Now{Wall: time.Now(), Boot: "boot", Up: time.Since(processStart)}
}

var processStart = time.Now()

func runClient(t *testing.T, cfg Config) (*Client, <-chan Observation) {
	t.Helper()
	cfg.Token = secret.New([]byte("token"))
	cfg.BackoffMin, cfg.BackoffMax = 5*time.Millisecond, 10*time.Millisecond
	events := make(chan Observation, 1024)
	j := emptyJournal{}
	c, err := NewClient(cfg, j, j, j, slog.New(slog.NewTextHandler(io.Discard, nil)),
		prometheus.NewRegistry(), func(e Observation) { events <- e })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if c.State().Connected {
			t.Error("connected after Run")
		}
	})
	return c, events
}

// lost waits for a disconnection whose error satisfies is.
func lost(t *testing.T, events <-chan Observation, is func(error) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-events:
			d, ok := e.(Disconnected)
			if ok && is(d.Err) {
				return
			}
			if ok {
				t.Logf("another disconnection: %v", d.Err)
			}
		case <-deadline:
			t.Fatal("waited in vain")
		}
	}
}

func TestDeafConnectionIsGivenUp(t *testing.T) {
	url := fakeRelay(t, func(conn *websocket.Conn) {
		say(t, conn, Welcome{Epoch: "e", Now: Time{time.Now()}})
		untilClosed(conn)
	})
	hook := strings.Replace(url, "ws", "http", 1) + "/hook/x"
	_, events := runClient(t, Config{URL: url, HookURL: hook, CanaryEvery: 10 * time.Millisecond,
		CanaryTimeout: 50 * time.Millisecond})
	isDeaf := func(err error) bool { return errors.Is(err, ErrDeaf) }
	lost(t, events, isDeaf)
	lost(t, events, isDeaf) // it has come back, and was deaf again
}

// TestResumeSaysHelloAnew: once for each time that it was asked for.
func TestResumeSaysHelloAnew(t *testing.T) {
	url := fakeRelay(t, func(conn *websocket.Conn) {
		say(t, conn, Welcome{Epoch: "e", Now: Time{time.Now()}})
		untilClosed(conn)
	})
	c, events := runClient(t, Config{URL: url})
	for range 3 {
		connected := false
		for !connected {
			select {
			case e := <-events:
				_, connected = e.(Connected)
			case <-time.After(patience):
				t.Fatal("never connected")
			}
		}
		c.Resume()
		lost(t, events, func(err error) bool { return errors.Is(err, ErrResuming) })
	}
}

func TestSilentConnectionIsGivenUp(t *testing.T) {
	url := fakeRelay(t, func(conn *websocket.Conn) {
		say(t, conn, Welcome{Epoch: "e", Now: Time{time.Now()}})
		untilClosed(conn)
	})
	_, events := runClient(t, Config{URL: url, ReadTimeout: 30 * time.Millisecond})
	lost(t, events, func(err error) bool { return strings.Contains(err.Error(), "timeout") })
}

func TestBadRelays(t *testing.T) {
	for name, tc := range map[string]struct {
		serve func(*websocket.Conn)
		is    func(error) bool
	}{
		"no welcome": {untilClosed, func(err error) bool { return errors.Is(err, ErrNoWelcome) }},
		"nonsense": {func(conn *websocket.Conn) {
			_ = conn.WriteMessage(websocket.TextMessage, []byte("nonsense"))
			untilClosed(conn)
		}, func(err error) bool { return errors.Is(err, ErrMalformed) }},
		"binary": {func(conn *websocket.Conn) {
			_ = conn.WriteMessage(websocket.BinaryMessage, []byte("{}"))
			untilClosed(conn)
		}, func(err error) bool { return errors.Is(err, ErrMalformed) }},
		"out of turn": {func(conn *websocket.Conn) {
			say(t, conn, CaughtUpMessage{})
			untilClosed(conn)
		}, func(err error) bool { return errors.Is(err, ErrUnexpected) }},
		"too long": {func(conn *websocket.Conn) {
			_ = conn.WriteMessage(websocket.TextMessage, make([]byte, MaxToAgent+1))
			untilClosed(conn)
		}, func(err error) bool { return errors.Is(err, websocket.ErrReadLimit) }},
		"revoked": {func(conn *websocket.Conn) {
			_ = conn.WriteMessage(websocket.CloseMessage,
				websocket.FormatCloseMessage(CloseRevoked, "x"))
			untilClosed(conn)
		}, func(err error) bool {
			var ce *CloseError
			return errors.As(err, &ce) && ce.Code == CloseRevoked
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, events := runClient(t, Config{URL: fakeRelay(t, tc.serve),
				DialTimeout: 100 * time.Millisecond})
			lost(t, events, tc.is)
		})
	}
}

func TestRefusedHandshake(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	_, events := runClient(t, Config{URL: strings.Replace(srv.URL, "http", "ws", 1)})
	lost(t, events, func(err error) bool {
		var de *DialError
		return errors.As(err, &de) && de.Status == http.StatusNotFound
	})
}

func TestSecondRunIsRefused(t *testing.T) {
	url := fakeRelay(t, func(conn *websocket.Conn) {
		say(t, conn, Welcome{Epoch: "e", Now: Time{time.Now()}})
		untilClosed(conn)
	})
	c, events := runClient(t, Config{URL: url})
	if _, ok := (<-events).(Connected); !ok {
		t.Error("not connected")
	}
	if err := c.Run(t.Context()); err == nil {
		t.Error("two Runs at once")
	}
}

func TestConfigIsChecked(t *testing.T) {
	token := secret.New([]byte("token-canary"))
	good := Config{URL: "wss://relay.example/base/", Token: token,
		HookURL: "https://relay.example/hook/route-canary"}
	if stream, head, err := good.check(); err != nil ||
		stream != "wss://relay.example/base/v1/stream" ||
		head != "https://relay.example/base/v1/head" {
		t.Errorf("check() = %q, %q, %v", stream, head, err)
	}
	for name, change := range map[string]func(*Config){
		"no token":            func(c *Config) { c.Token = secret.Value{} },
		"no url":              func(c *Config) { c.URL = "" },
		"open to a stranger":  func(c *Config) { c.URL = "ws://relay.example" },
		"not a WebSocket":     func(c *Config) { c.URL = "https://relay.example" },
		"password in the url": func(c *Config) { c.URL = "wss://u:token-canary@relay.example" },
		"open hook": func(c *Config) {
			c.HookURL = "http://relay.example/hook/route-canary"
		},
		"hook without host": func(c *Config) { c.HookURL = "/hook/route-canary" },
		"broken hook": func(c *Config) {
			c.HookURL = "https://relay.example:x/hook/route-canary"
		},
	} {
		cfg := good
		change(&cfg)
		j := emptyJournal{}
		_, err := NewClient(cfg, j, j, j, slog.Default(), nil, nil)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, url := range []string{"ws://127.0.0.1:1", "ws://[::1]:1", "ws://LocalHost"} {
		if _, _, err := (Config{URL: url, Token: token}).check(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	if s := fmt.Sprintf("%+v", good); strings.Contains(s, "token-canary") {
		t.Errorf("the configuration prints its token: %s", s)
	}
}
