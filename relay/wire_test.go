package relay

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var sampleTime = time.Date(2026, 11, 20, 12, 30, 15, 123_000_000, time.UTC)

// samples are one of each message; docs/RELAY-PROTOCOL.md shows the same.
func samples() map[string]Message {
	p := Position{Epoch: "9f86d081884c7d659a2feaa0c55ad015", Seq: 4711,
		ID: "01JD4Z3N8RWQ0V4D5T6Y7B8C9A"}
	h := Head{JournalID: "01JCZ0000000000000000000AA", Seq: 812, Hash: "b94d27b9934d3e08"}
	hook := Hook{
		Method: "POST", Path: "/axs", Query: "v=1", Body: []byte("eyJhbGciOi…"),
		Headers: map[string][]string{"Content-Type": {"application/jose"}},
	}
	return map[string]Message{
		"hello": Hello{Position: &p, Journal: h, Agent: "1.4.0",
			Accepts: []string{AcceptHead}},
		"hello-first": Hello{Journal: h, Supersedes: &h, Agent: "1.4.0"},
		"ack":         Ack{Position: p, Journal: h},
		"welcome": Welcome{Terminal: "SzAwMQ", Epoch: p.Epoch, First: 12, Last: 4711, Head: &h,
			Now:        Time{sampleTime},
			RetentionS: 604800, InFlight: 64, PingS: 15, Accepts: []string{AcceptHead}},
		"head": HeadMessage{Journal: h},
		"gap":  Gap{Reason: GapIDMismatch, Position: &p},
		"hook": Delivery{Position: p, Kind: KindHook, ReceivedAt: sampleTime, Hook: hook},
		"mark": Delivery{Position: p, Kind: KindMark, ReceivedAt: sampleTime},
		"canary": Delivery{Position: p, Kind: KindCanary, Nonce: "q83vASNFZ4mrze8BI0VniQ",
			ReceivedAt: sampleTime},
		"caught_up": CaughtUpMessage{},
	}
}

func TestEncodeDecode(t *testing.T) {
	for name, m := range samples() {
		data, err := Encode(m)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		back, err := Decode(data)
		if err != nil {
			t.Fatalf("%s: %s: %v", name, data, err)
		}
		if diff := cmp.Diff(m, back); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestDocumentShowsTheWire compares the examples of the specification with what is really written.
func TestDocumentShowsTheWire(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "docs", "RELAY-PROTOCOL.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range samples() {
		data, err := Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(doc), string(data)) {
			t.Errorf("%s is not in docs/RELAY-PROTOCOL.md as it is written:\n%s", name, data)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	long := strings.Repeat("x", 200)
	hello := func(accepts string) string {
		return `{"type":"hello","position":null,"journal":{"id":"j","seq":1,"hash":""},` +
			`"accepts":` + accepts + `}`
	}
	for name, text := range map[string]string{
		"empty":             ``,
		"not JSON":          `hello`,
		"not an object":     `["hello"]`,
		"no type":           `{}`,
		"unknown type":      `{"type":"steal"}`,
		"two values":        `{"type":"caught_up"}{}`,
		"trailing bytes":    `{"type":"caught_up"}x`,
		"not UTF-8":         "{\"type\":\"caught_up\",\"x\":\"\xff\"}",
		"wrong JSON type":   `{"type":"hello","position":5}`,
		"hello, no journal": `{"type":"hello","position":null}`,
		"seq 0": `{"type":"ack","position":{"epoch":"e","seq":0,` +
			`"id":"i"},"journal":{"id":"j","seq":1,"hash":""}}`,
		"negative seq": `{"type":"ack","position":{"epoch":"e","seq":-1,` +
			`"id":"i"},"journal":{"id":"j","seq":1,"hash":""}}`,
		"fractional seq": `{"type":"ack","position":{"epoch":"e","seq":1.5,` +
			`"id":"i"},"journal":{"id":"j","seq":1,"hash":""}}`,
		"long id": `{"type":"ack","position":{"epoch":"e","seq":1,"id":"` + long +
			`"},"journal":{"id":"j","seq":1,"hash":""}}`,
		"control in id": `{"type":"ack","position":{"epoch":"e","seq":1,` +
			`"id":"a\nb"},"journal":{"id":"j","seq":1,"hash":""}}`,
		"unknown kind": `{"type":"delivery","position":{"epoch":"e","seq":1,` +
			`"id":"i"},"kind":"x","received_at":"2026-11-20T12:00:00.000Z"}`,
		"hook, no content": `{"type":"delivery","position":{"epoch":"e","seq":1,` +
			`"id":"i"},"kind":"hook","received_at":"2026-11-20T12:00:00.000Z"}`,
		"mark with content": `{"type":"delivery","position":{"epoch":"e","seq":1,` +
			`"id":"i"},"kind":"mark","received_at":"2026-11-20T12:00:00.000Z","hook":{}}`,
		"canary, no nonce": `{"type":"delivery","position":{"epoch":"e","seq":1,` +
			`"id":"i"},"kind":"canary","received_at":"2026-11-20T12:00:00.000Z"}`,
		"no time": `{"type":"delivery","position":{"epoch":"e","seq":1,"id":"i"},` +
			`"kind":"mark"}`,
		"nonsense for time": `{"type":"welcome","epoch":"e","first":1,"last":1,"now":"noon"}`,
		"handle with a line": `{"type":"welcome","terminal":"a\nb","epoch":"e","first":1,` +
			`"last":1,"now":"2026-11-20T12:00:00.000Z"}`,
		"handle too long": `{"type":"welcome","terminal":"` + long +
			`","epoch":"e","first":1,"last":1,"now":"2026-11-20T12:00:00.000Z"}`,
		"welcome, no epoch": `{"type":"welcome","first":1,"last":1,` +
			`"now":"2026-11-20T12:00:00.000Z"}`,
		"gap without reason":   `{"type":"gap","position":null}`,
		"head without journal": `{"type":"head"}`,
		"head with control":    `{"type":"head","journal":{"id":"a\nb","seq":1,"hash":""}}`,
		"accepts no list":      hello(`"head"`),
		"accepts numbers":      hello(`[1]`),
		"accepts nothing":      hello(`[""]`),
		"accepts a long name":  hello(`["` + long + `"]`),
		"accepts too much":     hello(`["a"` + strings.Repeat(`,"a"`, maxAccepts) + `]`),
		"welcome accepts a line": `{"type":"welcome","epoch":"e","first":1,"last":1,` +
			`"now":"2026-11-20T12:00:00.000Z","accepts":["a\nb"]}`,
	} {
		m, err := Decode([]byte(text))
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %#v, %v", name, m, err)
		}
	}
	if m, err := Decode([]byte(`{"type":"caught_up","from":"a later version"}`)); err != nil ||
		m != (CaughtUpMessage{}) {
		t.Errorf("unknown field: %v, %v", m, err)
	}
	if m, err := Decode([]byte(hello(`["head","a name of later"]`))); err != nil ||
		len(m.(Hello).Accepts) != 2 {
		t.Errorf("unknown name: %v, %v", m, err)
	}
}

// FuzzDecode: what decodes encodes, to something that decodes to the same.
func FuzzDecode(f *testing.F) {
	seeds := 0
	for _, m := range samples() {
		data, err := Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)-1])
		seeds++
	}
	if seeds < 10 {
		f.Fatal("the seeds are gone")
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Encode(m)
		if err != nil {
			t.Fatalf("%#v does not encode: %v", m, err)
		}
		back, err := Decode(again)
		if err != nil {
			t.Fatalf("%s does not decode: %v", again, err)
		}
		if third, err := Encode(back); err != nil || string(third) != string(again) {
			t.Fatalf("%s became %s (%v)", again, third, err)
		}
	})
}

func TestValidNonce(t *testing.T) {
	for nonce, want := range map[string]bool{
		randomPorts().Nonce(): true, "0123456789abcdef": true, strings.Repeat("a", 64): true,
		"": false, "0123456789abcde": false, strings.Repeat("a", 65): false,
		"0123456789abcde!": false, "0123456789 abcdef": false,
	} {
		if ValidNonce(nonce) != want {
			t.Errorf("ValidNonce(%q) = %v", nonce, !want)
		}
	}
}
