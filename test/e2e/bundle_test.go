package e2e_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/device"
)

// unpack reads a bundle: the members' texts by name.
func unpack(t testing.TB, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string)
	for archive := tar.NewReader(zipped); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		texts[path.Base(head.Name)] = head.Name + "\n" + string(text)
	}
}

// TestNoSecretInBundle plays sales that go well and sales that do not, spoils the log and the
// configuration's comments with every secret, and reads every byte of the support bundle.
func TestNoSecretInBundle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("config.toml", readText(t, w.config())+"# the old secret was "+
		string(w.secret.Reveal())+"\n")
	_, x := w.opens()
	sold := w.play(x)
	open := x.start("OPEN-REFERENCE", 1900)
	sold = append(sold, open)
	canaries := w.canaries()
	for _, p := range sold {
		canaries = append(canaries, linkCanaries(t, p)...)
	}
	canaries = append(canaries, canary{"a till's reference",
		[]string{"OPEN-REFERENCE", "MISMATCH", "FORGED"}})

	log := w.agentLog.String() + strings.Repeat("an old line\n", 10)
	for i, secret := range []string{
		string(w.secret.Reveal()), readFile(t, w.dir, "relay.token"), string(w.tillToken.Reveal()),
		w.hookURL, open.QRPayload, "Authorization: Bearer " + readFile(t, w.dir, "admin.token"),
		"http://screen/?token=" + string(w.displayToken.Reveal()),
	} {
		log += fmt.Sprintf("line %d: error=%q %s\n", i, secret, secret)
	}
	log += "the newest line\n"
	w.write("agent.log", log)
	file := filepath.Join(w.dir, "kiosk.tar.gz")
	said := w.command(0, "support-bundle", file, "--log", filepath.Join(w.dir, "agent.log"),
		"--lines", "500")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the bundle: %v, %v", info.Mode(), err)
	}
	texts := unpack(t, file)
	nowhere(t, texts, canaries)
	nowhere(t, map[string]string{"what the command says": said}, canaries)
	for name, wants := range map[string][]string{
		"config.toml":   {"id = 'WORLD-1'", "/hook/[redacted]", "file:" + w.dir + "/axs.secret"},
		"status.json":   {`"ready": true`, open.ID},
		"doctor.json":   {`"check": "gateway"`, "the agent runs the same"},
		"journal.json":  {`"head_seq": `},
		"facts.jsonl":   {`"kind":"notified"`, `"kind":"parked"`, sold[0].ID},
		"worklist.json": {`"amount_mismatch"`, `"parked"`},
		"metrics.txt":   {"kiosk_relay_client_connected 1"},
		"log.txt":       {"the newest line", "line 6: "},
		"system.txt":    {"processors", "journal.db"},
	} {
		for _, want := range wants {
			if !strings.Contains(texts[name], want) {
				t.Errorf("%s lacks %s:\n%.2000s", name, want, texts[name])
			}
		}
	}
	w.command(1, "support-bundle", file) // it replaces nothing
	w.agent.stop()
	broken := strings.Replace(readText(t, w.config()), `id = "WORLD-1"`,
		`id = "WORLD-1"`+"\nsecret = "+fmt.Sprintf("%q", w.secret.Reveal()), 1)
	w.write("config.toml", broken)
	file = filepath.Join(w.dir, "broken.tar.gz")
	w.command(0, "support-bundle", file)
	nowhere(t, unpack(t, file), canaries)
	if !slices.ContainsFunc(sold, func(p device.Payment) bool {
		return strings.Contains(log, p.QRPayload)
	}) {
		t.Error("the log holds no link: this test looks at the wrong thing")
	}
}
