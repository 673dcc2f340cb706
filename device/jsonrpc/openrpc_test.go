package jsonrpc

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/device"
	"kiosk-agent/payment"
)

type schema struct {
	Ref        string            `json:"$ref"`
	Type       string            `json:"type"`
	Format     string            `json:"format"`
	Enum       []string          `json:"enum"`
	OneOf      []schema          `json:"oneOf"`
	Items      *schema           `json:"items"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Minimum    *int64            `json:"minimum"`
	Maximum    *int64            `json:"maximum"`
	MaxItems   int               `json:"maxItems"`
	MaxLength  int               `json:"maxLength"`
}

type docMethod struct {
	Name           string
	ParamStructure string
	Params         []struct {
		Name     string
		Required bool
		Schema   schema
	}
	Result struct{ Schema schema }
	Errors []schema
}

type openRPC struct {
	OpenRPC       string
	Methods       []docMethod
	Notifications []docMethod `json:"x-notifications"`
	Components    struct {
		Schemas map[string]schema
		Errors  map[string]struct {
			Code    int
			Message string
			Data    device.ErrorData
		}
	}
}

func readOpenRPC(t *testing.T) openRPC {
	t.Helper()
	raw, err := os.ReadFile("../../docs/openrpc.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc openRPC
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenRPC, "1.3.") {
		t.Errorf("version %q", doc.OpenRPC)
	}
	return doc
}

func TestOpenRPCMethods(t *testing.T) {
	doc := readOpenRPC(t)
	var want, have []string
	for _, m := range methods {
		want = append(want, m.name)
		for _, p := range m.params {
			want = append(want, fmt.Sprintf("%s(%s %v)", m.name, p.name, p.required))
		}
		want = append(want, m.name+" → "+schemaName(reflect.TypeOf(m.result)))
	}
	for _, m := range doc.Methods {
		have = append(have, m.Name)
		for _, p := range m.Params {
			have = append(have, fmt.Sprintf("%s(%s %v)", m.Name, p.Name, p.Required))
		}
		have = append(have, m.Name+" → "+
			strings.TrimPrefix(m.Result.Schema.Ref, "#/components/schemas/"))
		if m.ParamStructure != "by-name" {
			t.Errorf("%s: params are by name only", m.Name)
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
	for _, n := range doc.Notifications {
		have = append(have, n.Name+" "+n.Params[0].Name+" "+n.Params[0].Schema.Ref)
	}
	got := have[len(want):]
	if diff := cmp.Diff([]string{"payment.changed payment #/components/schemas/View",
		"terminal.changed status #/components/schemas/Status"}, got); diff != "" {
		t.Error(diff)
	}
}

// schemaName is how the document calls a Go type.
func schemaName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[listResult]():
		return "PaymentList"
	case reflect.TypeFor[empty]():
		return "Empty"
	default:
		return t.Name()
	}
}

// Every object of the document has the fields of its Go struct, of the same types, optional exactly
// where Go leaves them out.
func TestOpenRPCSchemas(t *testing.T) {
	doc := readOpenRPC(t)
	checked := map[string]bool{"View": true, "PaymentStatus": true, "Flag": true}
	var check func(reflect.Type)
	check = func(typ reflect.Type) {
		name := schemaName(typ)
		if checked[name] {
			return
		}
		checked[name] = true
		s, ok := doc.Components.Schemas[name]
		if !ok {
			t.Errorf("no schema %s", name)
			return
		}
		var props, required []string
		for i := range typ.NumField() {
			f := typ.Field(i)
			tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			props = append(props, tag)
			if options == "" {
				required = append(required, tag)
			}
			if diff := cmp.Diff(describe(f.Type, check),
				describeSchema(s.Properties[tag])); diff != "" {
				t.Errorf("%s.%s: %s", name, tag, diff)
			}
		}
		slices.Sort(props)
		if diff := cmp.Diff(props, slices.Sorted(maps.Keys(s.Properties))); len(props) > 0 &&
			diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(required, s.Required); len(props) > 0 && diff != "" {
			t.Errorf("%s required: %s", name, diff)
		}
	}
	for _, m := range methods {
		check(reflect.TypeOf(m.result))
	}
	check(reflect.TypeFor[device.Outline]())
	check(reflect.TypeFor[device.ErrorData]())
	for name := range doc.Components.Schemas {
		if !checked[name] {
			t.Errorf("schema %s is nobody's", name)
		}
	}
}

// describe is a Go type in one word, as JSON shows it; structs are checked on the way.
func describe(typ reflect.Type, check func(reflect.Type)) string {
	switch {
	case typ == reflect.TypeFor[device.Time]():
		return "string date-time"
	case typ == reflect.TypeFor[device.View]():
		return "View"
	case typ == reflect.TypeFor[payment.Status]():
		return "PaymentStatus"
	case typ == reflect.TypeFor[payment.Flag]():
		return "Flag"
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return describe(typ.Elem(), check)
	case reflect.Slice:
		return "array of " + describe(typ.Elem(), check)
	case reflect.Struct:
		check(typ)
		return schemaName(typ)
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
		return "integer"
	default:
		return "unexpected " + typ.String()
	}
}

func describeSchema(s schema) string {
	switch {
	case s.Ref != "":
		return strings.TrimPrefix(s.Ref, "#/components/schemas/")
	case len(s.OneOf) > 0:
		return "View" // Status.active: the same, or null
	case s.Items != nil:
		return "array of " + describeSchema(*s.Items)
	case s.Format != "":
		return s.Type + " " + s.Format
	default:
		return s.Type
	}
}

func TestOpenRPCErrors(t *testing.T) {
	doc := readOpenRPC(t)
	type row struct {
		code                int
		kind, message, hint string
	}
	want := map[string]row{}
	for _, c := range payment.Codes() {
		m := device.MappingOf(c)
		want[m.Kind] = row{m.Number, m.Kind, m.Message, m.Hint}
	}
	for _, msg := range []string{`x`, `{}`, request(1, "x", "{}")} {
		e := device.ErrorFor(decode([]byte(msg)).calls[0].fail, "")
		want[e.Data.Kind] = row{e.Code, e.Data.Kind, "", e.Data.Hint}
	}
	used := map[string]bool{}
	for _, m := range doc.Methods {
		for _, e := range m.Errors {
			used[strings.TrimPrefix(e.Ref, "#/components/errors/")] = true
		}
	}
	for name, e := range doc.Components.Errors {
		w, ok := want[e.Data.Kind]
		if !ok {
			t.Errorf("%s: the code knows no such error", name)
			continue
		}
		delete(want, e.Data.Kind)
		if w.message == "" {
			w.message = e.Message
		}
		if got := (row{e.Code, e.Data.Kind, e.Message, e.Data.Hint}); got != w {
			t.Errorf("%s: document %+v, code %+v", name, got, w)
		}
		if !used[name] {
			t.Errorf("%s: no method has it", name)
		}
		delete(used, name)
	}
	if len(want) > 0 || len(used) > 0 {
		t.Errorf("missing in the document: %v %v", want, used)
	}
}

func TestOpenRPCLimitsAndWords(t *testing.T) {
	doc := readOpenRPC(t)
	params := map[string]schema{}
	for _, m := range doc.Methods {
		for _, p := range m.Params {
			params[m.Name+" "+p.Name] = p.Schema
		}
	}
	for name, want := range map[string][2]int64{"payment.start timeout_s": {minTimeout, maxTimeout},
		"payment.list limit": {1, maxList}} {
		if p := params[name]; p.Minimum == nil || p.Maximum == nil || *p.Minimum != want[0] ||
			*p.Maximum != want[1] {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if p := params["payment.start schemes"]; p.MaxItems != maxSchemes ||
		p.Items.MaxLength != maxScheme {
		t.Errorf("schemes: %+v", p)
	}
	if p := params["payment.start description"]; p.MaxLength != maxDescription {
		t.Errorf("description: %+v", p)
	}
	words := []string{string(payment.StatusCreated), string(payment.StatusAwaiting),
		string(payment.StatusApproved), string(payment.StatusDeclined),
		string(payment.StatusExpired), string(payment.StatusCancelled),
		string(payment.StatusUnknown)}
	if diff := cmp.Diff(words, doc.Components.Schemas["PaymentStatus"].Enum); diff != "" {
		t.Error(diff)
	}
	flags := []string{string(payment.FlagLate), string(payment.FlagDuplicate),
		string(payment.FlagAmountMismatch), string(payment.FlagUnconfirmed),
		string(payment.FlagReversed)}
	if diff := cmp.Diff(flags, doc.Components.Schemas["Flag"].Enum); diff != "" {
		t.Error(diff)
	}
}
