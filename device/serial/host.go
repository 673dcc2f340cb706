package serial

import (
	"os"
	"path/filepath"
)

// host is where this machine's facts are; tests bring their own.
type host struct {
	dev, sys, proc string
	lockDirs       []string // the first that can be written
}

func realHost(lockDir string) host {
	h := host{dev: "/dev", sys: "/sys", proc: "/proc", lockDirs: []string{lockDir}}
	if lockDir == "" {
		h.lockDirs = []string{"/run/lock", os.TempDir()}
	}
	return h
}

// openDevice finds, locks and opens the configured serial device.
func (l *Link) openDevice() (*conn, error) {
	name, err := l.host.find(l.target)
	if err != nil {
		return nil, err
	}
	unlock, err := l.host.lock(name)
	if err != nil {
		return nil, err
	}
	under, warning, err := l.host.open(name, l.cfg)
	if err != nil {
		unlock()
		return nil, err
	}
	c := newConn(&locked{line: under, unlock: unlock}, l.target.Kind, l.cfg)
	c.warning = warning
	return c, nil
}

// locked is a line that gives its lock back when it is closed.
type locked struct {
	line
	unlock func()
}

func (l *locked) Close() error {
	defer l.unlock()
	return l.line.Close()
}

// find is the device's present path, with links resolved.
func (h host) find(t Target) (string, error) {
	if t.Kind == USB {
		return h.findUSB(t)
	}
	name, err := resolve(t.Path)
	if err != nil {
		return "", h.explain("open", t.Path, err)
	}
	return name, nil
}

// resolve follows links, such as those of udev. A name that is no path (COM3) is itself.
func resolve(path string) (string, error) {
	if !filepath.IsAbs(path) {
		return path, nil
	}
	return filepath.EvalSymlinks(path)
}
