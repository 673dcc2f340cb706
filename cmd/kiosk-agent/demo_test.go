package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"kiosk-agent/internal/app/demo"
	"kiosk-agent/internal/app/displayclient"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/programs"
)

// mismatch is the amount whose payment the simulated gateway reports wrongly, in cents.
const mismatch = 7777

// lines are two tills that connect to the agent.
const lines = `
[[till.serial]]
name = "line-1"
device = "tcp-listen:%s"

[[till.serial]]
name = "line-2"
device = "tcp-listen:%s"
dialect = "nets"

[[till.serial]]
name = "line-3"
device = "tcp-listen:%s"
dialect = "%s/walk.toml"
`

// walkDialect is the file with which the walk of docs/ECR-DIALECTS.md ends.
func walkDialect(ts *testscript.TestScript) string {
	page, err := os.ReadFile("../../docs/ECR-DIALECTS.md")
	ts.Check(err)
	_, walk, _ := strings.Cut(string(page), "The whole file:\n\n```toml\n")
	file, _, found := strings.Cut(walk, "```")
	if !found {
		ts.Fatalf("docs/ECR-DIALECTS.md has no walk with a whole file")
	}
	return file
}

var demos sync.Map // by script: a func that ends it

// startDemo runs everything but the command under test in this process, for the script that asks.
// It sets CONFIG, HOUSE, TAG, and the addresses of three tills' lines: LINE and NETSLINE in the
// dialects of these names, WALKLINE in the one that the walk of docs/ECR-DIALECTS.md makes.
//
// Its customer opens each link. 1000.01 is paid and 1000.02 declined by that
// (sandbox.DefaultOutcomes); 77.77 is paid, and reported with another amount; with any other amount
// the customer walks away.
func startDemo(ts *testscript.TestScript, _ bool, _ []string) {
	dir, err := os.MkdirTemp("", "script-") // short: the admin socket's path has a limit
	ts.Check(err)
	ts.Defer(func() { _ = os.RemoveAll(dir) })
	line, nets, walk := freeAddr(ts), freeAddr(ts), freeAddr(ts)
	ts.Check(os.WriteFile(filepath.Join(dir, "walk.toml"), []byte(walkDialect(ts)), 0o600))
	h, err := demo.Open(context.Background(), demo.Options{
		Dir: dir, Log: slog.New(slog.DiscardHandler), Version: "script", MerchantName: "Kopi",
		TillListen: freeAddr(ts), Settle: time.Second,
		Simulation: demo.AXSOptions{
			Faults: []sandbox.Fault{{Kind: sandbox.FaultWrongAmount, Amount: mismatch}}},
		Extra: fmt.Sprintf(lines, line, nets, walk, dir),
	})
	ts.Check(err)
	ctx, stop := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() {
		if err := h.Run(ctx); err != nil {
			ts.Logf("the demo: %v", err)
		}
	})
	parts.Go(func() {
		if err := displayclient.Run(ctx, h.Agent.DisplayURL(), h.Agent.DisplayToken(),
			displayclient.Options{}); err != nil {
			ts.Logf("the display: %v", err)
		}
	})
	links := make(chan payment.Payment, 16)
	unwatch := h.Agent.Watch(func(p payment.Payment) {
		if p.Status == payment.StatusAwaiting && p.Revision == 2 && len(p.Attempts) == 0 {
			links <- p
		}
	})
	parts.Go(func() { buy(ctx, h, links) })
	end := sync.OnceFunc(func() { unwatch(); stop(); parts.Wait() })
	demos.Store(ts.Name(), end)
	ts.Defer(end)
	awaitReady(ts, h)
	ts.Setenv("CONFIG", h.ConfigPath)
	ts.Setenv("HOUSE", dir)
	ts.Setenv("TAG", h.Tag)
	ts.Setenv("LINE", line)
	ts.Setenv("NETSLINE", nets)
	ts.Setenv("WALKLINE", walk)
}

func endDemo(ts *testscript.TestScript, _ bool, _ []string) {
	end, ok := demos.Load(ts.Name())
	if !ok {
		ts.Fatalf("no demo")
	}
	end.(func())()
}

// buy is the customer.
func buy(ctx context.Context, h *demo.House, links <-chan payment.Payment) {
	client := &http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-links:
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.QRPayload, nil)
			if err != nil {
				return
			}
			if resp, err := client.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			if p.Money.Amount == mismatch {
				// the script sees what comes of it
				_, _ = h.Sandbox().Act(p.MerchantRef, sandbox.Action{Do: sandbox.Pay})
			}
		}
	}
}

func awaitReady(ts *testscript.TestScript, h *demo.House) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		snap, err := h.Agent.Inspect(ctx)
		if err == nil && snap.Ready {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("never ready: %v %v", snap.Reasons, err)
		}
	}
}

// freeAddr is an address for the agent's tills that can stand in the configuration.
func freeAddr(ts *testscript.TestScript) string {
	addr, err := programs.Address()
	ts.Check(err)
	return addr
}
