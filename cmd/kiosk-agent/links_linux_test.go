package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"kiosk-agent/offline"
)

// agentsUser is whom the service runs as; no user of that number needs to exist.
const agentsUser, agentsGroup = 4711, 4712

// trap is a kiosk as the package makes it, whose user wants root's rights.
type trap struct {
	t                     *testing.T
	top, etc, state, root string
	victim                string // root's file, to which every link leads
}

const victimText = "root:a-secret-of-roots-that-nobody-else-may-have\n"

func newTrap(t *testing.T) *trap {
	t.Helper()
	top, err := os.MkdirTemp("", "links-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(top); err != nil {
			t.Error(err)
		}
	})
	k := &trap{t: t, top: top, etc: filepath.Join(top, "etc"), state: filepath.Join(top, "state"),
		root: filepath.Join(top, "root")}
	k.victim = filepath.Join(k.root, "victim")
	k.must(os.Chmod(top, 0o755), os.Mkdir(k.etc, 0o750), os.Mkdir(k.state, 0o700),
		os.Mkdir(k.root, 0o700), os.Chown(k.etc, 0, agentsGroup),
		os.Chown(k.state, agentsUser, agentsGroup),
		os.WriteFile(k.victim, []byte(victimText), 0o600))
	for _, name := range []string{"axs.secret", "relay.token", "till.token"} {
		k.own(filepath.Join(k.etc, name), name+"-0123456789-0123456789")
	}
	k.must(os.WriteFile(filepath.Join(k.etc, "config.toml"), []byte(strings.NewReplacer("ETC",
		k.etc, "STATE", k.state).Replace(trapConfig)), 0o640),
		os.Chown(filepath.Join(k.etc, "config.toml"), 0, agentsGroup))
	return k
}

const trapConfig = `[terminal]
id = "L-1"
[axs]
payment_link = "https://checkout.example/hpp/checkout/link-1"
client_id = "client-1"
secret = "file:ETC/axs.secret"
[relay]
url = "ws://127.0.0.1:1"
token = "file:ETC/relay.token"
hook_url = "http://127.0.0.1:1/hook/AAAAAAAAAAAAAAAAAAAAAA"
[till.websocket]
listen = ""
tills = [{name = "till-1", token = "file:ETC/till.token"}]
[[till.serial]]
name = "till-2"
device = "tcp-listen:127.0.0.1:0"
dialect = "STATE/dialect.toml"
[display]
token = "file:STATE/display.token"
logo = "STATE/logo.svg"
[journal]
path = "STATE/journal.db"
[admin]
socket = "STATE/admin.sock"
`

func (k *trap) must(errs ...error) {
	k.t.Helper()
	if err := errors.Join(errs...); err != nil {
		k.t.Fatal(err)
	}
}

func (k *trap) own(path, text string) {
	k.t.Helper()
	k.must(os.WriteFile(path, []byte(text), 0o600), os.Chown(path, agentsUser, agentsGroup))
}

// fill puts there what a kiosk that has worked has: a journal, a dialect, a logo, a token.
func (k *trap) fill() {
	k.t.Helper()
	k.own(filepath.Join(k.state, "dialect.toml"), "base = \"paycube\"\n")
	k.own(filepath.Join(k.state, "logo.svg"), `<svg xmlns="http://www.w3.org/2000/svg"/>`)
	k.own(filepath.Join(k.state, "display.token"), "display-0123456789-0123456789\n")
	j, err := offline.Open(offline.Config{Path: filepath.Join(k.state, "journal.db"),
		Create: true})
	k.must(err)
	k.must(j.Close())
	all, err := filepath.Glob(filepath.Join(k.state, "*"))
	k.must(err)
	for _, path := range all {
		k.must(os.Lchown(path, agentsUser, agentsGroup))
	}
}

// plant puts a link in the place of one name.
func (k *trap) plant(name string, hard bool) {
	k.t.Helper()
	path := filepath.Join(k.state, name)
	k.must(os.RemoveAll(path))
	if hard {
		k.must(os.Link(k.victim, path))
		return
	}
	to := k.victim
	if name == "journal.db.replacing" || name == "sub" {
		to = k.root
	}
	k.must(os.Symlink(to, path), os.Lchown(path, agentsUser, agentsGroup))
}

// world is what root has: each file's content, owner and mode.
func (k *trap) world() string {
	k.t.Helper()
	var all []string
	for _, top := range []string{k.root, k.etc} {
		k.must(filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			st := info.Sys().(*syscall.Stat_t)
			var text []byte
			if info.Mode().IsRegular() {
				text, err = os.ReadFile(path)
			}
			all = append(all, fmt.Sprintf("%s %v %d:%d %q", path, info.Mode(), st.Uid, st.Gid,
				text))
			return err
		}))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// run is one of root's commands; what comes of it does not matter here.
func (k *trap) run(args ...string) string {
	k.t.Helper()
	if !slices.Contains(args, "init") {
		args = append(args, "--config", filepath.Join(k.etc, "config.toml"))
	}
	program, err := exec.LookPath("kiosk-agent")
	k.must(err)
	cmd := exec.CommandContext(k.t.Context(), program, args...)
	cmd.Dir, cmd.Stdin = k.root, strings.NewReader("another-secret-0123456789\n")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			k.t.Fatal(err)
		}
	}
	return out.String()
}

// names are those that the commands touch in the directory of the agent's user.
var names = []string{"journal.db", "journal.db-wal", "journal.db-shm", "journal.db-journal",
	"journal.db.id", "journal.db.id.new", "journal.db.lock", "journal.db.new",
	"journal.db.new-wal", "journal.db.new-shm", "journal.db.new-journal", "journal.db.replacing",
	"display.token", "dialect.toml", "logo.svg", "admin.sock", "last-good.toml",
	"backup.db", "backup.db.part", "backup.db-wal", "backup.db-shm", "bundle.tar.gz", "sub"}

// TestRootFollowsNoLink: whatever link the agent's user puts in the place of any name in his
// directory, none of root's commands writes through it, gives the file behind away, or tells it.
func TestRootFollowsNoLink(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root's commands in the agent's directory are not tested: that needs root")
	}
	t.Parallel()
	for _, hard := range []bool{false, true} {
		for _, name := range names {
			if hard && (name == "sub" || name == "journal.db.replacing") {
				continue // a directory has no other name
			}
			t.Run(fmt.Sprintf("%s hard=%v", name, hard), func(t *testing.T) {
				t.Parallel()
				k := newTrap(t)
				k.fill()
				good := filepath.Join(k.root, "good.db")
				if out := k.run("backup", good); !strings.Contains(out, "verified") {
					t.Fatalf("without a link: %s", out)
				}
				k.must(os.Link(good, filepath.Join(k.root, "kept.db")))
				for _, args := range commands(k, good) {
					k.plant(name, hard)
					before := k.world()
					said := k.run(args...)
					k.compare(args, said, before)
				}
			})
		}
	}
}

// commands are root's, as the documents have them.
func commands(k *trap, good string) [][]string {
	in := func(name string) string { return filepath.Join(k.state, name) }
	return [][]string{
		{"check-config"}, {"doctor"}, {"status"}, {"worklist"}, {"journal", "list"},
		{"journal", "verify"}, {"journal", "export"}, {"check-upgrade"},
		{"check-upgrade", in("backup.db")}, {"backup", in("backup.db")},
		{"backup", in("sub/new.db")}, {"support-bundle", in("bundle.tar.gz")},
		{"support-bundle", in("sub/new.tar.gz")}, {"secret", "set", "display"},
		{"recover", "--reason", "the disk was replaced"},
		{"claim", "01ARZ3NDEKTSV4RRFFQ69G5FAV"},
		{"resolve", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "noted", "--reason", "seen in the portal"},
		{"restore", in("backup.db")}, {"restore", good}, {"restore", good},
		{"init", "--dir", in("sub/new"), "--state", k.state, "--relay", "ws://127.0.0.1:1",
			"--code", "-", "--payment-link",
			"https://checkout.example/hpp/checkout/link-1", "--client-id", "client-1"},
	}
}

// compare wants nothing of root's changed or told.
func (k *trap) compare(args []string, said, before string) {
	k.t.Helper()
	if after := k.world(); after != before {
		k.t.Errorf("%s changed something of root's:\n%s\n--- before\n%s\n--- after\n%s",
			strings.Join(args, " "), said, before, after)
	}
	if strings.Contains(said, "a-secret-of-roots") {
		k.t.Errorf("%s tells root's secret:\n%s", strings.Join(args, " "), said)
	}
	// Nor may a copy of it be his.
	k.must(filepath.WalkDir(k.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if st := info.Sys().(*syscall.Stat_t); st.Uid == agentsUser &&
			bytes.Contains(text, []byte("a-secret-of-roots")) {
			k.t.Errorf("%s gives root's secret away as %s", strings.Join(args, " "), path)
		}
		return err
	}))
}

// TestRootsCommandsWork: they do their work there, what they make is the agent's user's, and what
// they write to a place of root's is root's.
func TestRootsCommandsWork(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("root's commands in the agent's directory are not tested: that needs root")
	}
	t.Parallel()
	k := newTrap(t)
	k.fill()
	owner := func(path string, want int) {
		t.Helper()
		info, err := os.Lstat(path)
		k.must(err)
		if got := int(info.Sys().(*syscall.Stat_t).Uid); got != want ||
			info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is user %d's, %v, want %d", path, got, info.Mode(), want)
		}
	}
	mine, his := filepath.Join(k.root, "b.db"), filepath.Join(k.state, "b.db")
	for _, step := range []struct {
		want string
		args []string
	}{
		{"verified", []string{"backup", mine}}, {"verified", []string{"backup", his}},
		{"a backup replaces nothing", []string{"backup", mine}},
		{"can take over", []string{"check-upgrade", his}},
		{"Restored to", []string{"restore", mine}}, {"Restored to", []string{"restore", his}},
		{"Written to", []string{"support-bundle", filepath.Join(k.root, "s.tar.gz")}},
		{"Written to", []string{"support-bundle", filepath.Join(k.state, "s.tar.gz")}},
		{"mode 0600", []string{"secret", "set", "display"}},
		{"mode 0600", []string{"secret", "set", "relay"}},
		{"ok: nothing is altered", []string{"journal", "verify"}},
	} {
		if said := k.run(step.args...); !strings.Contains(said, step.want) {
			t.Errorf("%s: %q is not in:\n%s", strings.Join(step.args, " "), step.want, said)
		}
	}
	owner(mine, 0)
	owner(filepath.Join(k.root, "s.tar.gz"), 0)
	owner(filepath.Join(k.etc, "relay.token"), agentsUser)
	entries, err := os.ReadDir(k.state)
	k.must(err)
	for _, e := range entries {
		owner(filepath.Join(k.state, e.Name()), agentsUser)
		if strings.Contains(e.Name(), ".copy-") || strings.Contains(e.Name(), ".from-") {
			t.Errorf("%s is left", e.Name())
		}
	}
	if left, err := os.ReadDir(k.root); err != nil || len(left) != 3 {
		t.Errorf("%v, %v", left, err)
	}
}
