package relayd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/websocket"
	"github.com/nats-io/nats.go/jetstream"

	"kiosk-agent/internal/disk"
	"kiosk-agent/relay/relayd/rules"
)

// ErrStoreBroken ends Run: the embedded store has refused every write for a while, as it does for
// good after one write that failed (a full disk, an I/O error). Only a new start mends it, so that
// is what the supervisor is asked for.
var ErrStoreBroken = errors.New(
	"the embedded store no longer takes writes; a restart opens it anew")

const (
	giveUpAfter  = 6 // failed probes in a row
	probeSubject = rules.Subjects + "probe"
	probeTTL     = time.Second // the shortest that JetStream knows
)

// monitor watches the store until ctx ends: whether it takes writes, how full it is, and whether it
// has been made anew, which ends all connections so that each agent hears of the gap now and not at
// its next reconnect.
func (s *Server) monitor(ctx context.Context) error {
	every := min(5*time.Second, s.cfg.Ping)
	tick := time.NewTicker(every)
	defer tick.Stop()
	epoch, failed := "", 0
	for {
		epoch = s.watchEpoch(ctx, epoch)
		s.watchDisk()
		err := s.store.probe(ctx, every, min(3*time.Second, 2*every))
		if ctx.Err() != nil {
			return nil
		}
		s.storeDown.Store(err != nil)
		if err == nil {
			failed = 0
			s.metrics.storeUp.Set(1)
		} else {
			failed++
			s.metrics.storeUp.Set(0)
			s.log.Error("the store takes no writes", "error", err, "failed", failed)
		}
		// where the connections' lock is stuck nobody is served, and nothing must say that all is
		// well
		s.hub.count()
		s.cfg.Health(err)
		if failed >= giveUpAfter && s.store.ns != nil {
			return fmt.Errorf("relayd: %w", ErrStoreBroken)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Server) watchEpoch(ctx context.Context, epoch string) string {
	sp, held, err := s.store.state(ctx)
	if err != nil {
		return epoch // the probe tells
	}
	s.metrics.storeBytes.Set(float64(held.bytes))
	s.metrics.storeMessages.Set(float64(held.msgs))
	if epoch != "" && sp.Epoch != epoch {
		s.log.Error("the store has another epoch: it was made anew while the relay was running")
		s.hub.closeEach(websocket.CloseServiceRestart, "the store was made anew")
	}
	return sp.Epoch
}

// watchDisk refuses hooks while the disk still has room: a write that fails for want of it would
// break the store.
func (s *Server) watchDisk() {
	if s.store.ns == nil {
		return
	}
	free, err := disk.Free(s.cfg.Store.Dir)
	if err != nil {
		s.log.Error("free space of the store's disk", "error", err)
		return
	}
	s.metrics.diskFree.Set(float64(free))
	low := free < int64(s.cfg.Store.MinFree)
	if s.store.low.Swap(low) != low {
		s.log.Warn("free space of the store's disk", "free", free, "min_free", s.cfg.Store.MinFree,
			"hooks_refused", low)
	}
}

// probe writes a tiny message that lives for a second, unless something was stored within the last
// interval. A full store answers, and so is not down.
func (s *store) probe(ctx context.Context, interval, timeout time.Duration) error {
	if s.low.Load() || time.Since(time.Unix(0, s.stored.Load())) < interval {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := s.js.Publish(ctx, probeSubject, nil, jetstream.WithExpectStream(streamName),
		jetstream.WithMsgTTL(probeTTL))
	if err := refusal(err); errors.Is(err, rules.ErrFull) || errors.Is(err, rules.ErrLimit) {
		return nil
	}
	return err
}
