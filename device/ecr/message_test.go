package ecr

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// field makes a field from text.
func field(code, data string) Field { return Field{Code: []byte(code), Data: []byte(data)} }

// reread is the request as a scanner reads it.
func reread(t *testing.T, d *Dialect, r Request) Request {
	t.Helper()
	ev, _ := d.NewRequestScanner().Next(frameOf(t, d, r.Message))
	if ev.Kind != Frame || ev.Err != nil {
		t.Fatalf("%+v", ev)
	}
	return ev.Request.Clone()
}

func TestAmount(t *testing.T) {
	d := dialect(t, "paycube")
	for _, tc := range []struct {
		name   string
		fields []Field
		want   int64 // -1: ErrField
	}{
		{"cents", []Field{field("40", "000000001023")}, 1023},
		{"zero", []Field{field("40", "000000000000")}, 0},
		{"greatest", []Field{field("40", "999999999999")}, 999_999_999_999},
		{"unknown fields around it", []Field{field("ZZ", "?"), field("40", "000000001023"),
			field("H4", "")}, 1023},
		{"missing", nil, -1},
		{"empty", []Field{field("40", "")}, -1},
		{"too short", []Field{field("40", "00000001023")}, -1},
		{"too long", []Field{field("40", "0000000001023")}, -1},
		{"sign", []Field{field("40", "-00000001023")}, -1},
		{"spaces", []Field{field("40", "        1023")}, -1},
		{"point", []Field{field("40", "000000010.23")}, -1},
		{"letter", []Field{field("40", "00000000102O")}, -1},
		{"digits of another script", []Field{field("40", "٠٠٠٠٠٠")}, -1},
		{"twice", []Field{field("40", "000000001023"), field("40", "000000001023")}, -1},
	} {
		req := reread(t, d, d.NewRequest(ecn(d), "C1", tc.fields...))
		got, err := req.Amount()
		if tc.want < 0 && !errors.Is(err, ErrField) || tc.want >= 0 &&
			(err != nil || got != tc.want) {
			t.Errorf("%s: %d, %v", tc.name, got, err)
		}
	}
	for _, n := range []int64{-1, 1_000_000_000_000} {
		if _, err := d.AmountField(n); !errors.Is(err, ErrField) {
			t.Errorf("%d was written: %v", n, err)
		}
	}
}

func TestSchemesAndReference(t *testing.T) {
	d := dialect(t, "nets")
	for _, tc := range []struct {
		name, function string
		fields         []Field
		schemes        []string
		ref            string
		bad            bool
	}{
		{"all", "30", []Field{field("T2", "01"), field("HD", "INV-1")}, nil, "INV-1", false},
		{"QR", "30", []Field{field("T2", "04")}, []string{"paynow", "alipay", "wechatpay"}, "",
			false},
		{"no type", "30", nil, nil, "", false},
		{"credit card", "I0", nil, []string{"credit_card"}, "", false},
		{"cashback", "30", []Field{field("T2", "02")}, nil, "", true},
		{"two types", "30", []Field{field("T2", "01"), field("T2", "04")}, nil, "", true},
		{"long reference", "30", []Field{field("HD", strings.Repeat("x", 27))}, nil, "", true},
		{"binary reference", "30", []Field{field("HD", "a\x00")}, nil, "", true},
	} {
		req := reread(t, d, d.NewRequest(ecn(d), tc.function, tc.fields...))
		schemes, err := req.Schemes()
		ref, err2 := req.Reference()
		if err = errors.Join(err, err2); tc.bad != (err != nil) || err != nil &&
			!errors.Is(err, ErrField) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if !tc.bad && (!slices.Equal(schemes, tc.schemes) || ref != tc.ref) {
			t.Errorf("%s: %q %q", tc.name, schemes, ref)
		}
	}
}

// Digests must tell requests apart even where the bytes run into each other.
func TestDigest(t *testing.T) {
	d := dialect(t, "nets")
	seen := make(map[[32]byte]string)
	for name, req := range map[string]Request{
		"sale":         d.NewRequest(ecn(d), "30", field("40", "000000001023")),
		"other amount": d.NewRequest(ecn(d), "30", field("40", "000000001024")),
		"other type":   d.NewRequest(ecn(d), "I0", field("40", "000000001023")),
		"one field":    d.NewRequest(ecn(d), "30", field("40", "000000001023HD")),
		"two fields":   d.NewRequest(ecn(d), "30", field("40", "000000001023"), field("HD", "")),
		"no field":     d.NewRequest(ecn(d), "30"),
		"long":         d.NewRequest(ecn(d), "30", field("40", strings.Repeat("1", 900))),
	} {
		sum := req.Digest()
		if seen[sum] != "" {
			t.Errorf("%s and %s have one digest", name, seen[sum])
		}
		seen[sum] = name
	}
	a, b := d.NewRequest("111111111111", "30", field("40", "000000001023")),
		d.NewRequest("222222222222", "30", field("40", "000000001023"))
	if a.Digest() != b.Digest() {
		t.Error("the ECN is part of the digest")
	}
	o := other(t).NewRequest(ecn(other(t)), "30", field("40", "000000001023"))
	if a.Digest() != o.Digest() {
		t.Error("the framing is part of the digest")
	}
}

// Frames whose LEN, ETX and LRC are right and whose inside is not: the header, if it can be read,
// leads the answer back.
func TestBadStructure(t *testing.T) {
	const head = "323531323130303931343031 4331 3031 30 1c"
	d := dialect(t, "paycube")
	for _, tc := range []struct {
		name, body string
		err        error
		header     bool
	}{
		{"right", head + "3430 0003 616263 1c", nil, true},
		{"unknown function, unknown field", "323531323130303931343031 5a5a 3939 30 1c 7a7a 0000 1c",
			nil, true},
		{"indicator", "323531323130303931343031 4331 3031 31 1c", errIndicator, true},
		{"header separator", "323531323130303931343031 4331 3031 30 1d", errHeaderSeparator, true},
		{"binary ECN", "003531323130303931343031 4331 3031 30 1c", errHeader, false},
		{"binary function", "323531323130303931343031 4380 3031 30 1c", errHeader, false},
		{"field head cut", head + "3430 00", errFieldHead, true},
		{"field code", head + "3407 0001 61 1c", errFieldCode, true},
		{"field length digit", head + "3430 000a 61 1c", errFieldLength, true},
		{"field longer than the frame", head + "3430 0099 6162 1c", errFieldOverrun, true},
		{"field longer by one", head + "3430 0003 6162", errFieldOverrun, true},
		{"field takes the separator", head + "3430 0003 6162 1c", errFieldSeparator, true},
		{"separator missing", head + "3430 0002 6162", errFieldSeparator, true},
		{"wrong separator", head + "3430 0002 6162 1d", errFieldSeparator, true},
		{"second field", head + "3430 0001 61 1c 3431 0001 62", errFieldSeparator, true},
		{"two separators", head + "3430 0001 61 1c 1c", errFieldHead, true},
	} {
		body := unhex(t, tc.body)
		frame := d.length.append([]byte{d.stx}, len(body))
		frame = append(append(frame, body...), d.etx, 0)
		frame[len(frame)-1] = d.lrc(frame)
		ev, _ := d.NewRequestScanner().Next(frame)
		if ev.Kind != Frame || !errors.Is(ev.Err, tc.err) || tc.err != nil &&
			!errors.Is(ev.Err, ErrFrame) {
			t.Errorf("%s: %v %v", tc.name, ev.Kind, ev.Err)
			continue
		}
		want := ecn(d)
		if !tc.header {
			want = "000000000000"
		} else if string(ev.Request.ECN) != "251210091401" {
			t.Errorf("%s: ECN %q", tc.name, ev.Request.ECN)
		}
		if tc.header {
			want = "251210091401"
		}
		resp, _ := d.NewResponseScanner().Next(
			d.Respond(ev.Request.Message, BadFrame, ResponseData{}))
		if resp.Kind != Frame || resp.Err != nil || string(resp.Response.ECN) != want ||
			string(resp.Response.Code) != "01" {
			t.Errorf("%s: answered %+v", tc.name, resp)
		}
	}
}

func TestTrailingSeparatorIsAnErrorWhereThereIsNone(t *testing.T) {
	d := other(t)
	req := sale(t, d, 5)
	frame := frameOf(t, d, req.Message)
	n, _ := d.length.read(frame[1:4])
	longer := d.length.append([]byte{d.stx}, n+1)
	longer = append(append(longer, frame[4:len(frame)-2]...), 0x7c, d.etx, 0)
	longer[len(longer)-1] = d.lrc(longer)
	if ev, _ := d.NewRequestScanner().Next(longer); ev.Kind != Frame ||
		!errors.Is(ev.Err, errDangling) {
		t.Errorf("%v %v", ev.Kind, ev.Err)
	}
}

func TestAppendRefusesWhatDoesNotFit(t *testing.T) {
	d := dialect(t, "paycube")
	good := sale(t, d, 1).Message
	for name, change := range map[string]func(*Message){
		"ECN short":  func(m *Message) { m.ECN = m.ECN[1:] },
		"ECN binary": func(m *Message) { m.ECN = []byte("12345678901\x02") },
		"function":   func(m *Message) { m.Function = []byte("C11") },
		"code":       func(m *Message) { m.Code = nil },
		"field code": func(m *Message) { m.Fields = []Field{field("400", "")} },
		"field too long": func(m *Message) {
			m.Fields = []Field{
				field("40", strings.Repeat("1", 10000))}
		},
		"frame too long": func(m *Message) {
			m.Fields = []Field{
				field("40", strings.Repeat("1", 1000))}
		},
	} {
		m := good
		change(&m)
		if b, err := d.Append([]byte("x"), m); !errors.Is(err, ErrFrame) || string(b) != "x" {
			t.Errorf("%s: %q %v", name, b, err)
		}
	}
}
