package ui

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// textsJSON has every word of the display: language → key → text. A screen's keys begin with its
// name.
//
//go:embed texts.json
var textsJSON []byte

// language is one in which texts.json speaks.
type language struct {
	code   string
	tag    string              // makes a browser choose the right glyphs
	script *unicode.RangeTable // every text has a letter of it
	// what unknown.title says, the most important sentence of all: ask staff, do not pay again
	unknown []string
}

// languages has one line for each language; another is its line here and its texts in texts.json.
// It is never written after its creation.
var languages = []language{
	{"en", "en", unicode.Latin, []string{"ask our staff", "do not pay again"}},
	{"zh", "zh-Hans", unicode.Han, []string{"询问工作人员", "请勿再次付款"}},
	{"ms", "ms", unicode.Latin, []string{"tanya kakitangan", "jangan bayar sekali lagi"}},
	{"ta", "ta", unicode.Tamil, []string{"ஊழியரிடம்", "மீண்டும் பணம் செலுத்த வேண்டாம்"}},
}

// Languages are the codes that [Config.Languages] may name.
func Languages() []string {
	all := make([]string, len(languages))
	for i, l := range languages {
		all[i] = l.code
	}
	return all
}

// languageOf is the line of a code.
func languageOf(code string) (language, error) {
	i := slices.IndexFunc(languages, func(l language) bool { return l.code == code })
	if i < 0 {
		return language{}, fmt.Errorf("ui: no texts in language %q, there are %s", code,
			strings.Join(Languages(), ", "))
	}
	return languages[i], nil
}

// loadTexts returns the texts of the wanted languages, each whole.
func loadTexts(want []string) (map[string]map[string]string, error) {
	if len(want) == 0 {
		return nil, errors.New("ui: no language given")
	}
	var all map[string]map[string]string
	if err := json.Unmarshal(textsJSON, &all); err != nil {
		return nil, fmt.Errorf("ui: texts.json: %w", err)
	}
	out := map[string]map[string]string{}
	for _, code := range want {
		l, err := languageOf(code)
		if err != nil {
			return nil, err
		}
		if out[code] != nil {
			return nil, fmt.Errorf("ui: language %q is given twice", code)
		}
		if err := l.whole(all); err != nil {
			return nil, err
		}
		out[code] = all[code]
	}
	return out, nil
}

// whole says by name what the language's texts lack: a key that another language has, or a text in
// its own script.
func (l language) whole(all map[string]map[string]string) error {
	texts, ok := all[l.code]
	if !ok {
		return fmt.Errorf("ui: texts.json has no language %s", l.code)
	}
	for _, other := range slices.Sorted(maps.Keys(all)) {
		for _, key := range slices.Sorted(maps.Keys(all[other])) {
			text := texts[key]
			if text == "" {
				return fmt.Errorf("ui: texts.json: %s has no %s, which %s has", l.code, key, other)
			}
			if !strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(l.script, r) }) {
				return fmt.Errorf("ui: texts.json: %s, %s: %q is not in this language's script",
					l.code, key, text)
			}
		}
	}
	for _, words := range l.unknown {
		if !strings.Contains(texts["unknown.title"], words) {
			return fmt.Errorf("ui: texts.json: %s: unknown.title does not say %q", l.code, words)
		}
	}
	return nil
}
