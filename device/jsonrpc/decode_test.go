package jsonrpc

import (
	"strings"
	"testing"
)

// One table for what is refused, with the contract's code; the connection lives on.
var malformed = []struct {
	name, msg string
	code      int
	kind      string
	id        string
}{
	{"garbage", `hello`, -32700, "parse_error", "null"},
	{"half", `{"jsonrpc":"2.0"`, -32700, "parse_error", "null"},
	{"trailing data", `{"jsonrpc":"2.0","id":1,"method":"terminal.info"}{}`, -32700, "parse_error",
		"null"},
	{"not UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"terminal.info\"}", -32700,
		"parse_error", "null"},
	{"empty", ``, -32700, "parse_error", "null"},
	{"nesting", strings.Repeat("[", 15000), -32700, "parse_error", "null"},
	{"a number", `5`, -32600, "invalid_request", "null"},
	{"an empty batch", `[]`, -32600, "invalid_request", "null"},
	{"51 entries", "[" + strings.Repeat(`1,`, 50) + `1]`, -32600, "invalid_request", "null"},
	{"no version", `{"id":1,"method":"terminal.info"}`, -32600, "invalid_request", "1"},
	{"version 1", `{"jsonrpc":"1.0","id":1,"method":"terminal.info"}`, -32600, "invalid_request",
		"1"},
	{"version is a number", `{"jsonrpc":2.0,"id":1,"method":"terminal.info"}`, -32600,
		"invalid_request", "1"},
	{"no method", `{"jsonrpc":"2.0","id":1}`, -32600, "invalid_request", "1"},
	{"method null", `{"jsonrpc":"2.0","id":1,"method":null}`, -32600, "invalid_request", "1"},
	{"method number without id", `{"jsonrpc":"2.0","method":1}`, -32600, "invalid_request", "null"},
	{"a response", `{"jsonrpc":"2.0","id":1,"result":{}}`, -32600, "invalid_request", "1"},
	{"unknown member", `{"jsonrpc":"2.0","id":1,"method":"terminal.info","parms":{}}`, -32600,
		"invalid_request", "1"},
	{"method twice", `{"jsonrpc":"2.0","id":1,"method":"terminal.info","method":"payment.last"}`,
		-32600, "invalid_request", "null"},
	{"escaped twin",
		`{"jsonrpc":"2.0","id":1,"method":"terminal.info","\u006dethod":"payment.last"}`, -32600,
		"invalid_request", "null"},
	{"member in another case", `{"jsonrpc":"2.0","id":1,"Method":"terminal.info"}`, -32600,
		"invalid_request", "1"},
	{"id is an object", `{"jsonrpc":"2.0","id":{},"method":"terminal.info"}`, -32600,
		"invalid_request", "null"},
	{"id is true", `{"jsonrpc":"2.0","id":true,"method":"terminal.info"}`, -32600,
		"invalid_request", "null"},
	{"id too long", `{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 130) +
		`","method":"terminal.info"}`, -32600, "invalid_request", "null"},
	{"unknown method", `{"jsonrpc":"2.0","id":"a","method":"payment.refund"}`, -32601,
		"method_not_found", `"a"`},
	{"method in another case", `{"jsonrpc":"2.0","id":1,"method":"Payment.Last"}`, -32601,
		"method_not_found", "1"},
	{"authenticate is for lines",
		`{"jsonrpc":"2.0","id":1,"method":"terminal.authenticate","params":{"token":"x"}}`, -32601,
		"method_not_found", "1"},
	{"params by position", `{"jsonrpc":"2.0","id":null,"method":"payment.get","params":["R1"]}`,
		-32602, "invalid", "null"},
	{"params null", `{"jsonrpc":"2.0","id":1.5,"method":"payment.last","params":null}`, -32602,
		"invalid", "1.5"},
	{"params text", `{"jsonrpc":"2.0","id":1,"method":"payment.last","params":"x"}`, -32602,
		"invalid", "1"},
	{"param twice", `{"jsonrpc":"2.0","id":1,"method":"payment.get","params":{"id":"a","id":"b"}}`,
		-32602, "invalid", "1"},
}

// badParams are refused with this code; mention must be in the message.
var badParams = []struct {
	name, method, params string
	code                 int
	mention              string
}{
	{"unknown param", "payment.last", `{"till":"x"}`, -32602, `"till"`},
	{"param in another case", "payment.get", `{"ID":"x"}`, -32602, `"ID"`},
	{"nothing to get", "payment.get", `{}`, -32602, "exactly one"},
	{"two keys", "payment.get", `{"id":"a","reference":"b"}`, -32602, "exactly one"},
	{"id is a number", "payment.cancel", `{"id":5}`, -32602, "id must be a string"},
	{"id is null", "payment.cancel", `{"id":null}`, -32602, "id must be a string"},
	{"no amount", "payment.start", `{"reference":"R1"}`, -32602, "amount is missing"},
	{"no reference", "payment.start", `{"amount":1}`, -32602, "reference is missing"},
	{"reference is a number", "payment.start", `{"reference":17,"amount":1}`, -32602, "reference"},
	{"empty reference", "payment.start", `{"reference":"","amount":1}`, 1007, ""},
	{"amount in quotes", "payment.start", `{"reference":"R1","amount":"1023"}`, -32602, "amount"},
	{"amount true", "payment.start", `{"reference":"R1","amount":true}`, -32602, "amount"},
	{"amount null", "payment.start", `{"reference":"R1","amount":null}`, -32602, "amount"},
	{"amount 10.5", "payment.start", `{"reference":"R1","amount":10.5}`, 1003, "amount"},
	{"amount 10.0", "payment.start", `{"reference":"R1","amount":10.0}`, 1003, "amount"},
	{"amount 1e3", "payment.start", `{"reference":"R1","amount":1e3}`, 1003, "amount"},
	{"amount over 64 bits", "payment.start", `{"reference":"R1","amount":9223372036854775808}`,
		1003, "amount"},
	{"amount 0", "payment.start", `{"reference":"R1","amount":0}`, 1003, ""},
	{"amount negative", "payment.start", `{"reference":"R1","amount":-5}`, 1003, ""},
	{"currency empty", "payment.start", `{"reference":"R1","amount":1,"currency":""}`, 1003,
		"currency"},
	{"currency wrong", "payment.start", `{"reference":"R1","amount":1,"currency":"USD"}`, 1003, ""},
	{"currency null", "payment.start", `{"reference":"R1","amount":1,"currency":null}`, -32602,
		"currency"},
	{"schemes text", "payment.start", `{"reference":"R1","amount":1,"schemes":"paynow"}`, -32602,
		"schemes"},
	{"schemes numbers", "payment.start", `{"reference":"R1","amount":1,"schemes":[1]}`, -32602,
		"schemes"},
	{"schemes empty word", "payment.start", `{"reference":"R1","amount":1,"schemes":[""]}`, -32602,
		"schemes"},
	{"too many schemes", "payment.start",
		`{"reference":"R1","amount":1,"schemes":[` + strings.Repeat(`"a",`, 20) + `"a"]}`, -32602,
		"schemes"},
	{"timeout 29", "payment.start", `{"reference":"R1","amount":1,"timeout_s":29}`, -32602,
		"timeout_s must be 30-900"},
	{"timeout 901", "payment.start", `{"reference":"R1","amount":1,"timeout_s":901}`, -32602,
		"timeout_s"},
	{"timeout 60.5", "payment.start", `{"reference":"R1","amount":1,"timeout_s":60.5}`, -32602,
		"timeout_s"},
	{"description too long", "payment.start",
		`{"reference":"R1","amount":1,"description":"` + strings.Repeat("é", 201) + `"}`, -32602,
		"description"},
	{"limit 0", "payment.list", `{"limit":0}`, -32602, "limit must be 1-200"},
	{"limit 201", "payment.list", `{"limit":201}`, -32602, "limit"},
	{"since nonsense", "payment.list", `{"since":"yesterday"}`, -32602, "since"},
	{"since empty", "payment.list", `{"since":""}`, -32602, "since"},
	{"unacknowledged text", "payment.list", `{"unacknowledged":"yes"}`, -32602, "unacknowledged"},
	{"cursor number", "payment.list", `{"cursor":5}`, -32602, "cursor"},
	{"no revision", "payment.acknowledge", `{"id":"x"}`, -32602, "revision is missing"},
	{"revision text", "payment.acknowledge", `{"id":"x","revision":"3"}`, -32602, "revision"},
	{"revision 3.0", "payment.acknowledge", `{"id":"x","revision":3.0}`, -32602, "revision"},
}

func TestMalformedMessages(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	for _, tc := range malformed {
		t.Run(tc.name, func(t *testing.T) {
			till.t = t
			till.send(tc.msg)
			g := till.read()
			wantError(t, g, tc.code, tc.kind)
			if string(g.ID) != tc.id && !strings.Contains(g.raw, `"id":`+tc.id+`,`) {
				t.Errorf("id: %s", g.raw)
			}
		})
	}
	till.t = t
	if calls := r.payments.Calls(); len(calls) != 0 {
		t.Errorf("carried out: %q", calls)
	}
	if g := till.call("terminal.info", `{}`); g.Error != nil {
		t.Error("the connection is of no use any more")
	}
}

func TestMalformedParams(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	for _, tc := range badParams {
		t.Run(tc.name, func(t *testing.T) {
			till.t = t
			g := till.call(tc.method, tc.params)
			if g.Error == nil || g.Error.Code != tc.code ||
				!strings.Contains(g.Error.Message, tc.mention) {
				t.Errorf("got %s, want %d naming %s", g.raw, tc.code, tc.mention)
			}
		})
	}
	if r.payments.Payment("01JBXV00000000000000000001").ID != "" {
		t.Error("a payment was started")
	}
}

func TestMethodsWithoutParams(t *testing.T) {
	r := newRig(t)
	till := r.dial(token1)
	for _, id := range []string{`"a\u0062"`, `0`, `-1.50e3`, `null`} {
		till.send(` {"method":"terminal.info","id":` + id + `,"jsonrpc":"2.0"} `)
		if g := till.read(); !strings.Contains(g.raw, `"id":`+id+`,"result"`) {
			t.Errorf("the id is not as it was sent: %s", g.raw)
		}
	}
}
