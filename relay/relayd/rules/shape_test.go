package rules_test

import (
	"strings"
	"testing"

	"kiosk-agent/relay/relayd/rules"
)

// TestMayOpen: what has the shape of a gateway's notification, however it is wrapped, may be one;
// rubbish is none.
func TestMayOpen(t *testing.T) {
	part := strings.Repeat("aZ0-_9", 4)
	token := part + ".." + part + "." + part + "." + part
	both := rules.Shapes{Token: true, Signature: true}
	for _, tc := range []struct {
		name string
		e    rules.Envelope
		s    rules.Shapes
		want bool
	}{
		{"a token", rules.Envelope{Body: []byte(token)}, both, true},
		{"in JSON", rules.Envelope{Body: []byte(`{"data":"` + token + `"}`)}, both, true},
		{"in a form", rules.Envelope{Body: []byte("a=b&payload=" + token)}, both, true},
		{"in a form, escaped", rules.Envelope{
			Body: []byte("p=" + strings.ReplaceAll(token, ".", "%2E"))}, both, true},
		{"in JSON, escaped", rules.Envelope{
			Body: []byte(strings.ReplaceAll(token, ".", `\u002e`))}, both, true},
		{"in the query", rules.Envelope{Query: "t=" + token}, both, true},
		{"compressed", rules.Envelope{Body: []byte{1, 2, 3},
			Headers: map[string][]string{"Content-Encoding": {"gzip"}}}, both, true},
		{"signed", rules.Envelope{Body: []byte("{}"),
			Headers: map[string][]string{"X-Signature": {strings.Repeat("a", 64)}}}, both, true},
		{"signed, where tokens are wanted", rules.Envelope{Body: []byte("{}"),
			Headers: map[string][]string{"X-Signature": {strings.Repeat("a", 64)}}},
			rules.Shapes{Token: true}, false},
		{"an empty signature", rules.Envelope{
			Headers: map[string][]string{"X-Signature": {""}}}, both, false},
		{"rubbish", rules.Envelope{Body: []byte(strings.Repeat("rubbish ", 100))}, both, false},
		{"four parts", rules.Envelope{Body: []byte(part + "." + part + "." + part + "." + part)},
			both, false},
		{"dots", rules.Envelope{Body: []byte("a.b.c.d.e")}, both, false},
		{"nothing", rules.Envelope{}, both, false},
		{"where everything may be one", rules.Envelope{}, rules.Shapes{}, true},
	} {
		if got := tc.s.MayOpen(tc.e); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}
