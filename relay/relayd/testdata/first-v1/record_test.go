package relayd

// This file wrote transcript.txt. Lying in relay/relayd of commit 946f910, the last before v1 grew
// names, it plays an agent and a relay of that time against each other and writes down every
// message between them:
//
//	go test ./relay/relayd -run TestRecord -record transcript.txt
//
// It is no test of the present programs, which are held against the transcript: old_test.go.

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"kiosk-agent/relay"
)

var transcript = flag.String("record", "", "where TestRecord writes its transcript")

// recorder lies between an agent and its relay.
type recorder struct {
	t     *testing.T
	relay string // URL
	mu    sync.Mutex
	lines []string
}

func (r *recorder) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// until waits for a line, behind those that have been waited for.
func (r *recorder) until(seen *int, start string) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		r.mu.Lock()
		for *seen < len(r.lines) {
			*seen++
			if strings.HasPrefix(r.lines[*seen-1], start) {
				r.mu.Unlock()
				return
			}
		}
		r.mu.Unlock()
	}
	r.t.Fatalf("waited in vain for %s", start)
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path != "/v1/stream" {
		if nonce := req.Header.Get(relay.CanaryHeader); nonce != "" {
			r.say("canary %s", nonce)
		}
		target, _ := url.Parse(r.relay)
		proxy := httputil.NewSingleHostReverseProxy(target)
		proxy.Director = func(out *http.Request) {
			out.URL.Scheme, out.URL.Host, out.Host = target.Scheme, target.Host, target.Host
		}
		proxy.ServeHTTP(w, req)
		return
	}
	up := websocket.Upgrader{Subprotocols: []string{relay.Subprotocol}}
	agent, err := up.Upgrade(w, req, nil)
	if err != nil {
		r.t.Error(err)
		return
	}
	d := websocket.Dialer{Subprotocols: []string{relay.Subprotocol}}
	server, _, err := d.Dial(strings.Replace(r.relay, "http", "ws", 1)+"/v1/stream",
		http.Header{"Authorization": req.Header["Authorization"]})
	if err != nil {
		r.t.Error(err)
		return
	}
	r.say("dial")
	var both sync.WaitGroup
	carry := func(who string, from, to *websocket.Conn) {
		for {
			kind, data, err := from.ReadMessage()
			if err != nil {
				_ = to.Close()
				return
			}
			r.say("%s %s", who, data)
			_ = to.WriteMessage(kind, data)
		}
	}
	both.Go(func() { carry("agent", agent, server) })
	both.Go(func() { carry("relay", server, agent) })
	both.Wait()
	r.say("hangup")
}

func TestRecord(t *testing.T) {
	if *transcript == "" {
		t.Skip("no -record")
	}
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	rec := &recorder{t: t, relay: r.PublicURL()}
	proxy := httptest.NewServer(rec)
	defer proxy.Close()
	seen := 0
	m := newMemory("j")
	through := func(supersedes *relay.Head) *agent {
		return startAgent(t, r, c, m, func(cfg *relay.Config) {
			cfg.URL = strings.Replace(proxy.URL, "http", "ws", 1)
			cfg.HookURL = proxy.URL + strings.TrimPrefix(c.HookURL, r.PublicURL())
			cfg.Agent, cfg.Supersedes = "0.9.0", supersedes
		})
	}
	leave := func(a *agent) {
		a.stop()
		rec.until(&seen, "hangup")
		// The relay stores what acks have told when it has seen the connection's end.
		for known, want := (*relay.Head)(nil), m.head; ; {
			known, _ = r.heads.known(t.Context(), "K001")
			if known != nil && (*known == want || known.Seq >= want.Seq) {
				break
			}
		}
		res, err := http.DefaultClient.Do(authorized(t, r.PublicURL()+"/v1/head", c))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		rec.say("head %s", strings.TrimSpace(string(body)))
	}
	hook := func(a *agent, body string) {
		rec.say("post %s", body)
		mustPost(t, c.HookURL+"/axs?v=1", body)
		a.want(body)
		rec.until(&seen, `agent {"type":"ack"`)
	}

	a := through(nil)
	a.want("mark")
	await[relay.CaughtUp](a, nil)
	rec.until(&seen, `agent {"type":"ack"`)
	a.client.SendCanary()
	await[relay.CanaryReturned](a, nil)
	hook(a, "first")
	hook(a, "second")
	leave(a)
	kept := *m
	a = through(nil) // from its position
	rec.until(&seen, `relay {"type":"caught_up"`)
	for i := range 3 {
		hook(a, fmt.Sprint("rubbish ", i))
	}
	leave(a)
	newest := m.head
	*m = kept // restored from a backup: the relay's head is not in it
	m.head.Hash = "restored"
	a = through(nil)
	a.want("rubbish 0", "rubbish 1", "rubbish 2")
	for range 3 {
		rec.until(&seen, `agent {"type":"ack"`)
	}
	leave(a)
	a = through(&newest) // and recovered
	rec.until(&seen, `relay {"type":"caught_up"`)
	leave(a)
	m.position.Epoch = "e0" // of a store that is gone
	a = through(nil)
	a.want("gap:"+relay.GapEpochChanged, "mark", "first", "second", "rubbish 0", "rubbish 1",
		"rubbish 2")
	for range 6 {
		rec.until(&seen, `agent {"type":"ack"`)
	}
	leave(a)
	proxy.Close()
	text := strings.Join(rec.lines, "\n") + "\n"
	if err := os.WriteFile(*transcript, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func authorized(t *testing.T, url string, c Credentials) *http.Request {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+string(c.Token.Reveal()))
	return req
}
