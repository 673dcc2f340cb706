package relayd

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/relay"
)

func (r *rig) code(id string) string {
	r.t.Helper()
	c, err := r.CodeTerminal(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(c.Code.Reveal())
}

// enrol posts a code and returns the status and the answer.
func enrol(t *testing.T, r *rig, body string, header http.Header) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+r.PublicAddr().String()+"/v1/enrol",
		strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func asCode(code string) string { return `{"code":"` + code + `"}` }

// enrolled enrols with a code that is good.
func enrolled(t *testing.T, r *rig, code string) Credentials {
	t.Helper()
	status, text := enrol(t, r, asCode(code), nil)
	var got TerminalSecrets
	if err := json.Unmarshal([]byte(text), &got); status != http.StatusOK || err != nil {
		t.Fatalf("status %d: %s", status, text)
	}
	return Credentials{ID: got.ID, Token: secret.New([]byte(got.Token)), HookURL: got.HookURL,
		Merchant: got.Merchant}
}

func opens(t *testing.T, r *rig, c Credentials) bool {
	t.Helper()
	switch status := get(t, "http://"+r.PublicAddr().String()+"/v1/head",
		http.Header{"Authorization": {"Bearer " + string(c.Token.Reveal())}}); status {
	case http.StatusOK:
		return true
	case http.StatusUnauthorized:
		return false
	default:
		t.Fatalf("status %d", status)
		return false
	}
}

func TestEnrol(t *testing.T) {
	dir := t.TempDir()
	var ahead atomic.Int64
	adjust := func(c *Config) {
		c.Now = func() time.Time {
			return time.Now().Add(time.Duration(ahead.Load()))
		}
	}
	r := startRelay(t, dir, adjust)
	r.addMerchant("M1")
	added := r.addTo("M1", "K 1/ü")
	replaced, code := r.code("K 1/ü"), r.code("K 1/ü")
	if len(code) != 39 || strings.Count(code, "-") != 7 || code == replaced {
		t.Errorf("codes %q, %q", replaced, code)
	}
	r.stop()
	r = startRelay(t, dir, adjust) // a code survives a restart
	c := enrolled(t, r, strings.ToUpper(strings.ReplaceAll(code, "-", " ")))
	if c.ID != "K 1/ü" || c.Merchant != "M1" ||
		!strings.HasPrefix(c.HookURL, r.PublicURL()+"/hook/") {
		t.Errorf("enrolled as %+v", c)
	}
	mustPost(t, rebaseURL(r, added.HookURL), "by the hook URL before")
	mustPost(t, c.HookURL, "by the new one")
	if !opens(t, r, added) {
		t.Error("the token before ended before the new one was used")
	}
	unknown := "0123-4567-89ab-cdef-0123-4567-89ab-cdef"
	_, want := enrol(t, r, asCode(unknown), nil)
	for name, text := range map[string]string{"unknown": unknown, "used": code,
		"replaced": replaced, "malformed": "x", "not hexadecimal": strings.Repeat("g", 32)} {
		if status, got := enrol(t, r, asCode(text), nil); status != http.StatusNotFound ||
			got != want {
			t.Errorf("%s: status %d: %s", name, status, got)
		}
	}
	expect(t, meet(t, r, c, newMemory("j")), "by the hook URL before", "by the new one", "mark")
	if opens(t, r, added) {
		t.Error("the token before still works")
	}
	ahead.Store(int64(24*time.Hour + time.Second))
	if status := post(t, rebaseURL(r, added.HookURL), "x"); status != http.StatusNotFound {
		t.Errorf("the hook URL before, a day later: status %d", status)
	}
	mustPost(t, c.HookURL, "the new one stays")
}

func TestEnrolRefuses(t *testing.T) {
	var ahead atomic.Int64
	r := startRelay(t, t.TempDir(),
		func(c *Config) {
			c.Now = func() time.Time {
				return time.Now().Add(time.Duration(ahead.Load()))
			}
		})
	r.add("K001")
	r.add("gone")
	expired, revoked := r.code("K001"), r.code("gone")
	if err := r.RevokeTerminal(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	ahead.Store(int64(24*time.Hour + time.Second))
	for name, tc := range map[string]struct {
		body   string
		header http.Header
		want   int
	}{
		"expired":        {asCode(expired), nil, 404},
		"revoked":        {asCode(revoked), nil, 404},
		"from a page":    {asCode(expired), http.Header{"Origin": {"https://evil.test"}}, 403},
		"empty":          {"", nil, 400},
		"no code":        {"{}", nil, 400},
		"wrong type":     {`{"code":1}`, nil, 400},
		"unknown field":  {`{"code":"x","token":"y"}`, nil, 400},
		"trailing bytes": {asCode(expired) + "x", nil, 400},
		"too long":       {asCode(strings.Repeat("0", maxEnrolBody)), nil, 400},
	} {
		if status, text := enrol(t, r, tc.body, tc.header); status != tc.want {
			t.Errorf("%s: status %d, want %d: %s", name, status, tc.want, text)
		}
	}
	if status := get(t, r.PublicURL()+"/v1/enrol", nil); status != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d", status)
	}
	if _, err := r.CodeTerminal(t.Context(), "gone"); !errors.Is(err, ErrTerminalRevoked) {
		t.Errorf("code of a revoked terminal: %v", err)
	}
	if _, err := r.CodeTerminal(t.Context(), "K009"); !errors.Is(err, ErrTerminalUnknown) {
		t.Errorf("code of no terminal: %v", err)
	}
	voided := r.code("K001")
	if _, err := r.RotateTerminal(t.Context(), "K001", false, time.Hour); err != nil {
		t.Fatal(err)
	}
	if status, _ := enrol(t, r, asCode(voided), nil); status != http.StatusNotFound {
		t.Errorf("a code from before a rotation: status %d", status)
	}
	for range enrolBurst {
		if _, err := r.Enrol(t.Context(), voided, ""); !errors.Is(err, ErrCode) {
			t.Fatal(err)
		}
	}
}

func TestEnrolRateLimit(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	r := startRelay(t, t.TempDir(), func(c *Config) { c.Now = func() time.Time { return now } })
	for i := range enrolBurst {
		if status, _ := enrol(t, r, asCode("x"), nil); status != http.StatusNotFound {
			t.Fatalf("guess %d: status %d", i, status)
		}
	}
	if status, _ := enrol(t, r, asCode("x"), nil); status != http.StatusTooManyRequests {
		t.Errorf("status %d, want 429", status)
	}
	if status, _ := enrol(t, r, "no JSON", nil); status != http.StatusTooManyRequests {
		t.Errorf("rubbish: status %d, want 429", status)
	}
	r.add("K001")
	code := r.code("K001")
	enrolled(t, r, code) // strangers do not keep the kiosk out
	if status, _ := enrol(t, r, asCode(code), nil); status != http.StatusTooManyRequests {
		t.Errorf("a used code: status %d, want 429", status)
	}
}

// TestEnrolOnce: of many at the same time, one is the terminal.
func TestEnrolOnce(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	r.add("K001")
	code := r.code("K001")
	var good, refused atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			switch _, err := r.Enrol(t.Context(), code, ""); {
			case err == nil:
				good.Add(1)
			case errors.Is(err, ErrCode):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if good.Load() != 1 || refused.Load() != 19 {
		t.Errorf("%d enrolled, %d were refused", good.Load(), refused.Load())
	}
}

// TestStoreRestoredWithCode: with the copy comes the list of terminals as it was, the code that was
// not used then included.
func TestStoreRestoredWithCode(t *testing.T) {
	dir, backup := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "copy")
	r := startRelay(t, dir, nil)
	before := r.add("K001")
	code := r.code("K001")
	r.stop()
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	r = startRelay(t, dir, nil)
	lost := enrolled(t, r, code)
	r.stop()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	r = startRelay(t, dir, nil)
	if opens(t, r, lost) || !opens(t, r, before) {
		t.Error("the list is not the copy's")
	}
	if again := enrolled(t, r, code); !opens(t, r, again) {
		t.Error("the code of the copy gave a token that does not work")
	}
}

// TestRotateOverlaps: the old token works until the new one is first used, or until its time is
// over, and never longer.
func TestRotateOverlaps(t *testing.T) {
	var ahead atomic.Int64
	dir := t.TempDir()
	adjust := func(c *Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		c.Ping = 200 * time.Millisecond // a busy machine lets 60 ms of silence pass for death
	}
	r := startRelay(t, dir, adjust)
	first := r.add("K001")
	rotate := func(grace time.Duration) Credentials {
		t.Helper()
		c, err := r.RotateTerminal(t.Context(), "K001", false, grace)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, grace := range []time.Duration{-time.Second, 24*time.Hour + time.Second} {
		_, err := r.RotateTerminal(t.Context(), "K001", false, grace)
		if !errors.Is(err, ErrGrace) {
			t.Errorf("%v: %v", grace, err)
		}
	}
	open := dial(t, r, first)
	open.hello(relay.Head{JournalID: "j"}, nil)
	unused := rotate(time.Hour)
	// the first one was never used, so the kiosk still has the token before
	renewed := rotate(time.Hour)
	if !opens(t, r, first) || opens(t, r, unused) || !opens(t, r, renewed) {
		t.Error("after two rotations")
	}
	r.stop()
	r = startRelay(t, dir, adjust)
	open = dial(t, r, first)
	open.hello(relay.Head{JournalID: "j"}, nil)
	if !opens(t, r, renewed) || !opens(t, r, first) { // asking for the head is no connection
		t.Error("after a restart")
	}
	meet(t, r, renewed, newMemory("j"))
	if code := open.closed(); code != relay.CloseReplaced && code != relay.CloseRevoked {
		t.Errorf("the connection with the old token: code %d", code)
	}
	if opens(t, r, first) || !opens(t, r, renewed) {
		t.Error("after the first connection with the new token")
	}

	last := rotate(time.Hour)
	open = dial(t, r, renewed)
	open.hello(relay.Head{JournalID: "j", Seq: 1}, nil)
	ahead.Store(int64(time.Hour + time.Second))
	if code := open.closed(); code != relay.CloseRevoked {
		t.Errorf("an old token's time is over: code %d", code)
	}
	if opens(t, r, renewed) || !opens(t, r, last) {
		t.Error("after the old token's time")
	}
	open = dial(t, r, last)
	open.hello(relay.Head{JournalID: "j", Seq: 2}, nil)
	rotate(0)
	if code := open.closed(); code != relay.CloseRevoked {
		t.Errorf("rotated at once: code %d", code)
	}
}

// TestEnrolmentLeavesNoSecret: neither the store's files nor the log hold a code, a token or a
// route.
func TestEnrolmentLeavesNoSecret(t *testing.T) {
	dir := t.TempDir()
	r := startRelay(t, dir, nil)
	shop := r.addMerchant("M1")
	r.addTo("M1", "K001")
	used := r.code("K001")
	c := enrolled(t, r, used)
	open := r.code("K001")
	mustPost(t, shop, "x")
	r.stop()
	everything := r.log.String()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		everything += string(data)
		return err
	})
	if err != nil || !strings.Contains(everything, `"code":{"sha256"`) {
		t.Fatalf("the store was not read: %v", err)
	}
	for name, text := range map[string]string{
		"a used code": used, "a code": open, "a code's digits": strings.ReplaceAll(open, "-", ""),
		"a token": string(c.Token.Reveal()), "a route": filepath.Base(c.HookURL),
		"a merchant's route": filepath.Base(shop),
	} {
		if strings.Contains(everything, text) {
			t.Errorf("%s can be read", name)
		}
	}
}

// FuzzEnrol: no body breaks the reader, and what is a code is one however it is written.
func FuzzEnrol(f *testing.F) {
	code := string(newCode().Reveal())
	seeds := []string{asCode(code), asCode(strings.ToUpper(code)), asCode("x"), `{}`,
		`{"code":null}`, `{"code":"\u0030"}`, asCode(code) + asCode(code), `[]`, ""}
	if len(seeds) < 9 {
		f.Fatal("the seeds are gone")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		text, _, err := readEnrol(strings.NewReader(body))
		if err != nil {
			return
		}
		first, ok := codeHash(text)
		if !ok {
			return
		}
		digits := strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(text))
		if again, ok := codeHash(digits); !ok || again != first || len(digits) != 32 {
			t.Errorf("%q and %q are not the same code", text, digits)
		}
	})
}

// TestEnrolAs: a code of another terminal than the kiosk is to be is refused, and is not used up.
func TestEnrolAs(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	r.add("K1")
	r.add("K2")
	code := r.code("K2")
	body := func(id string) string { return `{"code":"` + code + `","id":"` + id + `"}` }
	if status, text := enrol(t, r, body("K1"), nil); status != http.StatusConflict ||
		!strings.Contains(text, "another terminal's; it was not used") {
		t.Errorf("another's: %d %s", status, text)
	}
	if status, text := enrol(t, r, body("K2"), nil); status != http.StatusOK ||
		!strings.Contains(text, `"id":"K2"`) {
		t.Errorf("its own: %d %s", status, text)
	}
	if status, _ := enrol(t, r, body("K1"), nil); status != http.StatusNotFound {
		t.Errorf("used up: %d", status)
	}
}
