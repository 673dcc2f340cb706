package packages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"kiosk-agent/test/browser"
)

// guest is a page that tries what a page may ask for, at the address that the policy lets in.
func guest(t *testing.T) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>guest</title><input type=file id=file>")
	}))
	t.Cleanup(srv.Close)
	return srv
}

// shown is the display's policy, read.
func shown(t *testing.T) map[string]any {
	t.Helper()
	var policy map[string]any
	if err := json.Unmarshal([]byte(read(t, "packaging/display/policy.json")),
		&policy); err != nil {
		t.Fatal(err)
	}
	return policy
}

// judged opens a browser under the display's policy. Two of its keys would shut out the test
// itself, which drives the browser from outside; the address is one that is free.
func judged(t *testing.T, srv *httptest.Server, allow ...string) *browser.Tab {
	t.Helper()
	policy := shown(t)
	if policy["RemoteDebuggingAllowed"] != false || policy["DeveloperToolsAvailability"] != 2. {
		t.Error("the policy lets the browser be driven from outside")
	}
	delete(policy, "RemoteDebuggingAllowed")
	delete(policy, "DeveloperToolsAvailability")
	policy["URLAllowlist"] = append(allow, srv.Listener.Addr().String())
	text, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kiosk.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return displayed(t, dir)
}

// displayed is a browser with a camera, a microphone and a screen, which are not there. Without the
// policy somebody lets each page have them: that switch takes no notice of a policy.
func displayed(t *testing.T, policies string) *browser.Tab {
	t.Helper()
	flags := map[string]any{"use-fake-device-for-media-stream": true}
	if policies == "" {
		policies, flags["use-fake-ui-for-media-stream"] = t.TempDir(), true
	}
	return browser.Own{Policies: policies, Flags: flags}.Open(t, 800, 480)
}

// asked is what a page gets that asks right after somebody has touched the screen; where nothing
// comes for so long, it waits for a person's answer to what the browser shows.
func asked(tab *browser.Tab, expression string, wait time.Duration) string {
	yes := true
	return browser.Evaluate[string](tab, `Promise.race([
		(async () => { try { return "given " + await (`+expression+`) }
			catch (e) { return e.name } })(),
		new Promise((done) => setTimeout(() => done("a person is asked"), `+
		strconv.FormatInt(wait.Milliseconds(), 10)+`))])`,
		func(p *runtime.EvaluateParams) { p.UserGesture, p.AwaitPromise = &yes, &yes })
}

func permission(name string) string {
	return `navigator.permissions.query({name: "` + name + `"}).then((p) => p.state)`
}

// media asks for a stream, and says no more than that there is one.
func media(ask string) string { return `navigator.mediaDevices.` + ask + `.then(() => "stream")` }

// TestDisplayPolicyRefuses: what a page in the display's place asks for is refused by the policy. A
// browser without one gives it, or shows a person what he may choose.
func TestDisplayPolicyRefuses(t *testing.T) {
	srv := guest(t)
	under, without := judged(t, srv), displayed(t, "")
	for what, tc := range map[string]struct{ ask, want string }{
		"USB":        {`navigator.usb.requestDevice({filters: []})`, "NotFoundError"},
		"HID":        {`navigator.hid.requestDevice({filters: []})`, "given "},
		"serial":     {`navigator.serial.requestPort()`, "NotFoundError"},
		"camera":     {media(`getUserMedia({video: true})`), "NotAllowedError"},
		"microphone": {media(`getUserMedia({audio: true})`), "NotAllowedError"},
		"screen":     {media(`getDisplayMedia()`), "NotAllowedError"},
		"cast":       {`new PresentationRequest("https://x.example/").start()`, "NotFoundError"},
		"open":       {`showOpenFilePicker()`, "NotAllowedError"},
		"save":       {`showSaveFilePicker()`, "NotAllowedError"},
		"directory":  {`showDirectoryPicker()`, "NotAllowedError"},
		"sensor": {`new Promise((ok, no) => { const s = new Accelerometer();
			s.onerror = (e) => no(e.error); s.start(); })`, "NotAllowedError"},
		"may use the camera":     {permission("camera"), "given denied"},
		"may use the microphone": {permission("microphone"), "given denied"},
		"may know the place":     {permission("geolocation"), "given denied"},
		"may read the clipboard": {permission("clipboard-read"), "given denied"},
		"may see the screens":    {permission("window-management"), "given denied"},
		"may use sensors":        {permission("accelerometer"), "given denied"},
		"compiled code":          {`typeof WebAssembly`, "given undefined"},
		"3D": {`document.createElement("canvas").getContext("webgl")`,
			"given null"},
		"addresses of this kiosk": {candidates, "given 0"},
	} {
		under.Go(srv.URL) // what is open from before may stand in the way
		without.Go(srv.URL)
		if got := asked(under, tc.ask, patience); got != tc.want {
			t.Errorf("%s: %s, want %s", what, got, tc.want)
		}
		// A picker that the page before has opened goes some time after it, and is in the way.
		eventually(t, what+": without a policy it is otherwise", func(context.Context) error {
			if got := asked(without, tc.ask, time.Second); got == tc.want {
				without.Go(srv.URL)
				return errors.New(got)
			}
			return nil
		})
	}
	// A browser without a screen refuses these by itself.
	for _, name := range []string{"local-fonts", "idle-detection", "notifications"} {
		if got := asked(under, permission(name), patience); got != "given denied" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// candidates is how many addresses of the machine WebRTC tells a page.
const candidates = `(async () => {
	const peer = new RTCPeerConnection(); peer.createDataChannel("x");
	let n = 0, all;
	const end = new Promise((done) => { all = done; });
	peer.onicecandidate = (e) => { if (e.candidate?.candidate) n++; else all(); };
	await peer.setLocalDescription(); await end; return n; })()`

// TestDisplayPolicyOpensNothingElse: a page gets away to nowhere, and a file's picker never opens.
func TestDisplayPolicyOpensNothingElse(t *testing.T) {
	srv, other := guest(t), guest(t)
	under := judged(t, srv)
	under.Go(srv.URL)
	if got := asked(under, `new Promise((ok, no) => { file.oncancel = () => no(new Error());
		file.click(); })`, patience); got != "Error" {
		t.Error("<input type=file>:", got)
	}
	for _, address := range []string{other.URL, "file:///etc/passwd", "view-source:" + srv.URL,
		"data:text/html,x", "devtools://devtools/bundled/inspector.html"} {
		err := chromedp.Do(under.Context(), chromedp.Navigate(address))
		if err == nil || !strings.Contains(err.Error(), "ERR_BLOCKED_BY_ADMINISTRATOR") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestDisplayPolicyIsKnown: each key of the policy is one of this Chromium's, with a value that it
// takes: a key that is written wrong forbids nothing and nobody says so.
func TestDisplayPolicyIsKnown(t *testing.T) {
	srv := guest(t)
	tab := judged(t, srv, "chrome://policy")
	tab.Go("chrome://policy")
	tab.Until(`!!document.querySelector("policy-app, policy-table")`)
	const rows = `(() => { const rows = [];
		const text = (n) => [...n.childNodes].map((c) => c.nodeType === 3 ? c.data :
			text(c) + (c.shadowRoot ? text(c.shadowRoot) : "")).join(" ");
		const find = (n) => { for (const c of n.childNodes) {
			if (c.nodeName === "POLICY-ROW") rows.push(text(c) + text(c.shadowRoot ?? c));
			else { find(c); if (c.shadowRoot) find(c.shadowRoot); } } };
		find(document); return rows; })()`
	tab.Until(`(` + rows + `).length > 20`)
	said := map[string]string{}
	for _, row := range browser.Evaluate[[]string](tab, rows) {
		if name, rest, ok := strings.Cut(strings.Join(strings.Fields(row), " "), " "); ok {
			said[name] = rest
		}
	}
	for name := range shown(t) {
		row := said[name]
		if name == "RemoteDebuggingAllowed" || name == "DeveloperToolsAvailability" {
			if row == "" {
				t.Errorf("there is no %s", name)
			}
			continue // not set in this browser
		}
		if !strings.Contains(row, "Mandatory OK ") &&
			!strings.Contains(row, "Mandatory Deprecated ") {
			t.Errorf("%s: %q", name, row)
		}
	}
}
