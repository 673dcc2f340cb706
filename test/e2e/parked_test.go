package e2e_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"kiosk-agent/device"
	"kiosk-agent/internal/secret"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/test/programs"
)

// sealedFor is what AXS posts: a token under a secret, here whichever.
func sealedFor(t *testing.T, key secret.Value, claims map[string]any) string {
	t.Helper()
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	enc, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.PBES2_HS512_A256KW,
		Key: key.Reveal(), KeyID: "world-client", PBES2Count: 1000, PBES2Salt: salt}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	o, err := enc.Encrypt(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := o.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func success(p device.Payment) map[string]any {
	return map[string]any{"amount": fmt.Sprintf("%d.%02d", p.Amount/100, p.Amount%100),
		"currency": "SGD", "transactionRef": "1428191406936641536",
		"merchantRef": p.MerchantRef, "status": "SUCCESS", "responseCode": "00",
		"paymentScheme": "VISA", "paymentDateTime": "2026-11-28T01:22:46.010508Z"}
}

// post posts to the hook URL; the relay must answer 200.
func (w *world) post(query string) {
	w.t.Helper()
	resp, err := http.Post(w.hookURL+query, "text/plain", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("the relay answers %s", resp.Status)
	}
}

// posted posts, and waits until the agent has taken it.
func (w *world) posted(query string) {
	w.t.Helper()
	before := w.position()
	w.post(query)
	eventually(w.t, "the agent has taken it", func() error {
		if now := w.position(); now.Seq <= before.Seq {
			return fmt.Errorf("it is at %d", now.Seq)
		}
		return nil
	})
}

func (w *world) position() payment.Position {
	w.t.Helper()
	return positionIn(w.t, w.dir)
}

func positionIn(t testing.TB, dir string) payment.Position {
	t.Helper()
	r, err := offline.OpenReadOnly(filepath.Join(dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	pos, _, err := r.Position()
	if err != nil {
		t.Fatal(err)
	}
	return pos
}

// TestJunkThenRotation: an uptime monitor, a thousand tokens that look genuine, and then the
// gateway's secret is changed before ours. Nothing that is paid waits for a place, or is lost for
// want of one.
func TestJunkThenRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.relay.stop()
	w.write("relay.toml", readText(t, filepath.Join(w.dir, "relay.toml"))+
		"[hook]\nrate = 10000.0\nburst = 10000\n")
	w.startRelay()
	_, x := w.opens()
	for i := range 300 {
		w.post(fmt.Sprintf("?data=probe%d", i))
	}
	p := x.start("MONITOR", 1900)
	w.until(p.ID, payment.KindShown)
	pay(t, p.QRPayload)
	x.acknowledge(x.approved(p.ID))
	all := readJournal(t, w.dir)
	if n := count(all, payment.KindJunk); n != 1 || count(all, payment.KindParked) > 0 {
		t.Errorf("%d junk facts, %d parked", n, count(all, payment.KindParked))
	}
	w.todo()

	stranger := secret.Generate()
	p = x.start("STRANGER", 1900)
	for range 1000 {
		w.post("?data=" + sealedFor(t, stranger, success(p)))
	}
	pay(t, p.QRPayload)
	w.delivered()
	within(t, 4*patience, "it is approved behind a thousand forged ones",
		func() error { return lacks(w.facts(p.ID), payment.KindNotified) })
	x.acknowledge(x.approved(p.ID))
	x.ready() // a canary has come back behind them
	all = readJournal(t, w.dir)
	if n := count(all, payment.KindParked); n != 256 || count(all, payment.KindLeft) != 1 {
		t.Errorf("%d parked, %d left facts", n, count(all, payment.KindLeft))
	}
	w.todo("parked 256", "left 1")

	// The gateway's is changed first.
	p = x.start("ROTATED", 1900)
	w.until(p.ID, payment.KindShown)
	fresh := secret.Generate()
	w.posted("?data=" + sealedFor(t, fresh, success(p)))
	if n := count(readJournal(t, w.dir), payment.KindParked); n != 256 {
		t.Errorf("%d parked", n)
	}
	done := x.cancelling(p.ID)()
	if done.Status != payment.StatusUnknown { // something came that nobody here can read
		t.Errorf("the till is told %s before the secret is right", done.Status)
	}
	x.acknowledge(done)
	w.agent.stop()
	w.write("axs.secret", string(fresh.Reveal())+"\n")
	w.startAgent("")
	x = w.connect()
	paid := x.hear("the payment", p.ID, func(p device.Payment) bool {
		return p.Status == payment.StatusApproved
	})
	x.acknowledge(paid)
	checkOutcome(t, "with the right secret", paid, payment.StatusApproved, nil, "")
	if n := count(w.facts(p.ID), payment.KindNotified); n != 1 {
		t.Errorf("%d statements of the gateway in the journal", n)
	}
	x.ready()
	w.agent.stop()
	w.verify()
}

// todo compares the worklist with how many entries of each task there should be.
func (w *world) todo(want ...string) {
	w.t.Helper()
	out, err := exec.Command(programs.Path(w.t, "kiosk-agent"), "worklist", "--json", "--config",
		w.config()).Output()
	var entries []struct{ Status string }
	if err == nil {
		err = json.Unmarshal(out, &entries)
	}
	if err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	n := map[string]int{}
	for _, e := range entries {
		n[e.Status]++
	}
	var got []string
	for _, status := range []string{"parked", "left"} {
		if n[status] > 0 {
			got = append(got, fmt.Sprint(status, " ", n[status]))
		}
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		w.t.Errorf("to do: %v, want %v", got, want)
	}
}
