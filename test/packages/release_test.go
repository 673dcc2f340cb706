package packages

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const maintainer = "Kopi & Co Pte Ltd <payments@kopi.test>"

// shell runs a script and returns what it says.
func shell(t *testing.T, script string, args ...string) string {
	t.Helper()
	out, err := exec.Command("bash", append([]string{"-euc", script, "bash"},
		args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// throwAway makes an OpenPGP key that signs this test's releases, and returns its file.
func throwAway(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "pack-key-") // short: gpg's agent has a socket in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	shell(t, `export GNUPGHOME="$1"
gpg --batch -q --passphrase "" --quick-generate-key "Kopi <releases@kopi.test>" ed25519 sign never
gpg --batch -q --armor --export-secret-keys >"$1/key.asc"
gpgconf --kill all`, home)
	return home + "/key.asc"
}

// committed is this tree, as it is, with all of it committed.
func committed(t *testing.T) string {
	t.Helper()
	tree := filepath.Join(t.TempDir(), "tree")
	shell(t, `git clone -q "$1" "$2"
(cd "$1" && git ls-files -z -co --exclude-standard | cpio --quiet -0pdmu "$2")
mkdir -p "$1/.cache/tools" "$2/.cache" && ln -s "$(realpath "$1")/.cache/tools" "$2/.cache/tools"
cd "$2"
git add -A
git -c user.name=test -c user.email=test@kopi.test commit -q --allow-empty -m "as it is"`,
		top, tree)
	return tree
}

// release runs make release in a tree.
func release(tree, out string, env ...string) (string, error) {
	cmd := exec.Command("nice", "make", "-s", "release", "ARCHS=amd64", "VERSION="+first,
		"OUT="+out)
	cmd.Dir, cmd.Env = tree, append(os.Environ(), env...)
	said, err := cmd.CombinedOutput()
	return string(said), err
}

func TestReleaseIsRefused(t *testing.T) {
	if !*real {
		t.Skip("make test-packages")
	}
	tree, key := committed(t), throwAway(t)
	for _, tc := range []struct {
		key, maintainer, want string
	}{
		{key, "", "MAINTAINER is not set"},
		{key, "kiosk-agent maintainers <kiosk-agent@example.com>", "MAINTAINER is nobody"},
		{key, "root <root@localhost>", "MAINTAINER is nobody"},
		{key, "payments@kopi.test", `must be "Name <address>"`},
		{"", maintainer, "RELEASE_KEY is not set"},
		{filepath.Join(tree, "nothing"), maintainer, "RELEASE_KEY cannot be read"},
		{filepath.Join(tree, "README.md"), maintainer, "RELEASE_KEY is no OpenPGP key"},
	} {
		said, err := release(tree, t.TempDir(), "RELEASE_KEY="+tc.key,
			"MAINTAINER="+tc.maintainer)
		if err == nil || !strings.Contains(said, tc.want) {
			t.Errorf("%q, %q: %v %s", tc.key, tc.maintainer, err, said)
		}
	}
	if err := os.WriteFile(filepath.Join(tree, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := release(tree, t.TempDir(), "RELEASE_KEY="+key, "MAINTAINER="+maintainer)
	if err == nil || !strings.Contains(said, "the tree is not what is committed") {
		t.Error(err, said)
	}
}

// TestRelease makes a release twice and takes one to a clean Debian, which has its key and nothing
// else of it: apt installs from it, every check passes, and with one byte of any file changed each
// check that covers that file fails.
func TestRelease(t *testing.T) {
	if !*real {
		t.Skip("make test-packages")
	}
	cleanRoot(t)
	tree, out, again := committed(t), t.TempDir(), t.TempDir()
	for _, dir := range []string{out, again} { // each with a key of its own
		said, err := release(tree, dir, "RELEASE_KEY="+throwAway(t), "MAINTAINER="+maintainer)
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		t.Log(strings.TrimSpace(said))
	}
	sameBytes(t, out, again)
	tellsWhereItIsFrom(t, tree, out)
	namesItsMaintainer(t, out)

	root := filepath.Join(t.TempDir(), "root")
	shell(t, `mkdir "$1" && tar -C "$1" --numeric-owner -xpf "$2" && cp -r "$3" "$1/release"
chmod 755 "$1/release" && cd "$1/etc/apt" && rm -rf sources.list sources.list.d/*
install -D -m 0644 "$1/release/keyring.gpg" keyrings/kiosk-agent.gpg
echo "deb [signed-by=/etc/apt/keyrings/kiosk-agent.gpg] file:/release stable main" \
	>sources.list.d/kiosk-agent.list`, root, rootArchive, out)
	c := clean(root)
	for _, check := range checks {
		if said, err := c.try(check.script); err != nil {
			t.Fatalf("%s: %v\n%s", check.name, err, said)
		}
	}
	if said, err := c.try(`apt-get install -qy --no-install-recommends kiosk-agent kiosk-relay
kiosk-agent version; kiosk-relay version`); err != nil ||
		!strings.HasSuffix(said, "kiosk-agent "+first+"\nkiosk-relay "+first+"\n") {
		t.Fatalf("%v\n%s", err, said)
	}
	c.alterEach(t)
}

// clean is the directory of a Debian.
type clean string

func (c clean) try(script string) (string, error) {
	root := string(c)
	out, err := exec.Command("unshare", "--net", "--mount", "--pid", "--fork",
		"--mount-proc="+root+"/proc", "chroot", root, "/usr/bin/env", "-i",
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
		"sh", "-ec", script).CombinedOutput()
	return string(out), err
}

const keyring = "gpgv -q --keyring /etc/apt/keyrings/kiosk-agent.gpg "

// checks are those of docs/INSTALL.md, with the files that each of them covers.
var checks = []struct {
	name, script string
	covers       []string
}{
	{"the checksums' signature", "cd /release && " + keyring + "SHA256SUMS.asc SHA256SUMS",
		[]string{"SHA256SUMS", "SHA256SUMS.asc"}},
	{"the checksums", "cd /release && sha256sum --strict --quiet -c SHA256SUMS",
		[]string{"pool/*/*", "sbom/*", "provenance.json", "keyring.gpg", "dists/stable/Release",
			"dists/stable/*/*/Packages*"}},
	{"the provenance", "cd /release && " + keyring + "provenance.json.asc provenance.json",
		[]string{"provenance.json", "provenance.json.asc"}},
	{"the archive's detached signature", "cd /release/dists/stable && " + keyring +
		"Release.gpg Release", []string{"dists/stable/Release", "dists/stable/Release.gpg"}},
	{"apt", `rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /tmp/got && mkdir -m 777 /tmp/got
apt-get -o APT::Update::Error-Mode=any -q update
cd /tmp/got && apt-get -q download kiosk-agent kiosk-relay kiosk-agent-display`,
		[]string{"dists/stable/InRelease", "dists/stable/*/*/Packages.gz", "pool/*/*"}},
}

// alterEach changes one byte of each file of the release, in turn.
func (c clean) alterEach(t *testing.T) {
	t.Helper()
	dir := filepath.Join(string(c), "release")
	for _, name := range filesOf(t, dir) {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		altered, at := bytes.Clone(whole), len(whole)/2
		for at < len(whole)-1 && whole[at] <= ' ' {
			at++ // a signature has line breaks that say nothing
		}
		altered[at] ^= 1
		if err := os.WriteFile(path, altered, 0o644); err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, check := range checks {
			for _, pattern := range check.covers {
				if ok, err := filepath.Match(pattern, name); err != nil {
					t.Fatal(err)
				} else if !ok {
					continue
				}
				found++
				if said, err := c.try(check.script); err == nil {
					t.Errorf("%s passes with byte %d of %s changed:\n%s", check.name, at, name,
						said)
				}
			}
		}
		if found == 0 {
			t.Errorf("no check covers %s", name)
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, check := range checks {
		if said, err := c.try(check.script); err != nil {
			t.Errorf("%s: %v\n%s", check.name, err, said)
		}
	}
}

func filesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, name)
		return err
	})
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	return names
}

// sameBytes compares all of two releases but the signatures and the key.
func sameBytes(t *testing.T, one, two string) {
	t.Helper()
	for _, name := range filesOf(t, one) {
		if strings.HasSuffix(name, ".asc") || filepath.Base(name) == "InRelease" ||
			filepath.Base(name) == "Release.gpg" || name == "keyring.gpg" {
			continue
		}
		a, err := os.ReadFile(filepath.Join(one, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(two, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "SHA256SUMS" {
			a, b = without(a, "  keyring.gpg\n"), without(b, "  keyring.gpg\n")
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs between two releases of one commit", name)
		}
	}
}

// without leaves out the lines that end so.
func without(text []byte, end string) (rest []byte) {
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte(end)) {
			rest = append(rest, line...)
		}
	}
	return rest
}

// tellsWhereItIsFrom reads the provenance, and holds it to the files, the commit and go.sum.
func tellsWhereItIsFrom(t *testing.T, tree, out string) {
	t.Helper()
	var s struct {
		Type    string `json:"_type"`
		Subject []struct {
			Name   string
			Digest map[string]string
		}
		PredicateType string
		Predicate     struct {
			BuildDefinition struct {
				ExternalParameters   map[string]string
				InternalParameters   map[string]string
				ResolvedDependencies []struct {
					URI    string
					Digest map[string]string
				}
			}
			RunDetails struct{ Builder struct{ ID string } }
		}
	}
	b, err := os.ReadFile(filepath.Join(out, "provenance.json"))
	if err != nil || json.Unmarshal(b, &s) != nil {
		t.Fatal(err, string(b))
	}
	build := s.Predicate.BuildDefinition
	if s.Type != "https://in-toto.io/Statement/v1" || s.Predicate.RunDetails.Builder.ID == "" ||
		s.PredicateType != "https://slsa.dev/provenance/v1" ||
		build.ExternalParameters["version"] != first || build.InternalParameters["go"] == "" {
		t.Errorf("%+v", s)
	}
	digests := map[string]string{}
	for _, f := range s.Subject {
		digests[f.Name] = f.Digest["sha256"]
	}
	for _, name := range filesOf(t, out) {
		whole, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(whole)
		made := strings.HasPrefix(name, "pool/") || strings.HasPrefix(name, "sbom/")
		if made && digests[name] != hex.EncodeToString(sum[:]) {
			t.Errorf("the provenance says %q of %s", digests[name], name)
		}
		if deb, ok := strings.CutSuffix(name, ".deb"); ok {
			bill, err := os.ReadFile(filepath.Join(out, "sbom",
				filepath.Base(deb)+".sbom.json"))
			if err != nil || !bytes.Contains(bill, []byte(hex.EncodeToString(sum[:]))) {
				t.Errorf("no bill of materials names %s (%v)", name, err)
			}
		}
	}
	from := map[string]string{}
	for _, d := range build.ResolvedDependencies {
		uri, version, _ := strings.Cut(d.URI, "@")
		from[uri+"@"+version] = d.Digest["dirHash"] + d.Digest["gitCommit"]
	}
	commit := shell(t, `git -C "$1" rev-parse HEAD`, tree)
	if from["git+urn:kiosk-agent:source@"+commit] != commit {
		t.Errorf("the provenance does not name the commit %s", commit)
	}
	for line := range strings.Lines(read(t, "go.sum")) {
		f := strings.Fields(line)
		if !strings.HasSuffix(f[1], "/go.mod") && from["pkg:golang/"+f[0]+"@"+f[1]] == "" {
			t.Errorf("the provenance does not name %s %s", f[0], f[1])
		}
	}
}

// namesItsMaintainer looks for him in each package, and for whom he took the place of.
func namesItsMaintainer(t *testing.T, out string) {
	t.Helper()
	debs, err := filepath.Glob(out + "/pool/main/*.deb")
	if err != nil || len(debs) != 3 {
		t.Fatal(debs, err)
	}
	for _, deb := range debs {
		if got := shell(t, `dpkg-deb -f "$1" Maintainer`, deb); got != maintainer {
			t.Errorf("%s: %s", deb, got)
		}
		text := shell(t, `dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards \
"./usr/share/doc/kiosk-*/changelog.gz" | gunzip`, deb)
		if !strings.Contains(text, "\n -- "+maintainer+"  ") {
			t.Errorf("%s: %s", deb, text)
		}
		if strings.Contains(filepath.Base(deb), "display") {
			continue
		}
		if text := shell(t, `dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards \
"./usr/share/doc/kiosk-*/SECURITY.md"`, deb); !strings.Contains(text,
			"\nContact: "+maintainer+"\n") {
			t.Errorf("SECURITY.md in %s names no contact", deb)
		}
	}
}
