package packaging

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestSwitchIsLegible: what the service's user has a hand in reaches root's terminal, and the
// message of the day, without what a terminal would obey.
func TestSwitchIsLegible(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	text, err := os.ReadFile("agent/kiosk-agent-switch")
	if err != nil {
		t.Fatal(err)
	}
	script := string(text)
	legible := regexp.MustCompile(`(?m)^legible\(\) .*$`).FindString(script)
	cmd := exec.Command(sh, "-c", legible+"\nlegible")
	cmd.Stdin = strings.NewReader("a\x1b[2J\u009bb\u202e\a\r\x7f\tc\nd\n")
	out, err := cmd.Output()
	if err != nil || string(out) != "a?[2J??b??????\tc\nd\n" {
		t.Errorf("%q, %v, by %s", out, err, legible)
	}
	for _, line := range regexp.MustCompile(`.*>"\$notes/check\.log".*`).FindAllString(script, -1) {
		if !strings.Contains(line, "legible") {
			t.Errorf("this is written as it comes: %s", line)
		}
	}
}
