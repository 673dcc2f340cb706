package till

import (
	"testing"
	"testing/synctest"
	"time"

	"kiosk-agent/payment"
)

// unscheduled is a connection whose Write returns a while after the till has the bytes.
type unscheduled struct{ *pipe }

func (u unscheduled) Write(b []byte) error {
	err := u.pipe.Write(b)
	time.Sleep(100 * time.Millisecond)
	return err
}

// TestAckBeforeTheWriteReturns: a till on a network acknowledges and hangs up at once, on a machine
// so busy that the agent's own Write has not returned by then. The outcome is acknowledged. On a
// serial line such an ACK came before the frame's last byte, and counts for nothing.
func TestAckBeforeTheWriteReturns(t *testing.T) {
	for _, network := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, func(c *Config) { c.Network = network })
			p := newPipe()
			stop := b.run(unscheduled{p})
			p.ev <- saleOn(ecn, 1023)
			b.hear(p, []byte{ack})
			time.Sleep(5 * time.Second) // until then the ACKs may be the agent's own
			b.engine.ends("P1", payment.StatusApproved)
			b.hear(p, paycubeSale("Q1", "00", "APPROVED", "000000001023", "TXN-P1"))
			p.ev <- []byte{ack}
			close(p.ev)
			time.Sleep(time.Second)
			if got := b.engine.payment("P1").Acknowledged; got != network {
				t.Errorf("network %t: acknowledged %t", network, got)
			}
			_ = stop() // the till hung up
			b.engine.close()
		})
	}
}
