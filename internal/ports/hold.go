package ports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	// patience is Refusal.After's default: longer than a restart takes, and short enough for a till
	// that asks whether it may sell.
	patience = 5 * time.Second
	// maxRefused bounds the connections that are being refused at a time; more are only closed.
	maxRefused = 64
	// refuseWithin bounds what is spent on one of them.
	refuseWithin = time.Second
	// redialEvery is how soon a program that serves looks for a holder that is not there.
	redialEvery = 500 * time.Millisecond
)

// Serving says to the holder that this process serves, until ctx ends. It returns then.
func (h *Held) Serving(ctx context.Context) {
	if h == nil || h.control == nil {
		return
	}
	var d net.Dialer
	for ctx.Err() == nil {
		c, err := d.DialContext(ctx, "unix", h.control.path)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { _ = c.Close() })
			_, _ = io.Copy(io.Discard, c) // says nothing; ends with the holder, or with ctx
			stop()
			_ = c.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(redialEvery):
		}
	}
}

// Refusal is what the holder answers to a browser, or to another HTTP client.
type Refusal struct {
	ContentType string
	Body        string
	// After is how long who connects waits for a program that starts again; 0 is 5 s.
	After time.Duration
}

// Hold keeps the passed sockets until ctx ends. While no program serves, connections are refused:
// 503 to an HTTP client, nothing to others. An error says that there is nothing to hold.
func (h *Held) Hold(ctx context.Context, r Refusal, log *slog.Logger) error {
	if !h.Any() || h.control == nil {
		return errors.New("no sockets were passed: the service manager starts this command " +
			"(systemctl start kiosk-agent-ports, or kiosk-relay-ports)")
	}
	control, err := net.FileListener(h.control.file)
	if err != nil {
		return err
	}
	control.(*net.UnixListener).SetUnlinkOnClose(false)
	k := &keeper{held: h, answer: answer(r), after: cmp.Or(r.After, patience), log: log,
		changed: make(chan struct{}), slots: make(chan struct{}, maxRefused)}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { k.welcome(ctx, control) })
	for ctx.Err() == nil {
		if k.deserted(ctx) {
			k.refuse(ctx)
		}
	}
	return nil
}

// keeper is a holder at work.
type keeper struct {
	held   *Held
	answer []byte
	after  time.Duration
	log    *slog.Logger
	slots  chan struct{} // connections that are being refused

	mu      sync.Mutex
	serving int           // programs that say that they serve
	changed chan struct{} // closed at the next change of it
}

// welcome counts who says that he serves.
func (k *keeper) welcome(ctx context.Context, control net.Listener) {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer context.AfterFunc(ctx, func() { _ = control.Close() })()
	for {
		c, err := control.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				k.log.Error("nobody can say any more that he serves", "error", err)
			}
			return
		}
		wg.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = c.Close() })()
			k.count(1)
			_, _ = io.Copy(io.Discard, c)
			k.count(-1)
			_ = c.Close()
		})
	}
}

func (k *keeper) count(by int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.serving += by
	close(k.changed)
	k.changed = make(chan struct{})
}

func (k *keeper) state() (serving bool, changed <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.serving > 0, k.changed
}

// deserted waits for a change, or until nobody has served for long enough.
func (k *keeper) deserted(ctx context.Context) bool {
	serving, changed := k.state()
	var late <-chan time.Time
	if !serving {
		late = time.After(k.after)
	}
	select {
	case <-ctx.Done():
		return false
	case <-changed:
		return false
	case <-late:
		return true
	}
}

// refuse answers who connects, until somebody serves.
func (k *keeper) refuse(ctx context.Context) {
	serving, changed := k.state()
	if serving {
		return
	}
	k.log.Warn("nobody serves; who connects is refused", "after", k.after)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, s := range k.held.sockets {
		ln, err := net.FileListener(s.file)
		if err != nil {
			k.log.Error("a port cannot be refused", "addr", s.addr, "error", err)
			continue
		}
		wg.Go(func() { k.turnAway(ctx, ln) })
	}
	select {
	case <-ctx.Done():
	case <-changed:
		k.log.Info("somebody serves again")
	}
	stop()
}

// turnAway refuses a listener's connections.
func (k *keeper) turnAway(ctx context.Context, ln net.Listener) {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	for {
		c, err := ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // no descriptors left, for one
			select {
			case <-ctx.Done():
				return
			case <-time.After(refuseWithin):
			}
			continue
		}
		select {
		case k.slots <- struct{}{}:
			wg.Go(func() {
				k.send(c)
				<-k.slots
			})
		default:
			_ = c.Close()
		}
	}
}

// send answers one connection: words where HTTP is spoken. What the peer still sends is read away,
// so that he gets the words.
func (k *keeper) send(c net.Conn) {
	defer c.Close()
	if c.SetDeadline(time.Now().Add(refuseWithin)) != nil {
		return
	}
	first := make([]byte, 4)
	if _, err := io.ReadFull(c, first); err != nil || !isMethod(first) {
		return
	}
	if _, err := c.Write(k.answer); err != nil {
		return
	}
	if t, ok := c.(*net.TCPConn); ok && t.CloseWrite() == nil {
		_, _ = io.CopyN(io.Discard, c, 64<<10)
	}
}

// isMethod says whether a request of HTTP may begin so: GET, POST, HEAD, PUT, OPTI...
func isMethod(first []byte) bool {
	for i, b := range first {
		if (b < 'A' || b > 'Z') && !(b == ' ' && i == 3) {
			return false
		}
	}
	return true
}

// answer is the response to every request.
func answer(r Refusal) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: %s\r\n"+
		"Content-Length: %d\r\nCache-Control: no-store\r\nRetry-After: 5\r\nRefresh: 5\r\n"+
		"Connection: close\r\n\r\n%s", r.ContentType, len(r.Body), r.Body)
}
