package config

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"

	"kiosk-agent/device/ecr"
	"kiosk-agent/device/serial"
	"kiosk-agent/internal/conf"
	"kiosk-agent/internal/rights"
	"kiosk-agent/internal/webaddr"
)

// The forms of Serial.Device that are no serial device.
const (
	tcpListen  = "tcp-listen:"
	tcpConnect = "tcp-connect:"
)

// IsTCP reports whether the line is a TCP connection.
func (s Serial) IsTCP() bool {
	return strings.HasPrefix(s.Device, tcpListen) || strings.HasPrefix(s.Device, tcpConnect)
}

// LoadDialect reads the dialect that a configuration or a command names: a built-in one, or a file.
func LoadDialect(name string) (*ecr.Dialect, error) {
	if slices.Contains(ecr.Builtins(), name) {
		return ecr.Builtin(name)
	}
	data, err := readFile(name)
	if err != nil {
		return nil,
			fmt.Errorf("%q is neither a built-in dialect (%s) nor a file that can be read: %w",
				name, strings.Join(ecr.Builtins(), ", "), err)
	}
	return ecr.Parse(name, data)
}

// readFile reads a file that may be the agent's user's.
func readFile(name string) ([]byte, error) {
	f, err := rights.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// serial checks one entry of [[till.serial]].
func (k *checker) serial(i int, s Serial, names map[string]bool) {
	key := func(name string) string { return fmt.Sprintf("till.serial[%d].%s", i, name) }
	k.name(key("name"), s.Name, names)
	k.device(key("device"), key("allow_from"), s)
	k.OneOf(key("protocol"), s.Protocol, "ecr", "jsonrpc")
	if s.Protocol == "ecr" {
		d, err := LoadDialect(s.Dialect)
		k.Other(err, key("dialect"), "kiosk-agent ecr blueprint shows how to write one", "%v", err)
		if err == nil {
			k.tillWaits(key("dialect"), d.Timers())
		}
	}
	needsToken := s.Protocol == "jsonrpc" && s.IsTCP()
	k.Need(needsToken || s.Token == "", key("token"), "only jsonrpc over TCP has one",
		"must be empty")
	if needsToken {
		k.Secret(key("token"), s.Token, true)
	}
	k.Need(s.Baud >= 300 && s.Baud <= 4_000_000, key("baud"), "9600 is usual", "%d is not possible",
		s.Baud)
	k.Need(s.DataBits == 7 || s.DataBits == 8, key("data_bits"), "7 or 8", "%d is not possible",
		s.DataBits)
	k.OneOf(key("parity"), s.Parity, "none", "odd", "even")
	k.Need(s.StopBits == 1 || s.StopBits == 2, key("stop_bits"), "1 or 2", "%d is not possible",
		s.StopBits)
	k.OneOf(key("flow"), s.Flow, "none", "rtscts")
}

// tillWaits wants the customer to have time to pay before the till gives up.
func (k *checker) tillWaits(key string, t ecr.Timers) {
	within := k.c.Payment.AnswerWithin.Of()
	least := t.LeastTillWaits(within)
	k.Need(t.TillWaits == 0 || t.TillWaits >= least, key,
		"let the till wait longer, or take less for payment.answer_within; docs/ECR.md says what "+
			"adds up to it",
		"its till_waits = %q leaves the customer less than %v with answer_within = %q: the least "+
			"that works is %q", conf.Duration(t.TillWaits), ecr.LeastCustomersTime,
		k.c.Payment.AnswerWithin, conf.Duration(least))
}

func (k *checker) device(key, allowKey string, s Serial) {
	if s.Device == "" {
		k.Fail(key, "such as /dev/serial/by-id/…, tcp-listen:127.0.0.1:8800", "is required")
		return
	}
	target, err := serial.Parse(s.Device)
	if err != nil {
		k.Fail(key, "", "%s", strings.TrimPrefix(err.Error(), "device = "))
		return
	}
	if target.Kind != serial.TCPListen {
		k.Need(len(s.AllowFrom) == 0, allowKey, "it is for tcp-listen", "must be empty")
		return
	}
	host, _, err := net.SplitHostPort(strings.TrimPrefix(s.Device, tcpListen))
	k.Need(err != nil || webaddr.Loopback(host) || len(s.AllowFrom) > 0, allowKey,
		"list the tills' addresses: [\"192.168.1.20/32\"]",
		"an address that is not loopback needs it")
	for _, cidr := range s.AllowFrom {
		_, err := netip.ParsePrefix(cidr)
		k.Need(err == nil, allowKey, "such as 192.168.1.0/24", "%.60q is not a CIDR", cidr)
	}
}
