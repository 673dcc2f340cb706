// Provenance prints where the files of a release come from: an in-toto statement with SLSA's
// provenance as its predicate. It has the digest of each file, the commit, what the build was told,
// the tools, and each module that go.sum knows. What it prints depends on these only, so that two
// builds have the same bytes; packaging/release signs it.
package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
)

// buildType names packaging/release as the way in which the files were made; docs/INSTALL.md says
// what the parameters are.
const buildType = "urn:kiosk-agent:packaging:release:1"

type statement struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     predicate `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

type predicate struct {
	Build struct {
		Type         string            `json:"buildType"`
		External     map[string]string `json:"externalParameters"`
		Internal     map[string]string `json:"internalParameters"`
		Dependencies []resource        `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	Run struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
	} `json:"runDetails"`
}

type resource struct {
	URI    string            `json:"uri"`
	Digest map[string]string `json:"digest"`
}

// pairs is a flag that may be given again: key=value.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(s string) error {
	key, value, ok := strings.Cut(s, "=")
	if !ok || key == "" {
		return errors.New("must be key=value")
	}
	p[key] = value
	return nil
}

func main() {
	external, internal := pairs{}, pairs{}
	flag.Var(external, "told", "key=value that the one who releases decides")
	flag.Var(internal, "found", "key=value that the build has found, such as a compiler")
	builder := flag.String("builder", "", "URI of who builds")
	source := flag.String("source", "", "URI of the repository")
	commit := flag.String("commit", "", "the commit")
	sums := flag.String("sums", "go.sum", "files with the modules' checksums, with commas")
	flag.Parse()
	s := statement{Type: "https://in-toto.io/Statement/v1",
		PredicateType: "https://slsa.dev/provenance/v1"}
	build := &s.Predicate.Build
	build.Type, build.External, build.Internal = buildType, external, internal
	s.Predicate.Run.Builder.ID = *builder
	err := fill(&s, *source, *commit, strings.Split(*sums, ","), flag.Args())
	if err == nil {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		err = enc.Encode(s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "provenance:", err)
		os.Exit(1)
	}
}

func fill(s *statement, source, commit string, sums, files []string) error {
	for what, uri := range map[string]string{"--builder": s.Predicate.Run.Builder.ID,
		"--source": source} {
		if u, err := url.Parse(uri); err != nil || u.Scheme == "" {
			return fmt.Errorf("%s: %q is no URI", what, uri)
		}
	}
	if b, err := hex.DecodeString(commit); err != nil || len(b) < 20 || len(files) == 0 {
		return errors.New("give --commit and files")
	}
	for _, name := range files {
		digest, err := digestOf(name)
		if err != nil {
			return err
		}
		s.Subject = append(s.Subject, subject{name, map[string]string{"sha256": digest}})
	}
	all := []resource{{"git+" + source + "@" + commit, map[string]string{"gitCommit": commit}}}
	for _, file := range sums {
		modules, err := modulesOf(file)
		if err != nil {
			return err
		}
		all = append(all, modules...)
	}
	slices.SortFunc(all, func(x, y resource) int { return cmp.Compare(x.URI, y.URI) })
	s.Predicate.Build.Dependencies = slices.CompactFunc(all,
		func(x, y resource) bool { return x.URI == y.URI })
	return nil
}

func digestOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// modulesOf are the modules of a go.sum whose content has been used; of the others it has the
// go.mod only.
func modulesOf(file string) (all []resource, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 || strings.HasSuffix(f[1], "/go.mod") {
			continue
		}
		// In-toto writes as hex what go.sum has in base64.
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(f[2], "h1:"))
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("%s: %s", file, line)
		}
		all = append(all, resource{"pkg:golang/" + f[0] + "@" + url.PathEscape(f[1]),
			map[string]string{"dirHash": hex.EncodeToString(sum)}})
	}
	return all, nil
}
