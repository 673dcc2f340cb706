package ecr

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// spec is a dialect file as it is written: dialects/blueprint.toml says what each key means.
type spec struct {
	Base      string                  `toml:"base"`
	Name      string                  `toml:"name"`
	Title     string                  `toml:"title"`
	Note      string                  `toml:"note"`
	Verified  bool                    `toml:"verified"`
	Frame     frameSpec               `toml:"frame"`
	Header    headerSpec              `toml:"header"`
	Field     fieldSpec               `toml:"field"`
	Timers    timerSpec               `toml:"timers"`
	Functions map[string]functionSpec `toml:"functions"`
	Request   requestSpec             `toml:"request"`
	Response  responseSpec            `toml:"response"`
	Outcomes  map[string]outcomeSpec  `toml:"outcomes"`
}

type frameSpec struct {
	STX    hexText    `toml:"stx"`
	ETX    hexText    `toml:"etx"`
	ACK    hexText    `toml:"ack"`
	NAK    hexText    `toml:"nak"`
	Max    int        `toml:"max"`
	Length lengthSpec `toml:"length"`
	LRC    lrcSpec    `toml:"lrc"`
}

type lengthSpec struct {
	Encoding string   `toml:"encoding"`
	Width    int      `toml:"width"`
	Counts   []string `toml:"counts"`
}

type lrcSpec struct {
	Seed    hexText `toml:"seed"`
	From    string  `toml:"from"`
	Through string  `toml:"through"`
}

type headerSpec struct {
	ECN       int      `toml:"ecn"`
	Function  int      `toml:"function"`
	Version   int      `toml:"version"`
	Request   string   `toml:"request_version"`
	Versions  []string `toml:"versions"`
	Indicator hexText  `toml:"indicator"`
	Separator hexText  `toml:"separator"`
	// characters of a response's ECN that are not the request's; "." keeps
	ResponseECN string    `toml:"response_ecn"`
	RequestECN  string    `toml:"request_ecn"` // the same for NewRequest
	Indicators  []hexText `toml:"indicators"`
}

type fieldSpec struct {
	Code      int     `toml:"code"`
	Encoding  string  `toml:"length_encoding"`
	Width     int     `toml:"length_width"`
	Separator hexText `toml:"separator"`
	Trailing  bool    `toml:"trailing_separator"`
}

type timerSpec struct {
	ACK                timeText `toml:"ack"`
	Gap                timeText `toml:"gap"`
	Quiet              timeText `toml:"quiet"`
	Transmissions      int      `toml:"transmissions"`
	RepeatWindow       timeText `toml:"repeat_window"`
	RepeatWindowNewECN timeText `toml:"repeat_window_new_ecn"`
	ECNUnique          bool     `toml:"ecn_unique"`
	StoredFor          timeText `toml:"stored_for"`
	TillWaits          timeText `toml:"till_waits"`
}

type functionSpec struct {
	Kind    Kind                `toml:"kind"`
	Schemes []string            `toml:"schemes"`
	Fields  []responseFieldSpec `toml:"fields"`
}

// fieldsOf are the fields of the answers to a function: those of all answers, and the function's
// own. One of its own that has the code of a general one stands in that one's place.
func (s *spec) fieldsOf(function string) []responseFieldSpec {
	own := s.Functions[function].Fields
	if len(own) == 0 {
		return s.Response.Fields
	}
	return joinFields(s.Response.Fields, own, func(f responseFieldSpec) string { return f.Code })
}

// joinFields lays a list of fields over another: what has the code of a field below takes its
// place, everything else follows.
func joinFields[T any](below, above []T, code func(T) string) []T {
	var list []T
	placed := make(map[string]bool)
	add := func(key string, from []T) {
		for _, f := range from {
			if code(f) == key {
				list = append(list, f)
			}
		}
		placed[key] = true
	}
	for _, f := range below {
		switch key := code(f); {
		case !slices.ContainsFunc(above, func(x T) bool { return code(x) == key }):
			list = append(list, f)
		case !placed[key]:
			add(key, above)
		}
	}
	for _, f := range above {
		if key := code(f); !placed[key] {
			add(key, above)
		}
	}
	return list
}

type requestSpec struct {
	Amount    amountSpec    `toml:"amount"`
	Type      typeSpec      `toml:"type"`
	Reference referenceSpec `toml:"reference"`
	Receipt   string        `toml:"receipt"`
}

type amountSpec struct {
	Code  string `toml:"code"`
	Width int    `toml:"width"`
}

type typeSpec struct {
	Code   string              `toml:"code"`
	Values map[string][]string `toml:"values"`
}

type referenceSpec struct {
	Code string `toml:"code"`
	Max  int    `toml:"max"`
}

type responseSpec struct {
	UTCOffset string              `toml:"utc_offset"`
	Only      []string            `toml:"only"`
	Codes     []string            `toml:"codes"`
	Fields    []responseFieldSpec `toml:"fields"`
}

type responseFieldSpec struct {
	Code     string    `toml:"code"`
	Source   string    `toml:"source"`
	Of       string    `toml:"of"`
	Value    string    `toml:"value"`
	Format   string    `toml:"format"`
	Width    int       `toml:"width"`
	Pad      string    `toml:"pad"`
	Fill     string    `toml:"fill"`
	Keep     string    `toml:"keep"`
	Skip     int       `toml:"skip"`
	Only     string    `toml:"only"`
	Empty    string    `toml:"empty"`
	Kinds    []Kind    `toml:"kinds"`
	Outcomes []Outcome `toml:"outcomes"`
}

type outcomeSpec struct {
	Code string `toml:"code"`
	Text string `toml:"text"`
}

// hexText is bytes as hex digits, with spaces if wanted: "1c", "0d 0a"; "" is no byte at all. It is
// text until it was checked, so that the decoder reports whatever is no text with its line.
type hexText string

// bytes is nil, false for what is not hex.
func (h hexText) bytes() ([]byte, bool) {
	b, err := hex.DecodeString(strings.ReplaceAll(string(h), " ", ""))
	return b, err == nil
}

// timeText is a time like "500ms", "2s", "10m".
type timeText string

// duration is 0, false for what is not a time greater than zero.
func (t timeText) duration() (time.Duration, bool) {
	d, err := time.ParseDuration(string(t))
	return max(d, 0), err == nil && d > 0
}

// parseOffset reads "+08:00".
func parseOffset(s string) (*time.Location, bool) {
	t, err := time.Parse("-07:00", s)
	if err != nil {
		return nil, false
	}
	_, seconds := t.Zone()
	return time.FixedZone("UTC"+s, seconds), true
}

// lengthCode writes and reads a length.
type lengthCode struct {
	encoding string // bcd, big-endian, little-endian or ascii
	width    int    // bytes
}

// lengthWidths is the greatest width of each encoding: enough for any frame, and no overflow.
var lengthWidths = map[string]int{"bcd": 3, "big-endian": 3, "little-endian": 3, "ascii": 6}

// most is the greatest length that can be written.
func (c lengthCode) most() int {
	n := 1
	for range c.width {
		switch c.encoding {
		case "bcd":
			n *= 100
		case "ascii":
			n *= 10
		default:
			n *= 256
		}
	}
	return n - 1
}

// append writes n, which is 0 to most().
func (c lengthCode) append(dst []byte, n int) []byte {
	at := len(dst)
	for range c.width {
		dst = append(dst, 0)
	}
	for i := range c.width {
		place := at + c.width - 1 - i // least significant first
		switch c.encoding {
		case "bcd":
			dst[place] = byte(n/10%10<<4 | n%10)
			n /= 100
		case "ascii":
			dst[place] = byte('0' + n%10)
			n /= 10
		case "little-endian":
			dst[at+i] = byte(n)
			n >>= 8
		default:
			dst[place] = byte(n)
			n >>= 8
		}
	}
	return dst
}

// read is append's inverse; ok is false for digits that are none. b has the code's width.
func (c lengthCode) read(b []byte) (n int, ok bool) {
	for i, x := range b {
		switch c.encoding {
		case "bcd":
			if x>>4 > 9 || x&15 > 9 {
				return 0, false
			}
			n = n*100 + int(x>>4)*10 + int(x&15)
		case "ascii":
			if x < '0' || x > '9' {
				return 0, false
			}
			n = n*10 + int(x-'0')
		case "little-endian":
			n |= int(x) << (8 * i)
		default:
			n = n<<8 | int(x)
		}
	}
	return n, true
}

func (c lengthCode) String() string {
	return strconv.Itoa(c.width) + " byte " + c.encoding
}
