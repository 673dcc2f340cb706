package bootclock

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestAlarmCountsSuspend: the kernel counts it on CLOCK_BOOTTIME, the clock of Now, which runs on
// while the machine is suspended.
func TestAlarmCountsSuspend(t *testing.T) {
	a, _ := newAlarm(t)
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", a.fd))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "clockid: 7\n") {
		t.Errorf("the kernel says of the alarm:\n%s", text)
	}
}
