// Package portunits tells systemd which ports to hold for a program: it writes the drop-in of the
// program's socket unit from the configuration's addresses, and brings a changed one into force.
//
// The packages bring the units: NAME.socket opens the ports, NAME-ports.service keeps them while
// NAME.service is down (package ports has the reasons). Where the units are not installed, nothing
// is held, and nothing is written. Everything here is for root, at an installation or after a
// change of an address; it is called by one goroutine. A crash between two steps is mended by the
// next Apply.
package portunits

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"kiosk-agent/internal/disk"
	"kiosk-agent/internal/ports"
)

// Units are the units of one program.
type Units struct {
	Program string // kiosk-agent, kiosk-relay
	Root    string // in front of every path; tests have one of their own
}

func (u Units) socket() string { return u.Program + ".socket" }

// control is where a program that serves says so to the holder.
func (u Units) control() string { return "/run/" + u.Program + "-ports.sock" }

// DropIn is the file that Write makes.
func (u Units) DropIn() string {
	return u.Root + "/etc/systemd/system/" + u.socket() + ".d/10-ports.conf"
}

// Installed says whether this machine has the units, and systemd that obeys them.
func (u Units) Installed() bool {
	_, err := os.Stat(u.Root + "/run/systemd/system")
	return err == nil && u.unit() != ""
}

// Of says whether a configuration file is the one that the units go with.
func (u Units) Of(path string) bool {
	return path == "/etc/"+u.Program+"/config.toml" && u.Installed()
}

func (u Units) unit() string {
	for _, dir := range []string{"/etc/systemd/system/", "/lib/systemd/system/",
		"/usr/lib/systemd/system/"} {
		if _, err := os.Stat(u.Root + dir + u.socket()); err == nil {
			return u.Root + dir + u.socket()
		}
	}
	return ""
}

// text is the drop-in for the given addresses, but for those that systemd cannot hold: a host that
// is a name, port 0, or what is no address.
func (u Units) text(addresses []ports.Address) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b,
		"# Made from the configuration: \"%s ports --apply\" makes it anew.\n[Socket]\n"+
			"ListenStream=\nListenStream=%s\n", u.Program, u.control())
	for _, a := range addresses {
		if at, err := ports.Parse(a.Listen); err == nil && at.Port() != 0 {
			fmt.Fprintf(&b, "ListenStream=%s\n", at)
		}
	}
	return b.Bytes()
}

// Told are the TCP addresses that the units tell systemd to hold; none where there are no units.
func (u Units) Told() ([]netip.AddrPort, error) {
	unit := u.unit()
	if unit == "" {
		return nil, nil
	}
	var told []netip.AddrPort
	for _, name := range []string{unit, u.DropIn()} {
		text, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			value, ok := strings.CutPrefix(strings.TrimSpace(line), "ListenStream=")
			if !ok {
				continue
			}
			if value == "" {
				told = nil
			} else if at, err := netip.ParseAddrPort(value); err == nil {
				told = append(told, at)
			}
		}
	}
	return told, nil
}

// Differ says in words how the units differ from the configuration, "" where they do not, or where
// there are none.
func (u Units) Differ(addresses []ports.Address) (string, error) {
	told, err := u.Told()
	if err != nil || len(told) == 0 {
		return "", err
	}
	lacking, surplus := ports.Differ(addresses, told)
	var words []string
	if lacking != nil {
		words = append(words, "systemd does not hold "+strings.Join(lacking, ", "))
	}
	if surplus != nil {
		words = append(words, "systemd holds "+strings.Join(surplus, ", ")+
			", which the configuration does not have")
	}
	if words == nil {
		return "", nil
	}
	return strings.Join(words, "; ") + ". As root: " + u.Program + " ports --apply", nil
}

// write makes the drop-in, where it is not there already.
func (u Units) write(addresses []ports.Address) error {
	text := u.text(addresses)
	if old, err := os.ReadFile(u.DropIn()); err == nil && bytes.Equal(old, text) {
		return nil // its date says since when it is so
	}
	if err := os.MkdirAll(filepath.Dir(u.DropIn()), 0o755); err != nil {
		return err
	}
	return disk.Replace(u.DropIn(), text, func(f *os.File) error { return f.Chmod(0o644) })
}

// apply writes the drop-in and brings it into force. Where the ports are held already as they
// should be, nothing is stopped. Otherwise the program is stopped for a moment and started again,
// if it ran: a port can be taken only when nobody has it.
func (u Units) apply(ctx context.Context, addresses []ports.Address) error {
	if err := u.write(addresses); err != nil {
		return err
	}
	if err := u.systemctl(ctx, "daemon-reload"); err != nil {
		return err
	}
	if inForce, err := u.inForce(ctx); err != nil {
		return err
	} else if inForce {
		return u.systemctl(ctx, "start", u.Program+"-ports.service")
	}
	ran := u.systemctl(ctx, "--quiet", "is-active", u.Program+".service") == nil
	if err := u.systemctl(ctx, "stop", u.Program+".service"); err != nil {
		return err
	}
	err := u.systemctl(ctx, "restart", u.socket())
	if err == nil {
		err = u.systemctl(ctx, "start", u.Program+"-ports.service")
	} else {
		err = fmt.Errorf("%w\nA port can be held when no other program has it: ss -ltnp shows "+
			"which. %s runs all the same where it can", err, u.Program)
	}
	if ran { // also without its ports held: it binds what it can
		err = errors.Join(err, u.systemctl(ctx, "start", u.Program+".service"))
	}
	return err
}

// Command is what "ports" does: it says which addresses the units hold, after it has brought them
// into force where apply is set.
func (u Units) Command(ctx context.Context, w io.Writer, addresses []ports.Address,
	apply bool) error {
	if !u.Installed() {
		return errors.New(
			"systemd holds no ports here: the package's units are not installed, or " +
				"systemd does not run (docs/SECURITY.md says what that leaves open)")
	}
	if apply {
		if err := u.apply(ctx, addresses); err != nil {
			return err
		}
	}
	return u.say(w, addresses)
}

// say prints each address and whether the units hold it. The error says how they differ.
func (u Units) say(w io.Writer, addresses []ports.Address) error {
	told, err := u.Told()
	if err != nil {
		return err
	}
	for _, a := range addresses {
		state := "NOT HELD"
		for _, t := range told {
			if ports.Same(a.Listen, t) {
				state = "held"
			}
		}
		if _, err := fmt.Fprintf(w, "%-22s %-24s %s\n", a.Listen, a.Key, state); err != nil {
			return err
		}
	}
	differ, err := u.Differ(addresses)
	if err == nil && differ != "" {
		err = errors.New(differ)
	}
	return err
}

// Note prints how the units differ from the configuration of the service, if they do: for the
// check of that file, and of no other one.
func (u Units) Note(w io.Writer, path string, addresses []ports.Address) error {
	if !u.Of(path) {
		return nil
	}
	differ, err := u.Differ(addresses)
	if err != nil || differ == "" {
		return err
	}
	_, err = fmt.Fprintln(w, "note:", differ)
	return err
}

// inForce says whether the socket unit was started with the drop-in as it is. What systemd shows of
// a unit's addresses is what its files say, whether it has opened them or not.
func (u Units) inForce(ctx context.Context) (bool, error) {
	if u.systemctl(ctx, "--quiet", "is-active", u.socket()) != nil {
		return false, nil
	}
	out, err := exec.CommandContext(ctx, "systemctl", "show", "-P", "ActiveEnterTimestampMonotonic",
		u.socket()).Output()
	if err != nil {
		return false, fmt.Errorf("systemctl show: %w", err)
	}
	us, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	if err != nil {
		return false, fmt.Errorf("systemctl show: %w", err)
	}
	info, err := os.Stat(u.DropIn())
	if err != nil {
		return false, err
	}
	up, err := uptime()
	if err != nil {
		return false, err
	}
	started := time.Now().Add(time.Duration(us)*time.Microsecond - up)
	return started.After(info.ModTime()), nil
}

func (u Units) systemctl(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err,
			bytes.TrimSpace(out))
	}
	return nil
}
