package singapay

import (
	"strings"
	"testing"
)

func canonicalOf(t *testing.T, f form, body string) string {
	t.Helper()
	m, err := parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return string(f.canonical(m))
}

func TestCanonicalVectors(t *testing.T) {
	for _, c := range loadVectors(t).Canonicalisation {
		switch {
		case c.Literal != "":
			wantSame(t, c.Literal, canonicalOf(t, form{}, c.In))
			wantSame(t, c.PHP, canonicalOf(t, form{php: true}, c.In))
		case c.Quirk:
			wantSame(t, c.Out, canonicalOf(t, form{php: true}, c.In))
		default:
			wantSame(t, c.Out, canonicalOf(t, form{}, c.In))
			wantSame(t, c.Out, canonicalOf(t, form{php: true}, c.In))
		}
	}
	for _, v := range loadVectors(t).Webhook.Vectors {
		f := form{php: v.Name == "empty-object-php-cast"}
		if got := canonicalOf(t, f, v.Body); got != v.Normalised {
			t.Errorf("%s: %s", v.Name, got)
		} else if v.Mode == "normalized" && hashed([]byte(got)) != v.Hash {
			t.Errorf("%s: another hash", v.Name)
		}
	}
}

func TestCanonicalRules(t *testing.T) {
	php := form{php: true}
	for _, tc := range []struct {
		name, in, out string
		f             form
	}{
		{"keys in byte order", `{"b":1,"é":2,"B":3,"_":4,"a":{"z":1,"Z":2}}`,
			`{"B":3,"_":4,"a":{"Z":2,"z":1},"b":1,"é":2}`, form{}},
		{"a list keeps its order", `{"a":[3,1,2]}`, `{"a":[3,1,2]}`, form{}},
		{"controls", `{"s":"\u0000\u001f\u007f\/\"\\"}`,
			"{\"s\":\"\\u0000\\u001f\u007f/\\\"\\\\\"}", form{}},
		{"surrogates", `{"s":"\ud83d\ude00"}`, `{"s":"😀"}`, form{}},
		{"digits stay", `{"n":[10000.00,1e3,-0,12345678901234567890]}`,
			`{"n":[10000.00,1e3,-0,12345678901234567890]}`, form{}},
		{"PHP's numbers", `{"n":[10000.00,1e3,0.50,1.5e-7,1e15]}`,
			`{"n":[10000,1000,0.5,1.5e-7,1e15]}`, php},
		{"PHP's lists", `{"a":{"1":"y","0":"x"},"b":{"1":"x"},"c":{"0":{}}}`,
			`{"a":["x","y"],"b":{"1":"x"},"c":[[]]}`, php},
		{"eleven keys are no list when sorted as text",
			`{"a":{"0":0,"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"10":10}}`,
			`{"a":{"0":0,"1":1,"10":10,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9}}`, php},
		{"a list of eleven, sorted too", `{"a":[0,1,2,3,4,5,6,7,8,9,10]}`,
			`{"a":{"0":0,"1":1,"10":10,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9}}`,
			form{php: true, sortLists: true}},
		{"a list of ten", `{"a":[0,1,2,3,4,5,6,7,8,9]}`, `{"a":[0,1,2,3,4,5,6,7,8,9]}`,
			form{php: true, sortLists: true}},
		{"PHP's own escapes", `{"s":"a/é😀\u2028\u007f\"","é/":1}`,
			`{"s":"a\/\u00e9\ud83d\ude00\u2028` + "\u007f" + `\"","\u00e9\/":1}`,
			form{php: true, escaped: true}},
		{"words", `{"a":[true,false,null,{},[]]}`, `{"a":[true,false,null,{},[]]}`, form{}},
	} {
		t.Run(tc.name, func(t *testing.T) { wantSame(t, tc.out, canonicalOf(t, tc.f, tc.in)) })
	}
}

func TestParseRefuses(t *testing.T) {
	deep := func(n int) string {
		return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) +
			`}`
	}
	for _, body := range []string{
		"", " ", "null", "1", `"text"`, "[]", `[{"a":1}]`, "{", `{"a":1}x`, `{"a":1}{}`, `{"a":1,}`,
		`{"a":1,"a":2}`, `{"x":{"a":1,"a":1}}`, "{'a':1}", `{"a":"\ud800"}`, `{"a":"\udc00"}`,
		`{"a":"\ud800\ud800"}`, `{"a":"\ud800x"}`, `{"\udfff":1}`, "{\"a\":\"\xff\"}", `{"a":01}`,
		`{"a":"` + "\n" + `"}`, deep(maxDepth),
	} {
		if m, err := parse([]byte(body)); err == nil {
			t.Errorf("%q was read as %v", body, m)
		}
	}
	for _, body := range []string{"{}", " {\n} ", `{"a":"\\ud800"}`, `{"a":"\ud83d\ude00\\"}`,
		`{"a":"[[[{{{\""}`, deep(maxDepth - 1)} {
		if _, err := parse([]byte(body)); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}
