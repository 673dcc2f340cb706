package packages

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/displayclient"
	"kiosk-agent/internal/app/tillclient"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
)

// Everybody around the kiosk. The addresses are those of the delivered configuration: the tests
// have a network of their own.
const (
	terminal    = "K001"
	clientID    = "packages-client"
	linkID      = "packages-link"
	gatewayAddr = "127.0.0.1:7658"
	gatewayURL  = "http://" + gatewayAddr
	relayAddr   = "127.0.0.1:9090"
	tillURL     = "ws://127.0.0.1:7654/v1/till"
	displayURL  = "http://127.0.0.1:7655/"
)

// patience is how long something that must happen may take; programs under emulation are slow.
const patience = 3 * time.Minute

// stage is the gateway, the till and the customer.
type stage struct {
	axsSecret, tillToken secret.Value
	sales                int
}

// newStage starts a simulated gateway that lives as long as the test.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{axsSecret: secret.Generate(), tillToken: secret.Generate()}
	box, err := sandbox.New(sandbox.Config{
		Merchants: []sandbox.Merchant{
			{Name: "Kopi", ClientID: clientID, Secret: s.axsSecret, LinkIDs: []string{linkID}}},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", gatewayAddr)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: box.Handler(), ReadHeaderTimeout: time.Minute}
	ctx, stop := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	parts.Go(func() {
		if err := box.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); _ = srv.Close(); parts.Wait() })
	return s
}

// showDisplay is a customer display until the test, or stop, ends it.
func showDisplay(t *testing.T, token secret.Value) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- displayclient.Run(ctx, displayURL, token, displayclient.Options{}) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error("display:", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// dial connects the till; the agent may be starting.
func (s *stage) dial(t *testing.T) *tillclient.Client {
	t.Helper()
	var c *tillclient.Client
	eventually(t, "a till connects", func(ctx context.Context) (err error) {
		c, err = tillclient.Dial(ctx, tillURL, s.tillToken)
		return err
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// eventually asks again and again until there is no error.
func eventually(t *testing.T, what string, try func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s: %v", what, err)
		}
	}
}

// start starts a sale once the terminal is ready, and waits until the customer can see the code.
func (s *stage) start(t *testing.T) (*tillclient.Client, device.Payment) {
	t.Helper()
	till := s.dial(t)
	eventually(t, "ready", func(ctx context.Context) error {
		var st struct {
			Ready   bool
			Reasons []payment.Reason
		}
		if err := till.Call(ctx, "terminal.status", nil, &st); err != nil {
			return err
		}
		if !st.Ready {
			return fmt.Errorf("%+v", st.Reasons)
		}
		return nil
	})
	s.sales++
	var p device.Payment
	ref := fmt.Sprintf("S-%d", s.sales)
	if err := till.Call(t.Context(), "payment.start",
		map[string]any{"reference": ref, "amount": 1000 + s.sales}, &p); err != nil {
		t.Fatal(err)
	}
	return till, p
}

// pay is the customer, who pays by phone.
func pay(t *testing.T, link string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	phone := &http.Client{Jar: jar, Timeout: time.Minute}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	fetch(t, phone, http.MethodGet, link, nil)
	form := url.Values{"data": {u.Query().Get("data")}, "action": {"pay"}, "scheme": {"PAYNOW"}}
	u.Path, u.RawQuery = u.Path+"/act", ""
	fetch(t, phone, http.MethodPost, u.String(), form)
}

func fetch(t *testing.T, client *http.Client, method, target string, form url.Values) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target,
		strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal("the checkout page answered", resp.Status)
	}
}

// conclude waits until the till hears that the payment is approved, and acknowledges that.
func conclude(t *testing.T, till *tillclient.Client, id string) {
	t.Helper()
	eventually(t, "the till hears approved", func(ctx context.Context) error {
		var p device.Payment
		if err := till.Call(ctx, "payment.get", map[string]any{"id": id}, &p); err != nil {
			t.Fatal(err)
		}
		if p.Status != payment.StatusApproved {
			return fmt.Errorf("%s is %s", id, p.Status)
		}
		return till.Call(ctx, "payment.acknowledge",
			map[string]any{"id": id, "revision": p.Revision}, nil)
	})
}

// sell plays one sale.
func (s *stage) sell(t *testing.T, when string) {
	t.Helper()
	began := time.Now()
	till, p := s.start(t)
	pay(t, p.QRPayload)
	conclude(t, till, p.ID)
	_ = till.Close()
	t.Logf("a sale %s: approved after %s", when, time.Since(began).Round(100*time.Millisecond))
}
