package packages

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// debsEnv names the packages to the second half of a test, which has a network of its own: the
// first half builds, and needs the world's.
const debsEnv = "KIOSK_PACKAGES_TEST"

// The versions that are built. Those that fail have another program in the package.
const (
	first     = "1.0.0"
	second    = "1.1.0"
	refused   = "1.2.0" // does not take the configuration
	stillborn = "1.3.0" // passes its check and does not start
)

var impostors = map[string]string{
	refused: `#!/bin/sh
[ "$1" != version ] || exit 0
echo "/etc/kiosk-agent/config.toml:6: terminal.id: this version wants another one" >&2
exit 1
`,
	stillborn: `#!/bin/sh
[ "$1" != run ] || { echo "no such luck" >&2; exit 1; }
exec /usr/lib/kiosk-agent/kept/1.1.0/kiosk-agent "$@"
`,
}

// alone runs the test again with the packages, as the only user of a new network, and reports
// whether that has been done already.
func alone(t *testing.T, archs ...string) (debs string, inside bool) {
	t.Helper()
	if !*real {
		t.Skip("make test-packages")
	}
	if debs = os.Getenv(debsEnv); debs != "" {
		return debs, true
	}
	debs = t.TempDir()
	if len(archs) > 0 {
		build(t, top, debs, first, nil, archs...)
	}
	if slices.Contains(archs, "amd64") {
		build(t, top, debs, second, nil, archs...)
		for version, text := range impostors {
			program := filepath.Join(t.TempDir(), "impostor")
			if err := os.WriteFile(program, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
			build(t, top, debs, version, []string{"AGENT=" + program}, archs...)
		}
		cleanRoot(t)
	}
	args := []string{"--net", "--mount", "--propagation", "private", "sh", "-c",
		`ip link set lo up && exec "$0" "$@"`, os.Args[0], "-packages", "-test.v",
		"-test.timeout=30m", "-test.run=^" + t.Name() + "$"}
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), debsEnv+"="+debs)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return "", false
}

func build(t *testing.T, tree, out, version string, env []string, archs ...string) {
	t.Helper()
	cmd := exec.Command("nice", append([]string{filepath.Join(tree, "packaging/build")},
		archs...)...)
	cmd.Env = append(os.Environ(), append(env, "VERSION="+version, "OUT="+out)...)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("packaging/build: %v\n%s", err, b)
	}
}

// rootArchive is a Debian as debootstrap makes it, kept between runs.
const rootArchive = top + ".cache/packages/bookworm-amd64.tar"

func cleanRoot(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(rootArchive); err == nil {
		return
	}
	cmd := exec.Command(top+".ci/setup-packages", "root", rootArchive)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("debootstrap: %v\n%s", err, b)
	}
}

func TestLintian(t *testing.T) {
	if !*real {
		t.Skip("make test-packages")
	}
	debs := t.TempDir()
	build(t, top, debs, first, nil, "amd64")
	files, err := filepath.Glob(debs + "/*.deb")
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	out, err := exec.Command("lintian",
		append([]string{"--fail-on", "error", "--allow-root"}, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// Two builds, the second in another directory, with nothing in its cache, have the same bytes.
func TestReproducible(t *testing.T) {
	if !*real {
		t.Skip("make test-packages")
	}
	one, two, tree := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "elsewhere")
	build(t, top, one, first, nil, "amd64")
	if b, err := exec.Command("sh", "-c",
		"mkdir "+tree+" && cd "+top+
			" && git ls-files -z -co --exclude-standard | cpio --quiet -0pdm "+
			tree).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	epoch, err := exec.Command("git", "-C", top, "log", "-1", "--format=%ct").Output()
	if err != nil {
		t.Fatal(err)
	}
	build(t, tree, two, first, []string{"GOCACHE=" + t.TempDir(),
		"SOURCE_DATE_EPOCH=" + strings.TrimSpace(string(epoch))}, "amd64")
	files, err := os.ReadDir(one)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		a, err := os.ReadFile(filepath.Join(one, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(two, f.Name()))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs (%v)", f.Name(), err)
		}
	}
}
