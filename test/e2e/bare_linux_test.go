package e2e_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kiosk-agent/test/programs"
)

// bareProgram builds a program that imports what kiosk-agent's main package imports, so that the
// same packages are linked in and initialized, and that waits for a signal.
func bareProgram(t testing.TB) string {
	t.Helper()
	path := programs.Path(t, "kiosk-bare")
	text := strings.Builder{}
	text.WriteString("package main\n\nimport (\n")
	for _, name := range strings.Fields(
		goTool(t, "list", "-f", `{{join .Imports " "}}`, "kiosk-agent/cmd/kiosk-agent")) {
		text.WriteString("\t_ \"" + name + "\"\n")
	}
	text.WriteString("\n\twait \"os\"\n\t\"os/signal\"\n)\n\nfunc main() {\n\tc := make(chan " +
		"wait.Signal, 1)\n\tsignal.Notify(c, wait.Interrupt)\n\t<-c\n}\n")
	dir := t.TempDir()
	source, overlay := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json")
	// Where only cmd's packages may import cmd/internal, and without a trace in the module.
	module := strings.TrimSpace(goTool(t, "list", "-m", "-f", "{{.Dir}}"))
	replace, err := json.Marshal(map[string]any{
		"Replace": map[string]string{filepath.Join(module, "cmd", "kiosk-bare",
			"main.go"): source}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(source, []byte(text.String()), 0o600),
		os.WriteFile(overlay, replace, 0o600)); err != nil {
		t.Fatal(err)
	}
	goTool(t, "build", "-o", path, "-overlay", overlay, "kiosk-agent/cmd/kiosk-bare")
	return path
}

func goTool(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", args[0], err, problems.String())
	}
	return string(out)
}
