package jsonrpc

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"kiosk-agent/payment"
)

// The whole of a sale, on both sorts of line.
func TestLineSale(t *testing.T) {
	for _, tcp := range []bool{false, true} {
		t.Run(fmt.Sprint("tcp=", tcp), func(t *testing.T) {
			r := serveLine(t, tcp)
			if tcp {
				r.authenticate()
			}
			if g := r.call(1, "terminal.info", `{}`); !strings.Contains(g.raw, `"till":"till-2"`) {
				t.Fatal(g.raw)
			}
			if n := r.server.connections("till-2"); n != 1 {
				t.Errorf("%d connections", n)
			}
			id := r.call(2, "payment.start", start("R1", 1023)).resultID(t)
			r.payments.Finish(id, payment.StatusApproved)
			var last view
			for last.Status != "approved" {
				g := r.next()
				if g.Method != "payment.changed" {
					t.Fatal(g.raw)
				}
				last = *g.Params.Payment
			}
			if g := r.call(3, "payment.acknowledge",
				fmt.Sprintf(`{"id":%q,"revision":%d}`, id, last.Revision)); g.Error != nil {
				t.Fatal(g.raw)
			}
			if !r.payments.Payment(id).Acknowledged {
				t.Error("not acknowledged")
			}
			r.cancel()
			if err := r.end(); err != nil {
				t.Error(err)
			}
			r.closed()
			if n := r.server.connections("till-2"); n != 0 || r.payments.Attached() != 0 {
				t.Errorf("%d connections, %d attached after the end", n, r.payments.Attached())
			}
		})
	}
}

// A line that is only open hears nothing, and nothing is booked as offered: that somebody listens
// is known when a till speaks.
func TestLineOwedOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := serveLine(t, false)
		owe := func(reference string) {
			ids := make(chan string, 1)
			money := payment.Money{Amount: 5, Currency: payment.SGD}
			r.payments.Start("till-2", payment.Request{Reference: reference, Money: money},
				func(p payment.Payment, _ error) { ids <- p.ID })
			id := <-ids
			r.payments.Finish(id, payment.StatusApproved)
		}
		owe("R1")
		synctest.Wait()
		if len(r.in) != 0 || r.payments.Attached() != 0 {
			t.Fatalf("%d messages, %d attached on a line where nobody spoke", len(r.in),
				r.payments.Attached())
		}
		r.say("\xff garbage\n")
		if g := r.next(); g.Error == nil || r.payments.Attached() != 0 {
			t.Fatalf("%s, %d attached", g.raw, r.payments.Attached())
		}
		for range 2 {
			if g := r.call(1, "terminal.info", `{}`); g.Error != nil {
				t.Fatal(g.raw)
			}
			if g := r.next(); g.Params.Payment == nil || g.Params.Payment.Reference != "R1" {
				t.Fatal(g.raw)
			}
		}
		owe("R2")
		for status := ""; status != "approved"; {
			g := r.next()
			if g.Params.Payment == nil || g.Params.Payment.Reference != "R2" {
				t.Fatal(g.raw)
			}
			status = g.Params.Payment.Status
		}
		synctest.Wait()
		if len(r.in) != 0 {
			t.Errorf("%d messages more", len(r.in))
		}
		r.cancel()
		if err := r.end(); err != nil {
			t.Error(err)
		}
		r.closed()
	})
}

// A till that never calls terminal.info hears of its payments all the same.
func TestLineWithoutInfo(t *testing.T) {
	r := serveLine(t, false)
	id := r.call(1, "payment.start", start("R1", 1)).resultID(t)
	r.payments.Finish(id, payment.StatusDeclined)
	for status := ""; status != "declined"; {
		g := r.next()
		if g.Params.Payment == nil {
			t.Fatal(g.raw)
		}
		status = g.Params.Payment.Status
	}
}

// On a serial line, noise is answered and the till goes on.
func TestLineNoiseOnSerial(t *testing.T) {
	r := serveLine(t, false)
	for i, noise := range []string{"\x00\x02\xff", "{", "null", `{"jsonrpc":"1.0"}`, "[]",
		strings.Repeat(" ", maxMessage+1),
		strings.Repeat("x", 100_000), `{"jsonrpc":"2.0","id":1,"method":"payment.last"}` +
			strings.Repeat(" ", maxMessage)} {
		r.say(noise + "\n")
		g := r.answer()
		if g.Error == nil || g.Error.Code != codeParse && g.Error.Code != codeInvalidRequest ||
			string(g.ID) != "null" {
			t.Fatalf("noise %d: %s", i, g.raw)
		}
		if len(noise) > maxMessage && (g.Error.Code != codeParse ||
			!strings.Contains(g.Error.Message, "16 KiB")) {
			t.Errorf("noise %d: %s", i, g.raw)
		}
	}
	r.say("\n\r\n  \n")
	if g := r.call(1, "terminal.info", "{}\r"); g.Error != nil {
		t.Error(g.raw)
	}
	long := request(2, "payment.get", `{"reference":"R"}`)
	r.say(long + strings.Repeat(" ", maxMessage-len(long)) + "\n")
	if g := r.answer(); g.Error == nil || g.Error.Code != 1005 {
		t.Errorf("exactly 16 KiB: %s", g.raw)
	}
	if calls := r.payments.Calls(); len(calls) != 1 {
		t.Errorf("calls %v", calls)
	}
}

// On TCP, the first malformed line closes, and is said to be hostile.
func TestLineNoiseOnTCP(t *testing.T) {
	for noise, text := range map[string]string{
		"\x00\x02\xff\n": "not valid JSON", "{\n": "not valid JSON",
		"POST / HTTP/1.1\r\n": "not valid JSON", strings.Repeat("x", maxMessage+1): "16 KiB",
	} {
		r := serveLine(t, true)
		r.authenticate()
		r.say(noise)
		lines := r.closed()
		if len(lines) != 1 || !strings.Contains(lines[0], text) ||
			!strings.Contains(lines[0], `"code":-32700`) {
			t.Errorf("%.20q: %q", noise, lines)
		}
		if err := r.end(); hostile(err) != "malformed" {
			t.Errorf("%.20q: %v", noise, err)
		}
	}
}
