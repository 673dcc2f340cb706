package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"kiosk-agent/internal/strictjson"
)

// bend is what a deviation does differently. What is nil is as the document says.
type bend struct {
	webhook func(*members)                     // the claims
	record  func(*members)                     // each record of a query's answer
	answer  func(records []byte) (body []byte) // a query's answer, from the list
	code    func(*members)                     // the answer to a request for a code
	seal    func(*seal)                        // a webhook's envelope
	sealed  func(*seal)                        // the envelope of an answer that is encrypted
	form    QueryForm                          // of answers
	carry   func(*http.Request, string)        // how a webhook carries its token
	before  string                             // a method that is tried before each webhook
	bare    bool                               // the webhook is not encrypted
	silent  bool                               // no webhook at all
	path    string                             // of links, instead of /hpp/checkout/
	// of links and requests for codes
	refuse func(map[string]json.RawMessage) []problem
}

// members are those of a JSON object, in order.
type members struct{ list []namedValue }

type namedValue struct {
	name  string
	value json.RawMessage
}

// membersOf reads what this package has encoded.
func membersOf(object []byte) *members {
	m := &members{}
	dec := json.NewDecoder(bytes.NewReader(object))
	if _, err := dec.Token(); err != nil {
		return m
	}
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return m
		}
		s, _ := name.(string)
		m.list = append(m.list, namedValue{s, value})
	}
	return m
}

func (m *members) encode() []byte {
	var b bytes.Buffer
	for i, v := range m.list {
		if i > 0 {
			b.WriteByte(',')
		}
		name, _ := json.Marshal(v.name) // a string always encodes
		b.Write(name)
		b.WriteByte(':')
		b.Write(v.value)
	}
	return []byte("{" + b.String() + "}")
}

// get is the text of a member.
func (m *members) get(name string) (s string) {
	for _, v := range m.list {
		if v.name == name && json.Unmarshal(v.value, &s) != nil {
			return string(v.value)
		}
	}
	return s
}

// set gives a member its value, as JSON; a new one stands last.
func (m *members) set(name, value string) {
	for i := range m.list {
		if m.list[i].name == name {
			m.list[i].value = json.RawMessage(value)
			return
		}
	}
	m.list = append(m.list, namedValue{name, json.RawMessage(value)})
}

func (m *members) rename(name, as string) {
	for i := range m.list {
		if m.list[i].name == name {
			m.list[i].name = as
		}
	}
}

func (m *members) drop(name string) {
	m.list = slices.DeleteFunc(m.list, func(v namedValue) bool { return v.name == name })
}

// asText changes a member's text.
func (m *members) asText(name string, change func(string) string) {
	if text, err := json.Marshal(change(m.get(name))); err == nil {
		m.set(name, string(text))
	}
}

// bent is the JSON object with what a bend does to it.
func bent(object []byte, change func(*members)) []byte {
	if change == nil {
		return object
	}
	m := membersOf(object)
	change(m)
	return m.encode()
}

// instead puts one word in another's place.
func instead(name, of, word string) func(*members) {
	return func(m *members) {
		if m.get(name) == of {
			m.asText(name, func(string) string { return word })
		}
	}
}

func renamed(pairs ...string) func(*members) {
	return func(m *members) {
		for i := 0; i+1 < len(pairs); i += 2 {
			m.rename(pairs[i], pairs[i+1])
		}
	}
}

func value(name, json string) func(*members) {
	return func(m *members) { m.set(name, json) }
}

func changed(name string, change func(string) string) func(*members) {
	return func(m *members) { m.asText(name, change) }
}

func without(name string) func(*members) { return func(m *members) { m.drop(name) } }

func all(changes ...func(*members)) func(*members) {
	return func(m *members) {
		for _, change := range changes {
			change(m)
		}
	}
}

// around wraps the list of records.
func around(before, after string) func([]byte) []byte {
	return func(records []byte) []byte { return []byte(before + string(records) + after) }
}

// first is the first record, as it is; an empty object where there is none.
func first(records []byte) []byte {
	var list []json.RawMessage
	if json.Unmarshal(records, &list) != nil || len(list) == 0 {
		return []byte("{}")
	}
	return list[0]
}

// body lets a webhook carry its token in a body that this makes.
func body(method, contentType string, text func(token string) string) func(*http.Request, string) {
	return func(r *http.Request, token string) {
		r.Method, r.URL.RawQuery = method, ""
		put(r, contentType, text(token))
	}
}

// put gives a request its body.
func put(r *http.Request, contentType, text string) {
	// the body is taken over from a request that net/http has made of it, with its length
	made, err := http.NewRequestWithContext(context.Background(), r.Method, "http://host/",
		strings.NewReader(text))
	if err != nil {
		return
	}
	r.Body, r.ContentLength, r.GetBody = made.Body, made.ContentLength, made.GetBody
	r.Header.Set("Content-Type", contentType)
}

// inQuery lets a webhook carry its token as this parameter.
func inQuery(name string) func(*http.Request, string) {
	return func(r *http.Request, token string) {
		r.URL.RawQuery = url.Values{name: {token}}.Encode()
	}
}

// not refuses a member that satisfies bad.
func not(name, text string, bad func(raw json.RawMessage) bool) func(
	map[string]json.RawMessage) []problem {
	return func(m map[string]json.RawMessage) []problem {
		if raw, has := m[name]; has && bad(raw) {
			return []problem{{name, text}}
		}
		return nil
	}
}

func iterations(n int) func(*seal) { return func(o *seal) { o.p2c = n } }

func keyID(id string) func(*seal) { return func(o *seal) { o.kid = id } }

func algorithm(a jose.KeyAlgorithm) func(*seal) { return func(o *seal) { o.alg = a } }

// listed is a query's answer from its list of records.
func (b bend) listed(list []byte) []byte {
	var records []json.RawMessage
	if b.record != nil && json.Unmarshal(list, &records) == nil {
		for i := range records {
			records[i] = bent(records[i], b.record)
		}
		if bentList, err := json.Marshal(records); err == nil {
			list = bentList
		}
	}
	if b.answer != nil {
		return b.answer(list)
	}
	return list
}

// request changes how a webhook carries its token.
func (b bend) request(r *http.Request, token string) {
	switch {
	case b.bare:
		r.Method, r.URL.RawQuery = http.MethodPost, ""
		put(r, "application/json", token)
	case b.carry != nil:
		b.carry(r, token)
	}
}

// probe sends what comes before each webhook.
func (b bend) probe(client *http.Client, r *http.Request) error {
	if b.before == "" {
		return nil
	}
	u := *r.URL
	u.RawQuery = ""
	req, err := http.NewRequestWithContext(r.Context(), b.before, u.String(), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// refusesToo are further problems of a link or a request for a code.
func (s *Server) refusesToo(plaintext []byte) []problem {
	fields, err := strictjson.Object(plaintext, maxDepth)
	if err != nil || s.bend.refuse == nil {
		return nil
	}
	return s.bend.refuse(fields)
}
