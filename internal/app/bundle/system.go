package bundle

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/disk"
)

// systemFiles are Linux's own words about the machine; none tells who owns it.
var systemFiles = []string{"/etc/os-release", "/proc/version", "/proc/uptime", "/proc/loadavg",
	"/proc/device-tree/model", "/sys/class/dmi/id/product_name"}

// System is the machine and the program. c may be nil.
func System(version string, c *config.Config) ([]byte, error) {
	var b bytes.Buffer
	zone, _ := time.Now().Zone()
	fmt.Fprintf(&b, "kiosk-agent %s\n%s %s/%s, %d processors\nwall clock %s (%s)\n", version,
		runtime.Version(), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), time.Now().UTC().Format(time.RFC3339), zone)
	for _, name := range systemFiles {
		if text, err := os.ReadFile(name); err == nil {
			fmt.Fprintf(&b, "\n%s:\n%s\n", name, bytes.Trim(text, "\x00\n"))
		}
	}
	if memory, err := os.ReadFile("/proc/meminfo"); err == nil {
		b.WriteString("\nmemory:\n")
		for line := range strings.Lines(string(memory)) {
			if strings.HasPrefix(line, "Mem") || strings.HasPrefix(line, "Swap") {
				b.WriteString(line)
			}
		}
	}
	if c == nil {
		return b.Bytes(), nil
	}
	dir := filepath.Dir(c.Journal.Path)
	free, err := disk.Free(dir)
	fmt.Fprintf(&b, "\n%s: %d MiB free\n", dir, free>>20)
	files, globErr := filepath.Glob(c.Journal.Path + "*")
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintf(&b, "%s %s %d bytes, %s\n", info.Mode(), name, info.Size(),
				info.ModTime().UTC().Format(time.RFC3339))
		}
	}
	if err == nil {
		err = globErr
	}
	return b.Bytes(), err
}
