package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/displayclient"
	"kiosk-agent/internal/app/tillclient"
	"kiosk-agent/internal/secret"
	"kiosk-agent/payment"
)

// till is one connection of a till.
type till struct {
	*tillclient.Client
	t     testing.TB
	heard []device.Payment // every payment.changed that was read, in order
}

// dialTill connects as soon as an agent answers.
func dialTill(t testing.TB, address string, token secret.Value) *till {
	t.Helper()
	x := &till{t: t}
	eventually(t, "the agent answers tills", func() (err error) {
		x.Client, err = tillclient.Dial(context.Background(), address, token)
		return err
	})
	t.Cleanup(func() { _ = x.Close() })
	return x
}

// do calls a method that must succeed.
func (x *till) do(method string, params, result any) {
	x.t.Helper()
	if err := x.Call(soon(x.t), method, params, result); err != nil {
		x.t.Fatalf("%s %v: %v", method, params, err)
	}
}

// refused calls a method that must be refused with this code and kind.
func (x *till) refused(code int, kind, method string, params any) *tillclient.Error {
	x.t.Helper()
	err := x.Call(soon(x.t), method, params, nil)
	e, ok := errors.AsType[*tillclient.Error](err)
	if !ok {
		x.t.Fatalf("%s %v: want error %d %s, got %v", method, params, code, kind, err)
	}
	if e.Code != code || e.Data.Kind != kind {
		x.t.Fatalf("%s %v: want error %d %s, got %d: %v", method, params, code, kind, e.Code, e)
	}
	return e
}

type object = map[string]any

// start asks for a payment, which must be awaiting.
func (x *till) start(reference string, amount int64) device.Payment {
	x.t.Helper()
	var p device.Payment
	x.do("payment.start", object{"reference": reference, "amount": amount}, &p)
	if p.Status != payment.StatusAwaiting || p.QRPayload == "" || p.Amount != amount ||
		p.Reference != reference {
		x.t.Fatalf("payment.start: %+v", p)
	}
	return p
}

// get asks how a payment stands.
func (x *till) get(id string) device.Payment {
	x.t.Helper()
	var p device.Payment
	x.do("payment.get", object{"id": id}, &p)
	return p
}

// hear reads changes until one of this payment satisfies want.
func (x *till) hear(what, id string, want func(device.Payment) bool) device.Payment {
	x.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case p, ok := <-x.Changes():
			if !ok {
				x.t.Fatalf("waiting for %s: the connection is gone; heard %s", what,
					statuses(x.heard))
			}
			x.heard = append(x.heard, p)
			if p.ID == id && want(p) {
				return p
			}
		case <-limit.C:
			x.t.Fatalf("the till never heard %s of %s; heard %s", what, id, statuses(x.heard))
		}
	}
}

// outcome waits until the till is told how a payment ended.
func (x *till) outcome(id string) device.Payment {
	x.t.Helper()
	return x.hear("the outcome", id, func(p device.Payment) bool { return p.Final })
}

// approved waits for the outcome, which must be approved and nothing else.
func (x *till) approved(id string) device.Payment {
	x.t.Helper()
	p := x.outcome(id)
	if p.Status != payment.StatusApproved || len(p.Flags) > 0 {
		x.t.Fatalf("want approved without flags, got %s %v (%+v)", p.Status, p.Flags, p.Reason)
	}
	return p
}

// acknowledge tells the agent that the outcome is stored.
func (x *till) acknowledge(p device.Payment) {
	x.t.Helper()
	x.do("payment.acknowledge", object{"id": p.ID, "revision": p.Revision}, nil)
}

// owed is what the agent has told this connection so far, without waiting: one call there and back
// is behind all that was due on connecting, because the agent answers in order.
func (x *till) owed() []device.Payment {
	x.t.Helper()
	var page struct {
		Payments []device.Payment `json:"payments"`
	}
	x.do("payment.list", object{"unacknowledged": true}, &page)
	for {
		select {
		case p := <-x.Changes():
			x.heard = append(x.heard, p)
			continue
		default:
		}
		finals := slices.DeleteFunc(slices.Clone(x.heard),
			func(p device.Payment) bool { return !p.Final })
		return append(finals, page.Payments...)
	}
}

// owedNothing checks that a fresh connection is told no outcome.
func (x *till) owedNothing() {
	x.t.Helper()
	if owed := x.owed(); len(owed) > 0 {
		x.t.Errorf("an acknowledged outcome was told again: %s", statuses(owed))
	}
}

// ready waits until the terminal takes sales.
func (x *till) ready() {
	x.t.Helper()
	eventually(x.t, "the terminal is ready", func() error {
		ready, reasons := x.status()
		if !ready {
			return fmt.Errorf("%v", reasons)
		}
		return nil
	})
}

func (x *till) status() (ready bool, reasons []payment.Reason) {
	x.t.Helper()
	var st struct {
		Ready   bool
		Reasons []payment.Reason
	}
	x.do("terminal.status", nil, &st)
	return st.Ready, st.Reasons
}

func statuses(ps []device.Payment) string {
	var out []string
	for _, p := range ps {
		out = append(out, fmt.Sprintf("%s:%s/%d%v", p.ID, p.Status, p.Revision, p.Flags))
	}
	return fmt.Sprint(out)
}

// phone is a customer's: it has opened a link.
type phone struct {
	t      testing.TB
	client *http.Client
	link   string
}

// scan opens the link of a code, as a phone does.
func scan(t testing.TB, link string) *phone {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &phone{t: t, link: link, client: &http.Client{Jar: jar, Timeout: patience,
		Transport: &http.Transport{}}}
	t.Cleanup(p.client.CloseIdleConnections)
	if status, page := p.fetch(http.MethodGet, link, nil); status != http.StatusOK {
		t.Fatalf("the checkout page answers %d: %.600s", status, page)
	}
	return p
}

// press uses a button of the payment page.
func (p *phone) press(action, scheme string) {
	p.t.Helper()
	u, err := url.Parse(p.link)
	if err != nil {
		p.t.Fatal(err)
	}
	form := url.Values{"data": {u.Query().Get("data")}, "action": {action}, "scheme": {scheme}}
	u.Path, u.RawQuery = u.Path+"/act", ""
	if status, page := p.fetch(http.MethodPost, u.String(), form); status != http.StatusOK {
		p.t.Fatalf("the button %s answers %d: %.600s", action, status, page)
	}
}

// fetch makes one request; a form is posted as browsers do.
func (p *phone) fetch(method, target string, form url.Values) (status int, body string) {
	p.t.Helper()
	return fetch(p.t, p.client, method, target, form)
}

// pay scans a code and pays it with PayNow.
func pay(t testing.TB, link string) {
	t.Helper()
	scan(t, link).press("pay", "PAYNOW")
}

// display is a small display client that comes back whenever its agent does.
type display struct {
	t       testing.TB
	mu      sync.Mutex
	screens []displayclient.Screen
	read    int
	news    chan struct{}
}

// wholeBox is the place for the code that displayclient claims by itself.
const wholeBox = 984

// startDisplay opens a display. Nobody touches it.
func startDisplay(t testing.TB, page string, token secret.Value, boxPx int) *display {
	t.Helper()
	return openDisplay(t, page, token, displayclient.Options{BoxPx: boxPx})
}

func openDisplay(t testing.TB, page string, token secret.Value, o displayclient.Options) *display {
	t.Helper()
	d := &display{t: t, news: make(chan struct{}, 1)}
	o.Seen = d.saw
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- displayclient.Run(ctx, page, token, o) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, displayclient.ErrMoved) {
			t.Error(err)
		}
	})
	return d
}

func (d *display) saw(s displayclient.Screen) {
	d.mu.Lock()
	d.screens = append(d.screens, s)
	d.mu.Unlock()
	select {
	case d.news <- struct{}{}:
	default:
	}
}

// shows waits for a screen of this kind, and payment if one is named, after those that were waited
// for before.
func (d *display) shows(kind, payment string) displayclient.Screen {
	d.t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		d.mu.Lock()
		for i := d.read; i < len(d.screens); i++ {
			if s := d.screens[i]; s.Kind == kind && (payment == "" || s.Payment == payment) {
				d.read = i + 1
				d.mu.Unlock()
				return s
			}
		}
		seen := fmt.Sprintf("%+v", d.screens)
		d.mu.Unlock()
		select {
		case <-d.news:
		case <-limit.C:
			d.t.Fatalf("the display never showed %s %s; it was told %s", kind, payment, seen)
		}
	}
}

// fetch makes one request and reads the whole answer.
func fetch(t testing.TB, client *http.Client, method, target string, form url.Values) (status int,
	body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(soon(t), method, target, formBody(form))
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
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
