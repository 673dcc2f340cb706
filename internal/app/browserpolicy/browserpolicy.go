// Package browserpolicy knows the managed policies by which Chromium, Chrome and Edge let a page
// from the internet reach this machine without asking a person. It writes them as Linux has them,
// puts them into words for Windows, and reads what is there.
//
// It never takes a policy of anybody else's away, and it does not know what a browser does that
// runs already: browsers read their policies when they start. All of it may be called concurrently,
// but for Write to one directory. A file is there whole or not at all, also after a crash.
package browserpolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"kiosk-agent/internal/disk"
)

// The policies. Each has an older name, which is written too, for browsers that know only that one
// (Chromium's own from 139, the newer from 146 on); browsers of today take both.
const (
	Allowed    = "LoopbackNetworkAllowedForUrls"
	AllowedOld = "LocalNetworkAccessAllowedForUrls"
	Blocked    = "LoopbackNetworkBlockedForUrls"
	BlockedOld = "LocalNetworkAccessBlockedForUrls"
)

// File is the name of the file that Write writes.
const File = "kiosk-agent.json"

// Browser is where a browser has its managed policies.
type Browser struct {
	Name     string
	Dir      string // on Linux: every file in it counts
	Registry string // on Windows, below HKEY_LOCAL_MACHINE
}

// All are the browsers that have these policies and are known here.
func All() []Browser {
	return []Browser{
		{"Chromium", "/etc/chromium/policies/managed", `SOFTWARE\Policies\Chromium`},
		{"Chrome", "/etc/opt/chrome/policies/managed", `SOFTWARE\Policies\Google\Chrome`},
		{"Edge", "/etc/opt/edge/policies/managed", `SOFTWARE\Policies\Microsoft\Edge`},
	}
}

// OfThisSystem are those whose policies are files here; none where it is not Linux.
func OfThisSystem() []Browser {
	if runtime.GOOS != "linux" {
		return nil
	}
	return All()
}

// Text is the file that allows origins.
func Text(origins []string) ([]byte, error) {
	list, err := json.Marshal(origins)
	return fmt.Appendf(nil, "{\n  %q: %s,\n  %q: %s\n}\n", Allowed, list, AllowedOld, list), err
}

// Write makes this browser allow origins, and no others in our name. It returns the path of the
// file.
func (b Browser) Write(origins []string) (path string, err error) {
	text, err := Text(origins)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(b.Dir, 0o755); err != nil {
		return "", err
	}
	path = filepath.Join(b.Dir, File)
	return path, disk.Replace(path, text, func(f *os.File) error { return f.Chmod(0o644) })
}

// RegistryLines are what reg.exe is told, to allow origins on Windows.
func (b Browser) RegistryLines(origins []string) (lines []string) {
	for _, policy := range []string{Allowed, AllowedOld} {
		for i, origin := range origins {
			lines = append(lines, fmt.Sprintf(`reg add "HKLM\%s\%s" /v %d /t REG_SZ /d "%s" /f`,
				b.Registry, policy, i+1, origin))
		}
	}
	return lines
}

// Verdict is what a browser's policies say of an origin.
type Verdict int

// The verdicts.
const (
	Silent Verdict = iota // a person is asked, or where there is none, it is forbidden
	Allows
	Blocks
)

// policy is one that is in force, and the file that it is from.
type policy struct {
	patterns []string
	file     string
}

// Says is what this browser's policies say of an origin, and the file that says it; for Silent, one
// that has the policy for other origins, if there is one. The error says what cannot be read: the
// browser passes over that file.
func (b Browser) Says(origin string) (v Verdict, file string, err error) {
	found, err := b.read()
	// What is blocked wins over what is allowed, but the newer names over the older ones.
	for _, names := range [][2]string{{Blocked, Allowed}, {BlockedOld, AllowedOld}} {
		if p := found[names[0]]; p.covers(origin) {
			return Blocks, p.file, err
		}
		p, set := found[names[1]]
		if p.covers(origin) {
			return Allows, p.file, err
		}
		if set {
			file = p.file
		}
	}
	return Silent, file, err
}

// read is what is in force. A policy that several files have is that of the last one by name
// (observed with Chromium 156).
func (b Browser) read() (found map[string]policy, err error) {
	entries, err := os.ReadDir(b.Dir) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	found = map[string]policy{}
	for _, e := range entries {
		path := filepath.Join(b.Dir, e.Name())
		text, fault := os.ReadFile(path)
		if e.IsDir() {
			continue
		}
		var set map[string]json.RawMessage
		if fault == nil {
			fault = json.Unmarshal(text, &set)
		}
		if fault != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", path, fault))
			continue
		}
		for _, name := range []string{Allowed, AllowedOld, Blocked, BlockedOld} {
			var patterns []string
			if json.Unmarshal(set[name], &patterns) == nil {
				found[name] = policy{patterns, path}
			}
		}
	}
	return found, err
}

func (p policy) covers(origin string) bool {
	for _, pattern := range p.patterns {
		if matches(pattern, origin) {
			return true
		}
	}
	return false
}
