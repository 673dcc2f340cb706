package bench_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

type object = map[string]any

// message is what came over a socket, and when.
type message struct {
	at   time.Time
	data []byte
}

// socket is one WebSocket connection.
type socket struct {
	t    testing.TB
	conn *websocket.Conn
	in   chan message

	mu sync.Mutex // one writes at a time
}

// write sends a message.
func (s *socket) write(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn.WriteMessage(websocket.TextMessage, data)
}

// dial connects; answer, when not nil, is called for each message before anybody sees it, and says
// whether it is worth seeing.
func dial(t testing.TB, address, protocol, token string,
	answer func(*socket, []byte) bool) *socket {
	t.Helper()
	d := websocket.Dialer{HandshakeTimeout: patience}
	header := http.Header{}
	if protocol != "" {
		d.Subprotocols = []string{protocol}
		header.Set("Authorization", "Bearer "+token)
	}
	s := &socket{t: t, in: make(chan message, 4096)}
	eventually(t, "connect to "+address, func() (err error) {
		s.conn, _, err = d.Dial(address, header)
		return err
	})
	t.Cleanup(func() { s.conn.Close() })
	go func() {
		defer close(s.in)
		for {
			_, data, err := s.conn.ReadMessage()
			at := time.Now()
			if err != nil {
				return
			}
			if answer == nil || answer(s, data) {
				s.in <- message{at, data}
			}
		}
	}()
	return s
}

// send says when it began.
func (s *socket) send(v any) time.Time {
	s.t.Helper()
	at := time.Now()
	if err := s.write(v); err != nil {
		s.t.Fatal(err)
	}
	return at
}

// await waits for the first message that want accepts.
func (s *socket) await(what string, want func([]byte) bool) message {
	s.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case m, ok := <-s.in:
			if !ok {
				s.t.Fatalf("waiting for %s: the connection is gone", what)
			}
			if want(m.data) {
				return m
			}
		case <-limit:
			s.t.Fatalf("%s never came", what)
		}
	}
}

// next is the next message, whatever it says.
func (s *socket) next() message { return s.await("an answer", func([]byte) bool { return true }) }

// money is a payment as a till hears of it.
type money struct {
	ID          string `json:"id"`
	Reference   string `json:"reference"`
	Amount      int64  `json:"amount"`
	Status      string `json:"status"`
	Revision    int64  `json:"revision"`
	Final       bool   `json:"final"`
	MerchantRef string `json:"merchant_ref"`
	Link        string `json:"qr_payload"`
}

// counter is a till that knows JSON-RPC.
type counter struct {
	*socket
	last int
}

// ask calls a method and waits for its answer, which must be a result.
func (c *counter) ask(method string, params, result any) (asked, answered time.Time) {
	c.t.Helper()
	c.last++
	id := c.last
	asked = c.send(object{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	var a struct {
		ID            int
		Result, Error json.RawMessage
	}
	m := c.await(method+"'s answer", func(data []byte) bool {
		a.ID, a.Result, a.Error = 0, nil, nil
		return json.Unmarshal(data, &a) == nil && a.ID == id
	})
	if a.Error != nil {
		c.t.Fatalf("%s %v: %s", method, params, a.Error)
	}
	if result != nil {
		if err := json.Unmarshal(a.Result, result); err != nil {
			c.t.Fatal(err)
		}
	}
	return asked, m.at
}

// final waits until the till is told how a payment ended.
func (c *counter) final(id string) (p money, at time.Time) {
	c.t.Helper()
	m := c.await("the outcome", func(data []byte) bool {
		var n struct{ Params struct{ Payment money } }
		ok := json.Unmarshal(data, &n) == nil && n.Params.Payment.ID == id && n.Params.Payment.Final
		p = n.Params.Payment
		return ok
	})
	return p, m.at
}

// ready waits until a sale can start.
func (c *counter) ready() {
	c.t.Helper()
	eventually(c.t, "the terminal is ready", func() error {
		var st struct{ Ready bool }
		if c.ask("terminal.status", object{}, &st); !st.Ready {
			return errors.New("it is not")
		}
		return nil
	})
}
