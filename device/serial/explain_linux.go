package serial

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"

	port "go.bug.st/serial"
	"golang.org/x/sys/unix"
)

// maxListed bounds the devices and processes that a hint names.
const maxListed = 6

// explain makes an *Error of why a device could not be opened, with what a person can do about it.
func (h host) explain(op, name string, err error) error {
	e := &Error{Op: op, Name: name, Kind: ErrIO, Cause: err}
	code, fromPort := portErrorCode(err)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV),
		errors.Is(err, unix.EIO):
		e.Kind, e.Cause, e.Hint = ErrMissing, nil, h.present()
	case errors.Is(err, fs.ErrPermission), fromPort && code == port.PermissionDenied:
		e.Kind, e.Cause, e.Hint = ErrPermission, nil, permissionHint(name)
	case errors.Is(err, unix.EBUSY), fromPort && code == port.PortBusy:
		e.Kind, e.Cause = ErrBusy, nil
		who := h.holders(name, 0)
		if who == "" {
			who = "another program (as root, fuser " + name + " says which)"
		}
		e.Hint = "it is open in " + who +
			": end that, or keep it off this device (ModemManager and login prompts are common)"
	}
	return e
}

// present lists the serial devices of this machine, by their stable names where they have one.
func (h host) present() string {
	seen := make(map[string]bool)
	var names []string
	links, _ := filepath.Glob(filepath.Join(h.dev, "serial/by-id/*"))
	for _, link := range links {
		if to, err := filepath.EvalSymlinks(link); err == nil {
			seen[filepath.Base(to)] = true
			names = append(names, link)
		}
	}
	devices, _ := filepath.Glob(filepath.Join(h.sys, "class/tty/*/device"))
	for _, d := range devices {
		name := filepath.Base(filepath.Dir(d))
		kind, err := os.ReadFile(filepath.Join(filepath.Dir(d), "type"))
		if noHardware := err == nil && string(bytes.TrimSpace(kind)) == "0"; !noHardware &&
			!seen[name] {
			names = append(names, filepath.Join(h.dev, name))
		}
	}
	if len(names) == 0 {
		return "this machine has no serial device now: check cable and adapter"
	}
	return "present are: " + listed(names)
}

func listed(names []string) string {
	sort.Strings(names)
	if more := len(names) - maxListed; more > 0 {
		names = append(names[:maxListed:maxListed], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// permissionHint says whom the device lets in.
func permissionHint(name string) string {
	me := "uid " + strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(strconv.Itoa(os.Geteuid())); err == nil {
		me = u.Username
	}
	info, err := os.Stat(name)
	if err != nil {
		return me + " may not even look at it: check the directories' permissions"
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode().Perm()&0o060 != 0o060 {
		return fmt.Sprintf("its mode is %04o: a udev rule must let a group read and write it, "+
			"and %s must be in that group", info.Mode().Perm(), me)
	}
	group := strconv.FormatUint(uint64(st.Gid), 10)
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return fmt.Sprintf("it is for group %s: add %s to it (usermod -aG %s %s, or "+
		"SupplementaryGroups=%s in the unit) and start again",
		group, me, group, me, group)
}

// holders names the processes that have the device open, but for one. Processes that this one may
// not look into are not found.
func (h host) holders(name string, except int) string {
	fds, _ := filepath.Glob(filepath.Join(h.proc, "[0-9]*"))
	var found []string
	for _, dir := range fds {
		pid := filepath.Base(dir)
		if pid == strconv.Itoa(except) || !holds(dir, name) {
			continue
		}
		found = append(found, h.process(pid))
	}
	if len(found) == 0 {
		return ""
	}
	return listed(found)
}

func holds(procDir, name string) bool {
	fds, err := os.ReadDir(filepath.Join(procDir, "fd"))
	if err != nil {
		return false
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(procDir, "fd", fd.Name())); err == nil &&
			to == name {
			return true
		}
	}
	return false
}

// process is a process as a person knows it: "minicom (pid 812)".
func (h host) process(pid string) string {
	if pid == strconv.Itoa(os.Getpid()) {
		return "this program itself (pid " + pid + ")"
	}
	comm, err := os.ReadFile(filepath.Join(h.proc, pid, "comm"))
	if err != nil {
		return "pid " + pid
	}
	return fmt.Sprintf("%s (pid %s)", bytes.TrimSpace(comm), pid)
}
