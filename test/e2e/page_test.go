package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/internal/app/demo"
	"kiosk-agent/payment"
	"kiosk-agent/test/browser"
	"kiosk-agent/test/programs"
)

// hostilePage sends everything that a page may send without asking anybody: posts in mode no-cors,
// of text and of bytes, and a WebSocket, on which it asks for a sale as soon as it is taken.
const hostilePage = `<!doctype html><title>working</title><script>
const plan = %s;
const bytes = (hex) => Uint8Array.from(hex.match(/../g), (h) => parseInt(h, 16));
const tries = plan.posts.map((p) => fetch(p.url, {
  method: 'POST', mode: 'no-cors', body: p.hex ? new Blob([bytes(p.hex)]) : p.text,
}).catch(() => {}));
tries.push(new Promise((done) => {
  const ws = new WebSocket(plan.socket, ['kiosk-till.v1']);
  ws.onopen = () => ws.send(plan.sale);
  ws.onmessage = () => { document.body.dataset.heard = 'yes'; };
  ws.onclose = (e) => { document.body.dataset.code = e.code; done(); };
}));
Promise.all(tries).then(() => { document.title = 'done'; });
</script><body>`

type post struct {
	URL  string `json:"url"`
	Hex  string `json:"hex,omitempty"`
	Text string `json:"text,omitempty"`
}

// TestPageOfAStranger: a page in a real browser that posts to the local ports starts, cancels and
// acknowledges nothing.
func TestPageOfAStranger(t *testing.T) {
	ecrAddr, jsonAddr := programs.FreeAddr(t), programs.FreeAddr(t)
	s, x := open(t, func(o *demo.Options) {
		token := filepath.Join(o.Dir, "line.token")
		if err := os.WriteFile(token, []byte("a-token-that-the-page-does-not-know-1234\n"),
			0o600); err != nil {
			t.Fatal(err)
		}
		o.Extra = fmt.Sprintf("\n[[till.serial]]\nname = \"ecr\"\ndevice = \"tcp-listen:%s\"\n"+
			"[[till.serial]]\nname = \"json\"\ndevice = \"tcp-listen:%s\"\nprotocol = "+
			"\"jsonrpc\"\ntoken = \"file:%s\"\n", ecrAddr, jsonAddr, token)
	})
	paid := x.start("R1", 1023)
	pay(t, paid.QRPayload)
	paid = x.approved(paid.ID)
	waiting := x.start("R2", 555)
	s.until(waiting.ID, payment.KindShown)
	before := kinds(s.journal())

	plan := map[string]any{"posts": hostilePosts(s, ecrAddr, jsonAddr, paid.ID, paid.Revision,
		waiting.ID), "socket": s.h.Agent.TillURL(), "sale": `{"jsonrpc":"2.0","id":1,` +
		`"method":"payment.start","params":{"reference":"X","amount":1}}`}
	script, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, hostilePage, script)
	}))
	defer page.Close()
	tab := browser.Open(t, 800, 600, 1)
	tab.Go(page.URL)
	tab.Until(`document.title === 'done'`)
	tab.Until(`document.body.dataset.code === '4403' && document.body.dataset.heard === undefined`)

	if d := cmp.Diff(before, kinds(s.journal())); d != "" {
		t.Errorf("the page changed the journal:\n%s", d)
	}
	if p := x.get(waiting.ID); p.Final {
		t.Errorf("the waiting payment is %s", p.Status)
	}
	if p := x.get(paid.ID); p.Acknowledged {
		t.Error("the paid one is acknowledged")
	}
	for _, till := range []string{"ecr", "json"} {
		if !counted(t, s, till) {
			t.Errorf("line %s: nothing was counted as refused", till)
		}
	}
}

// hostilePosts is what the page sends: complete and valid messages of each protocol.
func hostilePosts(s *stage, ecrAddr, jsonAddr, paid string, revision int64, waiting string) []post {
	sale := "02003532353132313030393134303151313031301c343000123030303030303030313032331c0379"
	cancel := "02001832353132313030393134303141353031301c034a"
	calls := fmt.Sprintf("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"payment.start\","+
		"\"params\":{\"reference\":\"X\",\"amount\":1}}\n"+
		"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"payment.cancel\",\"params\":{\"id\":%q}}\n"+
		"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"payment.acknowledge\","+
		"\"params\":{\"id\":%q,\"revision\":%d}}\n", waiting, paid, revision)
	posts := []post{{URL: "http://" + ecrAddr + "/", Hex: sale},
		{URL: "http://" + ecrAddr + "/", Hex: cancel}}
	for _, url := range []string{"http://" + jsonAddr + "/",
		"http" + strings.TrimPrefix(s.h.Agent.TillURL(), "ws"), s.h.Agent.DisplayURL() + "ws"} {
		posts = append(posts, post{URL: url, Text: calls})
	}
	return posts
}

// counted reports whether the line's counter of refused connections has moved.
func counted(t *testing.T, s *stage, till string) bool {
	t.Helper()
	resp, err := http.Get(s.h.Agent.MetricsURL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "kiosk_line_refused_total{") &&
			strings.Contains(line, `till="`+till+`"`) && !strings.HasSuffix(line, " 0\n") {
			return true
		}
	}
	return false
}
