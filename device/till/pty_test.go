//go:build linux

package till

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"kiosk-agent/payment"
	"kiosk-agent/test/devicetest"
)

// ptyConn is the terminal's end of a real pseudo terminal, in raw mode.
type ptyConn struct{ *os.File }

func (c ptyConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		return 0, err
	}
	n, err := c.File.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, nil
	}
	return n, err
}

func (c ptyConn) Write(b []byte) error {
	_, err := c.File.Write(b)
	return err
}

// line is a pty pair: the till's end, and a Conn.
func line(t *testing.T) (till *os.File, conn ptyConn) {
	t.Helper()
	ptmx, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	name := tty.Name()
	raw(t, tty)
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	tty.Close()
	conn = ptyConn{os.NewFile(uintptr(fd), name)}
	t.Cleanup(func() { ptmx.Close() })
	return ptmx, conn
}

func raw(t *testing.T, f *os.File) {
	t.Helper()
	c, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	err = c.Control(func(fd uintptr) {
		attr, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if err != nil {
			failed = err
			return
		}
		attr.Iflag, attr.Oflag, attr.Lflag = 0, 0, 0
		attr.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B9600
		attr.Cc[unix.VMIN], attr.Cc[unix.VTIME] = 1, 0
		failed = unix.IoctlSetTermios(int(fd), unix.TCSETS, attr)
	})
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
}

// reads exactly as many bytes as are wanted, and compares them.
func reads(t *testing.T, f io.Reader, want ...byte) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(f, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("the till reads\n%s\nwant\n%s", hex.Dump(got), hex.Dump(want))
	}
}

func writes(t *testing.T, f io.Writer, b ...byte) {
	t.Helper()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
}

// acked sends the ACK and waits for its entry in the journal: the engine was asked for it before
// the next request got its own ACK.
func (b *bench) acked(till *os.File) {
	b.t.Helper()
	writes(b.t, till, append([]byte{ack}, frame(ecn, "A1", "01")...)...)
	reads(b.t, till, append([]byte{ack},
		frame(ecn, "A1", "00", "02="+pad("READY", 40))...)...)
	writes(b.t, till, ack)
	done := make(chan struct{})
	b.engine.ops <- func() { close(done) }
	<-done
}

func TestPty(t *testing.T) {
	b := newBench(t)
	till, conn := line(t)
	stop := b.run(conn)
	for i, tc := range []struct {
		how        payment.Status
		code, text string
		ref        string
	}{
		{payment.StatusApproved, "00", "APPROVED", "TXN-P1"},
		{payment.StatusDeclined, "51", "DECLINED", ""},
		{payment.StatusExpired, "51", "TIME IS UP - NOT PAID", ""},
		{payment.StatusCancelled, "51", "CANCELLED - NOT PAID", ""},
		{payment.StatusUnknown, "TO", "OUTCOME UNKNOWN - CHECK BEFORE RETRY", ""},
	} {
		request := saleOn(ecn, 1023)
		if i%2 == 1 {
			for _, x := range request { // byte by byte
				writes(t, till, x)
			}
		} else {
			writes(t, till, request...)
		}
		reads(t, till, ack)
		id := b.newest()
		b.engine.ends(id, tc.how)
		reads(t, till, paycubeSale("Q1", tc.code, tc.text, "000000001023", tc.ref)...)
		b.acked(till)
		if got := b.engine.payment(id); !got.Acknowledged || got.Status != tc.how {
			t.Errorf("%s: acknowledged %v, %d transmissions", got.Status, got.Acknowledged,
				len(got.Sent))
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	b.engine.close()
}

// newest is the id of the payment that is started next, or was just now.
func (b *bench) newest() (id string) { return <-b.startedIDs }

func TestPtyCablePulledMidSale(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Timers = dialects["paycube"]().Timers().Scaled(50) })
	till, conn := line(t)
	stop := b.run(conn)
	writes(t, till, saleOn(ecn, 1023)...)
	reads(t, till, ack)
	id := b.newest()
	till.Close()
	if err := stop(); err != nil && !errors.Is(err, unix.EIO) && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	b.engine.ends(id, payment.StatusApproved)
	till, conn = line(t)
	stop = b.run(conn)
	response := paycubeSale("Q1", "00", "APPROVED", "000000001023", "TXN-P1")
	// it was never sent; three times, with timers divided by 50
	reads(t, till, bytes.Repeat(response, 3)...)
	if got := b.engine.payment(id); got.Acknowledged || len(got.Sent) != 3 {
		t.Errorf("%s: acknowledged %v, %d transmissions", got.Status, got.Acknowledged,
			len(got.Sent))
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	b.engine.close()
}

// A cashier whose till asks again with a new ECN and the same receipt number, over a real line: one
// payment, and the answer is the newest request's.
func TestPtySameReceipt(t *testing.T) {
	b := newBench(t)
	var err error
	b.Session, err = New(Config{Till: "till-2", Merchant: "SHOP", IDs: new(counter)},
		dialects["nets"](), b.engine, new(devicetest.Terminal), b.clock,
		slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	till, conn := line(t)
	stop := b.run(conn)
	writes(t, till, purchase(ecn, receipt, 1023)...)
	reads(t, till, ack)
	id := b.newest()
	const second = "251210091402"
	writes(t, till, purchase(second, receipt, 1023)...)
	reads(t, till, ack)
	b.engine.ends(id, payment.StatusApproved)
	size := make([]byte, 3)
	if _, err := io.ReadFull(till, size); err != nil {
		t.Fatal(err)
	}
	rest := make([]byte, int(size[1]>>4)*1000+int(size[1]&15)*100+int(size[2]>>4)*10+
		int(size[2]&15)+2)
	if _, err := io.ReadFull(till, rest); err != nil {
		t.Fatal(err)
	}
	if h := parse(t, append(size, rest...)); h.String() != second+" 30 00" ||
		h.fields["HD"] != receipt {
		t.Errorf("the till reads %s %q", h, h.fields)
	}
	if n := b.engine.count("start"); n != 1 {
		t.Errorf("%d payments", n)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	b.engine.close()
}
