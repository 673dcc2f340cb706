package bench_test

import (
	"bytes"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"

	"kiosk-agent/test/browser"
	"kiosk-agent/ui/qr"
)

// emptyPage paints a code on a message and answers when it has been painted, as our page does: in
// the frame after the one that painted.
const emptyPage = `<!doctype html><body style="margin:0;background:#fff">
<svg id=s width=984 height=984 shape-rendering=crispEdges><path id=p></path></svg><script>
const ws = new WebSocket('ws://' + location.host + '/ws')
ws.onmessage = e => {
	const m = JSON.parse(e.data)
	s.setAttribute('viewBox', '-4 -4 ' + (m.size + 8) + ' ' + (m.size + 8))
	p.setAttribute('d', m.path)
	const painted = () => ws.send('{"type":"shown","kind":"pay"}')
	requestAnimationFrame(() => requestAnimationFrame(painted))
}</script>`

// painted are the moments at which a tab says that it has painted a code.
func painted(t testing.TB, tab *browser.Tab) <-chan time.Time {
	t.Helper()
	moments := make(chan time.Time, 4096)
	err := chromedp.Listen(tab.Context(), func(ev any) {
		sent, ok := ev.(*network.EventWebSocketFrameSent)
		if ok && bytes.Contains(sent.Response.PayloadData, []byte(`"type":"shown"`)) &&
			bytes.Contains(sent.Response.PayloadData, []byte(`"kind":"pay"`)) {
			moments <- time.Now()
		}
	})
	if err == nil {
		_, err = chromedp.Call(tab.Context(), network.Enable, network.EnableParams{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return moments
}

func await(t testing.TB, moments <-chan time.Time) time.Time {
	t.Helper()
	select {
	case at := <-moments:
		return at
	case <-time.After(patience):
		t.Fatal("the page never says that it has painted")
		return time.Time{}
	}
}

// frameTime is the time between two frames of Chromium's where there is no screen.
const frameTime = time.Second / 60

// somewhere waits until both pages have stood still for some frames, as they do before a sale, and
// for a moment within a frame, another one each time and evenly spread. What begins when a page has
// said that it has painted begins with a frame, and while ours paints the end of the sale before:
// it then had two whole frames to wait for, and the empty page one and the rest of another.
func somewhere(t testing.TB, rep int) {
	t.Helper()
	const golden = 0.6180339887
	_, part := math.Modf(float64(rep) * golden)
	select {
	case <-time.After(4*frameTime + time.Duration(part*float64(frameTime))):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}

// serveEmptyPage returns its address, and its connection once the page is there.
func serveEmptyPage(t testing.TB) (address string, conns <-chan *websocket.Conn) {
	t.Helper()
	pages := make(chan *websocket.Conn, 1)
	up := websocket.Upgrader{}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(emptyPage))
	})
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		if conn, err := up.Upgrade(w, r, nil); err == nil {
			pages <- conn
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL, pages
}

// tillToPainted is from the till's request until the page in Chromium says that the code is on the
// glass, beside the empty page from the message on. Both are heard of through the same tool, begin
// anywhere in a frame, and have stood still before.
func tillToPainted(t testing.TB, s scale) sides {
	k := openKiosk(t, 1)
	k.run()
	ours := browser.Own{}.Open(t, 1080, 1920)
	moments := painted(t, ours)
	ours.Go("http://" + k.screen + "/?token=" + k.text("display.token"))
	k.till = k.connect("till-1")
	k.till.ready()

	address, conns := serveEmptyPage(t)
	empty := browser.Own{}.Open(t, 1080, 1920)
	emptied := painted(t, empty)
	empty.Go(address + "/")
	conn := <-conns
	defer conn.Close()
	all := sides{}
	for i := range s.reps {
		somewhere(t, i)
		p, asked, _ := k.start()
		all["ours"] = append(all["ours"], ms(await(t, moments).Sub(asked)))
		k.settle(p)
		m, err := qr.Encode(link(700+i%200), qr.M)
		if err != nil {
			t.Fatal(err)
		}
		somewhere(t, i)
		begun := time.Now()
		if err := conn.WriteJSON(object{"size": m.Size(), "path": m.Path()}); err != nil {
			t.Fatal(err)
		}
		all["empty page"] = append(all["empty page"], ms(await(t, emptied).Sub(begun)))
	}
	return all
}
