//go:build linux

package serial

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestParse(t *testing.T) {
	for device, want := range map[string]Target{
		"/dev/kiosk-till":              {Kind: Device, Path: "/dev/kiosk-till"},
		"/dev/serial/by-id/usb-A_B-00": {Kind: Device, Path: "/dev/serial/by-id/usb-A_B-00"},
		"usb:067b:2303":                {Kind: USB, Vendor: "067b", Product: "2303"},
		"usb:067B:23A3:A10k:P": {Kind: USB, Vendor: "067b", Product: "23a3",
			Serial: "A10k:P"},
		"tcp-listen:127.0.0.1:8800": {Kind: TCPListen, Address: "127.0.0.1:8800"},
		"tcp-listen:[::1]:8800":     {Kind: TCPListen, Address: "[::1]:8800"},
		"tcp-connect:till.lan:8800": {Kind: TCPConnect, Address: "till.lan:8800"},
	} {
		if got, err := Parse(device); err != nil || got != want {
			t.Errorf("%s: %+v, %v", device, got, err)
		}
	}
	for _, device := range []string{"", "ttyUSB0", "COM3", "../dev/ttyS0", "usb:", "usb:067b",
		"usb:67b:2303", "usb:067b:230g", "tcp-listen:", "tcp-listen:8800", "tcp-listen::8800",
		"tcp-listen:localhost:8800", "tcp-listen:127.0.0.1:99999", "tcp-connect:",
		"tcp-connect:host", "tcp-connect:host:0", "tcp-connect:host:http", "tcp-connect::8800",
		"tcp:1.2.3.4:5", "udp:1"} {
		if got, err := Parse(device); err == nil {
			t.Errorf("%q is taken as %+v", device, got)
		} else if err.Error() == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", device, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"/dev/kiosk-till", "usb:067b:2303:A1", "tcp-listen:[::1]:8800",
		"tcp-connect:till.lan:8800"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, device string) {
		got, err := Parse(device)
		if err != nil {
			return
		}
		var back string
		switch got.Kind {
		case Device:
			back = got.Path
		case TCPListen:
			back = "tcp-listen:" + got.Address
		case TCPConnect:
			back = "tcp-connect:" + got.Address
		case USB:
			back = "usb:" + got.Vendor + ":" + got.Product
			if got.Serial != "" {
				back += ":" + got.Serial
			}
		}
		if !strings.EqualFold(back, device) && back+":" != device {
			t.Errorf("%q is read as %+v", device, got)
		}
	})
}

func TestCheck(t *testing.T) {
	lan := []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}
	for name, tc := range map[string]struct {
		cfg  Config
		text string // "": valid
	}{
		"least": {Config{Device: "/dev/x"}, ""},
		"all": {Config{Device: "/dev/x", Baud: 115200, DataBits: 7, Parity: ParityEven,
			StopBits: 2, Flow: FlowRTSCTS}, ""},
		"loopback":         {Config{Device: "tcp-listen:127.0.0.1:8800"}, ""},
		"loopback 6":       {Config{Device: "tcp-listen:[::1]:8800"}, ""},
		"open":             {Config{Device: "tcp-listen:0.0.0.0:8800"}, "allow_from"},
		"open 6":           {Config{Device: "tcp-listen:[::]:8800"}, "allow_from"},
		"lan":              {Config{Device: "tcp-listen:192.168.1.5:8800"}, "allow_from"},
		"allowed":          {Config{Device: "tcp-listen:0.0.0.0:8800", AllowFrom: lan}, ""},
		"allow on serial":  {Config{Device: "/dev/x", AllowFrom: lan}, "allow_from"},
		"allow on connect": {Config{Device: "tcp-connect:h:1", AllowFrom: lan}, "allow_from"},
		"device":           {Config{}, "device"},
		"baud":             {Config{Device: "/dev/x", Baud: -1}, "baud"},
		"data bits":        {Config{Device: "/dev/x", DataBits: 9}, "data_bits"},
		"stop bits":        {Config{Device: "/dev/x", StopBits: 3}, "stop_bits"},
		"parity":           {Config{Device: "/dev/x", Parity: "N"}, "parity"},
		"flow":             {Config{Device: "/dev/x", Flow: "xonxoff"}, "XON/XOFF"},
		"retry":            {Config{Device: "/dev/x", RetryMin: time.Minute}, "retry"},
		"negative":         {Config{Device: "/dev/x", WriteWait: -1}, "negative"},
	} {
		_, err := New(tc.cfg, Options{})
		if (err == nil) != (tc.text == "") || err != nil &&
			!strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v, want %q", name, err, tc.text)
		}
	}
}

func TestWireTime(t *testing.T) {
	for _, tc := range []struct {
		cfg  Config
		want time.Duration
	}{
		{Config{}, time.Second}, {Config{Baud: 19200}, time.Second / 2},
		{Config{Parity: ParityEven}, 1100 * time.Millisecond},
		{Config{DataBits: 7, Parity: ParityOdd, StopBits: 2}, 1100 * time.Millisecond},
	} {
		if got := tc.cfg.withDefaults().wireTime(960); got != tc.want {
			t.Errorf("%+v: %v, want %v", tc.cfg, got, tc.want)
		}
	}
}

func TestBackoff(t *testing.T) {
	random := 0.5
	b := backoff{low: 200 * time.Millisecond, high: 5 * time.Second,
		random: func() float64 { return random }}
	for _, ms := range []int{200, 400, 800, 1600, 3200, 5000, 5000} {
		if got := b.next(); got != time.Duration(ms)*time.Millisecond {
			t.Errorf("%v, want %d ms", got, ms)
		}
	}
	random = 0
	if got := b.next(); got != 4*time.Second {
		t.Errorf("the earliest of 5 s is %v", got)
	}
	random = 0.999
	if got := b.next(); got != 5*time.Second {
		t.Errorf("the latest of 5 s is %v", got)
	}
	b.reset()
	random = 0.5
	if got := b.next(); got != 200*time.Millisecond {
		t.Errorf("after a reset %v", got)
	}
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := pause(t.Context(), time.Second); err != nil || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := pause(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) ||
			time.Since(began) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// The wait grows while the line fails, and begins anew after it has been open for a while. The same
// failure is logged once.
func TestRetries(t *testing.T) {
	c := newCable(t)
	name := stableName(t)
	r := newRig(t, Config{Device: name})
	at := time.Date(2026, 11, 5, 9, 0, 0, 0, time.UTC)
	steps := make(chan time.Duration, 10)
	r.now = func() time.Time {
		select {
		case d := <-steps:
			at = at.Add(d)
		default:
		}
		return at
	}
	r.start(nil)
	for _, ms := range []time.Duration{200, 400, 800} {
		if got := want(t, "wait", r.waits); got != ms*time.Millisecond {
			t.Errorf("waits %v, want %d ms", got, ms)
		}
		if ms == 800 {
			link(t, c.name, name)
		}
		r.again <- struct{}{}
	}
	if n := strings.Count(r.logs.String(), "line not open"); n != 1 {
		t.Errorf("one failure is logged %d times:\n%s", n, r.logs)
	}
	want(t, "connection", r.conns).Close() // it was open for no time
	if got := want(t, "wait", r.waits); got != 1600*time.Millisecond {
		t.Errorf("waits %v after a line that broke at once", got)
	}
	r.again <- struct{}{}
	conn := want(t, "connection", r.conns)
	r.untilOpen()
	steps <- steady
	conn.Close()
	if got := want(t, "wait", r.waits); got != 200*time.Millisecond {
		t.Errorf("waits %v after a line that was open for long", got)
	}
}

func TestGuards(t *testing.T) {
	for _, tc := range []struct {
		first string
		want  Verdict
	}{
		{"\x02", Pass}, {"\x05", Pass}, {"{", Pass}, {" ", Pass}, {"\n", Pass}, {"\xef", Pass},
		{"\x06\x02", Pass}, {"Gx", Pass}, {"P\x02", Pass}, {"GETX", Pass}, {"\x16\x02", Pass},
		{"\x16", More}, {"\x16\x03", TLS}, {"\x16\x03\x01\x02", TLS}, {"G", More}, {"PO", More},
		{"PUT", More}, {"GET ", HTTP}, {"POST", HTTP}, {"HEAD", HTTP}, {"PUT ", HTTP},
		{"OPTI", HTTP}, {"DELE", HTTP}, {"PATC", HTTP}, {"patc", HTTP}, {"CONN", HTTP},
		{"TRAC", HTTP}, {"PRI ", HTTP}, {"POST / HTTP/1.1\r\n", HTTP},
	} {
		if got := WebGuard([]byte(tc.first)); got != tc.want {
			t.Errorf("%q: %s, want %s", tc.first, got, tc.want)
		}
	}
	never := func([]byte) Verdict { return More }
	if got := both(never, make([]byte, maxFirst-1)); got != More {
		t.Errorf("%s", got)
	}
	if got := both(never, make([]byte, maxFirst)); got != Pass {
		t.Errorf("a guard that never decides: %s", got)
	}
}

func TestErrors(t *testing.T) {
	seen := make(map[string]bool)
	for _, k := range kinds {
		if seen[k.label] || k.label == "" {
			t.Errorf("label %q", k.label)
		}
		seen[k.label] = true
		e := &Error{Op: "open", Name: "/dev/x", Kind: k.err, Cause: fs.ErrInvalid, Hint: "do this"}
		if !errors.Is(e, k.err) || !errors.Is(e, fs.ErrInvalid) || kindOf(e) != k.label ||
			hintOf(e) != "do this" {
			t.Errorf("%v is %s", e, kindOf(e))
		}
		if want := "open /dev/x: " + k.err.Error() + " (invalid argument)"; e.Error() != want {
			t.Errorf("%q, want %q", e, want)
		}
	}
	if kindOf(errors.New("x")) != "session" || hintOf(errors.New("x")) != "" {
		t.Error("an error that is not of the line")
	}
	h := &HostileError{Reason: "noise"}
	if !errors.Is(h, ErrHostile) || !strings.Contains(h.Error(), "noise") {
		t.Errorf("%v", h)
	}
	if e := asError("read", "x", fs.ErrInvalid); !errors.Is(e, ErrIO) ||
		!errors.Is(e, fs.ErrInvalid) {
		t.Errorf("%v", e)
	}
}

func TestMetricsAreRegisteredOnce(t *testing.T) {
	reg := prometheus.NewRegistry()
	if _, err := NewMetrics(reg); err != nil {
		t.Fatal(err)
	}
	if _, err := NewMetrics(reg); err == nil {
		t.Error("registered twice")
	}
}

// adapters is a machine with USB adapters, as sysfs shows it.
func adapters(t *testing.T) host {
	t.Helper()
	root := t.TempDir()
	h := host{dev: filepath.Join(root, "dev"), sys: filepath.Join(root, "sys"), proc: "/proc"}
	write := func(path, content string) {
		path = filepath.Join(h.sys, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755),
			os.WriteFile(path, []byte(content+"\n"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	tty := func(name, device string) {
		dir := filepath.Join(h.sys, "class/tty", name)
		if err := errors.Join(os.MkdirAll(dir, 0o755),
			os.MkdirAll(filepath.Join(h.sys, device), 0o755),
			os.Symlink(filepath.Join(h.sys, device), filepath.Join(dir, "device"))); err != nil {
			t.Fatal(err)
		}
	}
	usb := func(path, vendor, product, serial string) {
		write(path+"/idVendor", vendor)
		write(path+"/idProduct", product)
		if serial != "" {
			write(path+"/serial", serial)
		}
	}
	usb("devices/usb1/1-1", "067b", "2303", "")
	usb("devices/usb1/1-2", "0403", "6001", "A1")
	usb("devices/usb1/1-3", "0403", "6001", "a1")
	tty("ttyUSB0", "devices/usb1/1-1/1-1:1.0/ttyUSB0")
	tty("ttyUSB1", "devices/usb1/1-2/1-2:1.0/ttyUSB1")
	tty("ttyUSB2", "devices/usb1/1-3/1-3:1.0/ttyUSB2")
	usb("devices/usb1/1-4", "2341", "0043", "")
	tty("ttyACM0", "devices/usb1/1-4/1-4:1.0")
	tty("ttyS0", "devices/platform/serial8250/tty/ttyS0")
	write("class/tty/ttyS0/type", "4")
	tty("ttyS1", "devices/platform/serial8250/tty/ttyS1")
	write("class/tty/ttyS1/type", "0") // no hardware
	byID := filepath.Join(h.dev, "serial/by-id")
	if err := errors.Join(os.MkdirAll(byID, 0o755),
		os.WriteFile(filepath.Join(h.dev, "ttyUSB0"), nil, 0o600),
		os.Symlink("../../ttyUSB0", filepath.Join(byID, "usb-Prolific"))); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestFindUSB(t *testing.T) {
	h := adapters(t)
	for device, want := range map[string]string{
		"usb:067b:2303": "ttyUSB0", "usb:067B:2303": "ttyUSB0", "usb:0403:6001:A1": "ttyUSB1",
		"usb:0403:6001:a1": "ttyUSB2", "usb:2341:0043": "ttyACM0",
	} {
		target, err := Parse(device)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := h.find(target); err != nil || got != filepath.Join(h.dev, want) {
			t.Errorf("%s: %s, %v", device, got, err)
		}
	}
	for device, want := range map[string]struct {
		err  error
		hint string
	}{
		"usb:0403:6001":    {ErrAmbiguous, "ttyUSB1, "},
		"usb:0403:6001:A2": {ErrMissing, "usb-Prolific"}, "usb:ffff:ffff": {ErrMissing, "ttyACM0"},
	} {
		target, err := Parse(device)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.find(target); !errors.Is(err, want.err) ||
			!strings.Contains(hintOf(err), want.hint) {
			t.Errorf("%s: %v, hint %q", device, err, hintOf(err))
		}
	}
}

func TestPresent(t *testing.T) {
	h := adapters(t)
	var got []string
	for _, name := range strings.Split(strings.TrimPrefix(h.present(), "present are: "), ", ") {
		got = append(got, filepath.Base(name))
	}
	want := []string{"usb-Prolific", "ttyACM0", "ttyS0", "ttyUSB1", "ttyUSB2"}
	if !sameSet(got, want) {
		t.Errorf("present are %v, want %v", got, want)
	}
	empty := host{dev: t.TempDir(), sys: t.TempDir()}
	if got := empty.present(); !strings.Contains(got, "no serial device") {
		t.Error(got)
	}
	if got := listed([]string{"h", "g", "f", "e", "d", "c", "b",
		"a"}); got != "a, b, c, d, e, f, and 2 more" {
		t.Error(got)
	}
}

func sameSet(a, b []string) bool {
	count := func(list []string) map[string]int {
		m := make(map[string]int)
		for _, s := range list {
			m[s]++
		}
		return m
	}
	return reflect.DeepEqual(count(a), count(b))
}

// The lock file: a directory that cannot be written gives way to the next; a symbolic link is not
// followed.
func TestLockFile(t *testing.T) {
	dir := t.TempDir()
	h := host{proc: "/proc", lockDirs: []string{filepath.Join(dir, "missing"), dir}}
	unlock, err := h.lock("/dev/ttyUSB0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.lock("/dev/ttyUSB0"); !errors.Is(err, ErrBusy) ||
		!strings.Contains(hintOf(err), "this program itself") {
		t.Errorf("%v, hint %q", err, hintOf(err))
	}
	unlock()
	if unlock, err = h.lock("/dev/ttyUSB0"); err != nil {
		t.Fatal(err)
	}
	unlock()
	precious := filepath.Join(dir, "precious")
	if err := errors.Join(os.WriteFile(precious, []byte("x"), 0o600),
		os.Symlink(precious, filepath.Join(dir, "kiosk-agent-dev-ttyUSB1.lock"))); err != nil {
		t.Fatal(err)
	}
	if _, err := h.lock("/dev/ttyUSB1"); err == nil {
		t.Error("a symbolic link is followed")
	}
	if b, _ := os.ReadFile(precious); string(b) != "x" {
		t.Error("a file behind a symbolic link was written")
	}
}
