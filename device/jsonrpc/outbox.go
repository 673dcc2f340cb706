package jsonrpc

import "sync"

const (
	// maxOutbox and maxOutboxBytes bound what waits for a peer that reads slowly; the 50 owed
	// outcomes and a page of 200 fit.
	maxOutbox      = 512
	maxOutboxBytes = 4 << 20
)

// outbox holds the messages that are still to be written. Adding never blocks. It is safe for
// concurrent use.
type outbox struct {
	mu     sync.Mutex
	items  []item
	size   int
	full   bool
	signal chan struct{} // holds one: there is something to look at
}

type item struct {
	msg    []byte
	status bool // a terminal.changed: only the newest is of use
}

func newOutbox() *outbox { return &outbox{signal: make(chan struct{}, 1)} }

// add queues messages in order. It reports false when the outbox has overflowed, now or earlier:
// nothing more is taken.
func (o *outbox) add(msgs ...[]byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, msg := range msgs {
		o.put(item{msg: msg})
	}
	return !o.full
}

// addStatus queues a terminal.changed and drops one that was not written yet.
func (o *outbox) addStatus(msg []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, it := range o.items {
		if it.status {
			o.size -= len(it.msg)
			o.items = append(o.items[:i], o.items[i+1:]...)
			break
		}
	}
	o.put(item{msg: msg, status: true})
	return !o.full
}

func (o *outbox) put(it item) {
	if o.full || len(o.items) >= maxOutbox || o.size+len(it.msg) > maxOutboxBytes {
		o.full = true
		return
	}
	o.items, o.size = append(o.items, it), o.size+len(it.msg)
	select {
	case o.signal <- struct{}{}:
	default:
	}
}

// take removes the oldest message.
func (o *outbox) take() (msg []byte, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.items) == 0 {
		return nil, false
	}
	it := o.items[0]
	o.items = o.items[1:]
	o.size -= len(it.msg)
	return it.msg, true
}
