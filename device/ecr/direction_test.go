package ecr

import (
	"bytes"
	"strings"
	"testing"
)

// The approved answer of ECR-TILLS.md, as it would come in from a line that echoes.
const docApproved = "02 0152 323531323130303931343031 4331 3030 30 1c 3032 0040" +
	"415050524f564544202020202020202020202020202020202020202020202020 2020202020202020 1c" +
	"3033 0006 323131313236 1c 3034 0006 303931353034 1c 3136 0004 4b303031 1c" +
	"3430 0012 303030303030303031303233 1c 4433 0012 343036393336363431353336 1c" +
	"4131 0019 31343238313931343036393336363431353336 1c 03 0f"

// A response is no order: that of the document, in the dialect that it is of and in the others,
// and the same with a response code that is a version of requests too.
func TestDocumentResponseIsNoRequest(t *testing.T) {
	whole := unhex(t, docApproved)
	for _, d := range all(t) {
		for _, code := range []string{"00", "01", "51", "TO", "E1", "77"} {
			frame := bytes.Clone(whole)
			copy(frame[17:], code)
			frame[len(frame)-1] = dialect(t, "paycube").lrc(frame)
			ev, _ := d.NewRequestScanner().Next(frame)
			if ev.Request != nil || ev.Kind == Frame {
				t.Errorf("%s, code %s: a response asks for a %s", d.Name(), code, ev.Request.Kind())
			}
			if d.Name() != "other" && (ev.Kind != Answer || !bytes.Equal(ev.Raw, frame) ||
				string(ev.Response.ECN) != "251210091401") {
				t.Errorf("%s, code %s: %v %x", d.Name(), code, ev.Kind, ev.Raw)
			}
		}
	}
}

// Whatever a dialect answers, to any function, with or without data: it is no request of that
// dialect, in whole or where its fields cannot be read.
func TestNoResponseIsARequest(t *testing.T) {
	frames := 0
	for _, d := range all(t) {
		list := append(d.Functions(), Function{Code: strings.Repeat("?", d.s.Header.Function)})
		for _, f := range list {
			for _, o := range Outcomes() {
				req := d.NewRequest(ecn(d), f.Code, sale(t, d, 1023).Fields...)
				for _, data := range []ResponseData{{}, paid(req)} {
					frame := d.Respond(req.Message, o, data)
					ev, _ := d.NewRequestScanner().Next(frame)
					if !answers(f.Kind, o) {
						continue
					}
					frames++
					if ev.Kind != Answer || ev.Request != nil || !bytes.Equal(ev.Raw, frame) {
						t.Errorf("%s: %s to %s %s is a request: %x", d.Name(), o, f.Code, f.Kind,
							frame)
					}
				}
			}
		}
	}
	if frames < 500 {
		t.Errorf("only %d frames were tried", frames)
	}
}

// answers reports whether a function of that kind is ever told o.
func answers(k Kind, o Outcome) bool {
	if o == BadFrame {
		return true
	}
	kind, special := asks[o]
	switch k {
	case KindUnknown:
		return o == BadFunction
	case KindStatus, KindCancel, KindLogon, KindSettlement:
		return kind == k && special ||
			k == KindStatus && (o == NotReady || o == PathDown || o == Busy || o == JournalBefore)
	default:
		return !special || kind == k
	}
}

// A request stays one: of each function, with each version that the dialect names, and with fields
// that tills of this family are known to send.
func TestRequestsStayRequests(t *testing.T) {
	for _, d := range all(t) {
		for _, f := range d.Functions() {
			for _, version := range append(d.s.Header.versions(), strings.Repeat("~",
				d.s.Header.Version)) {
				m := d.NewRequest(ecn(d), f.Code, sale(t, d, 1023).Fields...).Message
				for _, code := range []string{"43", "42", "D8", "H4", "9G", "45", "R1", "65",
					"HN"} {
					if d.s.Field.Code == len(code) {
						m.Fields = append(m.Fields, field(code, "0000000001"))
					}
				}
				m.Code = []byte(version)
				ev, _ := d.NewRequestScanner().Next(frameOf(t, d, m))
				if ev.Kind != Frame || ev.Err != nil || ev.Request.Kind() != f.Kind {
					t.Errorf("%s %s, version %s: %v %v", d.Name(), f.Code, version, ev.Kind, ev.Err)
				}
			}
		}
	}
}

// Each sign alone makes an answer of what would be a request without it.
func TestEachSignOfAnAnswer(t *testing.T) {
	for _, tc := range []struct {
		dialect, function string
		sign              func(*Message, []byte)
	}{
		{"paycube", "Q1", func(m *Message, _ []byte) { m.Code = []byte("51") }},
		{"nets", "30", func(m *Message, _ []byte) {
			m.Fields = append(m.Fields, field("02", "APPROVED"))
		}},
		{"linkpos", "20", func(m *Message, answers []byte) { m.ECN = answers }},
	} {
		d := dialect(t, tc.dialect)
		m := d.NewRequest(ecn(d), tc.function, sale(t, d, 1023).Fields...).Message
		ev, _ := d.NewResponseScanner().Next(d.Respond(m, Approved, ResponseData{}))
		answers := bytes.Clone(ev.Response.ECN)
		for _, want := range []EventKind{Frame, Answer} {
			if ev, _ := d.NewRequestScanner().Next(frameOf(t, d, m)); ev.Kind != want {
				t.Errorf("%s: %v, want %v", tc.dialect, ev.Kind, want)
			}
			tc.sign(&m, answers)
		}
	}
}
