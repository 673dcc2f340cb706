package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A till that gives up before a customer could pay is refused, with the least that works.
func TestTillWaits(t *testing.T) {
	dir := t.TempDir()
	dialect := filepath.Join(dir, "till.toml")
	for _, tc := range []struct{ waits, within, want string }{
		{"60s", "25s", `till_waits = "60s" leaves the customer less than 30s with ` +
			`answer_within = "25s": the least that works is "60.4s"`},
		{"60400ms", "25s", ""},
		{"60s", "24s", ""},
		{"", "25s", ""},
	} {
		text := "base = \"nets\"\nname = \"x\"\n[timers]\ntill_waits = \"" + tc.waits + "\"\n"
		if err := os.WriteFile(dialect, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		full := strings.NewReplacer(`dialect = "paycube"`, `dialect = "`+dialect+`"`,
			`answer_within = "25s"`, `answer_within = "`+tc.within+`"`).Replace(fullText(t))
		path := filepath.Join(dir, "config.toml")
		if err := os.WriteFile(path, []byte(full), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		if (err == nil) != (tc.want == "") ||
			err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}
