package relayd

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay"
	"kiosk-agent/test/testlog"
)

// line is one line of a transcript: what happened, and what was said.
type line struct{ what, text string }

// firstV1 is what an agent and a relay of commit 946f910 said to each other, the last that knew no
// names: testdata/first-v1/record_test.go wrote it down. It is the same for good.
func firstV1(t *testing.T) (lines []line) {
	t.Helper()
	data, err := os.ReadFile("testdata/first-v1/transcript.txt")
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(string(data)) {
		what, rest, _ := strings.Cut(strings.TrimSuffix(text, "\n"), " ")
		lines = append(lines, line{what, rest})
	}
	if len(lines) < 50 {
		t.Fatalf("%d lines: the transcript has become short", len(lines))
	}
	return lines
}

var (
	epochs    = regexp.MustCompile(`"epoch":"[^"]*","first":\d+,"last":\d+`)
	positions = regexp.MustCompile(`\{"epoch":"[^"]*","seq":\d+,"id":"[^"]*"\}`)
	times     = regexp.MustCompile(`"(now|received_at)":"[^"]*"`)
)

// masked replaces what no two runs have in common, positions by the order in which they first came:
// two runs that say the same read the same then.
type masked struct{ positions []string }

func (m *masked) text(message string) string {
	message = times.ReplaceAllString(message, `"$1":TIME`)
	message = epochs.ReplaceAllString(message, "STORE")
	return positions.ReplaceAllStringFunc(message, func(p string) string {
		return fmt.Sprintf("POSITION-%d", m.number(p))
	})
}

func (m *masked) number(position string) int {
	for i, p := range m.positions {
		if p == position {
			return i
		}
	}
	m.positions = append(m.positions, position)
	return len(m.positions) - 1
}

// TestOldAgent: an agent of the first v1 is served as ever, byte for byte, and its hellos and acks
// tell the anchor.
func TestOldAgent(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	c := r.add("K001")
	var then, now masked
	var p *peer
	for i, l := range firstV1(t) {
		where := fmt.Sprintf("line %d: %s %.60s", i+1, l.what, l.text)
		switch l.what {
		case "dial":
			p = dial(t, r, c)
		case "hangup":
			_ = p.conn.Close()
		case "agent":
			p.raw(positions.ReplaceAllStringFunc(l.text, func(position string) string {
				if n := then.number(position); n < len(now.positions) {
					return now.positions[n]
				}
				return now.positions[now.number(position)] // of another store: as it is
			}))
		case "relay":
			_ = p.conn.SetReadDeadline(time.Now().Add(patience))
			_, data, err := p.conn.ReadMessage()
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			if want, got := then.text(l.text), now.text(string(data)); got != want {
				t.Fatalf("%s: the relay says\n%s, and not\n%s", where, got, want)
			}
		case "post":
			mustPost(t, c.HookURL+"/axs?v=1", l.text)
		case "canary":
			if status := sendCanary(t, c.HookURL, "", l.text); status != http.StatusOK {
				t.Fatalf("%s: status %d", where, status)
			}
		case "head":
			for deadline := time.Now().Add(patience); ; {
				got := r.headAnswer(c)
				if got == l.text {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s: GET /v1/head says %s", where, got)
				}
			}
		default:
			t.Fatalf("%s: what is this?", where)
		}
	}
}

// headAnswer is what GET /v1/head answers.
func (r *rig) headAnswer(c Credentials) string {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.PublicURL()+"/v1/head", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+string(c.Token.Reveal()))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

// oldRelay says to agents what a relay of the first v1 said, line by line.
type oldRelay struct {
	t        *testing.T
	lines    []line
	noHead   bool // it does not even have GET /v1/head
	head     string
	canaries chan string   // 16: nonces that were posted
	done     chan struct{} // a connection has been played to its end
}

func (o *oldRelay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	switch {
	case req.URL.Path == "/v1/head" && o.noHead:
		http.NotFound(w, req)
	case req.URL.Path == "/v1/head":
		_, _ = io.WriteString(w, o.head)
	case req.URL.Path == "/v1/stream":
		up := websocket.Upgrader{Subprotocols: []string{relay.Subprotocol}}
		conn, err := up.Upgrade(w, req, nil)
		if err != nil {
			o.t.Error(err)
			return
		}
		o.play(conn)
		o.done <- struct{}{}
		_, _, _ = conn.ReadMessage() // until the agent is stopped
		_ = conn.Close()
	default:
		o.canaries <- req.Header.Get(relay.CanaryHeader)
	}
}

// play plays the lines of one connection.
func (o *oldRelay) play(conn *websocket.Conn) {
	var recorded, posted string // the canary's nonce
	for len(o.lines) > 0 {
		l := o.lines[0]
		switch l.what {
		case "hangup", "head":
			return
		case "agent":
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			_, data, err := conn.ReadMessage()
			// Names are an unknown field to it, and passed over.
			got := strings.Replace(string(data), `,"accepts":["head"]`, "", 1)
			if err != nil || got != l.text {
				o.t.Errorf("the agent says\n%s, %v, and not\n%s", data, err, l.text)
				return
			}
			hello := strings.HasPrefix(l.text, `{"type":"hello"`)
			if hello == (got == string(data)) {
				o.t.Errorf("what the agent accepts stands in its hello, and nowhere else: %s", data)
			}
		case "canary":
			recorded = l.text
			select {
			case posted = <-o.canaries:
			case <-time.After(patience):
				o.t.Error("no canary was posted")
				return
			}
		case "relay":
			text := l.text
			if recorded != "" {
				text = strings.Replace(text, recorded, posted, 1)
			}
			_ = conn.WriteMessage(websocket.TextMessage, []byte(text))
		}
		o.lines = o.lines[1:]
	}
}

// TestOldRelay: with a relay of the first v1 an agent says what one of the first v1 said, byte for
// byte but for the names in its hello: it tells no head, also when canaries have come back. It
// reads the anchor before each hello where the relay has it.
func TestOldRelay(t *testing.T) {
	for name, noHead := range map[string]bool{"as it was": false, "without GET head": true} {
		t.Run(name, func(t *testing.T) {
			o := &oldRelay{t: t, lines: firstV1(t), noHead: noHead, head: `{"head":null}`,
				canaries: make(chan string, 16), done: make(chan struct{}, 1)}
			srv := httptest.NewServer(o)
			defer srv.Close()
			r := &rig{Server: &Server{publicURL: srv.URL}, t: t, log: new(testlog.Buffer)}
			for len(o.lines) > 0 {
				switch l := o.lines[0]; l.what {
				case "head":
					o.head = l.text
					fallthrough
				case "hangup":
					o.lines = o.lines[1:]
					continue
				}
				o.meets(r, noHead)
				if t.Failed() {
					t.Fatalf("the relay's and the agent's log:\n%s", r.log)
				}
			}
		})
	}
}

// meets lets an agent connect whose journal is as the recorded hello says.
func (o *oldRelay) meets(r *rig, noHead bool) {
	t := o.t
	message, err := relay.Decode([]byte(o.lines[1].text))
	if err != nil {
		t.Fatal(err)
	}
	hello := message.(relay.Hello)
	m := &memory{head: hello.Journal}
	if hello.Position != nil {
		m.position, m.has = *hello.Position, true
	}
	for len(o.canaries) > 0 {
		<-o.canaries // of the agent before
	}
	c := Credentials{Token: secret.New([]byte("token")), HookURL: r.PublicURL() + "/hook/x"}
	a := startKept(t, r, c, m, func(cfg *relay.Config) {
		cfg.Supersedes, cfg.Agent = hello.Supersedes, hello.Agent
	})
	select {
	case <-o.done:
	case <-time.After(patience):
		t.Fatalf("the connection was not played to its end; the agent's log:\n%s", r.log)
	}
	a.stop()
	var answer relay.HeadAnswer
	if err := json.Unmarshal([]byte(o.head), &answer); err != nil {
		t.Fatal(err)
	}
	want := relay.KnownHead{Head: answer.Head}
	if noHead {
		want = relay.KnownHead{Unsupported: true}
	}
	if diff := cmp.Diff(want, <-a.judged); diff != "" {
		t.Errorf("the agent judges (-want +got):\n%s", diff)
	}
	if len(a.asked) > 0 {
		t.Error("the agent asked for a head to tell")
	}
}
