package serial

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// usbDepth is how far above a tty the USB device's own directory is, at most: driver, interface,
// device.
const usbDepth = 4

// findUSB finds the tty of the adapter with these ids. It reads sysfs and opens nothing.
func (h host) findUSB(t Target) (string, error) {
	ids := "usb:" + t.Vendor + ":" + t.Product
	if t.Serial != "" {
		ids += ":" + t.Serial
	}
	devices, _ := filepath.Glob(filepath.Join(h.sys, "class/tty/*/device"))
	var found []string
	for _, d := range devices {
		dir, err := filepath.EvalSymlinks(d)
		if err == nil && isUSB(dir, t) {
			found = append(found, filepath.Join(h.dev, filepath.Base(filepath.Dir(d))))
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", &Error{Op: "open", Name: ids, Kind: ErrMissing, Hint: h.present()}
	default:
		return "", &Error{Op: "open", Name: ids, Kind: ErrAmbiguous,
			Hint: fmt.Sprintf("%s: add the serial number, or give a name of /dev/serial/by-id",
				listed(found))}
	}
}

// isUSB looks upwards from a tty's device directory for the USB device that it belongs to.
func isUSB(dir string, t Target) bool {
	for range usbDepth {
		if vendor := attribute(dir, "idVendor"); vendor != "" {
			return vendor == t.Vendor && attribute(dir, "idProduct") == t.Product &&
				(t.Serial == "" || attribute(dir, "serial") == t.Serial)
		}
		dir = filepath.Dir(dir)
	}
	return false
}

func attribute(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
