package bench_test

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"kiosk-agent/test/programs"

	"github.com/go-jose/go-jose/v4"
	"github.com/gorilla/websocket"
)

// The floor's secret, and what it sends to a display: as many bytes as a code's bits are.
var (
	floorKey   = []byte("a-secret-of-the-floor-with-some-length")
	floorFrame = bytes.Repeat([]byte("0123456789abcdef"), 112)
)

// floor does what cannot be left out and nothing else: for a till one derived key, one synced write
// and a message to the display and to the till; for a hook two synced writes and one token opened
// before the till is told. It reads little, checks nothing and forgets everything.
type floor struct {
	mu       sync.Mutex
	book     *os.File
	till     *websocket.Conn
	displays []*websocket.Conn
}

// serveFloor serves it until the process is ended.
func serveFloor(dir string) error {
	book, err := os.OpenFile(filepath.Join(dir, "floor"),
		os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	f := &floor{book: book}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	mux := http.NewServeMux()
	mux.HandleFunc("/display", func(w http.ResponseWriter, r *http.Request) {
		if conn, err := up.Upgrade(w, r, nil); err == nil {
			f.mu.Lock()
			f.displays = append(f.displays, conn)
			f.mu.Unlock()
		}
	})
	mux.HandleFunc("/till", func(w http.ResponseWriter, r *http.Request) {
		if conn, err := up.Upgrade(w, r, nil); err == nil {
			f.serveTill(conn)
		}
	})
	mux.HandleFunc("/hook", func(w http.ResponseWriter, r *http.Request) {
		if err := f.hook(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	fmt.Println("listening", ln.Addr().(*net.TCPAddr).Port)
	return http.Serve(ln, mux)
}

// store is one durable commit.
func (f *floor) store(data []byte) error {
	if _, err := f.book.Write(data); err != nil {
		return err
	}
	return f.book.Sync()
}

func (f *floor) serveTill(conn *websocket.Conn) {
	f.mu.Lock()
	f.till = conn
	f.mu.Unlock()
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if f.sell(conn, data) != nil {
			return
		}
	}
}

func (f *floor) sell(conn *websocket.Conn, data []byte) error {
	if _, err := pbkdf2.Key(sha512.New, string(floorKey), data, 1000, 32); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.store(data); err != nil {
		return err
	}
	for _, d := range f.displays {
		if err := d.WriteMessage(websocket.TextMessage, floorFrame); err != nil {
			return err
		}
	}
	return conn.WriteMessage(websocket.TextMessage, data)
}

func (f *floor) hook(body io.Reader) error {
	var delivery struct{ Data string }
	data, err := io.ReadAll(body)
	if err == nil {
		err = f.store(data)
	}
	if err == nil {
		err = json.Unmarshal(data, &delivery)
	}
	if err != nil {
		return err
	}
	obj, err := jose.ParseEncryptedCompact(delivery.Data,
		[]jose.KeyAlgorithm{jose.PBES2_HS512_A256KW}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return err
	}
	plain, err := obj.Decrypt(floorKey)
	if err != nil {
		return err
	}
	if err := f.store(plain); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.till == nil {
		return errors.New("there is no till")
	}
	return f.till.WriteMessage(websocket.TextMessage, plain)
}

// small is a program with the two sockets of the floor and the peer.
type small struct {
	t             testing.TB
	address       string
	till, display *socket
	sold          int
}

func openFloor(t testing.TB) *small {
	t.Helper()
	return openFloorOn(t, programs.Dir(t))
}

// openFloorOn is the floor with its file in a directory of another disk.
func openFloorOn(t testing.TB, disk string) *small {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return openSmall(t, launch(t, []string{floorEnv + "=" + disk}, self))
}

// openPeer starts the program in the folder peer.
func openPeer(t testing.TB) *small {
	t.Helper()
	if _, err := os.Stat("peer/node_modules"); err != nil {
		t.Fatal("the peer's modules are missing: make setup")
	}
	return openSmall(t, launch(t, nil, "node", "peer/agent.mjs",
		filepath.Join(programs.Dir(t), "book"),
		"https://checkout.example/hpp/checkout/bench-link", string(floorKey)))
}

func openSmall(t testing.TB, p *process) *small {
	t.Helper()
	s := &small{t: t, address: "127.0.0.1:" + p.line("listening")}
	s.display = dial(t, "ws://"+s.address+"/display", "", "", nil)
	s.till = dial(t, "ws://"+s.address+"/till", "", "", nil)
	return s
}

// sell asks for one code: when it was asked, when the display had it, when the till was answered.
func (s *small) sell() (frame, answer float64) {
	s.t.Helper()
	s.sold++
	asked := s.till.send(object{"id": s.sold, "amount": 100 + s.sold})
	shown := s.display.next()
	answered := s.till.next()
	if bytes.Contains(answered.data, []byte("error")) {
		s.t.Fatalf("it answers %s", answered.data)
	}
	return ms(shown.at.Sub(asked)), ms(answered.at.Sub(asked))
}
