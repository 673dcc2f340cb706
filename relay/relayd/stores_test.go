package relayd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/relay"
	"kiosk-agent/relay/relayd/rules"
	"kiosk-agent/test/relaystore"
)

// TestStores: what the rules see of JetStream they see of the store in memory, on which the
// simulation runs them.
func TestStores(t *testing.T) {
	r := startRelay(t, t.TempDir(), func(c *Config) { c.Store.QuotaPerRoute = 3 })
	memory := &relaystore.Store{Quota: 3, Retention: r.cfg.Store.Retention, Now: time.Now}
	real := storeScript(t, r.store, r.heads, func(subject, text string) error {
		_, err := r.store.js.Publish(t.Context(), subject, []byte(text))
		return err
	})
	inMemory := storeScript(t, memory, memory, func(subject, text string) error {
		return memory.PutRaw(subject, []byte(text))
	})
	if diff := cmp.Diff(real, inMemory); diff != "" {
		t.Errorf("(-JetStream +memory):\n%s", diff)
	}
	if want := 50; len(real) < want {
		t.Errorf("%d lines, want %d: the script has become short", len(real), want)
	}
}

// storeScript plays one and the same course and writes down what is answered. Sequences are left
// out: the monitor's probes take one of the real store now and then.
func storeScript(t *testing.T, s rules.Store, h rules.Heads,
	raw func(subject, text string) error) (lines []string) {
	ctx := t.Context()
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	k1, k2, m1 := rules.TerminalSource("K 1/ü"), rules.TerminalSource("K002"),
		rules.MerchantSource("K002")
	at := time.Date(2026, 11, 20, 12, 0, 0, 123_456_789, time.UTC)
	n := 0
	put := func(to rules.Source, kind string) {
		n++
		e := rules.Envelope{ID: fmt.Sprint("ID", n), Kind: kind, ReceivedAt: relay.Time{Time: at}}
		switch kind {
		case relay.KindHook:
			e.Method, e.Path, e.Body = "POST", "/x", []byte(fmt.Sprint("body ", n))
			e.Headers = map[string][]string{"A": {"1", "2"}}
		case relay.KindCanary:
			e.Nonce = fmt.Sprintf("nonce-%016d", n)
		}
		say("put %s %s: %s", to, kind, outcome(s.Put(ctx, to, e)))
	}
	look := func() {
		sp, err := s.Span(ctx)
		say("span: in order %t, %v", sp.First <= sp.Last+1, err)
		for _, src := range []rules.Source{k1, k2, m1} {
			held, err := s.Held(ctx, src)
			mark, markErr := s.LastMark(ctx, src)
			say("%s holds %d %v, newest mark %s %v", src, held, err, text(mark), markErr)
			for after := uint64(0); ; {
				m, err := s.Next(ctx, src, after)
				if m == nil || err != nil {
					say("%s: no more, %v", src, err)
					break
				}
				same, err := s.At(ctx, m.Seq)
				say("%s: %s, at its place %t %v", src, text(m), cmp.Equal(m, same), err)
				after = m.Seq
			}
		}
	}
	look()
	for _, kind := range []string{relay.KindHook, relay.KindMark, relay.KindCanary,
		relay.KindHook, relay.KindHook, relay.KindCanary, relay.KindMark, relay.KindMark} {
		put(k1, kind)
		put(k2, kind)
	}
	put(m1, relay.KindHook)
	for _, foreign := range []string{"not JSON", "{}",
		`{"id":"x","kind":"later","received_at":"2026-11-20T12:00:00Z"}`} {
		say("raw: %s", outcome(refusal(raw(m1.Hooks(), foreign))))
	}
	look()
	none, err := s.At(ctx, 1<<40)
	say("beyond the end: %v %v", none, err)
	headsScript(ctx, h, say)
	return lines
}

func headsScript(ctx context.Context, h rules.Heads, say func(string, ...any)) {
	revisions := []uint64{0}
	for i, from := range []int{0, 0, 1, 1, 2} { // each write names a revision: the first, second …
		head := relay.Head{JournalID: "j", Seq: uint64(i), Hash: "h"}
		err := h.PutHead(ctx, "K 1/ü", head, revisions[min(from, len(revisions)-1)])
		known, revision, readErr := h.Head(ctx, "K 1/ü")
		if err == nil {
			revisions = append(revisions, revision)
		}
		say("head %d: %s; now %+v %v", i, outcome(err), known, readErr)
	}
	none, revision, err := h.Head(ctx, "K002")
	say("no head: %v %d %v", none, revision, err)
}

func outcome(err error) string {
	for _, known := range []error{rules.ErrLimit, rules.ErrFull, rules.ErrConflict} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return fmt.Sprint(err)
}

// text is a message without its sequence.
func text(m *rules.Stored) string {
	if m == nil {
		return "none"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %+v", m.Subject, m.Envelope))
}
