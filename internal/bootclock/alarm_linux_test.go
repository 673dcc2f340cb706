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
	conn, err := a.file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	if controlled := conn.Control(func(fd uintptr) {
		text, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
	}); controlled != nil || err != nil {
		t.Fatal(controlled, err)
	}
	if !strings.Contains(string(text), "clockid: 7\n") {
		t.Errorf("the kernel says of the alarm:\n%s", text)
	}
}
