package ecr

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// streams are real traffic: what the tables send, whole and spoilt.
func streams(t testing.TB) (list [][]byte) {
	for _, d := range all(t) {
		req := sale(t, d, 1023)
		frame := frameOf(t, d, req.Message)
		spoilt := bytes.Clone(frame)
		spoilt[len(spoilt)-1] ^= 4
		list = append(list, frame, spoilt, frame[:len(frame)/2],
			slices.Concat([]byte{d.ACK()}, frame, []byte{d.NAK()}),
			slices.Concat([]byte("noise"), frame[3:], frame))
		for _, f := range d.Functions() {
			list = append(list, frameOf(t, d, d.NewRequest(ecn(d), f.Code).Message))
		}
		for _, o := range Outcomes() {
			list = append(list, d.Respond(req.Message, o, paid(req)))
		}
	}
	return append(list, unhex(t, docStatus), unhex(t, docSale),
		[]byte("GET / HTTP/1.1\r\nHost: 127.0.0.1:8800\r\n\r\n"), nil)
}

func seedStreams(f *testing.F) {
	list := streams(f)
	if len(list) < 100 {
		f.Fatalf("only %d seeds", len(list))
	}
	for _, b := range list {
		f.Add(b)
	}
}

// Whatever is fed, in whatever pieces: every byte is accounted for once, nothing grows, and a frame
// after a gap is found.
func FuzzScanner(f *testing.F) {
	seedStreams(f)
	f.Fuzz(func(t *testing.T, stream []byte) {
		for _, d := range all(t) {
			s, size := d.NewRequestScanner(), 1
			if len(stream) > 0 {
				size += int(stream[0]) % 17
			}
			total, space := 0, cap(s.buf)
			count := func(ev Event) {
				switch ev.Kind {
				case Frame, Answer:
					total += len(ev.Raw)
				case Ack, Nak:
					total++
				case Bad, Noise:
					total += ev.N
				}
			}
			for p := range slices.Chunk(stream, size) {
				for calls := 0; len(p) > 0; calls++ {
					var ev Event
					if ev, p = s.Next(p); calls > 2*size {
						t.Fatalf("%d calls for %d bytes", calls, size)
					}
					count(ev)
				}
			}
			count(s.Gap())
			if total != len(stream) || cap(s.buf) != space || s.Pending() {
				t.Fatalf("%s: %d of %d bytes, %d of %d kept, pending %t", d.Name(), total,
					len(stream), cap(s.buf), space, s.Pending())
			}
			want := frameOf(t, d, sale(t, d, 1).Message)
			if ev, rest := s.Next(want); ev.Kind != Frame || ev.Err != nil ||
				!bytes.Equal(ev.Raw, want) || len(rest) > 0 {
				t.Fatalf("%s: the frame after the gap: %v %x", d.Name(), ev.Kind, ev.Raw)
			}
		}
	})
}

// A frame that parses encodes to the same bytes, and no reading of it panics.
func FuzzRoundTrip(f *testing.F) {
	seedStreams(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, d := range all(t) {
			s := d.NewRequestScanner()
			for p := b; len(p) > 0; {
				var ev Event
				ev, p = s.Next(p)
				roundTrip(t, d, ev)
			}
			// The same bytes as the inside of a frame, since chance seldom finds a right LRC.
			if len(b) < d.headerLen || d.frameLen(len(b)-d.headerLen) > d.MaxFrame() {
				continue
			}
			frame := append(d.length.append([]byte{d.stx}, d.overhead+len(b)-d.headerLen), b...)
			frame = append(frame, d.etx, 0)
			frame[len(frame)-1] = d.lrc(frame)
			ev, _ := d.NewRequestScanner().Next(frame)
			if ev.Kind != Frame && ev.Kind != Answer {
				t.Fatalf("%s: %x reads as %v %v", d.Name(), frame, ev.Kind, ev.Reason)
			}
			roundTrip(t, d, ev)
		}
	})
}

func roundTrip(t *testing.T, d *Dialect, ev Event) {
	t.Helper()
	r := ev.Request
	switch {
	case ev.Kind == Answer && r == nil:
		if b, err := d.Append(nil, ev.Response.Message); ev.Err == nil &&
			(err != nil || !bytes.Equal(b, ev.Raw)) {
			t.Fatalf("%s: %x was encoded as %x (%v)", d.Name(), ev.Raw, b, err)
		}
		return
	case ev.Kind != Frame:
		return
	}
	if _, err := r.Amount(); err != nil && !errors.Is(err, ErrField) {
		t.Fatal(err)
	}
	if _, err := r.Schemes(); err != nil && !errors.Is(err, ErrField) {
		t.Fatal(err)
	}
	if _, err := r.Reference(); err != nil && !errors.Is(err, ErrField) {
		t.Fatal(err)
	}
	if c := r.Clone(); c.Digest() != r.Digest() {
		t.Fatal("a clone has another digest")
	}
	data := paid(*r)
	for _, o := range Outcomes() {
		resp, rest := d.NewResponseScanner().Next(d.Respond(r.Message, o, data))
		if resp.Kind != Frame || resp.Err != nil || len(rest) > 0 {
			t.Fatalf("%s %s: %+v", d.Name(), o, resp)
		}
		if echo, _ := d.NewRequestScanner().Next(resp.Raw); r.Kind() == KindSale &&
			asks[o] == KindUnknown && echo.Kind != Answer {
			t.Fatalf("%s: the answer %s to a sale is an order: %x", d.Name(), o, resp.Raw)
		}
	}
	if ev.Err != nil {
		if !errors.Is(ev.Err, ErrFrame) {
			t.Fatal(ev.Err)
		}
		return
	}
	if b, err := d.Append(nil, r.Message); err != nil || !bytes.Equal(b, ev.Raw) {
		t.Fatalf("%s: %x was encoded as %x (%v)", d.Name(), ev.Raw, b, err)
	}
}

// The other way round: any message that Append takes reads back as itself.
func TestAnyMessageReadsBack(t *testing.T) {
	for _, d := range all(t) {
		text := func(n int) *rapid.Generator[[]byte] {
			return rapid.SliceOfN(rapid.ByteRange(' ', '~'), n, n)
		}
		rapid.Check(t, func(rt *rapid.T) {
			m := Message{
				ECN:      text(d.s.Header.ECN).Draw(rt, "ecn"),
				Function: text(d.s.Header.Function).Draw(rt, "function"),
				Code:     text(d.s.Header.Version).Draw(rt, "code"),
			}
			for range rapid.IntRange(0, 6).Draw(rt, "fields") {
				m.Fields = append(m.Fields, Field{Code: text(d.s.Field.Code).Draw(rt, "code"),
					Data: rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(rt, "data")})
			}
			b, err := d.Append(nil, m)
			if err != nil {
				rt.Fatal(err)
			}
			ev, rest := d.NewResponseScanner().Next(b)
			if ev.Kind != Frame || ev.Err != nil || len(rest) > 0 ||
				len(ev.Response.Fields) != len(m.Fields) {
				rt.Fatalf("%x: %+v", b, ev)
			}
			again, err := d.Append(nil, ev.Response.Message)
			if err != nil || !bytes.Equal(again, b) {
				rt.Fatalf("%x and %x (%v)", b, again, err)
			}
			for i, f := range ev.Response.Fields {
				if !bytes.Equal(f.Code, m.Fields[i].Code) ||
					!bytes.Equal(f.Data, m.Fields[i].Data) {
					rt.Fatalf("field %d: %q", i, f)
				}
			}
		})
	}
}

// A file is refused with Problems, or it makes a dialect that works.
func FuzzDialect(f *testing.F) {
	// small seeds: large ones are minimized for minutes
	const head = "base = \"nets\"\nname = \"x\"\n"
	sections := strings.Split(string(Blueprint()), "\n\n")
	if len(sections) < 20 {
		f.Fatalf("only %d seeds", len(sections))
	}
	for _, s := range sections {
		f.Add(head + s)
	}
	for _, s := range []string{
		"[frame]\nstx = \"aa\"\nmax = 2000",
		"[frame.length]\nencoding = \"ascii\"\nwidth = 4\ncounts = [\"stx\", \"fields\"]",
		"[frame.lrc]\nseed = \"ff\"",
		"[field]\nseparator = \"\"\ntrailing_separator = false\nlength_encoding = " +
			"\"ascii\"\nlength_width = 3", "[header]\nindicator = \"\"\nseparator = \"\"",
		"[functions]\nI0 = { kind = \"off\" }", "[request]\namount = { code = \"40\", width = 18 }",
		"[response]\nutc_offset = \"-03:30\"",
		"[[response.fields]]\ncode = \"02\"\nsource = \"text\"\nwidth = 40",
		"[timers]\nack = \"1s\"\ntransmissions = 10",
	} {
		f.Add(head + s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		d, err := Parse("f.toml", []byte(file))
		if err != nil {
			if _, ok := errors.AsType[Problems](err); !ok || err.Error() == "" {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		req := sale(t, d, 1)
		ev, _ := d.NewRequestScanner().Next(frameOf(t, d, req.Message))
		if n, err := ev.Request.Amount(); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		roundTrip(t, d, ev)
	})
}

// Every byte of a capture is in the report, in its order.
func FuzzExplain(f *testing.F) {
	seedStreams(f)
	captures, err := filepath.Glob("testdata/explain/*.txt")
	if err != nil || len(captures) < 12 {
		f.Fatalf("only %d captures: %v", len(captures), err)
	}
	for _, path := range captures {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, capture []byte) {
		if len(capture) > 1024 {
			return // the time of thousands of rules is for people
		}
		d := all(t)[len(capture)%5]
		r := Explain(d, capture)
		next := 0
		for _, i := range r.Items {
			if i.Offset != next || i.What == "" {
				t.Fatalf("%s: %d follows %d: %+v", d.Name(), i.Offset, next, i)
			}
			next += len(i.Bytes)
		}
		if next != r.Bytes || r.String() == "" {
			t.Fatalf("%s: %d of %d bytes\n%s", d.Name(), next, r.Bytes, r)
		}
	})
}
