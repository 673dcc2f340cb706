package jsonrpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

// What docs/INTEGRATION.md shows is what the code takes and says.
func TestIntegrationDocument(t *testing.T) {
	raw, err := os.ReadFile("../../docs/INTEGRATION.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)
	samples := regexp.MustCompile("(?s)```json\n(.*?) *```").FindAllStringSubmatch(doc, -1)
	if len(samples) < 9 {
		t.Fatalf("%d samples", len(samples))
	}
	shown := map[string]bool{}
	for _, s := range samples {
		var m struct {
			ID     json.RawMessage
			Method string
			Params struct{ Payment json.RawMessage }
			Result json.RawMessage
			Error  *struct {
				Code int
				Data struct {
					Kind, Hint string
					Retryable  bool
					Payment    json.RawMessage
				}
			}
		}
		if err := json.Unmarshal([]byte(s[1]), &m); err != nil {
			t.Errorf("%s: %v", s[1], err)
			continue
		}
		switch {
		case m.Method == authenticate:
			if _, _, err := readToken([]byte(s[1])); err != nil {
				t.Errorf("%s: %v", s[1], err)
			}
			shown[m.Method] = true
		case m.Method != "" && m.ID != nil:
			if c := decode([]byte(s[1])).calls[0]; c.fail != nil {
				t.Errorf("%s: %v", s[1], c.fail)
			}
			shown[m.Method] = true
		case m.Method != "":
			strictly(t, m.Params.Payment, new(device.Payment))
		case m.Error != nil:
			strictly(t, m.Error.Data.Payment, new(device.Outline))
			if w := device.MappingOf(payment.Code(m.Error.Data.Kind)); w.Number != m.Error.Code ||
				w.Hint != m.Error.Data.Hint {
				t.Errorf("%s: the code says %+v", s[1], w)
			}
		case string(m.Result) != "{}":
			strictly(t, m.Result, new(device.Payment))
		}
	}
	for _, method := range []string{
		"payment.start", "payment.get", "payment.cancel", "payment.acknowledge",
		"payment.shown", authenticate,
	} {
		if !shown[method] {
			t.Errorf("no sample of %s", method)
		}
	}
	for _, c := range payment.Codes() {
		m := device.MappingOf(c)
		if !strings.Contains(doc, fmt.Sprintf("\n| %d | `%s` | ", m.Number, m.Kind)) {
			t.Errorf("no row for %d %s", m.Number, m.Kind)
		}
	}
}

// strictly decodes raw into v, with no field unknown, and expects the same JSON again.
func strictly(t *testing.T, raw []byte, v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		t.Errorf("%s: %v", raw, err)
		return
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		t.Fatal(err)
	}
	if again := encode(v); string(again) != compact.String() {
		t.Errorf("the document shows\n%s\nthe code writes\n%s", compact.String(), again)
	}
}
