package e2e_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
)

// accounts are those of the torture's gateway: the terminal sells at one, and names the other as
// the one before.
var accounts = [...]struct{ client, link, secret string }{
	{"world-client", "world-link", "axs.secret"}, {"other-client", "other-link", "axs2.secret"},
}

// changeover is where the terminal sells, and what was under way when that was changed.
type changeover struct {
	due     int  // the agent's deaths after which it is changed next
	at      int  // of accounts
	known   bool // the other one has been sold at: it is named from then on
	unnamed bool // staff have forgotten to name it, for one life
	up      map[string]time.Time
}

// switchAccount ends a life while a code is up; the next one sells at the other account.
func (x *torture) switchAccount(whole string, broken <-chan error) {
	x.t.Helper()
	next := wish{among: []conduct{hesitates, paysTooLate, paysTooLate, staysAway}}
	if x.toll.counts["switches"] < 3 {
		next.among = next.among[1:3]
	}
	x.life(whole, step{up: true, wish: next}, broken)
	now := time.Now()
	codes, err := x.codesUp()
	if err != nil {
		x.t.Fatalf("which codes are up: %v", err)
	}
	for _, p := range codes {
		x.change.up[p.MerchantRef] = now
	}
	x.change.at, x.change.known = 1-x.change.at, true
	x.change.unnamed = x.rng.IntN(3) == 0 ||
		x.toll.counts["switches"] == 3 && x.toll.counts["switches without the account before"] == 0
	x.toll.count("switches", 1)
	x.toll.count("codes up at a switch", len(codes))
	x.note("the account is %s now, %d open, the other one named: %t", accounts[x.change.at].link,
		len(codes), !x.change.unnamed)
	if x.change.unnamed {
		x.toll.count("switches without the account before", 1)
	}
	x.life(whole, step{}, broken)
	x.change.unnamed = false
}

// soldAt is the configuration with the account that the terminal sells at, and the other one.
func (x *torture) soldAt(whole string) string {
	x.t.Helper()
	now, before := accounts[x.change.at], accounts[1-x.change.at]
	previous := ""
	if x.change.known && !x.change.unnamed {
		previous = fmt.Sprintf("[[axs.previous]]\npayment_link = \"%s/hpp/checkout/%s\"\n"+
			"client_id = %q\nsecret = \"file:%s/%s\"\n"+
			"query_url = \"%s/api/hpp/v2/transaction\"\n", x.sandboxURL, before.link,
			before.client, x.dir, before.secret, x.sandboxURL)
	}
	return strings.NewReplacer(accounts[0].client, now.client, accounts[0].link, now.link,
		accounts[0].secret, now.secret, "[relay]\n", previous+"[relay]\n").Replace(whole)
}

// codesUp are the payments whose code is up; the agent need not run.
func (x *torture) codesUp() (all []payment.Payment, err error) {
	j, err := offline.OpenReadOnly(filepath.Join(x.dir, "journal.db"))
	if err != nil {
		return nil, err
	}
	defer j.Close()
	ids, err := j.Unsettled()
	for _, id := range ids {
		p, _, err := j.Payment(id)
		if err != nil {
			return nil, err
		}
		if p.Status == payment.StatusAwaiting && p.Shown && !p.Withdrawn {
			all = append(all, p)
		}
	}
	return all, err
}

// codeUp is closed when a code is up that is not yet up now.
func (x *torture) codeUp(ctx context.Context) <-chan struct{} {
	up := make(chan struct{})
	before := map[string]bool{}
	if codes, err := x.codesUp(); err == nil { // else the journal is not there yet
		for _, p := range codes {
			before[p.ID] = true
		}
	}
	go func() {
		for ctx.Err() == nil {
			codes, err := x.codesUp()
			if err == nil && slices.ContainsFunc(codes,
				func(p payment.Payment) bool { return !before[p.ID] }) {
				close(up)
				return
			}
			_ = pause(ctx, 20*time.Millisecond, nil) // its end is the loop's
		}
	}()
	return up
}

// endAgent ends the agent as staff do who change its configuration, or as they must not.
func (x *torture) endAgent(s step) {
	x.t.Helper()
	if x.rng.IntN(2) == 0 {
		x.killAgent(s)
		return
	}
	x.agent.stop()
	x.note("agent stopped")
}

// paidLate is how many payments were made after their account was switched, at the account before.
func (x *torture) paidLate(opened []sandbox.Payment) (n int) {
	for _, p := range opened {
		switched, ok := x.change.up[p.MerchantRef]
		for _, r := range p.Records {
			if ok && r.Type == "PAY" && r.Status == sandbox.StatusSuccess && r.At.After(switched) {
				n++
				break
			}
		}
	}
	return n
}
