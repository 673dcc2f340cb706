package ecr

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kiosk-agent/payment"
)

// other is the dialect that differs in everything.
func other(t testing.TB) *Dialect {
	t.Helper()
	data, err := os.ReadFile("testdata/other.toml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse("other.toml", data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// all are the built-in dialects and the one that differs from them, read once: fuzzing asks for
// them often.
func all(t testing.TB) []*Dialect {
	t.Helper()
	allOnce.Do(func() {
		for _, name := range builtins {
			allList = append(allList, dialect(t, name))
		}
		allList = append(allList, other(t))
	})
	return allList
}

var (
	allOnce sync.Once
	allList []*Dialect
)

// ecn is a valid ECN of any width.
func ecn(d *Dialect) string { return strings.Repeat("2512100914", 4)[:d.ECNWidth()] }

// functionFor is the first function of that kind, by code. ok is false if the dialect has none.
func functionFor(d *Dialect, k Kind) (f Function, ok bool) {
	for _, f := range d.Functions() {
		if f.Kind == k {
			return f, true
		}
	}
	return Function{}, false
}

// sale is a sale's message with every field that the dialect knows.
func sale(t testing.TB, d *Dialect, amount int64) Request {
	t.Helper()
	f, ok := functionFor(d, KindSale)
	if !ok {
		t.Fatal("no function for a sale")
	}
	a, err := d.AmountField(amount)
	if err != nil {
		t.Fatal(err)
	}
	fields := []Field{a}
	if ref, ok := d.ReferenceField("INV-1"); ok {
		fields = append(fields, ref)
	}
	return d.NewRequest(ecn(d), f.Code, fields...)
}

func frameOf(t testing.TB, d *Dialect, m Message) []byte {
	t.Helper()
	b, err := d.Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// paid is the data of an approved sale.
func paid(req Request) ResponseData {
	return ResponseData{
		At: time.Date(2026, 1, 16, 17, 22, 46, 0, time.UTC), TerminalID: "K001",
		Money:          payment.Money{Amount: 1023, Currency: payment.SGD},
		TransactionRef: "1428191406936641536", Scheme: "paynow", ResponseCode: "00",
		Merchant: "KOPI & TOAST", MerchantID: "M77", Echo: req.Echo(),
	}
}

// tell writes events as text, without noise, so that runs can be compared; gap at the end.
func tell(s *Scanner, chunks ...[]byte) (list []string) {
	add := func(ev Event) {
		switch ev.Kind {
		case None, Noise:
		case Frame:
			list = append(list, fmt.Sprintf("frame %x %v", ev.Raw, ev.Err))
		case Bad:
			list = append(list, fmt.Sprintf("%s %d", ev.Reason, ev.N))
		default:
			list = append(list, ev.Kind.String())
		}
	}
	for _, p := range chunks {
		for len(p) > 0 {
			var ev Event
			ev, p = s.Next(p)
			add(ev)
		}
	}
	add(s.Gap())
	return list
}

func TestSplitAtEveryPosition(t *testing.T) {
	for _, d := range all(t) {
		req := sale(t, d, 1023)
		frame := frameOf(t, d, req.Message)
		spoilt := bytes.Clone(frame)
		spoilt[1] ^= 0xff
		for _, stream := range [][]byte{
			frame,
			slices.Concat([]byte{d.ACK()}, d.Respond(req.Message, Approved, paid(req)),
				[]byte{d.NAK()}, frame),
			slices.Concat([]byte("xy"), frame, []byte("z"), frame, []byte{d.ACK()}),
			slices.Concat(frame, spoilt, frame),
			slices.Concat(frame[:9], frame),
			bytes.Repeat([]byte{d.stx}, 3000),
		} {
			want := tell(d.NewRequestScanner(), stream)
			for i := range min(len(stream), 400) {
				got := tell(d.NewRequestScanner(), stream[:i], stream[i:])
				if !slices.Equal(got, want) {
					t.Fatalf("%s: split at %d: %q, want %q", d.Name(), i, got, want)
				}
			}
			if got := tell(d.NewRequestScanner(),
				slices.Collect(slices.Chunk(stream, 1))...); !slices.Equal(got, want) {
				t.Fatalf("%s: byte by byte: %q, want %q", d.Name(), got, want)
			}
		}
	}
}

func TestAckAndResponseGlued(t *testing.T) {
	for _, d := range all(t) {
		req := sale(t, d, 1023)
		resp := d.Respond(req.Message, Approved, paid(req))
		ack, nak := []byte{d.ACK()}, []byte{d.NAK()}
		noise := []byte{0x80, 0x81}
		for _, tc := range []struct {
			name   string
			stream []byte
			want   []string
		}{
			{"ack first", slices.Concat(ack, resp), []string{"ack", "frame"}},
			{"response first", slices.Concat(resp, ack), []string{"frame", "ack"}},
			{"noise between", slices.Concat(noise, ack, noise, resp, noise, nak),
				[]string{"ack", "frame", "nak"}},
			{"two frames", slices.Concat(resp, resp), []string{"frame", "frame"}},
			{"all at once", slices.Concat(ack, resp, nak, resp, ack, ack),
				[]string{"ack", "frame", "nak", "frame", "ack", "ack"}},
		} {
			got := tell(d.NewResponseScanner(), tc.stream)
			for i := range got {
				got[i], _, _ = strings.Cut(got[i], " ")
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%s, %s: %q, want %q", d.Name(), tc.name, got, tc.want)
			}
		}
	}
}

// A frame's own bytes never count as ACK, NAK or the start of another frame, whatever its LEN,
// fields and LRC are.
func TestControlBytesInsideFrames(t *testing.T) {
	for _, d := range all(t) {
		control := []byte{d.stx, d.etx, d.ACK(), d.NAK()}
		seen := make(map[byte]bool)
		for n := range 300 {
			req := d.NewRequest(ecn(d), d.Functions()[0].Code,
				Field{Code: []byte("ZZZ")[:d.s.Field.Code], Data: bytes.Repeat(control, 75)[:n]})
			frame := frameOf(t, d, req.Message)
			got := tell(d.NewRequestScanner(), frame, frame)
			if len(got) != 2 || !strings.HasPrefix(got[0], "frame") || got[0] != got[1] {
				t.Fatalf("%s, %d bytes: %q", d.Name(), n, got)
			}
			seen[frame[len(frame)-1]] = true
		}
		t.Logf("%s: %d different LRCs", d.Name(), len(seen))
	}
}

func TestSpoiltFrames(t *testing.T) {
	d := dialect(t, "paycube")
	frame := unhex(t, docSale)
	change := func(at int, b ...byte) []byte {
		c := bytes.Clone(frame)
		copy(c[at:], b)
		return c
	}
	long := append([]byte{d.stx, 0x99, 0x99}, make([]byte, 40)...)
	for _, tc := range []struct {
		name   string
		stream []byte
		now    []string // before the gap
		want   []string // with it
	}{
		{"digit A in LEN", change(2, 0x3a), nil, []string{"bad length 40"}},
		{"digit F in LEN", change(1, 0xf0), nil, []string{"bad length 40"}},
		{"LEN zero", change(1, 0, 0), nil, []string{"bad length 40"}},
		{"LEN less than a header", change(1, 0, 0x17), nil, []string{"bad length 40"}},
		{"LEN oversize", long, nil, []string{"bad length 43"}},
		{"LEN one less", change(2, 0x34), nil, []string{"bad etx 40"}},
		{"LEN one more", change(2, 0x36), nil, []string{"cut off 40"}},
		{"ETX", change(38, 0x13), nil, []string{"bad etx 40"}},
		{"LRC", change(39, 0x6a), []string{"bad lrc 40"}, []string{"bad lrc 40"}},
		{"digit of the amount", change(36, 0x34), []string{"bad lrc 40"}, []string{"bad lrc 40"}},
		{"separator", change(37, 0x1d), nil, []string{"bad lrc 40"}},
		{"cut in the middle", frame[:20], nil, []string{"cut off 20"}},
		{"STX only", frame[:1], nil, []string{"cut off 1"}},
		{"ACK behind a spoilt frame", append(change(1, 0xf0), d.ACK()), nil,
			[]string{"bad length 41"}},
	} {
		s := d.NewRequestScanner()
		var now []string
		for p := tc.stream; len(p) > 0; {
			var ev Event
			if ev, p = s.Next(p); ev.Kind != None {
				now = append(now, fmt.Sprintf("%s %d", ev.Reason, ev.N))
			}
		}
		if !slices.Equal(now, tc.now) || s.Pending() != (tc.now == nil) {
			t.Errorf("%s: %q before the gap, pending %t, want %q", tc.name, now, s.Pending(),
				tc.now)
		}
		if got := tell(d.NewRequestScanner(), tc.stream); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
		s.Gap()
		if got := tell(s, frame); len(got) != 1 || !strings.HasPrefix(got[0], "frame") {
			t.Errorf("%s: the frame behind the gap: %q", tc.name, got)
		}
	}
}

// A line that never falls silent after a spoilt frame is searched again; ACK and NAK count once
// there was a frame.
func TestNoSilence(t *testing.T) {
	d := dialect(t, "paycube")
	frame := unhex(t, docSale)
	s := d.NewRequestScanner()
	rubbish := append([]byte{d.stx, 0xff, 0xff}, bytes.Repeat([]byte{'x'}, d.MaxFrame())...)
	got := tell(s, rubbish, []byte{d.ACK(), 'x', d.NAK()}, frame, []byte{d.ACK()})
	if len(got) != 3 || !strings.HasPrefix(got[0], "bad length") ||
		!strings.HasPrefix(got[1], "frame") || got[2] != "ack" {
		t.Errorf("%q", got)
	}
}

func TestNoiseBeforeSTX(t *testing.T) {
	d := dialect(t, "paycube")
	s := d.NewRequestScanner()
	count := func(p string, want int) {
		t.Helper()
		tell(s, []byte(p))
		if s.NoiseBeforeSTX() != want {
			t.Errorf("after %q: %d, want %d", p, s.NoiseBeforeSTX(), want)
		}
	}
	count("ab\x06", 2)
	count("c\x15", 3)
	count("\x02", 3)
	count("GET / HTTP/1.1\r\n", 3)
	s.Reset()
	count("GET / HTTP/1.1\r\n", 16)
}

// A frame whose STX was lost is noise, and the lengths of its fields have the value of ACK. An ACK
// behind a silence counts, and so does one behind what a line makes by itself.
func TestTheRestOfAFrameHoldsNoACK(t *testing.T) {
	d := dialect(t, "paycube")
	req := sale(t, d, 1023)
	resp := d.Respond(req.Message, Approved, paid(req))
	if bytes.Count(resp, []byte{d.ACK()}) < 2 {
		t.Fatalf("no length of 06: %q", resp)
	}
	for lost := 1; lost < len(resp)-1; lost++ {
		if resp[lost] == d.ACK() || resp[lost-1] == d.ACK() || resp[lost] == 0 {
			continue // nothing of the frame is before the length
		}
		s := d.NewRequestScanner()
		if got := tell(s, resp[lost:]); slices.Contains(got, "ack") {
			t.Errorf("%d bytes lost: %q", lost, got)
		}
		if got := tell(s, []byte{0xff, 0x00, d.ACK()}); !slices.Equal(got, []string{"ack"}) {
			t.Errorf("%d bytes lost, then a silence: %q", lost, got)
		}
	}
}
