package e2e_test

import (
	"slices"
	"testing"

	"kiosk-agent/device"
	"kiosk-agent/internal/app/tillclient"
	"kiosk-agent/payment"
)

// refusedFor checks that no sale starts, for this reason, and that nothing of it is in the journal.
func refusedFor(t *testing.T, x *till, dir, reason string) {
	t.Helper()
	before := len(readJournal(t, dir))
	e := x.refused(device.CodeNotReady, "not_ready", "payment.start",
		object{"reference": "REFUSED", "amount": 100})
	var codes []string
	for _, r := range e.Data.Reasons {
		codes = append(codes, r.Code)
		if r.Message == "" || r.Hint == "" {
			t.Errorf("a reason without help: %+v", r)
		}
	}
	if !slices.Contains(codes, reason) {
		t.Errorf("refused for %v, want %s", codes, reason)
	}
	if after := readJournal(t, dir); len(after) != before ||
		count(after, payment.KindRequested) != 0 {
		t.Errorf("a refused sale left facts: %v", kinds(after))
	}
	x.refused(device.CodeNotFound, "not_found", "payment.get", object{"reference": "REFUSED"})
}

// awaitReason waits until the terminal gives this reason for taking no sale.
func (x *till) awaitReason(code string) {
	x.t.Helper()
	eventually(x.t, "the reason "+code, func() error {
		_, reasons := x.status()
		if slices.ContainsFunc(reasons, func(r payment.Reason) bool { return r.Code == code }) {
			return nil
		}
		return &tillclient.Error{Message: "the reasons differ"}
	})
}

// TestNoDisplayNoSale: and as soon as one shows what it is told, the very same reference is taken.
func TestNoDisplayNoSale(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	x := s.till()
	x.awaitReason("no_display")
	refusedFor(t, x, s.dir, "no_display")
	s.showScreen()
	x.ready()
	p := x.start("REFUSED", 100)
	s.until(p.ID, payment.KindShown)
	pay(t, p.QRPayload)
	x.acknowledge(x.approved(p.ID))
}

// TestDisplayTooSmall: the code of this very link would have modules that no phone reads.
func TestDisplayTooSmall(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	startDisplay(t, s.h.Agent.DisplayURL(), s.h.Agent.DisplayToken(), 240)
	x := s.till()
	x.ready()
	refusedFor(t, x, s.dir, "display_too_small")
	s.showScreen().shows("idle", "") // a larger one takes the place of the smaller
	x.ready()
	p := x.start("REFUSED", 100)
	s.until(p.ID, payment.KindShown)
}

// TestDisplayThatStaysSilent: a display that is told to show the code and never says that it does:
// display_lost, and nothing payable is left standing.
func TestDisplayThatStaysSilent(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	mute := muteDisplay(t, s)
	x := s.till()
	x.ready()
	p := x.start("MUTE", 100)
	done := x.outcome(p.ID)
	checkOutcome(t, "nobody showed it", done, payment.StatusCancelled, unconfirmed, "display_lost")
	checkOrder(t, s.facts(p.ID), payment.KindMinted, payment.KindDisplayLost, payment.KindWithdrawn,
		payment.KindPathProved)
	x.acknowledge(done)
	mute()
}
