package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
)

// accountWorld is a world with a second gateway account at a server of its own.
type accountWorld struct {
	*world
	second *world // its sandbox; nothing else of it is in use
}

func newAccountWorld(t *testing.T) *accountWorld {
	w := newWorld(t)
	w.change(`settle = "1s"`, `settle = "1s"`+"\nanswer_within = \"12s\"", "[axs]\n", fmt.Sprintf(
		"[axs]\nquery_url = \"%s/api/hpp/v2/transaction\"\n", w.sandboxURL))
	second := &world{t: t, dir: w.dir, otherLog: w.otherLog, secret: w.newSecret("axs2.secret")}
	second.serveSandbox(sandbox.Merchant{ClientID: "other-client", Secret: second.secret,
		LinkIDs: []string{"other-link"}})
	return &accountWorld{w, second}
}

// change puts texts in place of others in the agent's configuration.
func (w *world) change(pairs ...string) {
	w.t.Helper()
	text, err := os.ReadFile(w.config())
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("config.toml", strings.NewReplacer(pairs...).Replace(string(text)))
}

// switches configures the second account, and what is said about the first, and starts the agent
// anew.
func (w *accountWorld) switches(previous string) *till {
	w.t.Helper()
	w.change(w.sandboxURL, w.second.sandboxURL, "world-client", "other-client", "world-link",
		"other-link", "axs.secret", "axs2.secret", "[relay]\n", previous+"[relay]\n")
	w.startAgent("")
	return w.connect()
}

// first is the first account as a previous one.
func (w *accountWorld) first() string {
	return fmt.Sprintf(`[[axs.previous]]
payment_link = "%s/hpp/checkout/world-link"
client_id = "world-client"
secret = "file:%s/axs.secret"
query_url = "%s/api/hpp/v2/transaction"
`, w.sandboxURL, w.dir, w.sandboxURL)
}

// shownSince are the kinds of screens that named a payment since the nth.
func (d *display) shownSince(n int, id string) (kinds []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.screens[n:] {
		if s.Payment == id {
			kinds = append(kinds, s.Kind)
		}
	}
	return kinds
}

func (d *display) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.screens)
}

// ends waits for the end of a payment that nobody asks to cancel.
func (x *till) ends(id string) device.Payment {
	x.t.Helper()
	return x.hear("the end of "+id, id, func(p device.Payment) bool { return p.Final })
}

// TestMoneyAccountSwitch: the agent is restarted with another gateway account while a code is up,
// and the customer pays at the one before. The code is not shown again; what the new account does
// not know of is no silence; the till hears unknown, and approved once somebody names the account.
func TestMoneyAccountSwitch(t *testing.T) {
	t.Parallel()
	w := newAccountWorld(t)
	d, x := w.opens()
	p := x.start("SWITCH", 1900)
	w.until(p.ID, payment.KindShown)
	w.agent.stop()
	n := d.count()

	x = w.switches("")
	pay(t, p.QRPayload)
	w.delivered() // the relay has answered 200
	done := x.ends(p.ID)
	if done.Status != payment.StatusUnknown {
		t.Errorf("the customer has paid at the account before, and the till is told %s %v",
			done.Status, done.Flags)
	}
	x.acknowledge(done)
	if kinds := d.shownSince(n, p.ID); slices.Contains(kinds, "pay") {
		t.Errorf("after the restart the display has shown %v", kinds)
	}
	if text := w.command(0, "worklist"); !strings.Contains(text, "account_gone") ||
		!strings.Contains(text, p.MerchantRef) {
		t.Errorf("the worklist does not say that nobody is asked:\n%s", text)
	}
	if text := w.command(0, "status"); !strings.Contains(text, "/world-link") {
		t.Errorf("the status does not say which account is gone:\n%s", text)
	}
	x.ready()
	now := x.start("NOW", 500)
	w.until(now.ID, payment.KindShown)
	pay(t, now.QRPayload)
	x.acknowledge(x.approved(now.ID))
	w.agent.stop()

	w.change("[relay]\n", w.first()+"[relay]\n")
	w.startAgent("")
	x = w.connect()
	x.acknowledge(x.approved(p.ID)) // what was parked opens
	if text := w.command(0, "worklist"); strings.Contains(text, "account_gone") {
		t.Errorf("the account is known again, and the worklist says:\n%s", text)
	}
	w.agent.stop()
	w.verify()
}

// TestMoneyAccountSwitchKnown: the same, done as docs/OPERATIONS.md says. The notification opens at
// once; where there is none, the account before is asked.
func TestMoneyAccountSwitchKnown(t *testing.T) {
	t.Parallel()
	for name, paid := range map[string]bool{"paid": true, "not paid": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newAccountWorld(t)
			w.change(`answer_within = "12s"`, `answer_within = "30s"`)
			_, x := w.opens()
			// asked about it after the restart, that account proves that its 404 means something
			first := x.start("FIRST", 700)
			w.until(first.ID, payment.KindShown)
			pay(t, first.QRPayload)
			x.acknowledge(x.approved(first.ID))
			w.until(first.ID, payment.KindAcknowledged)
			p := x.start("SWITCH", 1900)
			w.until(p.ID, payment.KindShown)
			w.agent.stop()
			x = w.switches(w.first())
			if paid {
				pay(t, p.QRPayload)
				x.acknowledge(x.approved(p.ID))
				return
			}
			done := x.ends(p.ID)
			if done.Status != payment.StatusCancelled {
				t.Errorf("nobody has paid, and the till is told %s %v", done.Status, done.Flags)
			}
			x.acknowledge(done)
			w.agent.stop()
			w.verify()
		})
	}
}

// TestARotationKeepsTheCode: another application of the same account, and the code that is up comes
// back, is paid, and what the gateway seals for the application before is heard.
func TestARotationKeepsTheCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, x := w.opens()
	p := x.start("ROTATE", 1900)
	w.until(p.ID, payment.KindShown)
	w.agent.stop()
	n := d.count()
	w.newSecret("axs2.secret")
	w.change(`client_id = "world-client"`, `client_id = "world-client-2"`, "axs.secret",
		"axs2.secret", "[relay]\n", fmt.Sprintf("[[axs.previous]]\nclient_id = \"world-client\"\n"+
			"secret = \"file:%s\"\n[relay]\n", filepath.Join(w.dir, "axs.secret")))
	w.startAgent("")
	x = w.connect()
	eventually(t, "the code is back", func() error {
		if kinds := d.shownSince(n, p.ID); !slices.Contains(kinds, "pay") {
			return fmt.Errorf("shown %v", kinds)
		}
		return nil
	})
	if got := x.get(p.ID); got.QRPayload != p.QRPayload {
		t.Errorf("the code is another one: %q", got.QRPayload)
	}
	pay(t, p.QRPayload)
	x.acknowledge(x.approved(p.ID))
	w.agent.stop()
	w.verify()
}
