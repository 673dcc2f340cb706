package relayd

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"kiosk-agent/relay"
)

var hookBody = strings.Repeat("eyJhbGciOi", 90) // 900 bytes, as an AXS notification

func hookOnce(b *testing.B, client *http.Client, url string) {
	res, err := client.Post(url, "application/jose", strings.NewReader(hookBody))
	if err != nil {
		b.Error(err)
		return
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b.Errorf("status %d", res.StatusCode)
	}
}

func manyHooks(c *Config) { c.Store.MaxBytes, c.Store.QuotaPerRoute = 8<<30, 1<<40 }

// BenchmarkHookIntake: POST to 200, over TCP, each hook synced; one sender.
func BenchmarkHookIntake(b *testing.B) {
	r := startRelay(b, b.TempDir(), manyHooks)
	c := r.add("K001")
	for b.Loop() {
		hookOnce(b, http.DefaultClient, c.HookURL)
	}
}

// BenchmarkHookIntake64: the same with 64 senders.
func BenchmarkHookIntake64(b *testing.B) {
	r := startRelay(b, b.TempDir(), manyHooks)
	c := r.add("K001")
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	b.Cleanup(client.CloseIdleConnections)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			hookOnce(b, client, c.HookURL)
		}
	})
}

// BenchmarkHookToHandler: from the start of the POST until the agent's handler has the hook.
func BenchmarkHookToHandler(b *testing.B) {
	r := startRelay(b, b.TempDir(), manyHooks)
	c := r.add("K001")
	a := startAgent(b, r, c, newMemory("j"), nil)
	a.want("mark")
	await[relay.CaughtUp](a, nil)
	for b.Loop() {
		hookOnce(b, http.DefaultClient, c.HookURL)
		a.want(hookBody)
	}
}

// BenchmarkCatchUp: hooks delivered to an agent that was away, each committed and acknowledged.
func BenchmarkCatchUp(b *testing.B) {
	r := startRelay(b, b.TempDir(), manyHooks)
	c := r.add("K001")
	for range b.N {
		hookOnce(b, http.DefaultClient, c.HookURL)
	}
	b.ResetTimer()
	a := startAgent(b, r, c, newMemory("j"), nil)
	for range b.N {
		a.want(hookBody)
	}
}
