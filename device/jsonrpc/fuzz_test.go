package jsonrpc

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"kiosk-agent/test/devicetest"
)

// seeds are every message of the tables, and every method used well.
func seeds() (list []string) {
	for _, m := range malformed {
		list = append(list, m.msg)
	}
	for _, p := range badParams {
		list = append(list, request(1, p.method, p.params))
	}
	for _, p := range []string{start("R1", 1023), `{"reference":"R1"}`,
		`{"id":"01JBXV00000000000000000001"}`, `{}`,
		`{"id":"01JBXV00000000000000000001","revision":2}`,
		`{"limit":1,"unacknowledged":true,"since":"2026-11-05T09:30:00.000Z"}`} {
		for _, m := range methods {
			list = append(list, request(1, m.name, p),
				`{"jsonrpc":"2.0","method":"`+m.name+`","params":`+p+`}`,
				`[`+request(1, m.name, p)+`,`+request(2, "payment.last", `{}`)+`]`)
		}
	}
	return list
}

func FuzzDecode(f *testing.F) {
	all := seeds()
	if len(all) < 200 {
		f.Fatalf("only %d seeds", len(all))
	}
	for _, s := range all {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := decode(raw)
		if len(m.calls) == 0 || len(m.calls) > maxBatch {
			t.Fatalf("%d calls", len(m.calls))
		}
		for _, c := range m.calls {
			if (c.run == nil) == (c.fail == nil) {
				t.Fatal("a call is either carried out or refused")
			}
			if c.run != nil && methodNamed(c.method) == nil {
				t.Fatalf("%q is carried out", c.method)
			}
			if c.id != nil && (!json.Valid(c.id) || len(c.id) > maxID) {
				t.Fatalf("id %q", c.id)
			}
		}
		if m.calls[0].fail == nil && !json.Valid(raw) {
			t.Fatal("invalid JSON is carried out")
		}
	})
}

// FuzzSession runs a whole session over a line: whatever arrives, each answer is a JSON-RPC
// message, there are as many answers as there are questions, in order, and the session still works
// afterwards.
func FuzzSession(f *testing.F) {
	all := seeds()
	for i, s := range all {
		f.Add(strings.ReplaceAll(s+"\n"+all[(i*7+3)%len(all)], "\r", " "))
	}
	f.Fuzz(func(t *testing.T, script string) {
		payments := devicetest.New()
		defer payments.Close()
		s, err := New(testConfig(), payments, new(devicetest.Terminal),
			slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		p, stop := line(t, s, sessionOptions{})
		want := 0
		lines := strings.Split(script, "\n")
		if len(lines) > 100 {
			lines = lines[:100]
		}
		for _, l := range lines {
			if m := decode([]byte(l)); hasAnswer(m) {
				want++
			}
			p.in <- l
		}
		p.in <- `{"jsonrpc":"2.0","id":"the end","method":"terminal.info"}`
		for {
			raw := <-p.out
			if strings.Contains(raw, "\n") {
				t.Fatalf("a message of two lines: %q", raw)
			}
			if strings.Contains(raw, `"id":"the end","result"`) && want == 0 {
				break
			}
			if !strings.HasPrefix(raw, `{"jsonrpc":"2.0","method"`) {
				checkAnswer(t, raw)
				want--
			}
			if want < 0 {
				t.Fatalf("more answers than questions: %s", raw)
			}
		}
		stop()
	})
}

func hasAnswer(m message) bool {
	for _, c := range m.calls {
		if c.id != nil {
			return true
		}
	}
	return false
}

func checkAnswer(t *testing.T, raw string) {
	t.Helper()
	list := []json.RawMessage{json.RawMessage(raw)}
	if raw[0] == '[' {
		if err := json.Unmarshal([]byte(raw), &list); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range list {
		dec := json.NewDecoder(bytes.NewReader(one))
		dec.DisallowUnknownFields()
		var r struct {
			JSONRPC string           `json:"jsonrpc"`
			ID      json.RawMessage  `json:"id"`
			Result  *json.RawMessage `json:"result"`
			Error   *json.RawMessage `json:"error"`
		}
		if err := dec.Decode(&r); err != nil || r.JSONRPC != "2.0" || r.ID == nil ||
			(r.Result == nil) == (r.Error == nil) {
			t.Fatalf("not an answer: %s (%v)", one, err)
		}
	}
}
