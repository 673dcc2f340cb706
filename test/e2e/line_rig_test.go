package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/test/ecrtill"
)

// lineTill is the name of the till on the line.
const lineTill = "line-1"

// rig is a world whose agent has a till on a line: a pty, and at its other end a till that was
// written from the document alone.
type rig struct {
	*world
	screen *display
	device string   // the stable name that the agent opens
	master *os.File // the till's end
	slave  *os.File // held open, so that the line outlives the agent's process
	last   string   // the payment that was newest when the test last looked
	ws     *till    // another till, for looking in
}

// lineOptions change a rig's configuration.
type lineOptions struct {
	dialect string // default: paycube
	timeout string // default: 30s
	noAgent bool   // the test starts it
	noShow  bool   // no display
	gateway func(*world)
}

// newRig starts everything and waits until the terminal takes sales.
func newRig(t testing.TB, o lineOptions) *rig {
	t.Helper()
	if o.gateway == nil {
		o.gateway = (*world).runSandbox
	}
	r := &rig{world: newWorldWith(t, o.gateway)}
	r.device = filepath.Join(r.dir, "kiosk-till")
	r.putCable()
	r.configureLine(o)
	if !o.noShow {
		r.screen = r.showScreen()
	}
	if !o.noAgent {
		r.startAgent("")
		r.ready(o)
	}
	return r
}

func (r *rig) ready(o lineOptions) {
	r.t.Helper()
	r.ws = r.connect()
	if !o.noShow {
		r.ws.ready()
	}
}

// configureLine adds the line to the agent's configuration.
func (r *rig) configureLine(o lineOptions) {
	r.t.Helper()
	text := readText(r.t, r.config())
	replace := func(old, new string) {
		if !strings.Contains(text, old) {
			r.t.Fatalf("the configuration has no %q", old)
		}
		text = strings.Replace(text, old, new, 1)
	}
	replace(`id = "WORLD-1"`, `id = "KIOSK001"`)
	replace("[payment]\n", fmt.Sprintf(
		"[payment]\ntimeout = %q\nafter_declined = \"finish\"\nanswer_within = \"12s\"\n",
		or(o.timeout, "30s")))
	text += fmt.Sprintf("[[till.serial]]\nname = %q\ndevice = %q\ndialect = %q\n", lineTill,
		r.device, or(o.dialect, "paycube"))
	r.write("config.toml", text)
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// putCable makes a fresh pty under the device's stable name, as udev does for an adapter that is
// plugged in.
func (r *rig) putCable() {
	r.t.Helper()
	var err error
	if r.master, r.slave, err = ecrtill.OpenLine(); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(r.slave.Name(), r.device); err != nil {
		r.t.Fatal(err)
	}
	master, slave := r.master, r.slave
	r.t.Cleanup(func() { _, _ = master.Close(), slave.Close() }) // pulled ones are closed already
}

// pullCable takes the adapter away: the device's name goes, and whoever has it open is hung up on.
func (r *rig) pullCable() {
	r.t.Helper()
	if err := errors.Join(os.Remove(r.device), r.slave.Close(), r.master.Close()); err != nil {
		r.t.Fatal(err)
	}
}

// foreign is a till that is on, at the till's end of the line.
type foreign struct {
	*ecrtill.Till
	t testing.TB
}

// turnOn starts a till on a port; it is turned off when the test ends.
func turnOn(t testing.TB, cfg ecrtill.Config, port ecrtill.Port) *foreign {
	t.Helper()
	if cfg.Dialect.Name == "" {
		cfg.Dialect = ecrtill.Paycube()
	}
	f := &foreign{Till: ecrtill.New(cfg), t: t}
	ctx, off := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		off()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the line:\n%s", f.line())
		}
	})
	f.plug(port)
	return f
}

// turnOn starts a till at the rig's line.
func (r *rig) turnOn(cfg ecrtill.Config) *foreign { return turnOn(r.t, cfg, r.master) }

func (f *foreign) plug(port ecrtill.Port) {
	f.t.Helper()
	if err := f.Plug(soon(f.t), port); err != nil {
		f.t.Fatal(err)
	}
}

func (f *foreign) misbehave(m ecrtill.Misbehaviour) {
	f.t.Helper()
	if err := f.Misbehave(soon(f.t), m); err != nil {
		f.t.Fatal(err)
	}
}

func (f *foreign) line() string {
	var s strings.Builder
	for _, traffic := range f.Trace() {
		fmt.Fprintln(&s, traffic)
	}
	return s.String()
}

// told is what a call of the till returned.
type told struct {
	ecrtill.Result
	err error
}

// saleWait is longer than the payment of a rig can take.
const saleWait = 3 * patience

// sell starts a sale; the channel gives what the till came to believe.
func (f *foreign) sell(function string, cents int64) <-chan told {
	out := make(chan told, 1)
	ctx, cancel := context.WithTimeout(context.Background(), saleWait)
	go func() {
		defer cancel()
		r, err := f.Sale(ctx, function, cents)
		out <- told{r, err}
	}()
	return out
}

// ask makes one request that must be answered.
func (f *foreign) ask(function string, fields ...ecrtill.Field) ecrtill.Result {
	f.t.Helper()
	r, err := f.Ask(soon(f.t), function, fields...)
	if err != nil {
		f.t.Fatalf("%s: %v", function, err)
	}
	return r
}

// asking makes a request in the background.
func (f *foreign) asking(function string) <-chan told {
	out := make(chan told, 1)
	ctx := soon(f.t)
	go func() {
		r, err := f.Ask(ctx, function)
		out <- told{r, err}
	}()
	return out
}

// heard waits for the sale's answer, which must lead to this verdict.
func (f *foreign) heard(sale <-chan told, want ecrtill.Verdict) ecrtill.Result {
	f.t.Helper()
	got := <-sale
	if got.Verdict != want {
		f.t.Fatalf("the till believes %s (code %s %q, %v), want %s", got.Verdict, got.Code,
			got.Text, got.err, want)
	}
	return got.Result
}

// matches compares a response with the golden frame of that name.
func matches(t testing.TB, name string, r ecrtill.Result) {
	t.Helper()
	g, err := ecrtill.ParseGolden(
		readText(t, filepath.Join("..", "ecrtill", "testdata", name+".hex")))
	if err == nil {
		err = g.Match(r.Raw)
	}
	if err != nil {
		t.Errorf("%s (%q): %v", name, r.Text, err)
	}
}

// begun waits until a new payment of the line is on the screen.
func (r *rig) begun() payment.Payment {
	r.t.Helper()
	var p payment.Payment
	eventually(r.t, "a new payment is shown", func() (err error) {
		id, err := look(r.t, r.dir, func(j *offline.Reader) (string,
			error) {
			return j.Newest(lineTill)
		})
		if err != nil || id == r.last {
			return fmt.Errorf("the newest is %q, %w", id,
				errors.Join(err, errors.New("no new one")))
		}
		if p = r.payment(id); !p.Shown {
			return fmt.Errorf("it is %s", p.Status)
		}
		return nil
	})
	r.last = p.ID
	return p
}

// payment is how a payment stands in the journal.
func (r *rig) payment(id string) payment.Payment {
	r.t.Helper()
	p, err := look(r.t, r.dir, func(j *offline.Reader) (payment.Payment, error) {
		p, ok, err := j.Payment(id)
		if err == nil && !ok {
			err = errors.New("not in the journal")
		}
		return p, err
	})
	if err != nil {
		r.t.Fatalf("payment %s: %v", id, err)
	}
	return p
}

// look reads something from the journal.
func look[T any](t testing.TB, dir string, f func(j *offline.Reader) (T, error)) (T, error) {
	t.Helper()
	j, err := offline.OpenReadOnly(filepath.Join(dir, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	return f(j)
}

// settled waits until the till's ACK of the outcome is in the journal.
func (r *rig) settled(id string) payment.Payment {
	r.t.Helper()
	eventually(r.t, "the outcome is acknowledged", func() error {
		if p := r.payment(id); !p.Acknowledged {
			return fmt.Errorf("%s, owed %t", p.Status, p.Owed)
		}
		return nil
	})
	return r.payment(id)
}

// payments are all payments of the line, oldest first.
func (r *rig) payments() (all []payment.Payment) {
	r.t.Helper()
	folds := map[string]*payment.Folder{}
	var order []*payment.Folder
	for _, f := range readJournal(r.t, r.dir) {
		if f.Payment == "" {
			continue
		}
		if folds[f.Payment] == nil {
			folds[f.Payment] = new(payment.Folder)
			order = append(order, folds[f.Payment])
		}
		folds[f.Payment].Add(f)
	}
	for _, f := range order {
		if p := f.Payment(); p.Till == lineTill {
			all = append(all, p)
		}
	}
	return all
}

// socat makes a pair of ptys with the real tool, and returns the till's end.
func (r *rig) socat() *os.File {
	r.t.Helper()
	tillEnd := filepath.Join(r.dir, "till-end")
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "socat", "pty,raw,echo=0,link="+tillEnd,
		"pty,raw,echo=0,link="+r.device)
	cmd.Stderr = r.otherLog
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	var port *os.File
	r.t.Cleanup(func() {
		_ = port.Close() // nil when it never opened
		stop()
		_ = cmd.Wait() // killed
	})
	eventually(r.t, "socat's ptys are there", func() (err error) {
		if _, err = os.Stat(r.device); err == nil {
			port, err = openUnblocked(tillEnd)
		}
		return err
	})
	return port
}

func openUnblocked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ecrtill.Unblocked(f)
}
