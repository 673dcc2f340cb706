package ui

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

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

// TestTextsAreComplete: every language has every text, in its own script, translated, and every
// screen has its words and its icon.
func TestTextsAreComplete(t *testing.T) {
	all := allTexts(t)
	for _, l := range languages {
		if err := l.whole(all); err != nil {
			t.Error(err)
		}
		if l.tag == "" || len(l.unknown) != 2 {
			t.Errorf("%s: the line of the language is not whole: %+v", l.code, l)
		}
		for key, text := range all[l.code] {
			if strings.TrimSpace(text) != text || l.code != "en" && text == all["en"][key] {
				t.Errorf("%s %s is not translated: %q", l.code, key, text)
			}
		}
	}
	for code := range all {
		if _, err := languageOf(code); err != nil {
			t.Errorf("texts.json has %s, and languages has no line for it", code)
		}
	}
	icons := string(mustAsset(t, "icons.js"))
	for _, screen := range append(payment.Screens(), screenWait, "too_small", "moved") {
		kind := string(screen)
		if all["en"][kind+".title"] == "" || all["en"][kind+".text"] == "" &&
			screen != payment.ScreenPay {
			t.Errorf("no words for screen %s", kind)
		}
		if screen != payment.ScreenPay && screen != payment.ScreenChoose &&
			!strings.Contains(icons, "\n  "+kind+": ") {
			t.Errorf("no icon for screen %s", kind)
		}
	}
}

// TestTextsOfThePage: what the page asks for by name is there.
func TestTextsOfThePage(t *testing.T) {
	en := allTexts(t)["en"]
	asked := regexp.MustCompile(`data-text="([^"]+)"|setup\.texts\[first\]\.([a-z_]+)`)
	names := []string{"pay.link", "pay.app"} // of howToScan
	for _, file := range []string{"index.html", "view.js"} {
		for _, m := range asked.FindAllStringSubmatch(string(mustAsset(t, file)), -1) {
			names = append(names, m[1]+m[2])
		}
	}
	if len(names) < 5 {
		t.Errorf("only %q found", names)
	}
	for _, name := range names {
		if en[name] == "" {
			t.Errorf("the page asks for the text %s, and texts.json has none", name)
		}
	}
}

// TestWhatALanguageLacks is said by name.
func TestWhatALanguageLacks(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		change     func(all map[string]map[string]string)
	}{
		{"the language", "no language ms", func(all map[string]map[string]string) {
			delete(all, "ms")
		}},
		{"a text", "ms has no pay.title, which en has", func(all map[string]map[string]string) {
			delete(all["ms"], "pay.title")
		}},
		{"a text that only one language has", "ms has no novel.title, which ta has",
			func(all map[string]map[string]string) { all["ta"]["novel.title"] = "புதிய" }},
		{"its script", "ms, wait.title: \"…\" is not in this language's script",
			func(all map[string]map[string]string) { all["ms"]["wait.title"] = "…" }},
		{"the warning", "unknown.title does not say \"jangan bayar sekali lagi\"",
			func(all map[string]map[string]string) {
				all["ms"]["unknown.title"] = "Sila tanya kakitangan kami"
			}},
	} {
		all := allTexts(t)
		tc.change(all)
		l, err := languageOf("ms")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.whole(all); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
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

func TestLanguagesOfConfig(t *testing.T) {
	for _, tc := range []struct {
		name string
		want []string
		ok   bool
	}{
		{"all", Languages(), true}, {"one", []string{"ta"}, true}, {"none", nil, false},
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
		"0.05": "0.05", "": "", "1e9": "1e9", "-1000.00": "-1000.00", ".5": ".5", "1000.": "1,000.",
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
