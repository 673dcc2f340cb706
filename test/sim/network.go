package sim

import (
	"errors"
	"time"

	"kiosk-agent/relay"
)

// conn is one connection between the client and the relay: a pipe in each direction that keeps the
// order. A connection that is cut loses what is under way; each end notices in its own time.
type conn struct {
	w       *World
	client  *client
	n       int // the client's number for it
	up      bool
	deaf    bool          // the kiosk hears nothing, and nobody notices
	toRelAt time.Duration // arrival of the newest message in each direction
	toAgtAt time.Duration
	session *relaySession
}

func (k *conn) latency() time.Duration {
	return k.w.between(2*time.Millisecond, 80*time.Millisecond)
}

// maybeCut lets the connection break now and then.
func (k *conn) maybeCut() bool {
	if k.up && k.w.hit(relayCut) {
		k.cut("the connection is cut")
	}
	if k.up && !k.deaf && k.w.hit(relayDeaf) {
		k.deaf = true
		k.w.say("network", "the connection is deaf: the kiosk hears nothing more on it")
	}
	return !k.up
}

// toRelay sends a message, in its wire form.
func (k *conn) toRelay(m relay.Message) {
	if k.maybeCut() {
		return
	}
	data, err := relay.Encode(m)
	if err != nil {
		k.w.fail("the client sends what cannot be encoded: %v", err)
	}
	k.toRelAt = max(k.toRelAt, k.w.t+k.latency())
	k.w.after(k.toRelAt-k.w.t, func() {
		if !k.up {
			return
		}
		m, err := relay.Decode(data)
		if err != nil {
			k.w.fail("the client sends what the relay cannot decode: %v: %s", err, data)
		}
		k.w.relay.hears(k, m)
	})
}

// toAgent sends a message, in its wire form.
func (k *conn) toAgent(m relay.Message) {
	if k.maybeCut() || k.deaf {
		return
	}
	d, _ := m.(relay.Delivery)
	if d.Kind == relay.KindCanary { // most messages are these: they go as they are
		k.arrives(func() relay.Message { return m })
		return
	}
	data, err := relay.Encode(m)
	if err != nil {
		k.w.fail("the simulated relay sends what cannot be encoded: %v", err)
	}
	k.arrives(func() relay.Message {
		m, err := relay.Decode(data)
		if err != nil {
			k.w.fail("the simulated relay sends what the client cannot decode: %v: %s", err, data)
		}
		return m
	})
}

// arrives brings a message to the kiosk, behind those before it.
func (k *conn) arrives(message func() relay.Message) {
	k.toAgtAt = max(k.toAgtAt, k.w.t+k.latency())
	k.w.put(item{at: k.toAgtAt, where: process, gen: k.w.proc, do: func() {
		if k.up && k.client.conn == k {
			k.client.step(relay.Received{Conn: k.n, Message: message()})
		}
	}})
}

// cut ends the connection; the kiosk notices by a reset at once, or by the silence after it.
func (k *conn) cut(why string) { k.end(errors.New(why)) }

func (k *conn) end(err error) {
	w := k.w
	if !k.up {
		return
	}
	k.up = false
	w.say("network", "%v", err)
	w.relay.gone(k)
	w.inside(pick(w, 0, 100*time.Millisecond, 45*time.Second), func() {
		if k.client.conn == k {
			k.client.conn = nil
			k.client.step(relay.Lost{Conn: k.n, Err: err})
		}
	})
}

// closedHere: the kiosk closed it, or its process is gone.
func (k *conn) closedHere() {
	w := k.w
	w.after(pick(w, 10*time.Millisecond, 100*time.Millisecond, 45*time.Second), func() {
		if k.up {
			k.up = false
			w.relay.gone(k)
		}
	})
}
