package ui

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
)

func allTexts(t *testing.T) map[string]map[string]string {
	t.Helper()
	var all map[string]map[string]string
	if err := json.Unmarshal(textsJSON, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// Every language has every text, in its own script, and every screen has its words and its icon.
func TestTextsAreComplete(t *testing.T) {
	all := allTexts(t)
	if len(all) != len(languages) {
		t.Errorf("texts.json has %d languages, want %v", len(all), languages)
	}
	var want []string
	for key := range all["en"] {
		want = append(want, key)
	}
	slices.Sort(want)
	script := map[string]*unicode.RangeTable{"en": unicode.Latin, "ms": unicode.Latin,
		"zh": unicode.Han, "ta": unicode.Tamil}
	for _, lang := range languages {
		var got []string
		for key, text := range all[lang] {
			got = append(got, key)
			if strings.TrimSpace(text) != text || text == "" ||
				!strings.ContainsFunc(text, func(r rune) bool {
					return unicode.Is(script[lang], r)
				}) {
				t.Errorf("%s %s: %q is not a text in this language", lang, key, text)
			}
			if lang != "en" && text == all["en"][key] {
				t.Errorf("%s %s is not translated", lang, key)
			}
		}
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s has other keys than en:\n%s", lang, d)
		}
	}
	icons := string(mustAsset(t, "icons.js"))
	for _, screen := range append(payment.Screens(), screenWait, "too_small", "moved") {
		kind := string(screen)
		if !slices.Contains(want, kind+".title") || !slices.Contains(want, kind+".text") &&
			screen != payment.ScreenPay {
			t.Errorf("no words for screen %s", kind)
		}
		if screen != payment.ScreenPay && screen != payment.ScreenChoose &&
			!strings.Contains(icons, "\n  "+kind+": ") {
			t.Errorf("no icon for screen %s", kind)
		}
	}
}

func mustAsset(t *testing.T, name string) []byte {
	t.Helper()
	b, err := files.ReadFile("assets/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What the customer must do when the truth is not known is the most important sentence of all.
func TestUnknownSaysDoNotPayAgain(t *testing.T) {
	for lang, words := range map[string][]string{
		"en": {"ask our staff", "do not pay again"}, "zh": {"工作人员", "请勿再次付款"},
		"ms": {"kakitangan", "jangan bayar sekali lagi"},
		"ta": {"ஊழியரிடம்", "மீண்டும் பணம் செலுத்த வேண்டாம்"},
	} {
		for _, w := range words {
			if title := allTexts(t)[lang]["unknown.title"]; !strings.Contains(title, w) {
				t.Errorf("%s: %q does not say %q", lang, title, w)
			}
		}
	}
}

func TestLanguagesOfConfig(t *testing.T) {
	for _, tc := range []struct {
		name string
		want []string
		ok   bool
	}{
		{"all", languages, true}, {"one", []string{"ta"}, true}, {"none", nil, false},
		{"unknown", []string{"fr"}, false}, {"twice", []string{"en", "en"}, false},
	} {
		if _, err := loadTexts(tc.want); (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestGroupThousands(t *testing.T) {
	for in, want := range map[string]string{
		"10.23": "10.23", "9999999.00": "9,999,999.00", "1000": "1,000", "123456": "123,456",
		"0.05": "0.05", "": "",
		"1e9": "1e9", "-1000.00": "-1000.00", ".5": ".5", "1000.": "1,000.",
	} {
		if got := groupThousands(in); got != want {
			t.Errorf("groupThousands(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestReasonCode(t *testing.T) {
	for in, want := range map[string]string{
		"relay_unproven": "relay_unproven", "": "", "dial tcp 10.0.0.1:443: secret=hunter2": "",
		"Upper": "", strings.Repeat("a", 41): "",
	} {
		if got := reasonCode(in); got != want {
			t.Errorf("reasonCode(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestReasonsOfTheDisplay: what the display says by itself is a name of a reason that tills hear,
// or stands in the runbook as its own.
func TestReasonsOfTheDisplay(t *testing.T) {
	row, ok := payment.UnreadyOf(string(payment.NotReadyTooSmall))
	if want := []string{reasonTooSmall, reasonTooLong}; !ok || !slices.Equal(row.Screen, want) {
		t.Errorf("the table says %v, the display %v", row.Screen, want)
	}
	main := string(mustAsset(t, "main.js"))
	if !strings.Contains(main, "screen.reason === '"+reasonTooSmall+"'") {
		t.Errorf("the page has no words of its own for %s", reasonTooSmall)
	}
	page, err := os.ReadFile("../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range []string{reasonStarting, reasonBadScreen} {
		if !strings.Contains(string(page), "`"+own+"`") {
			t.Errorf("OPERATIONS.md does not say what %s is", own)
		}
	}
	for _, row := range payment.NotReadyReasons() {
		for _, code := range row.Screen {
			if reasonCode(code) != code {
				t.Errorf("%s: %q cannot be shown", row.Code, code)
			}
		}
	}
}

func TestSchemeLabels(t *testing.T) {
	got := schemeLabels([]string{"PAYNOW", "paynow", "WECHATPAY", "NewPay\n", "",
		strings.Repeat("x", 30)})
	want := []string{"PayNow", "WeChat Pay", "NewPay", strings.Repeat("x", 23) + "…"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// The policy forbids inline scripts and styles; the page must not need them, nor anything from
// elsewhere.
func TestPageNeedsNothingInlineOrForeign(t *testing.T) {
	p, err := newPage(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script>|<script [^>]*>[^<]`)
	for name, doc := range map[string][]byte{"page": p.html, "denied": p.denied} {
		if m := inline.Find(doc); m != nil {
			t.Errorf("%s has inline code: %q", name, m)
		}
	}
	foreign := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9-]+\.[a-z0-9.]+`)
	for name, doc := range p.assets {
		for _, m := range foreign.FindAllString(string(doc), -1) {
			if m != "http://www.w3.org" {
				t.Errorf("%s names another host: %q", name, m)
			}
		}
	}
}

func TestLogoType(t *testing.T) {
	for want, content := range map[string]string{
		"image/png": "\x89PNG\r\n\x1a\n0000", "image/jpeg": "\xff\xd8\xff\xe0",
		"image/svg+xml": `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`,
		"":              "<html><body>",
	} {
		if got, err := logoType([]byte(content)); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", content, got, err)
		}
	}
	if _, err := logoType(make([]byte, maxLogo+1)); err == nil {
		t.Error("a huge logo was accepted")
	}
}
