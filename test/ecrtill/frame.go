package ecrtill

import (
	"errors"
	"fmt"
	"strconv"
)

// The control bytes of the NETS family.
const (
	stx = 0x02
	etx = 0x03
	ack = 0x06
	nak = 0x15
	fs  = 0x1c
)

const (
	ecnLen    = 12
	headerLen = ecnLen + 2 + 2 + 1 + 1 // ECN, function, version or code, '0', separator
	maxBody   = 9999                   // what two packed bytes can say
)

// Version is what stands in a request where a response has its code.
const Version = "01"

// Field is one field of a message.
type Field struct {
	Code string // 2 characters
	Data string
}

// Message is a request (Code is Version) or a response (Code is the response code).
type Message struct {
	ECN      string
	Function string
	Code     string
	Fields   []Field
}

// Get is a field's data.
func (m Message) Get(code string) (data string, ok bool) {
	for _, f := range m.Fields {
		if f.Code == code {
			return f.Data, true
		}
	}
	return "", false
}

// ErrFrame is what every frame that cannot be read or written wraps.
var ErrFrame = errors.New("bad frame")

func frameError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFrame, fmt.Sprintf(format, args...))
}

// Encode makes the frame.
func (m Message) Encode() ([]byte, error) {
	if len(m.ECN) != ecnLen || len(m.Function) != 2 || len(m.Code) != 2 {
		return nil, frameError("header %q %q %q", m.ECN, m.Function, m.Code)
	}
	body := []byte(m.ECN + m.Function + m.Code + "0")
	body = append(body, fs)
	for _, f := range m.Fields {
		if len(f.Code) != 2 || len(f.Data) > maxBody {
			return nil, frameError("field %q of %d bytes", f.Code, len(f.Data))
		}
		body = append(body, f.Code...)
		body = append(body, packed(len(f.Data))...)
		body = append(append(body, f.Data...), fs)
	}
	if len(body) > maxBody {
		return nil, frameError("%d bytes", len(body))
	}
	frame := append([]byte{stx}, packed(len(body))...)
	frame = append(append(frame, body...), etx)
	return append(frame, LRC(frame)), nil
}

// LRC is the check byte of a frame that begins with STX and ends with ETX: STX is not in it.
func LRC(frame []byte) (sum byte) {
	for _, b := range frame[1:] {
		sum ^= b
	}
	return sum
}

// packed is n as four decimal digits in two bytes.
func packed(n int) []byte {
	return []byte{byte(n/1000<<4 | n/100%10), byte(n/10%10<<4 | n%10)}
}

func unpacked(hi, lo byte) (n int, ok bool) {
	for _, digit := range []byte{hi >> 4, hi & 15, lo >> 4, lo & 15} {
		if digit > 9 {
			return 0, false
		}
		n = n*10 + int(digit)
	}
	return n, true
}

// Decode reads one whole frame and nothing more.
func Decode(frame []byte) (Message, error) {
	if len(frame) < 1+2+headerLen+2 || frame[0] != stx {
		return Message{}, frameError("%d bytes", len(frame))
	}
	n, ok := unpacked(frame[1], frame[2])
	if !ok || len(frame) != 3+n+2 {
		return Message{}, frameError("length %02x%02x in %d bytes", frame[1], frame[2], len(frame))
	}
	if frame[3+n] != etx {
		return Message{}, frameError("%02x where ETX belongs", frame[3+n])
	}
	if want := LRC(frame[:4+n]); frame[4+n] != want {
		return Message{}, frameError("LRC %02x, want %02x", frame[4+n], want)
	}
	return decodeBody(frame[3 : 3+n])
}

func decodeBody(body []byte) (Message, error) {
	m := Message{ECN: string(body[:12]), Function: string(body[12:14]), Code: string(body[14:16])}
	if body[16] != '0' || body[17] != fs {
		return Message{}, frameError("header ends with %x", body[16:18])
	}
	for rest := body[headerLen:]; len(rest) > 0; {
		if len(rest) < 5 {
			return Message{}, frameError("%d bytes after the last field", len(rest))
		}
		n, ok := unpacked(rest[2], rest[3])
		if !ok || len(rest) < 4+n+1 || rest[4+n] != fs {
			return Message{}, frameError("field %q of length %02x%02x", rest[:2], rest[2], rest[3])
		}
		m.Fields = append(m.Fields, Field{Code: string(rest[:2]), Data: string(rest[4 : 4+n])})
		rest = rest[5+n:]
	}
	return m, nil
}

// Amount is the field of an amount in cents.
func Amount(cents int64) Field { return Field{Code: "40", Data: fmt.Sprintf("%012d", cents)} }

// Request is a request without fields.
func Request(ecn, function string, fields ...Field) Message {
	return Message{ECN: ecn, Function: function, Code: Version, Fields: fields}
}

// Sale is the request for a sale with this function in this dialect. reference is the till's own
// (HD), sent where it is not "".
func (d Dialect) Sale(ecn, function string, cents int64, reference string) Message {
	var fields []Field
	if t2 := d.Purchase[function]; t2 != "" {
		fields = append(fields, Field{"T2", t2})
	}
	fields = append(fields, Amount(cents))
	if reference != "" {
		fields = append(fields, Field{"HD", reference})
	}
	return Request(ecn, function, fields...)
}

// Result is a response as the till reads it.
type Result struct {
	Verdict   Verdict
	Code      string
	ECN       string
	Function  string
	Text      string // field 02
	Amount    int64  // field 40; -1 = none, or not a number
	Reference string // field A1 or, in nets, D3
	Message   Message
	Raw       []byte
	Asked     string // the number of the request that it answers
	ByLast    bool   // learned by asking for the last result
}

func (d Dialect) read(m Message, raw []byte) Result {
	r := Result{Verdict: d.Codes[m.Code], Code: m.Code, ECN: m.ECN, Function: m.Function,
		Amount: -1, Message: m, Raw: raw}
	if r.Verdict == "" {
		r.Verdict = Uncertain // a code that nobody knows
	}
	r.Text, _ = m.Get("02")
	if s, ok := m.Get("40"); ok {
		if n, err := strconv.ParseUint(s, 10, 62); err == nil {
			r.Amount = int64(n)
		}
	}
	if r.Reference, _ = m.Get("A1"); r.Reference == "" {
		r.Reference, _ = m.Get("D3")
	}
	return r
}
