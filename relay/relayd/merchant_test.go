package relayd

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
)

func (r *rig) addMerchant(name string) (hookURL string) {
	r.t.Helper()
	hookURL, err := r.AddMerchant(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return hookURL
}

func (r *rig) addTo(merchant, id string) Credentials {
	r.t.Helper()
	c, err := r.AddTerminal(r.t.Context(), id, merchant)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func rebaseURL(r *rig, hookURL string) string {
	return r.PublicURL() + hookPrefix + filepath.Base(hookURL)
}

// sendCanary posts a canary for a terminal, as its header names it.
func sendCanary(t *testing.T, url, handle, nonce string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(relay.CanaryHeader, nonce)
	if handle != "" {
		req.Header.Set(relay.TerminalHeader, handle)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func messages(t *testing.T, r *rig) uint64 {
	t.Helper()
	sp, err := r.store.Span(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return sp.Last
}

// TestMerchantHook: one message, for every terminal of the merchant, in one sequence with its own,
// and for nobody else.
func TestMerchantHook(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	shop, rival := r.addMerchant("M1"), r.addMerchant("M2")
	own := []Credentials{r.addTo("M1", "K001"), r.addTo("M1", "K002"), r.addTo("M1", "K003")}
	others, alone := r.addTo("M2", "K004"), r.add("K005")
	before := messages(t, r)
	mustPost(t, shop+"/below?a=b", "1 of M1")
	if n := messages(t, r) - before; n != 1 {
		t.Errorf("one hook became %d messages", n)
	}
	mustPost(t, rival, "1 of M2")
	mustPost(t, own[1].HookURL, "2 of K002")
	mustPost(t, shop, "3 of M1")
	journals := []*memory{newMemory("j0"), newMemory("j1"), newMemory("j2")}
	expect(t, meet(t, r, own[0], journals[0]), "1 of M1", "3 of M1", "mark")
	expect(t, meet(t, r, own[1], journals[1]), "1 of M1", "2 of K002", "3 of M1", "mark")
	expect(t, meet(t, r, others, newMemory("j3")), "1 of M2", "mark")
	expect(t, meet(t, r, alone, newMemory("j4")), "mark")

	live := startAgent(t, r, own[0], journals[0], nil)
	await[relay.CaughtUp](live, nil)
	mustPost(t, shop, "4 of M1") // wakes who is there, and waits for who is not
	live.want("4 of M1")
	expect(t, meet(t, r, own[1], journals[1]), "4 of M1")
	expect(t, meet(t, r, own[2], journals[2]), "1 of M1", "3 of M1", "4 of M1", "mark")
	// its position may be its merchant's message as well as its own
	expect(t, meet(t, r, own[2], journals[2]))
	later := r.addTo("M1", "K006")
	expect(t, meet(t, r, later, newMemory("j5")), "1 of M1", "3 of M1", "4 of M1", "mark")
}

func TestMerchantList(t *testing.T) {
	dir := t.TempDir()
	r := startRelay(t, dir, nil)
	first := r.addMerchant("M 1/ü")
	r.addTo("M 1/ü", "K001")
	for name, tc := range map[string]struct {
		err  error
		want error
	}{
		"twice":          {second(r.AddMerchant(t.Context(), "M 1/ü")), ErrMerchantExists},
		"no name":        {second(r.AddMerchant(t.Context(), "")), ErrMerchantName},
		"control":        {second(r.AddMerchant(t.Context(), "a\nb")), ErrMerchantName},
		"revoke unknown": {r.RevokeMerchant(t.Context(), "M2"), ErrMerchantUnknown},
		"misspelt": {second(r.AddTerminal(t.Context(), "K002", "M 1/u")),
			ErrMerchantUnknown},
		"a terminal's key": {second(r.AddTerminal(t.Context(), "K002", "K001")),
			ErrMerchantUnknown},
	} {
		if !errors.Is(tc.err, tc.want) {
			t.Errorf("%s: %v, want %v", name, tc.err, tc.want)
		}
	}
	mustPost(t, first, "one")
	if err := r.RevokeMerchant(t.Context(), "M 1/ü"); err != nil {
		t.Fatal(err)
	}
	if status := post(t, first, "x"); status != http.StatusNotFound {
		t.Errorf("revoked: status %d", status)
	}
	if _, err := r.AddTerminal(t.Context(), "K002", "M 1/ü"); !errors.Is(err, ErrMerchantUnknown) {
		t.Errorf("terminal of a revoked merchant: %v", err)
	}
	r.stop()
	r = startRelay(t, dir, nil)
	if status := post(t, rebaseURL(r, first), "x"); status != http.StatusNotFound {
		t.Errorf("revoked, after a restart: status %d", status)
	}
	renewed := r.addMerchant("M 1/ü")
	mustPost(t, renewed, "two")
	if status := post(t, rebaseURL(r, first), "x"); status != http.StatusNotFound {
		t.Errorf("the route before: status %d", status)
	}
	if err := r.RevokeTerminal(t.Context(), "K001"); err != nil {
		t.Fatal(err)
	}
	if list := r.terminals.listMerchants(); len(list) != 1 || list[0].Name != "M 1/ü" ||
		list[0].RevokedAt != nil || list[0].Terminals != 0 {
		t.Errorf("list %+v", list)
	}
	c := r.addTo("M 1/ü", "K001")
	expect(t, meet(t, r, c, newMemory("j")), "one", "two", "mark")
}

func second[T any](_ T, err error) error { return err }

// TestMerchantCanary: a canary on the merchant's route comes back to its own terminal, behind what
// was posted before it, and to nobody else.
func TestMerchantCanary(t *testing.T) {
	r := startRelay(t, t.TempDir(), nil)
	shop := r.addMerchant("M1")
	r.addMerchant("M2")
	c, neighbour := r.addTo("M1", "K 1/ü"), r.addTo("M1", "K002")
	r.addTo("M2", "K003")
	gone := r.addTo("M1", "gone")
	if err := r.RevokeTerminal(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	c.HookURL = shop // as on a kiosk whose gateway has one URL
	a := startAgent(t, r, c, newMemory("j1"),
		func(cfg *relay.Config) { cfg.CanaryEvery = time.Hour })
	own := await[relay.CanaryReturned](a, nil)
	p := dial(t, r, neighbour)
	if w := p.hello(relay.Head{JournalID: "j2"}, nil); w.Terminal != "SzAwMg" {
		t.Errorf("the relay calls the terminal %q", w.Terminal)
	}
	next[relay.Delivery](p) // its mark
	next[relay.CaughtUpMessage](p)
	a.client.SendCanary()
	await[relay.CanaryReturned](a,
		func(e relay.CanaryReturned) bool { return e.SentAt > own.SentAt })
	const forged = "forged-nonce-0123456789"
	if status := sendCanary(t, shop, "SzAwMg", forged); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if d := next[relay.Delivery](p); d.Kind != relay.KindCanary || d.Nonce != forged {
		t.Errorf("got %+v: the neighbour's canary came here", d)
	}

	before := messages(t, r)
	for name, handle := range map[string]string{
		"no terminal": "", "unknown": rules.Handle("K009"),
		"another merchant's": rules.Handle("K003"),
		"revoked":            rules.Handle("gone"), "not base64": "K 1", "padded": "SzAwMg==",
	} {
		if status := sendCanary(t, shop, handle, forged); status != http.StatusNotFound {
			t.Errorf("%s: status %d", name, status)
		}
	}
	if n := messages(t, r) - before; n > 1 { // the store's own probe may be one
		t.Errorf("%d messages were stored", n)
	}
	last := a.client.State().LastCanary
	if status := sendCanary(t, shop, rules.Handle("K 1/ü"), forged); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	mustPost(t, shop, "after the forged one")
	a.want("mark", "after the forged one")
	if a.client.State().LastCanary != last {
		t.Error("a forged canary counted")
	}
}

// TestMerchantRouteRefusal: hooks and canaries of a merchant's route are refused together, and
// forged canaries cost the hooks nothing.
func TestMerchantRouteRefusal(t *testing.T) {
	const nonce = "forged-nonce-0123456789"
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	r := startRelay(t, t.TempDir(), func(c *Config) {
		c.HookRate, c.HookBurst, c.Store.QuotaPerRoute, c.Now = 0.001, 8, 5,
			func() time.Time { return now }
	})
	shop, full, busy := r.addMerchant("M1"), r.addMerchant("M2"), r.addMerchant("M3")
	c, x, y, z := r.addTo("M1", "K001"), r.addTo("M1", "K002"), r.addTo("M2", "K003"),
		r.addTo("M3", "K004")
	for range 4 {
		if status := sendCanary(t, shop, rules.Handle(x.ID), nonce); status != http.StatusOK {
			t.Fatalf("canary: status %d", status)
		}
	}
	for range 2 { // one more fits into its own subject's quota
		sendCanary(t, shop, rules.Handle(x.ID), nonce)
	}
	for i := range 5 {
		mustPost(t, shop, fmt.Sprint(i))
	}
	mustPost(t, c.HookURL, "its own route has its own limit")
	for range 3 { // what is left of the burst, against the quota
		if status := post(t, shop, "too many"); status != http.StatusTooManyRequests {
			t.Errorf("over quota: status %d", status)
		}
	}
	for range 8 { // uses up the rate, and stores nothing
		post(t, busy, strings.Repeat("x", relay.MaxHookBody+1))
	}
	if status := sendCanary(t, busy, rules.Handle(z.ID),
		nonce); status != http.StatusTooManyRequests {
		t.Errorf("canary while the rate is used up: status %d", status)
	}
	for i := range 5 {
		mustPost(t, full, fmt.Sprint(i))
	}
	if status := sendCanary(t, full, rules.Handle(y.ID),
		nonce); status != http.StatusTooManyRequests {
		t.Errorf("canary while the quota is used up: status %d", status)
	}
	mustPost(t, y.HookURL, "the terminal's own route is not hurt")
}

// TestMerchantStoreRestored: the copy's numbers go on for the merchant's messages as for the
// terminal's own.
func TestMerchantStoreRestored(t *testing.T) {
	dir, backup := filepath.Join(t.TempDir(), "store"), filepath.Join(t.TempDir(), "copy")
	r := startRelay(t, dir, nil)
	shop := r.addMerchant("M1")
	c, away := r.addTo("M1", "K001"), r.addTo("M1", "K002")
	m, m2 := newMemory("j"), newMemory("j2")
	mustPost(t, shop, "before")
	expect(t, meet(t, r, c, m), "before", "mark")
	expect(t, meet(t, r, away, m2), "before", "mark")
	r.stop()
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	r = startRelay(t, dir, nil)
	mustPost(t, rebaseURL(r, shop), "lost with the disk")
	expect(t, meet(t, r, c, m), "lost with the disk")
	r.stop()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	r = startRelay(t, dir, nil)
	mustPost(t, rebaseURL(r, shop), "after") // takes the very sequence of the lost one
	expect(t, meet(t, r, c, m), "gap:"+relay.GapIDMismatch, "before", "mark", "after")
	expect(t, meet(t, r, away, m2), "after")
	expect(t, meet(t, r, c, m))
}

// TestMerchantPositions: positions among mixed subjects are judged by the message, aged out ones
// are gaps, and marks keep quiet ones alive.
func TestMerchantPositions(t *testing.T) {
	var ahead atomic.Int64
	r := startRelay(t, t.TempDir(), func(c *Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		c.InFlight = 3
	})
	shop, rival := r.addMerchant("M1"), r.addMerchant("M2")
	c, other := r.addTo("M1", "K001"), r.addTo("M2", "K002")
	m, m2 := newMemory("j"), newMemory("j2")
	var want []string
	for i := range 12 { // more than a window
		text := fmt.Sprint(i)
		mustPost(t, []string{shop, c.HookURL}[i%2], text)
		want = append(want, text)
	}
	mustPost(t, rival, "of M2")
	expect(t, meet(t, r, c, m), append(want, "mark")...)
	expect(t, meet(t, r, other, m2), "of M2", "mark")
	mustPost(t, rival, "of M2, again")
	expect(t, meet(t, r, other, m2), "of M2, again")
	stolen := &memory{position: m2.position, has: true, head: m.head}
	expect(t, meet(t, r, c, stolen),
		append([]string{"gap:" + relay.GapIDMismatch}, append(want, "mark")...)...)

	mustPost(t, shop, "12")
	expect(t, meet(t, r, c, m), "12")
	ahead.Store(int64(43 * time.Hour)) // older than a quarter of the retention
	expect(t, meet(t, r, c, m), "mark")
	mustPost(t, shop, "13")
	expect(t, meet(t, r, c, m), "13")
	if err := r.store.hooks.DeleteMsg(t.Context(), m.position.Seq); err != nil { // as age does
		t.Fatal(err)
	}
	got := meet(t, r, c, m)
	if len(got) == 0 || got[0] != "gap:"+relay.GapOutOfRange ||
		!strings.HasPrefix(fmt.Sprint(got[1:]), "[0 1 2 3") {
		t.Errorf("committed %q", got)
	}
}

// FuzzTerminalHeader: whatever a canary's header says, nobody but the merchant's own terminals is
// named, and each in one way only.
func FuzzTerminalHeader(f *testing.F) {
	list := &terminals{index: newIndex()}
	for id, merchant := range map[string]string{"K 1/ü": "M1", "K002": ""} {
		r := record{ID: id, Merchant: merchant, Token: sum([]byte("token " + id)),
			Route: sum([]byte("route " + id))}
		list.index.putTerminal(&terminal{record: r, limits: newRouteLimits(1, 1, rules.Shapes{})},
			nil)
	}
	seeds := []string{rules.Handle("K 1/ü"), rules.Handle("K002"), rules.Handle("M1"), "", "=",
		"SzAwMg==", "SzAw\nMg", "\x00", strings.Repeat("A", 171)}
	if len(seeds) < 9 {
		f.Fatal("the seeds are gone")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, handle string) {
		got := list.member("M1", handle)
		if (got != nil) != (handle == rules.Handle("K 1/ü")) {
			t.Errorf("%q names %+v", handle, got)
		}
	})
}
