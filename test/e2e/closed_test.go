package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
	"kiosk-agent/test/ecrtill"
)

// watched fetches from the agent's metrics listener; the body is "" where nobody answers.
func (w *world) watched(path string) (status int, body string) {
	w.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + w.metrics + path)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, text.String()
}

// closed waits until the agent is out of service for this reason, and says what its status page
// says. The process is alive and well.
func (w *world) closed(code string, words ...string) (page string) {
	w.t.Helper()
	eventually(w.t, "the agent is out of service: "+code, func() error {
		status, body := w.watched("/readyz")
		if status != http.StatusServiceUnavailable || !strings.HasPrefix(body, code+": ") {
			return fmt.Errorf("%d %s", status, body)
		}
		for _, word := range words {
			if !strings.Contains(body, word) {
				return fmt.Errorf("no %q in %s", word, body)
			}
		}
		return nil
	})
	if status, body := w.watched("/healthz"); status != http.StatusOK {
		w.t.Errorf("healthz: %d %s", status, body)
	}
	status, page := w.watched("/")
	if status != http.StatusOK || !strings.Contains(page, "out of service") ||
		!strings.Contains(page, code) {
		w.t.Errorf("the status page: %d\n%s", status, page)
	}
	return page
}

// outOfService starts an agent that cannot be in service and returns all that it says about that.
func (w *world) outOfService() string {
	w.t.Helper()
	w.agentLog = &record{}
	w.startAgent("")
	var ready, page string
	eventually(w.t, "the agent is out of service", func() error {
		var status int
		if status, ready = w.watched("/readyz"); status != http.StatusServiceUnavailable {
			return fmt.Errorf("%d %s", status, ready)
		}
		_, page = w.watched("/")
		return nil
	})
	w.agent.stop()
	return w.agentLog.String() + ready + page
}

// hangUp makes the agent look again now.
func (w *world) hangUp() {
	w.t.Helper()
	if err := w.agent.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		w.t.Fatal(err)
	}
}

// inService waits until the agent says that it takes sales.
func (w *world) inService() {
	w.t.Helper()
	eventually(w.t, "the agent is ready", func() error {
		if status, body := w.watched("/readyz"); status != http.StatusOK {
			return errors.New(body)
		}
		return nil
	})
}

// refusedAs checks that no sale starts, with this reason among those given.
func refusedAs(x *till, code int, kind, reason, word string) {
	x.t.Helper()
	e := x.refused(code, kind, "payment.start", object{"reference": "CLOSED", "amount": 100})
	for _, r := range e.Data.Reasons {
		if r.Code == reason && strings.Contains(r.Message, word) && r.Hint != "" {
			return
		}
	}
	x.t.Errorf("refused for %+v, want %s, %q", e.Data.Reasons, reason, word)
}

// soldOnce is a rig with a payment that is over, and whose agent is stopped.
func soldOnce(t *testing.T) (*rig, *foreign, device.Payment) {
	t.Helper()
	r := newRig(t, lineOptions{})
	f := r.turnOn(ecrtill.Config{})
	p := r.ws.start("BEFORE", 1900)
	r.until(p.ID, payment.KindShown)
	pay(t, p.QRPayload)
	p = r.ws.approved(p.ID)
	r.ws.acknowledge(p)
	r.agent.stop()
	return r, f, p
}

// sellsAgain waits until the very same process is in service.
func (r *rig) sellsAgain(old device.Payment) {
	r.t.Helper()
	r.inService()
	x := r.connect()
	x.ready()
	if now := x.get(old.ID); now.Status != payment.StatusApproved {
		r.t.Errorf("the sale before: %+v", now)
	}
	p := x.start("CLOSED", 2000) // the reference that was refused is not used up
	r.until(p.ID, payment.KindShown)
	pay(r.t, p.QRPayload)
	x.acknowledge(x.approved(p.ID))
	if status, page := r.watched("/"); status != http.StatusOK ||
		!strings.Contains(page, "<h1>ready</h1>") {
		r.t.Errorf("the status page: %d\n%s", status, page)
	}
	r.agent.stop()
}

// TestClosedByATypingError: the configuration that passed last says where the screen and the tills
// are. All of them hear what is wrong, with the line of the mistake, and how the sales before went;
// and when it is mended, sales go on by themselves.
func TestClosedByATypingError(t *testing.T) {
	t.Parallel()
	r, f, old := soldOnce(t)
	good := readText(t, r.config())
	bad := strings.Replace(good, "merchant_name", "merchant_nane", 1)
	r.write("config.toml", bad)
	line := fmt.Sprintf("config.toml:%d: display.merchant_nane: no such key",
		1+strings.Count(bad[:strings.Index(bad, "merchant_nane")], "\n"))
	r.startAgent("")
	r.closed("config_invalid", line, "docs/CONFIGURATION.md")
	eventually(t, "the screen is out of service", func() error {
		if s := r.screen.shows("out_of_service", ""); s.Reason != "config_invalid" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	x := r.connect()
	refusedAs(x, device.CodeNotReady, "not_ready", "config_invalid", line)
	if now := x.get(old.ID); now.Status != payment.StatusApproved || !now.Acknowledged {
		t.Errorf("the sale before: %+v", now)
	}
	if got := f.heard(f.sell("Q1", 100), ecrtill.NotPaid); got.Code != "E2" {
		t.Errorf("the line hears %s %q, want E2", got.Code, got.Text)
	}
	r.write("config.toml", good)
	r.sellsAgain(old)
	if kept := readText(t, filepath.Join(r.dir, "last-good.toml")); kept != good {
		t.Errorf("kept:\n%s", kept)
	}
}

// TestClosedWithoutItsSecret: a sale was under way when the secret went. The till is answered in
// time; the customer's payment, made meanwhile, is told when the secret is back.
func TestClosedWithoutItsSecret(t *testing.T) {
	t.Parallel()
	r, _, old := soldOnce(t)
	r.startAgent("")
	x := r.connect()
	x.ready()
	p := x.start("MEANWHILE", 700)
	r.until(p.ID, payment.KindShown)
	r.agent.kill()
	if err := os.Rename(filepath.Join(r.dir, "axs.secret"),
		filepath.Join(r.dir, "gone")); err != nil {
		t.Fatal(err)
	}
	r.startAgent("")
	r.closed("secret_invalid", "axs.secret: secret file: ", "no such file", "chmod 0600")
	r.screen.shows("checking", p.ID)
	pay(t, p.QRPayload)
	x = r.connect()
	x.refused(device.CodeBusy, "busy", "payment.start",
		object{"reference": "CLOSED", "amount": 100})
	told := x.outcome(p.ID)
	checkOutcome(t, "nobody could know", told, payment.StatusUnknown, nil, "no_answer")
	refusedAs(x, device.CodeNotReady, "not_ready", "secret_invalid", "axs.secret")

	r.write("axs.secret", string(r.secret.Reveal())+"\n")
	if err := os.Chmod(filepath.Join(r.dir, "axs.secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.hangUp() // now for another reason
	r.closed("secret_invalid", "can be read or changed by others")
	if err := os.Chmod(filepath.Join(r.dir, "axs.secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.hangUp()
	r.inService()
	x = r.connect()
	eventually(t, "the payment is known", func() error {
		if now := x.get(p.ID); now.Status != payment.StatusApproved {
			return fmt.Errorf("%+v", now)
		}
		return nil
	})
	x.acknowledge(x.get(p.ID))
	r.sellsAgain(old)
}

// TestClosedWithoutItsJournal: nothing is known then, and nothing is touched. With the file back,
// sales go on.
func TestClosedWithoutItsJournal(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spoil func(t *testing.T, path string)
		words []string
	}{
		"damaged": {func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := range b[:len(b)/2] {
				b[i] ^= 0xff
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"journal.db", "journal verify", "the agent never replaces it"}},
		"missing": {func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, []string{"journal missing", "journal.db.id", "restore a backup"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, f, old := soldOnce(t)
			path := filepath.Join(r.dir, "journal.db")
			good := readText(t, path)
			tc.spoil(t, path)
			spoilt, _ := os.ReadFile(path)
			r.startAgent("")
			page := r.closed("journal_unavailable", tc.words...)
			if !strings.Contains(page, "cannot be opened") {
				t.Errorf("the status page:\n%s", page)
			}
			eventually(t, "the screen is out of service", func() error {
				if s := r.screen.shows("out_of_service", ""); s.Reason != "journal_unavailable" {
					return fmt.Errorf("%+v", s)
				}
				return nil
			})
			x := r.connect()
			refusedAs(x, device.CodeJournalUnavailable, "journal_unavailable",
				"journal_unavailable", "journal")
			x.refused(device.CodeJournalUnavailable, "journal_unavailable", "payment.get",
				object{"id": old.ID})
			if ready, reasons := x.status(); ready || len(reasons) != 1 ||
				reasons[0].Code != "journal_unavailable" {
				t.Errorf("status: %v %+v", ready, reasons)
			}
			if got := f.heard(f.sell("Q1", 100), ecrtill.NotPaid); got.Code != "XX" {
				t.Errorf("the line hears %s %q, want XX", got.Code, got.Text)
			}
			if now, _ := os.ReadFile(path); !bytes.Equal(now, spoilt) {
				t.Error("the file was touched")
			}
			r.write("journal.db", good)
			r.hangUp()
			r.sellsAgain(old)
		})
	}
}

// TestClosedAtTheFirstStart: nothing has ever passed, so that there are no tills; the screen says
// that it is out of service to whoever looks, for its token is not known.
func TestClosedAtTheFirstStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := readText(t, w.config())
	w.write("config.toml", good[strings.Index(good, "[payment]"):])
	w.agent = startProcess(t, w.agentLog, nil, "kiosk-agent", "run", "--config", w.config(),
		"--state", w.dir, "--spare-display", w.screen,
		"--spare-metrics", w.metrics)
	w.closed("config_invalid", "config.toml: terminal.id: is required")
	screen := startDisplay(t, "http://"+w.screen+"/", secret.Generate(), wholeBox)
	if s := screen.shows("out_of_service", ""); s.Reason != "config_invalid" &&
		s.Reason != "starting" {
		t.Errorf("the screen: %+v", s)
	}
	w.write("config.toml", good)
	w.showScreen()
	w.connect().ready()
	w.agent.stop()
}

// TestClosedWithoutAFile: a file that the configuration names is gone, or not what it must be.
// Whatever can still be had is there: the screen always, the tills unless they could not be known
// or would hear us in the clear.
func TestClosedWithoutAFile(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		key, value string // added to the configuration behind key; %s is the file
		file       string // in the directory
		text       string // what is right in it; "" = what is there
		mode       os.FileMode
		code, word string
		tills      bool
	}{
		"a logo": {"[display]", `logo = "%s"`, "logo.svg",
			`<svg xmlns="http://www.w3.org/2000/svg"/>`, 0, "config_invalid",
			"display.logo: cannot be read", true},
		"a logo of no kind": {"[display]", `logo = "%s"`, "logo.svg",
			`<svg xmlns="http://www.w3.org/2000/svg"/>`, 0o600, "config_invalid", "logo is neither",
			true},
		"the display's token": {"[display]", "", "display.token", "", 0o644, "secret_invalid",
			"display.token: secret file", true},
		"the till's token": {"[display]", "", "till.token", "", 0, "secret_invalid",
			"till.websocket.tills[0].token: secret file", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			path := filepath.Join(w.dir, tc.file)
			if tc.value != "" {
				w.write("config.toml", strings.Replace(readText(t, w.config()), tc.key,
					tc.key+"\n"+fmt.Sprintf(tc.value, path), 1))
			}
			right := tc.text
			if right == "" {
				right = readText(t, path)
			}
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			if tc.mode != 0 {
				if err := os.WriteFile(path, []byte("neither a picture nor a token\n"),
					tc.mode); err != nil {
					t.Fatal(err)
				}
			}
			w.startAgent("")
			w.closed(tc.code, tc.word)
			screen := w.showScreen()
			eventually(t, "the screen is out of service", func() error {
				if s := screen.shows("out_of_service", ""); s.Reason != tc.code {
					return fmt.Errorf("%+v", s)
				}
				return nil
			})
			if tc.tills {
				refusedAs(w.connect(), device.CodeNotReady, "not_ready", tc.code, tc.word)
			} else if status := handshake(t, "http://"+w.till+"/v1/till",
				string(w.tillToken.Reveal()), "", "",
				"kiosk-till.v1"); status != http.StatusUnauthorized {
				t.Errorf("a till whose token is gone: %d", status)
			}
			w.write(tc.file, right)
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			w.hangUp()
			w.inService()
			w.connect().ready()
			w.agent.stop()
		})
	}
}

// TestSecondAgentEnds: where another agent works there is nothing to serve.
func TestSecondAgentEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startAgent("")
	w.connect()
	if out := w.command(1, "run"); !strings.Contains(out, "in use by process") {
		t.Errorf("it says %s", out)
	}
	w.agent.stop()
}
