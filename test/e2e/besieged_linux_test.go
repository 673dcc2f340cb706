package e2e_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd"
	"kiosk-agent/test/programs"
)

// What strangers may cost a relay that has many terminals.
const (
	relayRoom     = 256 << 20
	manyTerminals = 1000
	manyStrangers = 8192
)

// relayHost is a relay of its own, a real process, with terminals that are connected.
type relayHost struct {
	*world
	identity *tls.Config // of its clients; nil = it speaks plain HTTP
	client   *http.Client
}

// newRelayHost starts a relay, over TLS if asked to; more is the end of its configuration.
func newRelayHost(t *testing.T, secure bool, more string) *relayHost {
	t.Helper()
	h := &relayHost{world: &world{t: t, dir: programs.Dir(t), relayPublic: programs.FreeAddr(t),
		relayAdmin: programs.FreeAddr(t), relayLog: &record{}, otherLog: &record{}}}
	var keys string
	if secure {
		h.identity = h.certificate()
		keys = fmt.Sprintf("tls_cert = \"%s/cert.pem\"\ntls_key = \"%s/key.pem\"\n", h.dir, h.dir)
	}
	h.client = &http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: h.identity, DisableKeepAlives: true}}
	h.write("relay.toml", fmt.Sprintf("[public]\nlisten = %q\n%s[admin]\nlisten = %q\n"+
		"socket = \"%s/relay.sock\"\ntoken = \"file:%s/admin.token\"\n[store]\ndir = "+
		"\"%s/store\"\nmax_bytes = \"256MiB\"\n%s",
		h.relayPublic, keys, h.relayAdmin, h.dir, h.dir, h.dir, more))
	h.relay = startProcess(t, h.relayLog, nil, "kiosk-relay", "serve", "--config",
		filepath.Join(h.dir, "relay.toml"))
	t.Cleanup(func() {
		_ = h.relay.cmd.Process.Kill()
		<-h.relay.ended
		if t.Failed() {
			t.Logf("end of the relay's log:\n%s", h.relayLog.tail())
		}
	})
	eventually(t, "the relay is ready", func() error {
		if status, took := h.asked("/readyz"); status != http.StatusOK {
			return fmt.Errorf("%d after %s", status, took)
		}
		return nil
	})
	return h
}

// certificate writes a key and a certificate for 127.0.0.1 of its own making.
func (h *relayHost) certificate() *tls.Config {
	h.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "relay"},
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	cert, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		h.t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		h.t.Fatal(err)
	}
	signed := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	h.write("cert.pem", string(signed))
	h.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(signed)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// url is the public listener's, of a scheme that becomes secure where the relay is.
func (h *relayHost) url(scheme, path string) string {
	if h.identity != nil {
		scheme += "s"
	}
	return scheme + "://" + h.relayPublic + path
}

// asked gets a page as somebody new; 0 = there was no answer.
func (h *relayHost) asked(path string) (status int, took time.Duration) {
	began := time.Now()
	resp, err := h.client.Get(h.url("http", path))
	if err != nil {
		return 0, time.Since(began)
	}
	resp.Body.Close()
	return resp.StatusCode, time.Since(began)
}

// aNotification has the shape of one of AXS's.
func aNotification(i int) string {
	part := strings.Repeat("x", 20)
	return fmt.Sprintf("%s.%06d.%s.%s.%s", part, i, part, part, part)
}

// posted sends a hook as a gateway that is new here.
func (h *relayHost) posted(hookURL, body string) (status int, took time.Duration) {
	began := time.Now()
	resp, err := h.client.Post(hookURL, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, time.Since(began)
	}
	resp.Body.Close()
	return resp.StatusCode, time.Since(began)
}

// add makes a terminal.
func (h *relayHost) add(id string) (given relayd.TerminalSecrets) {
	h.t.Helper()
	admin, err := secret.Resolve("file:"+filepath.Join(h.dir, "admin.token"), "")
	if err != nil {
		h.t.Fatal(err)
	}
	body, err := json.Marshal(relayd.TerminalRequest{ID: id})
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, "http://relay/admin/v1/terminals/add",
		bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+string(admin.Reveal()))
	operator := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(h.dir, "relay.sock"))
		}}}
	resp, err := operator.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&given); err != nil {
		h.t.Fatal(err)
	}
	return given
}

// joins connects a terminal, and says hello.
func (h *relayHost) joins(token string) (*websocket.Conn, error) {
	d := websocket.Dialer{Subprotocols: []string{relay.Subprotocol}, TLSClientConfig: h.identity,
		HandshakeTimeout: patience}
	c, resp, err := d.Dial(h.url("ws", "/v1/stream"), http.Header{
		"Authorization": {"Bearer " + token}})
	if err != nil {
		if resp != nil {
			err = fmt.Errorf("%w: %s", err, resp.Status)
		}
		return nil, err
	}
	hello, err := relay.Encode(relay.Hello{Journal: relay.Head{JournalID: "j"}, Agent: "test"})
	if err == nil {
		err = c.WriteMessage(websocket.TextMessage, hello)
	}
	return c, err
}

// connects makes terminals and connects them; they read what comes until the test ends.
func (h *relayHost) connects(n int) {
	h.t.Helper()
	var reading sync.WaitGroup
	h.t.Cleanup(reading.Wait)
	for i := range n {
		c, err := h.joins(h.add(fmt.Sprintf("K%04d", i)).Token)
		if err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(func() { _ = c.Close() })
		reading.Go(func() {
			for {
				if _, _, err := c.ReadMessage(); err != nil {
					return
				}
			}
		})
	}
}

// streams is what somebody says who begins many requests on one connection of HTTP/2 and sends the
// body of none.
func streams(host string, n int) []byte {
	var b bytes.Buffer
	b.WriteString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	frame := func(kind, flags byte, stream uint32, payload []byte) {
		size := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
		b.Write(size[1:])
		b.Write([]byte{kind, flags})
		b.Write(binary.BigEndian.AppendUint32(nil, stream))
		b.Write(payload)
	}
	frame(4, 0, 0, nil)        // SETTINGS
	head := []byte{0x83, 0x87} // :method POST, :scheme https
	for _, f := range []struct {
		name  byte
		value string
	}{{4, "/v1/enrol"}, {1, host}} { // :path, :authority
		head = append(append(head, f.name, byte(len(f.value))), f.value...)
	}
	for i := range n {
		frame(1, 4, uint32(2*i+1), head) // HEADERS, which end; the stream does not
	}
	return b.Bytes()
}

// besiege lets strangers come to the public listener, and again in ten seconds.
func (h *relayHost) besiege(n int, say []byte) *crowd {
	h.t.Helper()
	return besiege(h.t, h.relayPublic, n, 10*time.Second, say)
}

// besiegeTLS is besiege by strangers who speak TLS first; each comes once.
func (h *relayHost) besiegeTLS(n int, say []byte) *crowd {
	h.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := &crowd{stop: stop, all: make(chan struct{})}
	own := h.identity.Clone()
	own.NextProtos = []string{"h2", "http/1.1"}
	var first sync.WaitGroup
	first.Add(n)
	for range n {
		c.members.Go(func() {
			defer first.Done()
			d := tls.Dialer{Config: own}
			conn, err := d.DialContext(ctx, "tcp", h.relayPublic)
			if err != nil {
				return
			}
			_, _ = conn.Write(say) // it may be cut short
			c.members.Go(func() {
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			})
		})
	}
	go func() { first.Wait(); close(c.all) }()
	h.t.Cleanup(c.gone)
	return c
}

// crowdOf is how many strangers there can be here: each needs a descriptor of ours and one of the
// relay's.
func crowdOf(t testing.TB, n int) int {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return min(n, int(limit.Cur)-manyTerminals-500)
}

// TestStrangersAtTheRelay: with a thousand terminals connected, and whatever strangers say, the
// relay needs no more memory than relayRoom, says that it is well at once, and takes the hooks of
// a route that it knows.
func TestStrangersAtTheRelay(t *testing.T) {
	if testing.Short() {
		t.Skip("a thousand terminals take their time")
	}
	for _, secure := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "TLS"}[secure], func(t *testing.T) {
			h := newRelayHost(t, secure, "[hook]\nrate = 1000.0\n")
			gateway := h.add("WITH-A-GATEWAY")
			h.connects(manyTerminals)
			t.Logf("%d terminals: %s", manyTerminals, mib(h.relay.memory("VmRSS")))
			n := crowdOf(t, manyStrangers)
			attacks := []struct {
				name  string
				begin func() *crowd
			}{
				{"36 KB of headers", func() *crowd {
					return h.besiege(n, tinyHeads("POST /v1/enrol", h.relayPublic, 6000))
				}},
				{"enrolment without its body", func() *crowd {
					return h.besiege(n, tinyHeads("POST /v1/enrol", h.relayPublic, 20))
				}},
				{"nothing", func() *crowd { return h.besiege(n, nil) }},
			}
			if secure {
				attacks = attacks[2:]
				attacks = append(attacks, struct {
					name  string
					begin func() *crowd
				}{"10 000 streams of HTTP/2", func() *crowd {
					return h.besiegeTLS(42, streams(h.relayPublic, 240))
				}}, struct {
					name  string
					begin func() *crowd
				}{"heads that do not end, over TLS", func() *crowd {
					return h.besiegeTLS(2000, []byte("GET / HTTP/1.1\r\nX: "+
						strings.Repeat("x", 7000)))
				}})
			}
			for _, a := range attacks {
				began := a.begin()
				began.here(t)
				var slowest time.Duration
				for i := range 20 {
					status, took := h.asked("/healthz")
					if status != http.StatusOK {
						t.Errorf("%s: healthz %d", a.name, status)
					}
					slowest = max(slowest, took)
					if status, took = h.posted(gateway.HookURL, aNotification(i)); status !=
						http.StatusOK {
						t.Errorf("%s: a hook is answered %d", a.name, status)
					}
					slowest = max(slowest, took)
				}
				t.Logf("%s: %s at most; an answer took %s at most", a.name, mib(h.relay.peak()),
					slowest.Round(time.Millisecond))
				if slowest > atOnce {
					t.Errorf("%s: an answer took %s", a.name, slowest)
				}
				if got := h.relay.peak(); got > relayRoom {
					t.Errorf("%s: the relay needs %s", a.name, mib(got))
				}
				began.gone()
			}
		})
	}
}

// TestOneTerminalJoinsAndJoins: a terminal that connects anew again and again has a few connections
// at a time; the newest is served, and the others are gone soon.
func TestOneTerminalJoinsAndJoins(t *testing.T) {
	t.Parallel()
	h := newRelayHost(t, false, "")
	token := h.add("K001").Token
	var mu sync.Mutex
	open, most := 0, 0
	var reading sync.WaitGroup
	refused := 0
	for range 721 {
		c, err := h.joins(token)
		if err != nil {
			refused++
			continue
		}
		mu.Lock()
		open++
		most = max(most, open)
		mu.Unlock()
		t.Cleanup(func() { _ = c.Close() })
		reading.Go(func() {
			for { // gorilla answers a close itself; this one reads and does not go
				if _, _, err := c.NextReader(); err != nil {
					break
				}
			}
			mu.Lock()
			defer mu.Unlock()
			open--
		})
	}
	t.Logf("%d were refused; %d were open at a time", refused, most)
	if refused == 0 || most > 8 {
		t.Errorf("%d were refused; %d were open at a time", refused, most)
	}
	eventually(t, "the terminal is let in again", func() error {
		c, err := h.joins(token)
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
			_, _, err = c.ReadMessage()
		}
		return err
	})
}

// TestRubbishFillsNoQuota: somebody who knows a hook URL posts what can be no notification, more of
// it than the route may hold. What may be one, and a kiosk's test message, are taken all the same.
func TestRubbishFillsNoQuota(t *testing.T) {
	t.Parallel()
	h := newRelayHost(t, false, "quota_per_route = 200\n[hook]\nrate = 10000.0\nburst = 10000\n")
	kiosk := h.add("K001")
	taken := 0
	for i := range 400 {
		if status, _ := h.posted(kiosk.HookURL, fmt.Sprint("rubbish ", i)); status ==
			http.StatusOK {
			taken++
		}
	}
	t.Logf("%d of 400 pieces of rubbish were taken", taken)
	if status, _ := h.posted(kiosk.HookURL, aNotification(1)); status != http.StatusOK {
		t.Errorf("what may be a notification is answered %d", status)
	}
	req, err := http.NewRequest(http.MethodPost, kiosk.HookURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(relay.CanaryHeader, "nonce-0123456789abcdef")
	resp, err := h.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a test message is answered %s", resp.Status)
	}
}
