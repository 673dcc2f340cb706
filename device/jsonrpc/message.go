package jsonrpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"kiosk-agent/device"
)

// Error codes of JSON-RPC itself.
const (
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeMethodNotFound = -32601
)

const (
	// maxBatch bounds the calls of one batch.
	maxBatch = 50
	// maxID bounds a request's id as it is written, so that echoing it costs little.
	maxID = 128
	// responseFrame is what an answer has around its result, at most.
	responseFrame = maxID + 64
)

// call is one entry of a message: something to carry out, or something to refuse.
type call struct {
	id     json.RawMessage // nil: a notification, which is not answered
	method string          // "" when it is none of ours
	run    action
	fail   error
	// answerer: has no use without somebody who hears the answer
	answerer bool
	starts   string // reference of the payment that it starts; "" = none
}

// message is one incoming message.
type message struct {
	calls []*call
	batch bool
}

var nullID = json.RawMessage("null")

func standardError(code int, kind, message, hint string) *device.Error {
	return &device.Error{Code: code, Message: message,
		Data: device.ErrorData{Kind: kind, Hint: hint}}
}

func invalidRequest(why string) *device.Error {
	return standardError(codeInvalidRequest, "invalid_request", why, "send a JSON-RPC 2.0 request")
}

func refused(err error) message { return message{calls: []*call{{id: nullID, fail: err}}} }

// decode reads one message. It never fails: what is wrong with the message becomes a call that is
// refused in its turn.
func decode(raw []byte) message {
	if !utf8.Valid(raw) || !json.Valid(raw) {
		return refused(standardError(codeParse, "parse_error", "not valid JSON in UTF-8",
			"send one JSON-RPC message at a time"))
	}
	raw = bytes.TrimSpace(raw)
	switch raw[0] {
	case '{':
		return message{calls: []*call{decodeCall(raw)}}
	case '[':
		return decodeBatch(raw)
	default:
		return refused(invalidRequest("a request is an object"))
	}
}

func decodeBatch(raw []byte) message {
	var entries []json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return refused(invalidRequest("not a batch"))
	}
	if len(entries) == 0 {
		return refused(invalidRequest("the batch is empty"))
	}
	if len(entries) > maxBatch {
		return refused(invalidRequest(
			"the batch has more than 50 entries; nothing of it was carried out"))
	}
	m := message{batch: true}
	for _, e := range entries {
		m.calls = append(m.calls, decodeCall(e))
	}
	return m
}

// decodeCall reads one request object strictly: every member once, none that JSON-RPC does not
// know.
func decodeCall(raw json.RawMessage) *call {
	c := &call{id: nullID}
	if raw[0] != '{' {
		c.fail = invalidRequest("a request is an object")
		return c
	}
	m, err := members(raw)
	if err != nil {
		c.fail = invalidRequest(err.Error())
		return c
	}
	id, hasID := m["id"]
	if hasID && !validID(id) {
		c.fail = invalidRequest("id must be a string, a number or null, of at most 128 bytes")
		return c
	}
	if hasID {
		c.id = id
	}
	name, err := envelope(m)
	if err != nil {
		c.fail = invalidRequest(err.Error())
		return c
	}
	if !hasID {
		c.id = nil
	}
	c.bind(name, m["params"])
	return c
}

// envelope checks everything but id and params, and returns the method's name.
func envelope(m map[string]json.RawMessage) (method string, err error) {
	for name := range m {
		switch name {
		case "jsonrpc", "id", "method", "params":
		case "result", "error":
			return "", errors.New("responses are not expected here: the terminal asks nothing")
		default:
			return "", errors.New("only jsonrpc, id, method and params are members of a request")
		}
	}
	var version string
	if v := m["jsonrpc"]; v == nil || json.Unmarshal(v, &version) != nil || version != "2.0" {
		return "", errors.New(`jsonrpc must be "2.0"`)
	}
	v := m["method"]
	if v == nil || v[0] != '"' || json.Unmarshal(v, &method) != nil {
		return "", errors.New("method must be a string")
	}
	return method, nil
}

// bind finds the method and reads its params.
func (c *call) bind(name string, params json.RawMessage) {
	m := methodNamed(name)
	if m == nil {
		c.fail = standardError(codeMethodNotFound, "method_not_found", "there is no such method",
			"see docs/openrpc.json")
		return
	}
	c.method, c.answerer = m.name, m.answerer
	if c.id == nil && m.answerer {
		c.fail = invalidRequest(m.name +
			" is not carried out without an id: nobody would hear the answer")
		return
	}
	a := newArgs(m, params)
	run := m.bind(a)
	if a.err != nil {
		c.fail = a.err
		return
	}
	c.run = run
	if m.answerer {
		c.starts = a.text("reference")
	}
}

func validID(raw json.RawMessage) bool {
	if len(raw) > maxID {
		return false
	}
	switch raw[0] {
	case '{', '[', 't', 'f':
		return false
	default:
		return true
	}
}

// response is an answer; exactly one of Result and Error is set.
type response struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result,omitempty"`
	Error   *device.Error   `json:"error,omitempty"`
}

// notification is what the terminal says unasked.
type notification struct {
	JSONRPC string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  any    `json:"params"`
}

func paymentChanged(v device.View) []byte {
	return encode(notification{"2.0", "payment.changed", map[string]device.View{"payment": v}})
}

func terminalChanged(s device.Status) []byte {
	return encode(notification{"2.0", "terminal.changed", map[string]device.Status{"status": s}})
}

func answer(id json.RawMessage, result any, err *device.Error) []byte {
	if err != nil {
		result = nil
	}
	return encode(response{JSONRPC: "2.0", ID: id, Result: result, Error: err})
}

// encode writes one line of JSON without the newline. Everything that is encoded here is plain data
// of ours, so it cannot fail.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("jsonrpc: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
