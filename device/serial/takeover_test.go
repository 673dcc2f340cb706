//go:build linux

package serial

import (
	"bytes"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// overtaken is a line whose till says "till" first, and whose sales the test makes.
func overtaken(t *testing.T, wait time.Duration) (r *rig, address string, busy *atomic.Bool) {
	t.Helper()
	busy = new(atomic.Bool)
	r, address = listening(t, Config{
		AllowFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}, func(o *Options) {
		o.Takeover = &Takeover{Wait: wait, Busy: busy.Load,
			Speaks: func(b []byte) bool { return bytes.HasPrefix(b, []byte("till")) }}
	})
	return r, address, busy
}

// A till that connects anew for each command: none is refused, whoever of the two is quicker.
func TestAConnectionForEachCommand(t *testing.T) {
	r, address, busy := overtaken(t, patience) // nobody waits so long
	busy.Store(true)
	for range 20 {
		till := dial(t, address)
		till.say("till")
		want(t, "connection", r.conns)
		r.hear("till")
		till.Close()
	}
	if n := r.refusals(refusedBusy); n != 0 {
		t.Errorf("%d refused", n)
	}
}

// The old connection is dead and says nothing: after one timer the same address has the line.
func TestADeadConnectionIsTakenOver(t *testing.T) {
	r, address, busy := overtaken(t, 20*time.Millisecond)
	busy.Store(true)
	dead := dial(t, address)
	dead.say("till")
	r.hear("till")
	till := dial(t, address)
	till.say("ti")
	till.say("ll again")
	r.hear("till again")
	dead.shut()
	till.say("goes on")
	r.hear("goes on")
}

// Who is no till takes nothing over, and another address nothing while a sale runs.
func TestAStrangerTakesNothingOver(t *testing.T) {
	r, address, busy := overtaken(t, 20*time.Millisecond)
	busy.Store(true)
	till := dial(t, address)
	till.say("till")
	r.hear("till")
	noise := dial(t, address)
	noise.say("\x02 no frame")
	noise.shut()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	from := func() *plug {
		return dialFrom(t, &d, address)
	}
	other := from()
	other.say("till of another address")
	other.shut()
	till.say("goes on")
	r.hear("goes on")
	busy.Store(false)
	other = from()
	other.say("till, in its place")
	r.hear("till, in its place")
	till.shut()
}
