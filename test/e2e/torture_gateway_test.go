package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/programs"
)

// sandboxEnv makes this test binary be the simulated gateway instead: a process of its own, with
// its book in a file, to be killed.
const sandboxEnv = "HOUSE_SANDBOX"

// sandboxJob is what the environment says.
type sandboxJob struct{ Listen, Dir, Book string }

// serveSandbox is the main function of that process.
func serveSandbox(raw string) (code int) {
	var job sandboxJob
	err := json.Unmarshal([]byte(raw), &job)
	if err == nil {
		err = job.serve()
	}
	fmt.Fprintln(os.Stderr, "sandbox:", err)
	return 1
}

func (job sandboxJob) serve() error {
	var merchants []sandbox.Merchant
	for _, a := range accounts {
		key, err := secret.Resolve("file:"+filepath.Join(job.Dir, a.secret), "")
		if err != nil {
			return err
		}
		merchants = append(merchants,
			sandbox.Merchant{ClientID: a.client, Secret: key, LinkIDs: []string{a.link}})
	}
	s, err := sandbox.New(sandbox.Config{
		Merchants: merchants, Book: job.Book,
		Outcomes: map[int64]sandbox.Outcome{},
		// it does not give up: the relay may be dead, or say 429
		Retry: slices.Repeat([]time.Duration{200 * time.Millisecond, time.Second}, 1000),
	}, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", job.Listen)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: patience}
	ended := make(chan error, 2)
	go func() { ended <- srv.Serve(ln) }()
	go func() { ended <- s.Run(context.Background()) }()
	return <-ended
}

// killableGateway starts the gateway as a process at an address that it keeps.
func (w *world) killableGateway() {
	w.t.Helper()
	w.sandboxURL = "http://" + programs.FreeAddr(w.t)
	for _, a := range accounts {
		w.newSecret(a.secret)
	}
	w.startGateway()
}

func (w *world) gatewayBook() string { return filepath.Join(w.dir, "gateway.book") }

// startGateway starts the gateway and waits until it answers.
func (w *world) startGateway() {
	w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	job, err := json.Marshal(sandboxJob{w.sandboxURL[len("http://"):], w.dir, w.gatewayBook()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.gateway = launch(w.t, w.otherLog, []string{sandboxEnv + "=" + string(job)}, self)
	if err := (&bank{url: w.sandboxURL}).get(soon(w.t), "/sandbox/faults", nil); err != nil {
		w.t.Fatalf("the gateway does not answer: %v\n%s", err, w.otherLog.tail())
	}
}

// toldHook is a webhook that was answered 2xx.
type toldHook struct{ TransactionRef, Status string }

// toldHooks are the webhooks that said what is true and were answered 2xx: from then on nobody else
// has them.
func (w *world) toldHooks() map[toldHook]bool {
	w.t.Helper()
	text, err := os.ReadFile(w.gatewayBook())
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[toldHook]bool{}
	for line := range bytes.Lines(text) {
		var l struct {
			Told *struct {
				toldHook
				Faults []sandbox.FaultKind
			}
		}
		if json.Unmarshal(line, &l) == nil && l.Told != nil &&
			!slices.ContainsFunc(l.Told.Faults, bends) {
			// the newest line may be half written
			all[l.Told.toldHook] = true
		}
	}
	return all
}

// bends reports whether a fault changes what a webhook says, and not only when and how often.
func bends(k sandbox.FaultKind) bool {
	return k != sandbox.FaultDuplicate && k != sandbox.FaultDelay && k != sandbox.FaultOutOfOrder
}

// redeliver makes the gateway forget what it has delivered, and starts it again: every webhook that
// there ever was goes out once more.
func (w *world) redeliver() {
	w.t.Helper()
	w.gateway.kill()
	text, err := os.ReadFile(w.gatewayBook())
	if err != nil {
		w.t.Fatal(err)
	}
	var kept bytes.Buffer
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte(`"told":{`)) {
			kept.Write(line)
		}
	}
	if err := os.WriteFile(w.gatewayBook(), kept.Bytes(), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.startGateway()
}

// bank is the gateway's address as customers and the judge use it: they try again while its process
// is dead.
type bank struct{ url string }

// refusal is an answer of the gateway other than 2xx.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("the gateway answers %d: %.300s", r.status, r.text)
}

func (b *bank) get(ctx context.Context, path string, into any) error {
	return b.call(ctx, http.MethodGet, b.url+path, nil, into)
}

// open opens a checkout link, as a phone does.
func (b *bank) open(ctx context.Context, link string) error {
	return b.call(ctx, http.MethodGet, link, nil, nil)
}

// act presses a button. That the payment was paid already is no error: the answer to an earlier
// press may have been lost.
func (b *bank) act(ctx context.Context, merchantRef string, do sandbox.Verb) error {
	err := b.call(ctx, http.MethodPost, b.url+"/sandbox/act",
		map[string]any{"merchantRef": merchantRef, "action": do}, nil)
	if r, ok := errors.AsType[*refusal](err); ok && r.status == http.StatusConflict {
		return nil
	}
	return err
}

func (b *bank) fault(ctx context.Context, f sandbox.Fault) error {
	return b.call(ctx, http.MethodPost, b.url+"/sandbox/faults", f, nil)
}

// call makes one request, again and again until there is an answer.
func (b *bank) call(ctx context.Context, method, target string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := b.once(ctx, method, target, text, into)
		if err == nil {
			return nil
		}
		if _, answered := errors.AsType[*refusal](err); answered {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

func (b *bank) once(ctx context.Context, method, target string, text []byte, into any) error {
	if method == http.MethodGet {
		text = nil
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(text))
	if err != nil {
		return err
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode/100 != 2:
		return &refusal{resp.StatusCode, string(answer)}
	case into == nil:
		return nil
	}
	return json.Unmarshal(answer, into)
}
