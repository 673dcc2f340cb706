package examples

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"kiosk-agent/device/jsonrpc"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/test/browser"
	"kiosk-agent/test/devicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(browser.Tests{M: m}) }

const token = "till-token-for-the-examples"

// serve starts the till API over a fake engine.
func serve(t *testing.T, origins ...string) (url string, payments *devicetest.Payments) {
	t.Helper()
	payments = devicetest.New()
	cfg := jsonrpc.Config{Tills: []jsonrpc.Till{{Name: "till-1", Token: secret.New([]byte(token))}},
		AllowedOrigins: origins}
	s, err := jsonrpc.New(cfg, payments, new(devicetest.Terminal), slog.New(slog.DiscardHandler),
		nil)
	if err != nil {
		t.Fatal(err)
	}
	http := httptest.NewServer(s.Handler())
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		http.Close()
		payments.Close()
	})
	return "ws" + strings.TrimPrefix(http.URL, "http") + jsonrpc.Path, payments
}

func TestGoTill(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "till-go")
	if out, err := exec.Command("go", "build", "-o", bin,
		"./till-go").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	url, payments := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	run := func(args ...string) (*exec.Cmd, *strings.Builder) {
		cmd, out := exec.CommandContext(ctx, bin, args...), new(strings.Builder)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, out
	}

	cmd, _ := run(url, token, "R1", "1023")
	id := awaiting(t, payments, "till-1")
	if err := cmd.Process.Kill(); err != nil { // power cut
		t.Fatal(err)
	}
	_ = cmd.Wait()
	payments.Finish(id, payment.StatusApproved)

	cmd, out := run(url, token, "R1", "1023")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	stored, err := os.ReadFile(filepath.Join(dir, id+".outcome"))
	if err != nil || string(stored) != "3 approved\n" || !payments.Payment(id).Acknowledged {
		t.Errorf("stored %q (%v), acknowledged %v", stored, err, payments.Payment(id).Acknowledged)
	}

	cmd, out = run(url, token, "R1", "1023") // the reference is used up
	if err := cmd.Wait(); err == nil || !strings.Contains(out.String(), "reference_reused") {
		t.Errorf("%v\n%s", err, out)
	}
}

// awaiting waits until the till has a payment.
func awaiting(t *testing.T, payments *devicetest.Payments, till string) (id string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); id == ""; {
		if time.Now().After(deadline) {
			t.Fatal("no payment was started")
		}
		done := make(chan struct{})
		payments.Last(till, func(p payment.Payment, _ error) { id = p.ID; close(done) })
		<-done
	}
	return id
}

// An example that is not short is no example.
func TestExamplesAreShort(t *testing.T) {
	for file, most := range map[string]int{"till-go/main.go": 60, "till-node/till.mjs": 60,
		"till.html": 300} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(raw), "\n"); n >= most {
			t.Errorf("%s has %d lines", file, n)
		}
	}
}
