package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const canary = "canary-3f9a-never-printed"

func TestValuePrintsNothing(t *testing.T) {
	v := New([]byte(canary))
	type holder struct {
		V      Value
		P      *Value
		hidden Value
		inner  *Value
	}
	h := holder{v, &v, v, &v}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v, "h", h)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v, "h", fmt.Sprint(h))
	js, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		log.WriteString(fmt.Sprintf(verb, v) + fmt.Sprintf(verb, h) + fmt.Sprintf(verb, &h) +
			fmt.Sprintf(verb, []holder{h}))
	}
	log.Write(js)
	log.WriteString(fmt.Errorf("wrapped: %w %v", errors.New("x"), v).Error())
	for _, form := range []string{canary, fmt.Sprintf("%x", canary),
		fmt.Sprintf("%d", []byte(canary))} {
		if strings.Contains(strings.ToLower(log.String()), form) {
			t.Fatalf("the secret was printed: %s", log.String())
		}
	}
}

func TestMatches(t *testing.T) {
	v := New([]byte(canary))
	if !v.Matches([]byte(canary)) || v.Matches([]byte(canary+"x")) || v.Matches(nil) ||
		(Value{}).Matches(nil) {
		t.Error("Matches is wrong")
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode fs.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	good := write("good", canary+"\r\n", 0o600)
	for _, tc := range []struct{ name, ref, cred, wantErr string }{
		{"file", "file:" + good, "", ""},
		{"credential", "credential:good", dir, ""},
		{"group may read", "file:" + write("group", canary, 0o640), "", ""},
		{"others may read", "file:" + write("open", canary, 0o644), "", "chmod 0600"},
		{"empty", "file:" + write("empty", "\n", 0o600), "", "is empty"},
		{"byte order mark", "file:" + write("bom", "\uFEFF"+canary+"\n", 0o600), "",
			"has a byte order mark (U+FEFF): write the secret anew"},
		{"blank line", "file:" + write("blank", canary+"\n\n", 0o600), "", "has several lines"},
		{"two lines", "file:" + write("two", canary+"\r\n"+canary, 0o600), "", "several lines"},
		{"no-break space", "file:" + write("nbsp", canary+"\u00A0", 0o600), "",
			"has a no-break space (U+00A0)"},
		{"a blank behind", "file:" + write("behind", canary+" \n", 0o600), "", "ends with a space"},
		{"UTF-16", "credential:" + filepath.Base(write("utf16", "\xff\xfea\x00", 0o600)), dir,
			"is in UTF-16"},
		{"too long", "file:" + write("long", strings.Repeat("x", maxFile+1), 0o600), "", "at most"},
		{"missing", "file:" + filepath.Join(dir, "none"), "", "no such file"},
		{"the value itself", canary, "", "never written here"},
		{"unknown kind", "env:" + canary, "", "never written here"},
		{"no directory", "credential:good", "", "LoadCredential"},
		{"slash in name", "credential:../x", dir, "no slash"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := Resolve(tc.ref, tc.cred)
			if tc.wantErr == "" {
				if err != nil || string(v.Reveal()) != canary {
					t.Fatalf("Resolve = %q, %v", v.Reveal(), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
				t.Fatalf("error = %v, want %q", err, tc.wantErr)
			}
			if strings.Contains(err.Error(), canary) {
				t.Fatalf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestEnsureFile(t *testing.T) {
	p := filepath.Join(t.TempDir(), "sub", "token")
	first, err := EnsureFile(p)
	if err != nil || first.Len() != 43 {
		t.Fatalf("EnsureFile: %d bytes, %v", first.Len(), err)
	}
	second, err := EnsureFile(p)
	if err != nil || !second.Matches(first.Reveal()) {
		t.Fatalf("second EnsureFile differs: %v", err)
	}
	info, err := os.Stat(p)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
}
