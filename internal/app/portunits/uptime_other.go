//go:build !linux

package portunits

import (
	"errors"
	"time"
)

func uptime() (time.Duration, error) { return 0, errors.New("there is no systemd here") }
