package jsonrpc

import (
	"bytes"
	"strings"
	"testing"
)

func (o *outbox) drain() (all []string) {
	for {
		msg, ok := o.take()
		if !ok {
			return all
		}
		all = append(all, string(msg))
	}
}

// Of several readiness changes that were not written yet only the newest is sent, after what
// happened before it.
func TestOutboxKeepsTheNewestStatus(t *testing.T) {
	o := newOutbox()
	o.add([]byte("a"))
	o.addStatus([]byte("s1"))
	o.add([]byte("b"), []byte("c"))
	o.addStatus([]byte("s2"))
	if got := strings.Join(o.drain(), " "); got != "a b c s2" {
		t.Error(got)
	}
	for range 10 * maxOutbox {
		if !o.addStatus([]byte("s")) {
			t.Fatal("statuses alone fill the outbox")
		}
	}
}

func TestOutboxIsBounded(t *testing.T) {
	o := newOutbox()
	for i := range maxOutbox {
		if !o.add([]byte("x")) {
			t.Fatalf("full after %d messages", i)
		}
	}
	if o.add([]byte("x")) || o.addStatus([]byte("x")) {
		t.Error("more than the bound is taken")
	}
	o.drain()
	if o.add([]byte("x")) || len(o.drain()) != 0 {
		t.Error("an outbox that has lost a message goes on")
	}
	o = newOutbox()
	big := bytes.Repeat([]byte("x"), maxOutboxBytes/4)
	for range 4 {
		o.add(big)
	}
	if o.add([]byte("x")) {
		t.Error("more bytes than the bound are taken")
	}
}
