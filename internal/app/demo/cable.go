package demo

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// Cable is a serial cable between two devices of this machine: a pair of pseudo-terminals.
type Cable struct {
	Agent, Till string // the device at either end
	masters     []*os.File
}

// eioWait is how long a master waits for somebody to open its other end.
const eioWait = 100 * time.Millisecond

// LayCable lays a cable. A till may come and go at its end.
func LayCable() (*Cable, error) {
	c := &Cable{}
	var names []string
	for range 2 {
		master, slave, err := pty.Open()
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.masters = append(c.masters, master)
		names = append(names, slave.Name())
		if err := slave.Close(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	c.Agent, c.Till = names[0], names[1]
	for i, from := range c.masters {
		go carry(c.masters[1-i], from)
	}
	return c, nil
}

// carry copies until the cable is closed. A master whose other end nobody holds open reads EIO:
// then it waits.
func carry(to, from *os.File) {
	b := make([]byte, 512)
	for {
		n, err := from.Read(b)
		if err == nil {
			_, err = to.Write(b[:n])
		}
		if errors.Is(err, syscall.EIO) {
			time.Sleep(eioWait)
		} else if err != nil {
			return
		}
	}
}

// Close ends the cable.
func (c *Cable) Close() error {
	var errs []error
	for _, f := range c.masters {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Config is the section of the configuration for a till at the cable's other end.
func (c *Cable) Config() string {
	return fmt.Sprintf("\n[[till.serial]]\nname = \"till-on-a-line\"\ndevice = %q\n", c.Agent)
}
