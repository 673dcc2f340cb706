// Package metricspage writes down which metrics a program has, for golden files: dashboards and
// alerts are built on their names, types, labels and help.
//
// It reads a registry and changes nothing but, where it is told to, the golden file; it is for
// tests alone.
package metricspage

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

var descText = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: "((?:[^"\\]|\\.)*)"(?:, ` +
	`unit: "[^"]*")?, constLabels: \{(.*?)\}, variableLabels: \{(.*?)\}`)

// List is every metric whose name has the prefix, by name, two lines each: name, type and labels;
// help. The error names a metric whose name ends in _total and that is no counter, or the reverse.
func List(reg *prometheus.Registry, prefix string) (string, error) {
	families, err := reg.Gather()
	if err != nil {
		return "", err
	}
	types := make(map[string]string)
	for _, f := range families {
		types[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	descs := make(chan *prometheus.Desc)
	go func() { reg.Describe(descs); close(descs) }()
	lines := make(map[string]bool)
	for d := range descs {
		m := descText.FindStringSubmatch(d.String())
		if m == nil {
			err = fmt.Errorf("cannot read %s", d)
			continue
		}
		name, help, labels := m[1], m[2], strings.Trim(m[3]+","+m[4], ",")
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		kind := types[name] // nothing, while no label has had a value
		if counter := strings.HasSuffix(name, "_total"); counter && kind == "" {
			kind = "counter"
		} else if kind == "" {
			kind = "gauge"
		} else if counter != (kind == "counter") {
			err = fmt.Errorf("%s is a %s", name, kind)
		}
		lines[fmt.Sprintf("%s %s {%s}\n    %s\n", name, kind, labels, help)] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(lines)), ""), err
}

// Compare fails the test where page is not what the golden file holds; with update, the file is
// written first.
func Compare(t *testing.T, page, golden string, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(golden, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), page); diff != "" {
		t.Errorf("the metrics have changed (go test . -run %s -update): %s", t.Name(), diff)
	}
}
