package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/demo"
	"kiosk-agent/payment"
	"kiosk-agent/payment/singapay"
	"kiosk-agent/relay/relayd"
	simulated "kiosk-agent/sandbox/singapay"
	"kiosk-agent/test/programs"
)

// chain is a merchant with several kiosks and one webhook URL at SingaPay, as its dashboard has it:
// one relay, and an agent of its own on each kiosk, all of them processes.
type chain struct {
	*world // the relay
	singa  *simulated.Server
	url    string // SingaPay's
	kiosks []*world
}

const merchantName = "kopi"

func newChain(t *testing.T, kiosks int) *chain {
	t.Helper()
	c := &chain{world: newWorldWith(t, func(*world) {})}
	var given relayd.MerchantSecrets
	c.relayCommand(&given, "merchant", "add", merchantName)
	c.hookURL = given.HookURL
	key := c.newSecret("singapay.secret")
	var err error
	c.singa, err = simulated.New(simulated.Config{Credentials: []simulated.Credential{{
		Name: merchantName, ClientID: demo.ClientID, APIKey: demo.APIKey, Secret: key,
		Accounts: []string{demo.AccountID}, TransactionURL: c.hookURL, InquiryURL: c.hookURL,
		ExpirationURL: c.hookURL,
	}}}, slog.New(slog.NewTextHandler(c.otherLog, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	c.runSingaPay()
	for i := range kiosks {
		c.addKiosk(fmt.Sprintf("KOPI-%d", i+1))
	}
	return c
}

// runSingaPay serves the simulated SingaPay until the test ends.
func (c *chain) runSingaPay() {
	c.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	c.url = "http://" + ln.Addr().String()
	srv := &http.Server{Handler: c.singa.Handler(), ReadHeaderTimeout: patience}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- srv.Serve(ln) }()
	go func() { done <- c.singa.Run(ctx) }()
	c.t.Cleanup(func() {
		stop()
		if err := errors.Join(srv.Close(), <-done, <-done); err != nil &&
			!errors.Is(err, http.ErrServerClosed) {
			c.t.Error(err)
		}
	})
}

// relayCommand runs kiosk-relay and reads what it answers.
func (c *chain) relayCommand(answer any, args ...string) {
	c.t.Helper()
	cmd := exec.Command(programs.Path(c.t, "kiosk-relay"),
		append(args, "--json", "--config", filepath.Join(c.dir, "relay.toml"))...)
	cmd.Stderr = c.otherLog
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, answer)
	}
	if err != nil {
		c.t.Fatalf("kiosk-relay %v: %v\n%s", args, err, c.otherLog)
	}
}

// addKiosk writes the files of one more kiosk. Its agent is started by the test.
func (c *chain) addKiosk(id string) {
	c.t.Helper()
	k := &world{
		t: c.t, dir: programs.Dir(c.t), till: programs.FreeAddr(c.t),
		screen:  programs.FreeAddr(c.t),
		metrics: programs.FreeAddr(c.t), hookURL: c.hookURL, agentLog: &record{},
		relayLog: c.relayLog,
		otherLog: c.otherLog,
	}
	k.tillToken, k.displayToken = k.newSecret("till.token"), k.newSecret("display.token")
	var given relayd.TerminalSecrets
	c.relayCommand(&given, "terminal", "add", id, "--merchant", merchantName)
	k.write("relay.token", given.Token+"\n")
	k.write("config.toml", fmt.Sprintf(`
[terminal]
id = %q
currency = "IDR"
[payment]
provider = "singapay"
mode = "qr"
settle = "1s"
require_canary = "30s"
[singapay]
base_url = %q
client_id = %q
client_secret = "file:%s/singapay.secret"
api_key = %q
account_id = %q
%s`, id, c.url, demo.ClientID, c.dir, demo.APIKey, demo.AccountID,
		agentTables(k.dir, c.relayPublic, c.hookURL, k.till, k.screen, k.metrics)))
	c.kiosks = append(c.kiosks, k)
	c.t.Cleanup(func() {
		if k.agent != nil {
			_ = k.agent.cmd.Process.Kill() // most have ended already
			<-k.agent.ended
		}
		if c.t.Failed() {
			c.t.Logf("end of the log of %s:\n%s", id, k.agentLog.tail())
		}
	})
}

// opens starts every kiosk; each is ready only when its own canary has come back on the merchant's
// route.
func (c *chain) opens() (tills []*till) {
	c.t.Helper()
	for _, k := range c.kiosks {
		k.showScreen()
		k.startAgent("")
	}
	for _, k := range c.kiosks {
		x := k.connect()
		x.ready()
		tills = append(tills, x)
	}
	return tills
}

// quiet waits until every webhook has been answered 200.
func (c *chain) quiet() {
	c.t.Helper()
	if err := c.singa.Quiet(soon(c.t)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *chain) pay(ref string) {
	if _, err := c.singa.Act(ref, simulated.Action{Do: simulated.Pay}); err != nil {
		c.t.Error(ref, err)
	}
}

// webShop is another system of the same merchant: it sells with the same credential, and so its
// webhooks come to the kiosks, too.
func (c *chain) webShop(ref string) {
	c.t.Helper()
	g, err := singapay.New(singapay.Config{
		BaseURL: c.url, ClientID: demo.ClientID, ClientSecret: c.newSecret("singapay.secret"),
		APIKey: demo.APIKey, AccountID: demo.AccountID, WebhookPath: "/elsewhere",
		Mode: singapay.ModeQR, MaxAmount: 100_000_000, Now: time.Now,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	a := g.Mint(soon(c.t), payment.MintRequest{MerchantRef: ref,
		Money: payment.Money{Amount: 1_500_000, Currency: payment.IDR}, Timeout: time.Minute})
	if a.Failure != "" {
		c.t.Fatal(a.Failure)
	}
	c.pay(ref)
}

// booked checks that each kiosk has exactly its own statements.
func (c *chain) booked(sold [][]device.Payment, parked int) {
	c.t.Helper()
	for i, k := range c.kiosks {
		all := readJournal(c.t, k.dir)
		mine := map[string]bool{}
		for _, p := range sold[i] {
			mine[p.MerchantRef] = true
			if got := c.singa.Collected()[p.MerchantRef]; got.Paid != p.Amount {
				c.t.Errorf("%s: SingaPay has collected %+v of %d", p.MerchantRef, got, p.Amount)
			}
		}
		for _, f := range all {
			if n, ok := f.Data.(payment.Notified); ok && !mine[n.Record.MerchantRef] {
				c.t.Errorf("kiosk %d has booked another's %s", i+1, n.Record.MerchantRef)
			}
		}
		if n := count(all, payment.KindNotified); n != len(sold[i]) {
			c.t.Errorf("kiosk %d has sold %d and booked %d statements", i+1, len(sold[i]), n)
		}
		if n := count(all, payment.KindUnmatched); n > 0 {
			c.t.Errorf("kiosk %d holds %d statements as unmatched", i+1, n)
		}
		if n := count(all, payment.KindParked); n != parked {
			c.t.Errorf("kiosk %d has parked %d deliveries, want %d", i+1, n, parked)
		}
		k.verify()
	}
}

// TestOneWebhookURL: three kiosks of one merchant sell at the same time, and every webhook reaches
// all three. Each approves what is its own and passes over the rest: its neighbours' payments, the
// web shop's, a stranger's post. The one that was down catches up.
func TestOneWebhookURL(t *testing.T) {
	t.Parallel()
	c := newChain(t, 3)
	tills := c.opens()
	sold := make([][]device.Payment, len(tills))

	const rounds = 3
	for round := range rounds {
		var selling sync.WaitGroup
		for i, x := range tills {
			// what each till asks is asked here; what customers and webhooks do overlaps
			// amounts differ: no approval can be another's
			p := x.start(fmt.Sprintf("SALE-%d", round), int64(1_500_000+100_000*i))
			c.kiosks[i].until(p.ID, payment.KindShown)
			sold[i] = append(sold[i], p)
		}
		for i := range tills {
			selling.Go(func() { c.pay(sold[i][round].MerchantRef) })
		}
		selling.Wait()
		for i, x := range tills {
			p := sold[i][round]
			done := x.approved(p.ID)
			if done.Amount != p.Amount || done.MerchantRef != p.MerchantRef {
				t.Errorf("kiosk %d sold %+v and hears %+v", i+1, p, done)
			}
			x.acknowledge(done)
		}
	}

	// Nobody's business here.
	c.webShop("WEBSHOP-2026-000017")
	client := &http.Client{}
	t.Cleanup(client.CloseIdleConnections)
	if resp, err := client.Post(c.hookURL, "application/json",
		strings.NewReader(`{"status":"paid"}`)); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("the relay answers %v %v", resp, err)
	} else if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	c.quiet()

	// The second kiosk is down while its customer pays, and its neighbours sell on.
	p := tills[1].start("ALONE", 2_500_000)
	c.kiosks[1].until(p.ID, payment.KindShown)
	c.kiosks[1].agent.kill()
	c.pay(p.MerchantRef)
	sold[1] = append(sold[1], p)
	for _, i := range []int{0, 2} {
		tills[i].ready()
		n := tills[i].start("MEANWHILE", 3_500_000)
		c.kiosks[i].until(n.ID, payment.KindShown)
		c.pay(n.MerchantRef)
		tills[i].acknowledge(tills[i].approved(n.ID))
		sold[i] = append(sold[i], n)
	}
	c.quiet()
	c.kiosks[1].startAgent("")
	x := c.kiosks[1].connect()
	x.acknowledge(x.approved(p.ID))
	x.ready() // a canary of the new process has come back

	for _, k := range c.kiosks {
		eventually(t, "the stranger's post is counted",
			func() error { return lacks(readJournal(t, k.dir), payment.KindJunk) })
		k.agent.stop()
	}
	c.booked(sold, 0)
}
