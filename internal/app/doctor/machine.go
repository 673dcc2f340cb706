package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kiosk-agent/device/serial"
	"kiosk-agent/internal/app/agent"
	"kiosk-agent/internal/app/config"
	"kiosk-agent/internal/disk"
	"kiosk-agent/internal/secret"
)

// serviceDir is where systemd puts the credentials of the running service; root may read it.
const serviceDir = "/run/credentials/kiosk-agent.service"

func serviceCredentials() string {
	if _, err := os.ReadDir(serviceDir); err != nil {
		return ""
	}
	return serviceDir
}

// slowSync is a card that makes every sale wait.
const slowSync = time.Second

// secrets reads each secret and lets the gateway's make and open a link.
func (c *checker) secrets(context.Context) (found []Finding) {
	sealed := false
	for _, s := range c.cfg.Secrets() {
		f := Finding{Check: "secrets", State: OK, Tried: "read " + s.Key + " (" + s.Ref + ")"}
		name, credential := strings.CutPrefix(s.Ref, "credential:")
		value, err := secret.Resolve(s.Ref, c.CredDir)
		switch {
		case s.Ref == "":
			continue
		case credential && c.CredDir == "":
			f.State, f.Found = Note, "sealed for the service as "+name+
				": only the running service can read it"
			f.Do = "as root, with the agent running, this looks into it"
			sealed = sealed || s.Name == c.cfg.Payment.Provider
		case s.Name == "display" && errors.Is(err, fs.ErrNotExist):
			f.State, f.Found = Note, "not there yet: the agent makes it when it starts"
		case err != nil:
			f.State, f.Found, f.Do = Wrong, err.Error(), "kiosk-agent secret set "+s.Name
			if errors.Is(err, fs.ErrPermission) {
				f.Do = "run this as root or as the agent's user"
			}
		case credential:
			f.Found = fmt.Sprintf("a credential of %d bytes", value.Len())
		default:
			f.Found = fmt.Sprintf("a file of its owner's, %d bytes", value.Len())
		}
		found = append(found, f)
	}
	f := Finding{Check: "secrets", State: OK,
		Tried: "looked whether the gateway's secret can be one; nothing left this machine",
		Found: "it can; whether it is the right one shows when the gateway is asked for a code"}
	if g, err := c.cfg.Gateway(); err == nil && g.Row().Tried != "" {
		f.Tried, f.Found = g.Row().Tried, g.Row().Proved
	}
	if sealed {
		f.State, f.Found = Note, "not tried: the secret is sealed for the service"
	} else if err := agent.TryGateway(c.cfg, c.CredDir); err != nil {
		f.State, f.Found, f.Do = Wrong, c.cfg.Locate(err).Error(),
			"mend it: kiosk-agent check-config"
	}
	found = append(found, f)
	return append(found, c.built(found)...)
}

// built is what run would say of the configuration and its secrets, as far as nothing else has said
// it. What is sealed for the service cannot be looked into here.
func (c *checker) built(told []Finding) (found []Finding) {
	err := agent.Check(c.cfg, agent.Options{Version: c.Version, CredDir: c.CredDir,
		Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		return nil
	}
	for _, r := range agent.Reasons(c.cfg, err) {
		if slices.ContainsFunc(told, func(f Finding) bool {
			return f.State == Wrong && strings.Contains(r.Message, f.Found)
		}) || strings.Contains(r.Message, "credential:") && c.CredDir == "" {
			continue
		}
		found = append(found, Finding{"config", Wrong, "built every part as run does", r.Message,
			cmp.Or(r.Hint, "mend it: kiosk-agent check-config")})
	}
	return found
}

// lines looks at the tills' lines: the running agent's word where there is one, and the devices
// themselves otherwise.
func (c *checker) lines() (probes []probe) {
	for _, s := range c.cfg.Till.Serial {
		probes = append(probes, probe{"line " + s.Name, "looked at " + s.Device,
			func(ctx context.Context) []Finding { return []Finding{c.line(ctx, s)} }})
	}
	return probes
}

func (c *checker) line(ctx context.Context, s config.Serial) Finding {
	f := Finding{Check: "line " + s.Name, State: OK}
	if c.status != nil {
		f.Tried = "asked the agent for " + s.Device
		for _, t := range c.status.Tills {
			if t.Name != s.Name {
				continue
			}
			switch {
			case t.Error != "":
				f.State, f.Found, f.Do = Wrong, t.Error, t.Hint
			case t.Connected:
				f.Found = "open"
			default:
				f.State, f.Found, f.Do = Note, "no till is connected",
					"switch the till on and check the cable"
			}
			return f
		}
		f.State, f.Found, f.Do = Wrong, "the running agent does not know it",
			"restart the agent: the configuration has changed"
		return f
	}
	t, err := serial.Parse(s.Device)
	switch {
	case err != nil:
		f.Tried, f.State, f.Found, f.Do = "read "+s.Device, Wrong, err.Error(),
			"kiosk-agent check-config"
	case t.Kind == serial.TCPListen:
		f.Tried, f.Found = "listened on "+t.Address+" for a moment", "the address is free"
		ln, err := net.Listen("tcp", t.Address)
		if err != nil {
			f.State, f.Found, f.Do = Wrong, err.Error(),
				"end the program that listens there, or give this machine that address"
			break
		}
		_ = ln.Close()
	case t.Kind == serial.TCPConnect:
		host, _, _ := net.SplitHostPort(t.Address)
		f.Tried = "looked up " + host // the till is not called: it would take that for the agent
		if addrs, err := net.DefaultResolver.LookupHost(ctx, host); err != nil {
			f.State, f.Found, f.Do = Wrong, err.Error(), "check the name and the network"
		} else {
			f.Found = "it is at " + addrs[0] +
				"; whether the till answers shows when the agent runs"
		}
	default:
		f.Tried = "looked at " + s.Device +
			": present, permitted, held by nobody (it is not opened)"
		name, err := serial.Probe(s.Device)
		f.Found = name + " can be used"
		if e, ok := errors.AsType[*serial.Error](err); ok {
			f.State, f.Found, f.Do = Wrong, e.Error(), e.Hint
		}
	}
	return f
}

// disk asks for the free space and times a write that must reach the disk, as every sale's does.
func (c *checker) disk(context.Context) []Finding {
	dir := filepath.Dir(c.cfg.Journal.Path)
	f := Finding{Check: "disk", State: OK,
		Tried: "asked for the free space of " + dir + " and synced 4 KiB there"}
	free, err := disk.Free(dir)
	if err != nil {
		f.State, f.Found, f.Do = Wrong, err.Error(), "make the directory, or set journal.path"
		return []Finding{f}
	}
	took, err := syncIn(dir)
	f.Found = fmt.Sprintf("%d MiB free, %d ms", free>>20, took.Milliseconds())
	switch {
	case errors.Is(err, fs.ErrPermission):
		f.State, f.Found, f.Do = Wrong, err.Error(), "run this as root or as the agent's user"
	case err != nil:
		f.State, f.Found, f.Do = Wrong, err.Error(),
			"is the disk full, read-only or broken? df -h "+dir+"; dmesg"
	case free < int64(c.cfg.Journal.MinFree):
		f.State, f.Do = Wrong, "make room: sales are refused below "+c.cfg.Journal.MinFree.String()
	case free < 4*int64(c.cfg.Journal.MinFree):
		f.State, f.Do = Note, "make room soon: sales are refused below "+
			c.cfg.Journal.MinFree.String()
	case took > slowSync:
		f.State, f.Do = Note, "every sale waits for this disk: use a better card, or an SSD"
	}
	return []Finding{f}
}

// syncIn writes a file of its own and removes it again.
func syncIn(dir string) (took time.Duration, err error) {
	file, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	block := make([]byte, 4096)
	_, _ = rand.Read(block) // never fails
	began := time.Now()
	if _, err := file.Write(block); err != nil {
		return 0, err
	}
	err = file.Sync()
	return time.Since(began), err
}
