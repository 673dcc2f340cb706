package examples

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// example is one of the tills that are programs, as it is started.
type example struct {
	name string
	argv []string // before URL TOKEN REFERENCE CENTS
	kept string   // what the file has of an approved payment
}

// tills are both of them, built and installed.
func tills(t *testing.T) []example {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "till-go")
	if out, err := exec.Command("go", "build", "-o", bin,
		"./till-go").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	script, err := filepath.Abs("till-node/till.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("till-node/node_modules"); err != nil {
		t.Fatalf("%v\nThe tests need node and its ws module: npm ci --prefix examples/till-node",
			err)
	}
	return []example{{"go", []string{bin}, "3 approved\n"},
		{"node", []string{"node", script}, `"status":"approved"`}}
}

// run starts the till in dir.
func (e example) run(ctx context.Context, t *testing.T, dir string,
	args ...string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	argv := slices.Concat(e.argv, args)
	cmd, out := exec.CommandContext(ctx, argv[0], argv[1:]...), new(strings.Builder)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// wantKept wants the approved payment in the till's own file, and acknowledged.
func (e example) wantKept(t *testing.T, dir, id string, payments *devicetest.Payments) {
	t.Helper()
	kept, err := os.ReadFile(filepath.Join(dir, id+".outcome"))
	if err != nil || !strings.Contains(string(kept), e.kept) ||
		!payments.Payment(id).Acknowledged {
		t.Errorf("kept %q (%v), acknowledged %v", kept, err, payments.Payment(id).Acknowledged)
	}
}

// TestTillAfterAPowerCut: started again with its reference, a till closes the sale that it was in,
// once; a reference that it has used up is refused.
func TestTillAfterAPowerCut(t *testing.T) {
	for _, e := range tills(t) {
		t.Run(e.name, func(t *testing.T) {
			url, payments := serve(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			dir := t.TempDir()
			cmd, _ := e.run(ctx, t, dir, url, token, "R1", "1023")
			id := awaiting(t, payments, "till-1")
			if err := cmd.Process.Kill(); err != nil { // power cut
				t.Fatal(err)
			}
			_ = cmd.Wait()
			payments.Finish(id, payment.StatusApproved)

			cmd, out := e.run(ctx, t, dir, url, token, "R1", "1023")
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			e.wantKept(t, dir, id, payments)

			cmd, out = e.run(ctx, t, dir, url, token, "R1", "1023") // the reference is used up
			if err := cmd.Wait(); err == nil || !strings.Contains(out.String(), "1004") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestTillAfterTheReuseWindow: the till comes back when its own sale no longer answers its
// reference. The refusal names that sale, whose outcome the till has not heard yet: it is stored
// and acknowledged, whether the outcome itself arrives too or not. The outcome of another sale
// under this reference, of another amount, is not taken for it.
func TestTillAfterTheReuseWindow(t *testing.T) {
	for _, e := range tills(t) {
		t.Run(e.name, func(t *testing.T) {
			url, payments := serve(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			id := sold(t, payments, "R1")
			sale := payments.Payment(id)
			refuse := func(code payment.Code) {
				payments.Fail("start", &payment.Error{Code: code, Op: "start", Payment: &sale})
			}
			dir := t.TempDir()
			refuse(payment.CodeReferenceConflict)
			cmd, out := e.run(ctx, t, dir, url, token, "R1", "900")
			if err := cmd.Wait(); err == nil || payments.Payment(id).Acknowledged {
				t.Fatalf("another amount: %v\n%s", err, out)
			}
			refuse(payment.CodeReferenceReused)
			cmd, out = e.run(ctx, t, dir, url, token, "R1", "1023")
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			e.wantKept(t, dir, id, payments)
		})
	}
}

// sold is an approved payment that its till has not heard of.
func sold(t *testing.T, payments *devicetest.Payments, reference string) (id string) {
	t.Helper()
	started := make(chan error, 1)
	payments.Start("till-1", payment.Request{Reference: reference,
		Money: payment.Money{Amount: 1023, Currency: payment.SGD}},
		func(p payment.Payment, err error) { id = p.ID; started <- err })
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	payments.Finish(id, payment.StatusApproved)
	return id
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
