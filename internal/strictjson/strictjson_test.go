package strictjson

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func nested(open, close string, n int) string {
	return strings.Repeat(open, n) + strings.Repeat(close, n)
}

func TestObject(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     error // nil: it is read
	}{
		{"empty", `{}`, nil},
		{"spaces around it", " {\"a\" : 1}\n", nil},
		{"another case is another name", `{"a":1,"A":2}`, nil},
		{"a member inside is not looked into", `{"a":{"b":1,"b":2}}`, nil},
		{"brackets in a string", `{"a":"[[[[[[[\"{{{{{"}`, nil},
		{"as deep as may be", `{"a":` + nested("[", "]", 4) + `}`, nil},
		{"too deep", `{"a":` + nested("[", "]", 5) + `}`, ErrDeep},
		{"too deep and never closed", strings.Repeat("[", 1<<20), ErrDeep},
		{"not text", "{\"a\":\"\xff\"}", ErrText},
		{"nothing", ``, ErrNotObject},
		{"a list", `[]`, ErrNotObject},
		{"a number", `1`, ErrNotObject},
		{"cut off", `{"a":1`, ErrMalformed},
		{"a comma too many", `{"a":1,}`, ErrMalformed},
		{"a name that is none", `{1:1}`, ErrMalformed},
		{"a number that is none", `{"a":01}`, ErrMalformed},
		{"another object", `{}{}`, ErrTail},
		{"a bracket", `{}}`, ErrTail},
		{"a letter", `{}x`, ErrTail},
	} {
		m, err := Object([]byte(tc.in), 5)
		if !errors.Is(err, tc.want) || (m == nil) != (tc.want != nil) {
			t.Errorf("%s: %v, %v", tc.name, m, err)
		}
	}
}

func TestTwice(t *testing.T) {
	for _, in := range []string{`{"a":1,"b":2,"a":1}`, `{"a":1,"\u0061":2}`, `{"":1,"":2}`} {
		var twice *DuplicateError
		if m, err := Object([]byte(in), 0); !errors.As(err, &twice) || m != nil {
			t.Errorf("%s: %v, %v", in, m, err)
		}
		for _, whole := range []string{in, `{"x":[0,{"y":` + in + `}]}`} {
			if m, err := Tree([]byte(whole), 9); !errors.As(err, &twice) || m != nil {
				t.Errorf("%s: %v, %v", whole, m, err)
			}
		}
	}
	long := &DuplicateError{strings.Repeat("x", 100)}
	if len(long.Error()) > 60 {
		t.Errorf("%d bytes: %v", len(long.Error()), long)
	}
}

// TestMembersBeforeAFault: who looks for anything of use sees what stands before the fault.
func TestMembersBeforeAFault(t *testing.T) {
	var names []string
	err := Members([]byte(`{"a":1,"a":2,"b":[3],"c":`), 5,
		func(name string, v json.RawMessage) error {
			names = append(names, name+"="+string(v))
			return nil
		})
	if !errors.Is(err, ErrMalformed) || !slices.Equal(names, []string{"a=1", "a=2", "b=[3]"}) {
		t.Errorf("%q, %v", names, err)
	}
	mine := errors.New("mine")
	err = Members([]byte(`{"a":1}`), 5, func(string, json.RawMessage) error { return mine })
	if !errors.Is(err, mine) {
		t.Error(err)
	}
}

func TestArray(t *testing.T) {
	for _, tc := range []struct {
		in   string
		n    int
		want error
	}{
		{`[]`, 0, nil}, {`[1,{"a":2}]`, 2, nil}, {`[1,2,3]`, 0, ErrLong}, {`{}`, 0, ErrNotArray},
		{`[1`, 0, ErrMalformed}, {`[1,]`, 0, ErrMalformed}, {`[1 2]`, 0, ErrMalformed},
		{`[1]]`, 0, ErrTail}, {`[[[1]]]`, 0, ErrDeep}, {"[\"\xff\"]", 0, ErrText},
	} {
		list, err := Array([]byte(tc.in), 2, 2)
		if !errors.Is(err, tc.want) || len(list) != tc.n {
			t.Errorf("%s: %s, %v", tc.in, list, err)
		}
	}
}

func TestTree(t *testing.T) {
	m, err := Tree([]byte(`{"n":12345678901234567890.10,"l":[{"x":null},true,"s",[]],"o":{}}`), 3)
	want := map[string]any{
		"n": json.Number("12345678901234567890.10"),
		"l": []any{map[string]any{"x": nil}, true, "s", []any{}},
		"o": map[string]any{},
	}
	if diff := cmp.Diff(want, m); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for in, want := range map[string]error{
		`[]`: ErrNotObject, `{"a":{"b":{}}}`: ErrDeep,
		`{"a":[1,]}`: ErrMalformed, `{} {}`: ErrMalformed,
		"{\"a\":\"\n\"}": ErrMalformed, `{"a":01}`: ErrMalformed,
	} {
		if m, err := Tree([]byte(in), 2); !errors.Is(err, want) || m != nil {
			t.Errorf("%s: %v, %v", in, m, err)
		}
	}
}

// FuzzStrictJSON: what is read is what encoding/json reads, no name is lost, and Object and Tree
// agree about the names.
func FuzzStrictJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"a":2}`, `{"a":{"b":[1,2.50,"x",null]}}`, `[1]`,
		`{"\u0061":"\ud800"}`, `{"a":1}x`, "{\"a\":\"\xff\"}", nested("[", "]", 70)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Object(b, 64)
		tree, treeErr := Tree(b, 64)
		if treeErr == nil && err != nil {
			t.Fatalf("a tree that is no object: %v", err)
		}
		if err != nil {
			return
		}
		if !json.Valid(b) {
			t.Fatalf("read, and is not valid: %q", b)
		}
		var plain map[string]json.RawMessage
		if err := json.Unmarshal(b, &plain); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain, m); diff != "" {
			t.Fatal(diff)
		}
		if treeErr == nil && !slices.Equal(slices.Sorted(maps.Keys(m)),
			slices.Sorted(maps.Keys(tree))) {
			t.Fatalf("%q and %q", m, tree)
		}
	})
}
