package browserpolicy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPublic(t *testing.T) {
	for origin, want := range map[string]bool{
		"https://till.example": true, "http://till.example:8080": true, "https://8.8.8.8": true,
		"https://[2001:4860:4860::8888]": true, "https://Till.Example.": true,
		"http://127.0.0.1:7657": false, "http://localhost": false, "http://[::1]:80": false,
		"http://192.168.1.5": false, "https://10.0.0.1": false, "https://169.254.1.1": false,
		"https://[fd00::1]": false, "https://[::ffff:192.168.1.5]": false, "http://till": false,
		"https://till.local": false, "https://a.localhost": false, "https://pos.home.arpa": false,
		"null": false, "file://": false, "": false,
	} {
		if got := Public(origin); got != want {
			t.Errorf("%q: %t", origin, got)
		}
	}
}

func TestMatches(t *testing.T) {
	const origin = "https://till.example"
	for pattern, want := range map[string]bool{
		origin: true, "https://till.example/": true, "https://till.example:443": true, "*": true,
		"till.example": true, "https://[*.]example": true, "[*.]till.example": true,
		"https://*": true, "https://TILL.example": true, "*://till.example": true,
		"http://till.example": false, "https://till.example:8443": false,
		"https://example": false, "https://[*.]ill.example": false,
		"https://till.example.org": false, "": false, "https://": false,
	} {
		if got := matches(pattern, origin); got != want {
			t.Errorf("%q: %t", pattern, got)
		}
	}
	if !matches("https://[::1]:8443", "https://[::1]:8443") {
		t.Error("an address of IPv6 is not itself")
	}
}

// TestWrite: what is written allows its origins and leaves others' files as they are; it is there
// for everybody to read, since browsers do not run as root.
func TestWrite(t *testing.T) {
	b := Browser{Name: "Chromium", Dir: filepath.Join(t.TempDir(), "policies", "managed")}
	if v, file, err := b.Says("https://till.example"); v != Silent || file != "" || err != nil {
		t.Errorf("without a folder: %d, %q, %v", v, file, err)
	}
	path, err := b.Write([]string{"https://till.example", "https://b.example"})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for origin, want := range map[string]Verdict{"https://till.example": Allows,
		"https://b.example": Allows, "https://c.example": Silent} {
		if v, file, err := b.Says(origin); v != want || file != path || err != nil {
			t.Errorf("%s: %d by %q, %v", origin, v, file, err)
		}
	}
	for name, text := range map[string]string{"x.json": `{"` + Blocked + `": ["b.example"]}`,
		"y.json": "{"} {
		if err := os.WriteFile(filepath.Join(b.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	v, file, err := b.Says("https://b.example")
	if v != Blocks || filepath.Base(file) != "x.json" || err == nil ||
		!strings.Contains(err.Error(), "y.json") {
		t.Errorf("blocked: %d by %q, %v", v, file, err)
	}
}

func TestRegistryLines(t *testing.T) {
	edge := All()[2]
	want := []string{
		`reg add "HKLM\SOFTWARE\Policies\Microsoft\Edge\LoopbackNetworkAllowedForUrls" /v 1 ` +
			`/t REG_SZ /d "https://till.example" /f`,
		`reg add "HKLM\SOFTWARE\Policies\Microsoft\Edge\LocalNetworkAccessAllowedForUrls" /v 1 ` +
			`/t REG_SZ /d "https://till.example" /f`,
	}
	if got := edge.RegistryLines([]string{"https://till.example"}); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestDocument: what docs/INTEGRATION.md has to be copied is what init writes and says.
func TestDocument(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/INTEGRATION.md")
	if err != nil {
		t.Fatal(err)
	}
	origins := []string{"https://till.example"}
	text, err := Text(origins)
	if err != nil {
		t.Fatal(err)
	}
	want := append(All()[2].RegistryLines(origins), string(text))
	for _, b := range All() {
		want = append(want, "| "+b.Name+" | `"+b.Dir+"/"+File+"` | `"+b.Registry+"` |")
	}
	for _, w := range want {
		if !strings.Contains(string(doc), w) {
			t.Errorf("INTEGRATION.md lacks %q", w)
		}
	}
}
