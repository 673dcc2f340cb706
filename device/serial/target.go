package serial

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// Kind is what sort of line a Target is.
type Kind int

// The kinds.
const (
	Device     Kind = iota // a serial device, by path or COM name
	USB                    // a serial device, by its adapter's USB ids
	TCPListen              // the till connects
	TCPConnect             // the till is connected to
)

// String is the kind as terminal.status names it: "serial" or "tcp".
func (k Kind) String() string {
	if k == TCPListen || k == TCPConnect {
		return "tcp"
	}
	return "serial"
}

// Target is a parsed device setting.
type Target struct {
	Kind    Kind
	Path    string // Device: the path, as configured
	Address string // TCPListen: IP:PORT; TCPConnect: HOST:PORT

	Vendor, Product string // USB: four lower-case hexadecimal digits each
	Serial          string // USB: the adapter's serial number, or ""
}

var (
	usbID   = regexp.MustCompile(`^[0-9a-f]{4}$`)
	comName = regexp.MustCompile(`^(?i)(\\\\\.\\)?COM[1-9][0-9]{0,2}$`)
)

// Parse reads a device setting:
//
//	/dev/kiosk-till            a device, a udev name, or a link to one; on Windows COM3
//	usb:067b:2303              the adapter with these USB vendor and product ids
//	usb:067b:2303:A10KZP45     ... and this serial number, where there are several
//	tcp-listen:127.0.0.1:8800  the till connects to this address, which is an IP address
//	tcp-connect:till.lan:8800  the till waits at this address
func Parse(device string) (Target, error) {
	scheme, rest, _ := strings.Cut(device, ":")
	switch {
	case device == "":
		return Target{}, errors.New("device is empty")
	case scheme == "tcp-listen":
		if _, err := netip.ParseAddrPort(rest); err != nil {
			return Target{}, fmt.Errorf("device = %.80q: tcp-listen needs an IP address and a "+
				"port, such as tcp-listen:127.0.0.1:8800", device)
		}
		return Target{Kind: TCPListen, Address: rest}, nil
	case scheme == "tcp-connect":
		host, port, err := net.SplitHostPort(rest)
		if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || n == 0 ||
			host == "" {
			return Target{}, fmt.Errorf("device = %.80q: tcp-connect needs a host and a port, "+
				"such as tcp-connect:till.lan:8800", device)
		}
		return Target{Kind: TCPConnect, Address: rest}, nil
	case scheme == "usb":
		ids := strings.SplitN(strings.ToLower(rest), ":", 3)
		if len(ids) < 2 || !usbID.MatchString(ids[0]) || !usbID.MatchString(ids[1]) {
			return Target{}, fmt.Errorf("device = %.80q: usb needs vendor and product id, such "+
				"as usb:067b:2303 or usb:067b:2303:SERIAL", device)
		}
		t := Target{Kind: USB, Vendor: ids[0], Product: ids[1]}
		if len(ids) == 3 {
			// as written: serial numbers have upper and lower case
			t.Serial = rest[len("067b:2303:"):]
		}
		return t, nil
	case runtime.GOOS == "windows" && comName.MatchString(device), runtime.GOOS != "windows" &&
		filepath.IsAbs(device):
		return Target{Kind: Device, Path: device}, nil
	default:
		return Target{}, fmt.Errorf("device = %.80q is no device: give %s, usb:VENDOR:PRODUCT, "+
			"tcp-listen:IP:PORT or tcp-connect:HOST:PORT",
			device, exampleDevice)
	}
}
