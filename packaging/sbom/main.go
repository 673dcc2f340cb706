// Sbom prints the bill of materials (CycloneDX 1.5, JSON) of a package: the modules that the linker
// wrote into each of its Go programs, and the packages that it depends on. It prints nothing else,
// so that two builds have the same bytes.
//
// The usual generators are not here because none of them can be had from the Go module proxy in a
// size that fits this job.
package main

import (
	"cmp"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

type bom struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref,omitempty"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func main() {
	p := component{Type: "application"}
	flag.StringVar(&p.Name, "name", "", "of the package")
	flag.StringVar(&p.Version, "version", "", "its version")
	digest := flag.String("sha256", "", "of the package's file")
	depends := flag.String("depends", "", "what it depends on, as dpkg-deb says it")
	flag.Parse()
	if *digest != "" {
		p.Hashes = []hash{{"SHA-256", *digest}}
	}
	if err := run(p, *depends, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(p component, depends string, programs []string) error {
	if p.Name == "" || p.Version == "" {
		return errors.New("give --name, --version and programs")
	}
	b := bom{Format: "CycloneDX", Spec: "1.5", Version: 1, Metadata: metadata{p}}
	byRef := map[string]component{}
	for name := range strings.SplitSeq(depends, ",") {
		if name = strings.TrimSpace(name); name != "" {
			pkg, wants, _ := strings.Cut(name, " ")
			add(byRef, component{Type: "application", Name: pkg, PURL: "pkg:deb/debian/" + pkg},
				property{"depends", cmp.Or(strings.Trim(wants, "()"), "any version")})
		}
	}
	for _, p := range programs {
		info, err := buildinfo.ReadFile(p)
		if err != nil {
			return err
		}
		prop := property{"program", filepath.Base(p)}
		add(byRef, component{Type: "platform", Name: "go",
			Version: strings.TrimPrefix(info.GoVersion, "go")}, prop)
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			c := component{Type: "library", Name: m.Path, Version: m.Version,
				PURL: "pkg:golang/" + escape(m.Path) + "@" + url.PathEscape(m.Version)}
			if m.Sum != "" {
				c.Properties = []property{{"go.sum", m.Sum}}
			}
			add(byRef, c, prop)
		}
	}
	for _, c := range byRef {
		b.Components = append(b.Components, c)
	}
	slices.SortFunc(b.Components, func(x, y component) int { return cmp.Compare(x.Ref, y.Ref) })
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(b)
}

func add(byRef map[string]component, c component, in property) {
	c.Ref = cmp.Or(c.PURL, c.Name+"@"+c.Version)
	if known, ok := byRef[c.Ref]; ok {
		c = known
	}
	if !slices.Contains(c.Properties, in) {
		c.Properties = append(slices.Clone(c.Properties), in)
	}
	byRef[c.Ref] = c
}

func escape(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}
