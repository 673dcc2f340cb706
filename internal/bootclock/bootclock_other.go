//go:build !linux

package bootclock

import (
	"strconv"
	"time"
)

var processStart = time.Now()

func bootID() (string, error) {
	return "process-" + strconv.FormatInt(processStart.UnixNano(), 36), nil
}

func sinceBoot() time.Duration { return time.Since(processStart) }
