package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"kiosk-agent/device"
	"kiosk-agent/payment"
	"kiosk-agent/relay"
	"kiosk-agent/test/programs"
)

// firstRelay stands before the relay and makes it one of the first v1, for which hellos and acks
// tell the head: it leaves out of each hello what the agent accepts.
func (w *world) firstRelay() {
	w.t.Helper()
	to := &url.URL{Scheme: "http", Host: w.relayPublic}
	pass := httputil.NewSingleHostReverseProxy(to)
	mux := http.NewServeMux()
	mux.Handle("/", pass)
	mux.HandleFunc("/v1/stream", func(rw http.ResponseWriter, r *http.Request) {
		header := http.Header{"Authorization": r.Header["Authorization"]}
		d := websocket.Dialer{Subprotocols: []string{relay.Subprotocol}}
		up, res, err := d.DialContext(r.Context(), "ws://"+w.relayPublic+"/v1/stream", header)
		if err != nil {
			status := http.StatusBadGateway
			if res != nil {
				status = res.StatusCode
			}
			rw.WriteHeader(status)
			return
		}
		u := websocket.Upgrader{Subprotocols: d.Subprotocols}
		down, err := u.Upgrade(rw, r, nil)
		if err != nil {
			_ = up.Close()
			return
		}
		ended := make(chan struct{}, 2)
		go copyMessages(down, up, withoutAccepts, ended)
		go copyMessages(up, down, func(b []byte) []byte { return b }, ended)
		<-ended
		_, _ = up.Close(), down.Close()
		<-ended
	})
	srv := httptest.NewServer(mux)
	w.t.Cleanup(srv.Close)
	old := readText(w.t, w.config())
	url := fmt.Sprintf("url = %q", "ws://"+w.relayPublic)
	if strings.Count(old, url) != 1 {
		w.t.Fatal("the configuration names no relay")
	}
	w.write("config.toml", strings.Replace(old, url,
		fmt.Sprintf("url = %q", strings.Replace(srv.URL, "http", "ws", 1)), 1))
}

func copyMessages(from, to *websocket.Conn, change func([]byte) []byte, ended chan<- struct{}) {
	defer func() { ended <- struct{}{} }()
	for {
		kind, b, err := from.ReadMessage()
		if err != nil || to.WriteMessage(kind, change(b)) != nil {
			return
		}
	}
}

func withoutAccepts(b []byte) []byte {
	var m map[string]json.RawMessage
	if json.Unmarshal(b, &m) != nil || m["accepts"] == nil {
		return b
	}
	delete(m, "accepts")
	b, _ = json.Marshal(m)
	return b
}

// strangers posts n genuine notifications of payments of this terminal that no journal knows. Each
// makes a fact.
func (w *world) strangers(tag string, n int) {
	w.t.Helper()
	before := count(readJournal(w.t, w.dir), payment.KindUnmatched)
	client := &http.Client{}
	w.t.Cleanup(client.CloseIdleConnections)
	for i := range n {
		of := device.Payment{MerchantRef: fmt.Sprintf("%s-%026d", tag, before+i), Amount: 100}
		token := mintByNode(w.t, string(w.secret.Reveal()), "world-client", statement(of, nil), nil)
		if status, text := fetch(w.t, client, http.MethodPost, w.hookURL,
			url.Values{"data": {token}}); status != http.StatusOK {
			w.t.Fatalf("the relay answers %d %s", status, text)
		}
	}
	eventually(w.t, "they are in the journal", func() error {
		if got := count(readJournal(w.t, w.dir), payment.KindUnmatched); got < before+n {
			return fmt.Errorf("%d unmatched of %d", got, before+n)
		}
		return nil
	})
}

// stillRolledBack checks that nobody is sold anything, least of all what was paid already, and that
// the journal can be asked about it.
func (w *world) stillRolledBack(x *till, when string) {
	w.t.Helper()
	x.awaitReason("journal_rollback")
	x.refused(device.CodeNotReady, "not_ready", "payment.start",
		object{"reference": "R-1", "amount": 1900})
	for _, args := range [][]string{{"journal", "verify"}, {"journal", "verify", "--relay"}} {
		if said := w.command(1, args...); !strings.Contains(said, "is not the newest") {
			w.t.Errorf("%s: %s says:\n%s", when, strings.Join(args, " "), said)
		}
	}
	if facts := readJournal(w.t, w.dir); count(facts, payment.KindRecovered) > 0 ||
		count(facts, payment.KindRolledBack) != 1 {
		w.t.Errorf("%s: %v", when, kinds(facts))
	}
}

// TestRolledBackUntilRecovered: an older journal is put in place. Until staff have recovered it the
// terminal sells nothing, whatever is posted to it, however often it and its relay are started
// anew, and although a relay of the first v1 takes the journal for the newest one by then. What
// staff are told to compare begins before the loss.
func TestRolledBackUntilRecovered(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]bool{"the present relay": false, "a first relay": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if first {
				w.firstRelay()
			}
			_, x := w.opens()
			w.sale(x, "FIRST", 1900)
			x.heardSince(time.Now()) // what is older than a loss is known from there on
			tag := w.sale(x, "R-0", 1900).MerchantRef[:8]
			w.command(0, "backup", filepath.Join(w.dir, "monday"))
			w.knowsOf(w.sale(x, "R-1", 1900))
			w.agent.stop()
			w.command(0, "restore", filepath.Join(w.dir, "monday"))
			restored := readJournal(t, w.dir)
			began := time.Now().Truncate(time.Millisecond)

			w.startAgent("")
			x = w.connect()
			w.stillRolledBack(x, "restored")
			known := w.relayKnows()
			w.strangers(tag, 8)
			w.relay.stop()
			w.startRelay()
			w.stillRolledBack(x, "the relay is started anew")
			w.agent.stop()
			w.startAgent("")
			x = w.connect()
			w.stillRolledBack(x, "the agent is started anew")
			eventually(t, "a canary has come back", func() error {
				if _, reasons := x.status(); len(reasons) != 1 {
					return fmt.Errorf("%v", reasons)
				}
				return nil
			})
			if now := w.relayKnows(); (now != known) != first {
				t.Errorf("the relay knew fact %d and knows %d", known, now)
			}
			w.forgetful()
			x = w.connect()
			w.stillRolledBack(x, "a relay that knows nothing")

			eventually(t, "staff recover", func() error {
				facts := readJournal(t, w.dir)
				found := facts[len(restored)].Data.(payment.RolledBack)
				said := w.said("recover", "--reason", "the disk was replaced")
				if !strings.Contains(said, "from "+found.Since.UTC().Format(time.RFC3339)) {
					return fmt.Errorf("recover says:\n%s", said)
				}
				return nil
			})
			w.windowOf(restored, began)
			w.knowsOf(w.saleOnceReady(x, "AFTER"))
			w.agent.stop()
			w.verify()
			w.startAgent("") // the relay knows: no second recovery
			w.connect().ready()
		})
	}
}

// forgetful replaces the relay's store by an empty one.
func (w *world) forgetful() {
	w.t.Helper()
	w.agent.stop()
	w.relay.kill()
	if err := os.RemoveAll(w.store()); err != nil {
		w.t.Fatal(err)
	}
	w.startRelay()
	w.enrol()
	w.startAgent("")
}

// saleOnceReady plays a sale as soon as one can start: a recovery is told to the relay on a new
// connection.
func (w *world) saleOnceReady(x *till, reference string) device.Payment {
	w.t.Helper()
	var p device.Payment
	eventually(w.t, "a sale starts", func() error {
		return x.Call(soon(w.t), "payment.start", object{"reference": reference, "amount": 100}, &p)
	})
	w.until(p.ID, payment.KindShown)
	pay(w.t, p.QRPayload)
	p = x.approved(p.ID)
	x.acknowledge(p)
	return p
}

// said is what a command says, whether it succeeds or not.
func (w *world) said(args ...string) string {
	cmd := exec.Command(programs.Path(w.t, "kiosk-agent"), append(args, "--config", w.config())...)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// windowOf checks what staff are told to compare: it begins with a fact that was restored, and not
// long before the newest of these; nothing that was recorded since is in it.
func (w *world) windowOf(restored []payment.Fact, began time.Time) {
	w.t.Helper()
	facts := readJournal(w.t, w.dir)
	for _, f := range facts {
		r, ok := f.Data.(payment.Recovered)
		if !ok {
			continue
		}
		first, last := restored[0].At, restored[len(restored)-1].At
		if r.Since.Before(first) || r.Since.After(last) || !r.Since.Before(began) {
			w.t.Errorf("staff compare from %s; what was restored is of %s to %s", r.Since, first,
				last)
		}
		return
	}
	w.t.Errorf("nobody has recovered: %v", kinds(facts))
}

// knowsOf waits until the relay remembers a head that has this sale.
func (w *world) knowsOf(p device.Payment) {
	w.t.Helper()
	eventually(w.t, "the relay knows of the sale", func() error {
		if seq, begun := w.relayKnows(), w.facts(p.ID)[0].Seq; seq < begun {
			return fmt.Errorf("fact %d, and the sale begins with %d", seq, begun)
		}
		return nil
	})
}

// heardSince waits until a canary has come back that was sent later than that.
func (x *till) heardSince(then time.Time) {
	x.t.Helper()
	eventually(x.t, "a canary has come back", func() error {
		var st struct {
			Relay struct {
				Age *int `json:"canary_age_s"`
			}
		}
		x.do("terminal.status", nil, &st)
		age := st.Relay.Age
		if age == nil || time.Duration(*age+1)*time.Second > time.Since(then) {
			return fmt.Errorf("the newest is %v s old", age)
		}
		return nil
	})
}

// relayKnows is the number of the fact that the relay remembers; 0 = none.
func (w *world) relayKnows() (seq int64) {
	_, _ = fmt.Sscanf(w.said("journal", "verify", "--relay"), "The relay knows fact %d of", &seq)
	return seq
}

// TestLossBetweenDeliveries: what is lost was made between two deliveries: a code that was shown
// and not paid. It is seen, since a canary has come back after it, and there is no second code.
func TestLossBetweenDeliveries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, x := w.opens()
	w.sale(x, "R-0", 1900)
	w.agent.stop()
	w.keepJournal("image")
	x = w.sells()
	p := x.start("R-1", 1900)
	w.until(p.ID, payment.KindShown)
	w.knowsOf(p)
	w.agent.kill()
	w.useJournal("image")
	w.startAgent("")
	x = w.connect()
	w.stillRolledBack(x, "an image was put in place")
	pay(t, p.QRPayload) // the customer still has it on the phone
	eventually(t, "the lost payment is on the worklist",
		func() error { return lacks(readJournal(t, w.dir), payment.KindUnmatched) })
	w.stillRolledBack(x, "the lost sale was paid")
}

// TestAnotherHistory: the disk that was given up is put back. Its journal has a fact where the
// relay remembers one, and it is another.
func TestAnotherHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.opens()
	w.agent.stop()
	w.keepJournal("image")
	x := w.sells()
	for i := range 6 { // longer than the other will be
		w.sale(x, fmt.Sprintf("OLD-%d", i), 100)
	}
	w.anchored()
	w.agent.stop()
	w.keepJournal("old")

	w.useJournal("image")
	w.startAgent("")
	x = w.connect()
	x.awaitReason("journal_rollback")
	eventually(t, "staff recover", func() error {
		if said := w.said("recover", "--reason", "another disk"); !strings.Contains(said,
			"What cannot be known here") {
			return fmt.Errorf("recover says:\n%s", said)
		}
		return nil
	})
	w.saleOnceReady(x, "NEW")
	w.anchored()
	w.agent.stop()

	w.useJournal("old")
	w.startAgent("")
	x = w.connect()
	x.awaitReason("journal_rollback")
	for _, f := range readJournal(t, w.dir) {
		if b, ok := f.Data.(payment.RolledBack); ok && !strings.Contains(b.Reason, "another one") {
			t.Errorf("found: %s", b.Reason)
		}
	}
	w.stillRolledBack(x, "the old disk is back")
}
