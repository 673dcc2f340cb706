package serial

// Probe looks whether a serial device is present, may be used by this process and is held by no
// program of our kind. It does not open the device, because that would move its control lines in
// the middle of somebody's sale. name is what device stands for now, such as /dev/ttyUSB0. The
// error is an *Error. Not for TCP lines.
func Probe(device string) (name string, err error) {
	t, err := Parse(device)
	if err != nil {
		return "", err
	}
	h := realHost("")
	if name, err = h.find(t); err != nil {
		return "", err
	}
	return name, h.usable(name)
}
