package packages

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// held are the ports of the delivered configurations, and a line's.
var held = []string{"127.0.0.1:7654", "127.0.0.1:7655", "127.0.0.1:7656", lineAddr, relayAddr,
	"127.0.0.1:9091"}

const lineAddr = "127.0.0.1:8800"

// squatter is another program of this machine that wants the ports: it tries to take each of them a
// hundred times a second, until the returned function ends it and says what it got.
func squatter(t *testing.T) (end func() (tries, taken int64)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var tries, taken atomic.Int64
	var all sync.WaitGroup
	for _, addr := range held {
		all.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				tries.Add(1)
				ln, err := net.Listen("tcp", addr)
				if err == nil {
					t.Error("taken:", addr)
					taken.Add(1)
					_ = ln.Close()
				} else if !errors.Is(err, syscall.EADDRINUSE) {
					t.Error(err)
				}
			}
		})
	}
	return func() (int64, int64) {
		cancel()
		all.Wait()
		return tries.Load(), taken.Load()
	}
}

// portsAreHeld: nobody takes a port while agent and relay are killed, stopped, started again and
// again in vain, and upgraded; who connects meanwhile is answered by the agent, or refused.
func portsAreHeld(t *testing.T, m *machine, s *stage) {
	t.Helper()
	addsLine(t, m)
	end := squatter(t)
	for _, unit := range []string{agentUnit, "kiosk-relay.service"} {
		m.run(t, "systemctl", "kill", "--kill-who=main", "--signal=KILL", unit)
	}
	answered(t, s, "while the agent is dead")
	s.sell(t, "after a kill, with another program after the ports")

	stopped := time.Now()
	m.run(t, "systemctl", "stop", agentUnit, "kiosk-relay.service")
	staysStopped(t, m)
	t.Logf("stopped for %s, with a till and a display that connect all the time",
		time.Since(stopped).Round(time.Second))
	m.run(t, "systemctl", "start", "--no-block", agentUnit, "kiosk-relay.service")
	answered(t, s, "while the agent starts")

	startsInVain(t, m)
	answered(t, s, "after a thousand starts in vain")
	s.sell(t, "after a thousand starts in vain")
	m.install(t, "kiosk-agent", first)
	m.install(t, "kiosk-relay", first)
	s.sell(t, "after an installation, with another program after the ports")
	m.run(t, "systemctl", "restart", "kiosk-agent-ports.service")
	m.run(t, "systemctl", "kill", "--kill-who=main", "--signal=KILL", "kiosk-relay-ports.service")
	s.sell(t, "with a new holder")
	if tries, taken := end(); taken > 0 || tries == 0 {
		t.Errorf("%d of %d attempts took a port", taken, tries)
	} else {
		t.Logf("%d attempts to take a port, none did", tries)
	}
	movesPort(t, m, s)
}

// addsLine gives the kiosk a till on a TCP line.
func addsLine(t *testing.T, m *machine) {
	t.Helper()
	m.run(t, "sh", "-c", "printf '\n[[till.serial]]\nname = \"lane\"\nprotocol = \"ecr\"\n"+
		"device = \"tcp-listen:"+lineAddr+"\"\n' >> /etc/kiosk-agent/config.toml")
	if out, err := m.try("kiosk-agent", "ports"); err == nil ||
		!strings.Contains(out, "systemd does not hold "+lineAddr) ||
		!strings.Contains(out, "ports --apply") {
		t.Error("ports:", out)
	}
	if out := m.run(t, "kiosk-agent", "ports", "--apply"); strings.Count(out, " held\n") < 3 ||
		strings.Contains(out, "NOT") {
		t.Error("ports --apply:", out)
	}
}

// answered: a till connects now, and it is the agent that answers.
func answered(t *testing.T, s *stage, when string) {
	t.Helper()
	began := time.Now()
	c := s.dial(t)
	defer c.Close()
	var status struct{ Version string }
	if err := c.Call(t.Context(), "terminal.status", nil, &status); err != nil {
		t.Fatal(when, err)
	}
	t.Logf("a till that connected %s was answered by the agent after %s", when,
		time.Since(began).Round(100*time.Millisecond))
}

// staysStopped: no connection starts what was stopped; each is refused within seconds.
func staysStopped(t *testing.T, m *machine) {
	t.Helper()
	client := &http.Client{Timeout: time.Minute}
	for range 3 {
		for _, addr := range held {
			began := time.Now()
			if addr == lineAddr {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(addr, err)
				}
				if _, err := c.Write([]byte{2, 0, 0}); err != nil {
					t.Error(err)
				}
				if n, err := c.Read(make([]byte, 1)); n > 0 || errors.Is(err, syscall.ETIMEDOUT) {
					t.Error("a line without an agent:", n, err)
				}
				_ = c.Close()
			} else if resp, err := client.Get("http://" + addr + "/"); err != nil {
				t.Error(err)
			} else if resp.StatusCode != http.StatusServiceUnavailable {
				t.Error(addr, resp.Status)
			} else {
				_ = resp.Body.Close()
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("%s: refused only after %s", addr, took)
			}
		}
	}
	for _, unit := range []string{agentUnit, "kiosk-relay.service"} {
		if got := m.show(t, unit, "ActiveState"); got != "inactive" {
			t.Errorf("%s was started by a connection: %s", unit, got)
		}
	}
}

// startsInVain lets the agent fail a thousand times, with the delivered unit's rules of starting
// and without its sandbox, which takes a start most of its time.
func startsInVain(t *testing.T, m *machine) {
	t.Helper()
	unit := "/etc/systemd/system/" + agentUnit
	m.write(t, unit, "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=exec\n"+
		"ExecStart=/bin/false\nRestart=always\nRestartSec=1ms\nSockets=kiosk-agent.socket\n")
	m.run(t, "systemctl", "daemon-reload")
	_, _ = m.try("systemctl", "restart", "--no-block", agentUnit)
	eventually(t, "a thousand starts", func(context.Context) error {
		var n int
		if _, err := fmt.Sscan(m.show(t, agentUnit, "NRestarts"), &n); err != nil || n < 1000 {
			return fmt.Errorf("%d (%w)", n, err)
		}
		return nil
	})
	m.run(t, "rm", unit)
	m.run(t, "systemctl", "daemon-reload")
	m.run(t, "systemctl", "restart", agentUnit)
}

// movesPort changes an address without the units, and with them.
func movesPort(t *testing.T, m *machine, s *stage) {
	t.Helper()
	change := func(from, to string) {
		m.run(t, "sed", "-i", "s/"+from+"/"+to+"/", "/etc/kiosk-agent/config.toml")
	}
	change(lineAddr, "127.0.0.1:8801")
	m.run(t, "systemctl", "restart", agentUnit)
	s.sell(t, "with a port that the units do not know")
	for _, command := range []string{"doctor", "status"} {
		out, _ := m.try("kiosk-agent", command)
		if !strings.Contains(out, "8801") || !strings.Contains(out, "8800") {
			t.Errorf("%s does not name the ports that differ:\n%s", command, out)
		}
	}
	if c, err := net.Dial("tcp", "127.0.0.1:8801"); err != nil {
		t.Error("the new port is not served:", err)
	} else {
		_ = c.Close()
	}
	m.run(t, "kiosk-agent", "ports", "--apply")
	if got := m.show(t, "kiosk-agent.socket", "Listen"); !strings.Contains(got, "127.0.0.1:8801") ||
		strings.Contains(got, lineAddr) {
		t.Error(got)
	}
	change("127.0.0.1:8801", lineAddr)
	m.run(t, "kiosk-agent", "ports", "--apply")
	s.sell(t, "with the port moved back")
}
