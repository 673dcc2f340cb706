package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// The accounts of these tests: the terminal sells at first, then at second.
var (
	first  = payment.Account{Name: "axs:one.test/link", Provider: "axs", Endpoint: "one"}
	second = payment.Account{Name: "axs:two.test/link", Provider: "axs", Endpoint: "two"}
	third  = payment.Account{Name: "singapay:sp.test/A", Provider: "singapay", Endpoint: "three"}
)

// sellsAt configures the account that is sold at, and those before it.
func sellsAt(now payment.Account, previous ...payment.Account) func(*engine.Config) {
	return func(c *engine.Config) {
		c.Provider, c.Account, c.QueryEndpoint = now.Provider, now.Name, now.Endpoint
		c.Previous = previous
	}
}

// switches starts the agent anew with another account. What was asked before has no answer.
func (r *rig) switches(now payment.Account, previous ...payment.Account) {
	r.t.Helper()
	sellsAt(now, previous...)(&r.cfg)
	r.asked = nil
	r.crash()
	r.makeReady()
	r.attach(till1)
}

// answers lets the accounts answer whatever is asked within d, and returns which were.
func (r *rig) answersFor(d time.Duration,
	answer func(engine.SendQuery) payment.QueryAnswer) (asked []payment.Account) {
	r.t.Helper()
	for end := r.now.Up + d; r.now.Up < end; {
		r.pass(500 * time.Millisecond)
		for len(r.asked) > 0 {
			q := r.answerNext(answer(r.asked[0]))
			if !slices.Contains(asked, q.Account) {
				asked = append(asked, q.Account)
			}
		}
	}
	return asked
}

func silent(engine.SendQuery) payment.QueryAnswer { return nothing() }

// unsaid is a payment that nobody says where it was made, as journals before schema 3 have it.
func (r *rig) unsaid(provider string) string {
	r.t.Helper()
	id, policy := r.ids.NewID(r.now.Wall), r.cfg.Policy
	ref := tag + "-" + id
	policy.Query = true
	for _, d := range []payment.Data{payment.Requested{
		Till: till1, Reference: "OLD", MerchantRef: ref, Money: sgd10, Provider: provider,
		Mode: "link", DeadlineUp: payment.ToMillis(r.now.Up + time.Minute), DeadlineAt: r.now.Wall,
		Policy: policy,
	}, payment.Minted{Payload: "https://pay.test/" + ref}, payment.Shown{By: "display"}} {
		f := []payment.Fact{{Payment: id, At: r.now.Wall, Boot: r.now.Boot, Up: r.now.Up, Data: d}}
		if err := r.j.Journal.Append(f, nil); err != nil {
			r.t.Fatal(err)
		}
	}
	return id
}

// TestAPaymentSaysItsAccount, and a change of the configuration does not change what it says.
func TestAPaymentSaysItsAccount(t *testing.T) {
	r := newRig(t, sellsAt(first))
	p := r.sale(till1, "R1")
	r.switches(second)
	if got := r.payment(p.ID); got.Account != first.Name || got.Provider != "axs" {
		t.Errorf("made at %q of %s", got.Account, got.Provider)
	}
	if got := all[payment.Requested](r); len(got) != 1 || got[0].Account != first.Name {
		t.Errorf("requested %+v", got)
	}
}

// TestARotationChangesNothing: another client id or secret of the same account has another endpoint
// at most. The code stays, and its silence counts.
func TestARotationChangesNothing(t *testing.T) {
	r := newRig(t, sellsAt(first))
	p := r.sale(till1, "R1")
	rotated := first
	rotated.Endpoint = "one, with another client id"
	r.switches(rotated, first)
	r.wantScreen(payment.ScreenPay)
	if r.screen.Payload != p.QRPayload {
		t.Errorf("the screen has %q", r.screen.Payload)
	}
	r.cancel(till1, p.ID)
	if asked := r.answersFor(20*time.Second, silent); !slices.Equal(asked,
		[]payment.Account{rotated}) {
		t.Errorf("asked %+v", asked)
	}
	r.wantStatus(p.ID, payment.StatusCancelled)
}

// TestMoneyAccountSwitch: the agent starts with another account while a code is up. It is withdrawn
// at once and for good; what the other account does not know of says nothing; the end is unknown
// within the time that the till was promised.
func TestMoneyAccountSwitch(t *testing.T) {
	for name, now := range map[string]payment.Account{"account": second, "provider": third,
		"no query": {Name: second.Name, Provider: "axs"}} {
		for _, query := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				was := first
				if !query {
					was.Endpoint = ""
				}
				r := newRig(t, sellsAt(was))
				p := r.sale(till1, "R1")
				if now == third {
					r.cfg.Currency = payment.IDR
				}
				r.screens = nil
				r.switches(now)
				r.wantFacts(p.ID, "requested minted shown display_lost withdrawn")
				if got := r.payment(p.ID); got.Money != sgd10 || got.Reason.Code != "display_lost" {
					t.Errorf("the payment is %+v", got)
				}
				end := r.now.Up + 25*time.Second
				for r.now.Up < end-time.Second {
					r.answersFor(time.Second, silent)
					r.prove()
				}
				if got := r.payment(p.ID); got.Final {
					t.Errorf("told %s %v before the time to answer is over; facts %s", got.Status,
						got.Flags, r.facts(p.ID))
				}
				r.pass(time.Second)
				r.wantStatus(p.ID, payment.StatusUnknown)
				for _, v := range r.screens {
					if v.Payload != "" {
						t.Errorf("the old account's code is on the screen: %+v", v)
					}
				}
				r.mustDeliver(paid(p)) // its old secret is still configured
				r.wantStatus(p.ID, payment.StatusApproved)
			})
		}
	}
}

// TestMoneyProviderSwitch is the sequence of the second siege: AXS's SUCCESS does not open any
// more, and what SingaPay does not know of must not be told as cancelled.
func TestMoneyProviderSwitch(t *testing.T) {
	r := newRig(t, asking, func(c *engine.Config) { c.QueryEndpoint = "axs" })
	p := r.sale(till1, "R1")
	r.pass(5 * time.Second)
	r.cfg.Provider, r.cfg.Currency, r.cfg.QueryEndpoint = "singapay", payment.IDR, "singapay"
	r.gw.secret = "singapay's"
	r.asked = nil
	r.crash()
	r.makeReady()
	if r.screen.Payload != "" {
		t.Errorf("after the restart the screen shows %s %q", r.screen.Kind, r.screen.Payload)
	}
	if err := r.deliverEnvelope(seal("right", paid(p))); err != nil {
		t.Fatal(err)
	}
	r.cancel(till1, p.ID)
	r.answersFor(26*time.Second, silent)
	r.wantStatus(p.ID, payment.StatusUnknown)
	r.gw.secret = "right" // AXS is a previous account: what is parked opens at the next start
	r.crash()
	r.wantStatus(p.ID, payment.StatusApproved)
}

// TestAPreviousAccountIsAsked: where it is configured, what it says and what it does not know of
// count, and a 404 only once its own endpoint has proved itself.
func TestAPreviousAccountIsAsked(t *testing.T) {
	for name, tc := range map[string]struct {
		proved bool
		answer func(payment.Payment) payment.QueryAnswer
		want   payment.Status
	}{
		"paid": {false, func(p payment.Payment) payment.QueryAnswer { return found(paid(p)) },
			payment.StatusApproved},
		"nothing": {false, func(payment.Payment) payment.QueryAnswer { return nothing() },
			payment.StatusCancelled},
		"404, proved": {true, func(payment.Payment) payment.QueryAnswer { return missing() },
			payment.StatusCancelled},
		"404, not proved": {false, func(payment.Payment) payment.QueryAnswer { return missing() },
			payment.StatusUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, sellsAt(first))
			if tc.proved {
				r.provesItself("R0")
			}
			p := r.sale(till1, "R1")
			r.switches(second, first)
			asked := r.answersFor(25*time.Second,
				func(engine.SendQuery) payment.QueryAnswer { return tc.answer(p) })
			if !slices.Equal(asked, []payment.Account{first}) {
				t.Errorf("asked %+v", asked)
			}
			r.wantStatus(p.ID, tc.want)
		})
	}
}

// provesItself is a sale that the present account's query reports.
func (r *rig) provesItself(reference string) {
	r.t.Helper()
	p := r.sale(till1, reference)
	r.cancel(till1, p.ID)
	r.answersFor(time.Second,
		func(engine.SendQuery) payment.QueryAnswer { return found(paid(p)) })
	r.wantStatus(p.ID, payment.StatusApproved)
	if err := r.acknowledge(till1, p.ID, r.payment(p.ID).Revision); err != nil {
		r.t.Fatal(err)
	}
}

// TestEachEndpointProvesItself: what one account's endpoint has proved says nothing of another's,
// and is not forgotten when the terminal comes back to it.
func TestEachEndpointProvesItself(t *testing.T) {
	r := newRig(t, sellsAt(first))
	r.provesItself("R1")
	ends := func(reference string) payment.Status {
		p := r.sale(till1, reference)
		r.cancel(till1, p.ID)
		r.answersFor(26*time.Second,
			func(engine.SendQuery) payment.QueryAnswer { return missing() })
		return r.payment(p.ID).Status
	}
	other := second
	other.Endpoint = first.Endpoint // one address for two merchants
	r.switches(other)
	if got := ends("R2"); got != payment.StatusUnknown {
		t.Errorf("another account, the same endpoint: %s", got)
	}
	r.provesItself("R3")
	if got := ends("R4"); got != payment.StatusCancelled {
		t.Errorf("once it has proved itself: %s", got)
	}
	r.switches(first)
	if got := ends("R5"); got != payment.StatusCancelled {
		t.Errorf("back at the first: %s", got)
	}
	if got := all[payment.QueryProved](r); !cmp.Equal(got, []payment.QueryProved{
		{Endpoint: "one", Account: first.Name}, {Endpoint: "one", Account: second.Name}}) {
		t.Errorf("proved %+v", got)
	}
}

// TestLateMoneyOfAPreviousAccount is asked for where it was made, as long as that account is
// configured; where it is not, the state says so, and nobody else is asked.
func TestLateMoneyOfAPreviousAccount(t *testing.T) {
	r := newRig(t, sellsAt(first))
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.answersFor(10*time.Second, silent)
	r.wantStatus(p.ID, payment.StatusCancelled)
	paidOne := r.sale(till1, "R2")
	r.mustDeliver(paid(paidOne))

	r.switches(second)
	if asked := r.answersFor(3*time.Hour, silent); len(asked) != 0 {
		t.Errorf("asked %+v about payments of the first", asked)
	}
	s := r.inspect()
	if d := cmp.Diff([]engine.Gone{{Account: first.Name, Payments: 1}}, s.Gone); d != "" {
		t.Errorf("gone (-want +got)\n%s", d)
	}
	if want := (engine.Watch{Left: 1, LeftApproved: 1}); s.Watch != want {
		t.Errorf("watched %+v, want %+v", s.Watch, want)
	}
	r.step(engine.GapFound{Reason: "nobody is asked for that either"})
	if asked := r.answersFor(time.Minute, silent); len(asked) != 0 {
		t.Errorf("asked %+v after a gap", asked)
	}

	r.switches(second, third, first)
	if s := r.inspect(); len(s.Gone) != 0 || s.Watch.Asked != 2 {
		t.Errorf("with the first as a previous account: %+v, watched %+v", s.Gone, s.Watch)
	}
	asked := r.answersFor(2*time.Minute, func(q engine.SendQuery) payment.QueryAnswer {
		if q.Payment == p.ID {
			return found(paid(p))
		}
		return nothing()
	})
	if !slices.Equal(asked, []payment.Account{first}) {
		t.Errorf("asked %+v", asked)
	}
	r.wantStatus(p.ID, payment.StatusApproved, payment.FlagLate)

	r.switches(second)
	r.pass(25 * time.Hour)
	if s := r.inspect(); len(s.Gone) != 0 || s.Watch != (engine.Watch{}) {
		t.Errorf("after the watch: %+v, watched %+v", s.Gone, s.Watch)
	}
}

// TestAccountsBeforeSchema3: a payment that does not say its account is the present one's where the
// provider is, and no other's.
func TestAccountsBeforeSchema3(t *testing.T) {
	r := newRig(t, sellsAt(first))
	id := r.unsaid("axs")
	r.switches(second)
	r.wantScreen(payment.ScreenPay)
	r.cancel(till1, id)
	r.answersFor(10*time.Second, silent)
	r.wantStatus(id, payment.StatusCancelled)

	id = r.unsaid("singapay")
	r.switches(second)
	r.wantFacts(id, "requested minted shown display_lost withdrawn")
	if asked := r.answersFor(26*time.Second, silent); slices.Contains(asked, third) {
		t.Errorf("asked %+v", asked)
	}
	r.wantStatus(id, payment.StatusUnknown)
	if d := cmp.Diff([]engine.Gone{{Account: "singapay", Payments: 1}}, r.inspect().Gone); d != "" {
		t.Errorf("gone (-want +got)\n%s", d)
	}
}

// TestACodeIsClosedWhereItWasMade, also when that is a previous account.
func TestACodeIsClosedWhereItWasMade(t *testing.T) {
	r := newRig(t, remote, sellsAt(first))
	id, _ := r.begins("R1")
	r.mintReturns(id, code)
	p := r.payment(id)
	r.closes = nil
	r.cfg.Remote = false
	r.switches(second, first)
	if want := (engine.CloseCode{MerchantRef: p.MerchantRef, ProviderRef: "77",
		Account: first}); len(r.closes) != 1 || r.closes[0] != want {
		t.Errorf("closed %+v, want %+v", r.closes, want)
	}
}

// TestAMintOfAnotherAccount: the agent was killed while the gateway made a code, and starts with
// another account. The one that was asked for the code is asked about it, or nobody.
func TestAMintOfAnotherAccount(t *testing.T) {
	for _, previous := range [][]payment.Account{nil, {first}} {
		r := newRig(t, remote, sellsAt(first))
		id, _ := r.begins("R1")
		r.switches(second, previous...)
		asked := r.answersFor(20*time.Second, silent)
		if len(previous) > 0 && !slices.Equal(asked[:1], previous) || len(previous) == 0 &&
			len(asked) > 0 {
			t.Errorf("asked %+v, the previous accounts are %+v", asked, previous)
		}
		if got := r.wantStatus(id, payment.StatusCancelled); got.Reason.Code != "mint_failed" {
			t.Errorf("reason %+v", got.Reason)
		}
	}
}

// bank is a gateway of several accounts: the secret of each is its name.
type bank struct {
	*gateway
	known []payment.Account
}

func (b bank) OpenAs(e payment.Envelope) ([]payment.Record, []payment.Account, error) {
	for _, a := range b.known {
		g := gateway{secret: a.Name}
		if records, err := g.Open(e); err == nil {
			return records, []payment.Account{a}, nil
		}
	}
	_, err := b.Open(e)
	return nil, nil, err
}

// TestTheSecretOfAPreviousAccount opens what is said about the sales that were made there, and
// about no sale of another account: who had that account may still know its secret.
func TestTheSecretOfAPreviousAccount(t *testing.T) {
	r := newRig(t, sellsAt(first))
	p := r.sale(till1, "R1")
	r.cancel(till1, p.ID)
	r.answersFor(10*time.Second, silent)
	rotated := second
	rotated.Endpoint = "two, with the client id before"
	r.wrap = func(g *gateway) engine.Gateway {
		return bank{g, []payment.Account{second, rotated, first, third}}
	}
	r.switches(second, rotated, first, third)
	if err := r.deliverEnvelope(seal(first.Name, paid(p))); err != nil {
		t.Fatal(err)
	}
	r.wantStatus(p.ID, payment.StatusApproved, payment.FlagLate)

	now := r.sale(till1, "R2")
	if err := r.deliverEnvelope(seal(third.Name, paid(p, status("SUCCESS", "2")))); err != nil {
		t.Fatal(err)
	}
	r.wantStatus(p.ID, payment.StatusApproved, payment.FlagLate)
	forged := seal(first.Name, paid(now))
	for range 2 { // and it stays closed when what is parked is tried again
		if err := r.deliverEnvelope(forged); err != nil {
			t.Fatal(err)
		}
		r.wantStatus(now.ID, payment.StatusAwaiting)
		r.crash()
		r.makeReady()
	}
	if got := all[payment.Parked](r); len(got) != 2 || !strings.Contains(got[0].Reason,
		"sold at before") {
		t.Errorf("parked %+v", got)
	}
	r.j.blind = "ByMerchantRef"
	if err := r.deliverEnvelope(seal(first.Name, paid(p), paid(now))); err == nil {
		t.Error("it is acknowledged though nobody could look whose sale it is about")
	}
	r.j.blind = ""
	if err := r.deliverEnvelope(seal(rotated.Name, paid(now))); err != nil {
		t.Fatal(err)
	}
	r.wantStatus(now.ID, payment.StatusApproved)
}

// TestAnotherModeKeepsTheCode: the mode is no part of the account. What is up stays up, with the
// money of its own record.
func TestAnotherModeKeepsTheCode(t *testing.T) {
	for _, to := range []struct{ from, to func(*engine.Config) }{
		{func(*engine.Config) {}, remote},
		{remote, func(c *engine.Config) { c.Mode, c.Remote, c.Wallets = "link", false, nil }},
	} {
		r := newRig(t, sellsAt(first), to.from, sellsAt(first))
		var id string
		if r.cfg.Remote {
			id, _ = r.begins("R1")
			r.mintReturns(id, code)
		} else {
			id = r.start(till1, "R1").ID
		}
		r.confirm(r.payment(id))
		was := r.screen
		to.to(&r.cfg)
		r.cfg.Currency = payment.IDR
		r.switches(first)
		if r.screen.Payload != was.Payload || was.Payload == "" || r.screen.Money != sgd10 {
			t.Errorf("mode %s: the screen has %+v, before %+v", r.cfg.Mode, r.screen, was)
		}
		r.mustDeliver(paid(r.payment(id)))
		r.wantStatus(id, payment.StatusApproved)
	}
}
