//go:build !linux

package serial

import (
	"fmt"
	"sort"
	"strings"

	port "go.bug.st/serial"
	"go.bug.st/serial/enumerator"
)

const (
	exampleDevice = "a name such as COM3"
	canRTSCTS     = false
)

// open opens the device through the library.
func (h host) open(name string, cfg Config) (line, string, error) {
	p, err := port.Open(name, cfg.mode())
	if err != nil {
		return nil, "", h.explain("open", name, err)
	}
	l, err := newPortLine(p, name)
	if err != nil {
		_ = p.Close()
		return nil, "", asError("open", name, err)
	}
	return l, "", nil
}

// explain makes an *Error of why a device could not be opened.
func (h host) explain(op, name string, err error) error {
	e := &Error{Op: op, Name: name, Kind: ErrIO, Cause: err}
	switch code, _ := portErrorCode(err); code {
	case port.PortBusy:
		e.Kind, e.Cause, e.Hint = ErrBusy, nil, "another program has it open: end that"
	case port.PortNotFound:
		e.Kind, e.Cause, e.Hint = ErrMissing, nil, h.present()
	case port.PermissionDenied:
		e.Kind, e.Cause, e.Hint = ErrPermission, nil, "the service's account may not open it"
	case port.InvalidSerialPort:
		e.Kind, e.Hint = ErrNotSerial, h.present()
	}
	return e
}

func (h host) present() string {
	names, err := port.GetPortsList()
	if err != nil || len(names) == 0 {
		return "this machine has no serial device now: check cable and adapter"
	}
	sort.Strings(names)
	return "present are: " + strings.Join(names, ", ")
}

// process names a process by its id only.
func (h host) process(pid string) string { return "pid " + pid }

// findUSB asks the system which port the adapter with these ids is; no device is probed.
func (h host) findUSB(t Target) (string, error) {
	ids := "usb:" + t.Vendor + ":" + t.Product
	ports, err := enumerator.GetDetailedPortsList()
	if err != nil {
		return "", &Error{Op: "open", Name: ids, Kind: ErrIO, Cause: err}
	}
	var found []string
	for _, p := range ports {
		if p.IsUSB && strings.EqualFold(p.VID, t.Vendor) && strings.EqualFold(p.PID, t.Product) &&
			(t.Serial == "" || p.SerialNumber == t.Serial) {
			found = append(found, p.Name)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", &Error{Op: "open", Name: ids, Kind: ErrMissing, Hint: h.present()}
	default:
		return "", &Error{Op: "open", Name: ids, Kind: ErrAmbiguous,
			Hint: fmt.Sprintf("%s: add the serial number", strings.Join(found, ", "))}
	}
}
