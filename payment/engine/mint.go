package engine

import (
	"errors"
	"slices"
	"time"

	"kiosk-agent/payment"
)

// mintWithin is how long a gateway may take to make a code before nobody waits for its answer any
// more.
const mintWithin = 20 * time.Second

// openRemote opens a payment whose code the gateway makes: requested and mint_sent are committed
// before anything leaves, and the till's answer waits until there is something to pay, or until it
// is certain that there will not be. Where the customer is to choose a wallet first, requested is
// committed alone and the till is answered at once: how long a person takes is nobody's guess.
func (s *step) openRemote(ev StartAsked, id string, requested payment.Requested,
	timeout time.Duration) {
	if c, ok := s.m.gateway.(Checker); ok {
		if err := c.Check(payment.MintRequest{
			MerchantRef: requested.MerchantRef, Money: requested.Money, Schemes: requested.Schemes,
			Timeout: timeout,
		}); err != nil {
			s.refuseMint(ev.To, err)
			return
		}
	}
	s.fact(id, requested)
	a := s.stage(id)
	if s.m.asksCustomer(ev.Till, requested.Schemes) {
		if s.m.cfg.RequireScreen {
			a.showBy = s.now.Up + s.m.cfg.ShowWithin
		}
		s.answer(Answer{To: ev.To, Payment: a.p})
		return
	}
	if ev.To != 0 {
		a.starters = append(a.starters, ev.To)
		s.out.Else = append(s.out.Else, Answer{To: ev.To, Err: errJournal()})
	}
	s.mintFor(a, s.m.wallet(requested.Schemes), timeout)
}

// refuseMint tells the till what the gateway would refuse; nothing was begun.
func (s *step) refuseMint(to Ticket, err error) {
	e, ok := errors.AsType[*payment.Error](err)
	if !ok {
		e = &payment.Error{Code: payment.CodeInternal, Message: "the gateway takes no such payment",
			Hint: "run kiosk-agent doctor", Cause: err}
	}
	started := *e
	started.Op = "start"
	s.refuse(to, &started)
}

// wallet is the one that a code is made for where nobody chooses: the terminal's first, where the
// till named several the first of those. "" leaves it to the gateway.
func (m *Machine) wallet(asked []string) string {
	switch open := m.wallets(asked); {
	case len(open) > 0:
		return open[0]
	case len(m.cfg.Wallets) > 0:
		return asked[0]
	default:
		return ""
	}
}

// wallets are the terminal's that this sale may be paid with, in the terminal's order.
func (m *Machine) wallets(asked []string) []string {
	return slices.DeleteFunc(slices.Clone(m.cfg.Wallets),
		func(w string) bool { return len(asked) > 0 && !slices.Contains(asked, w) })
}

// asksCustomer reports whether the customer chooses the wallet: there are several, and a display
// that can be touched and has shown what it was told.
func (m *Machine) asksCustomer(till string, asked []string) bool {
	return len(m.wallets(asked)) > 1 && m.displayUp && m.displayProved && m.displayTouch &&
		!m.showsItself(till)
}

// choosing reports whether the customer still has to choose: the payment is requested, and nothing
// has left this machine.
func (m *Machine) choosing(a *account) bool {
	return m.cfg.Remote && !a.p.MintSent && !a.p.Minted && !a.p.Final && !a.resumes
}

// chooseBy is when the time to choose ends: the gateway needs some of the customer's time to make a
// code, and the customer to pay it.
func (a *account) chooseBy() time.Duration {
	return a.p.Deadline - min(mintWithin, (a.p.Deadline-a.facts[0].Up)/3)
}

// choose mints for a wallet, unless nobody would hear of the payment now: when the till asked,
// somebody would have. That the display works is plain, and whether the journal does the commit
// tells. While it is not known what the journal holds, nothing is chosen.
func (s *step) choose(id, wallet string) {
	if s.m.doubt {
		return
	}
	a := s.stage(id)
	hindrances := slices.DeleteFunc(s.m.reasons(s.now, a.p.Till), func(r payment.Reason) bool {
		return r.Is(payment.NotReadyJournal) || r.Is(payment.NotReadyDisplay)
	})
	if len(hindrances) > 0 {
		s.fact(id, payment.MintFailed{Reason: "not_ready",
			Message: "no code was asked for: " + hindrances[0].Message})
		a.showBy = 0
		return
	}
	s.mintFor(a, wallet, (a.p.Deadline - s.now.Up).Truncate(time.Second))
}

// unchosen ends a payment before there was anything to pay: what ended the customer's time says
// why.
func (s *step) unchosen(a *account, cause payment.Data) {
	why := payment.MintFailed{Reason: "cancelled",
		Message: "cancelled before the customer chose a wallet"}
	switch cause := cause.(type) {
	case payment.DeadlinePassed:
		why = payment.MintFailed{Reason: "not_chosen",
			Message: "the customer chose no wallet in time"}
	case payment.DisplayLost:
		why = payment.MintFailed{Reason: "display_lost",
			Message: "no display showed the choice of wallets: " + cause.Reason}
	}
	s.fact(a.p.ID, cause)
	s.fact(a.p.ID, why)
	a.showBy = 0
}

// mintFor sends the one mint of a payment.
func (s *step) mintFor(a *account, wallet string, timeout time.Duration) {
	s.fact(a.p.ID, payment.MintSent{Scheme: wallet})
	a.mintBy, a.showBy = s.now.Up+mintWithin, 0
	r := payment.MintRequest{MerchantRef: a.p.MerchantRef, Money: a.p.Money, Schemes: a.p.Schemes,
		Timeout: timeout}
	if wallet != "" {
		r.Schemes = []string{wallet}
	}
	s.then(SendMint{Payment: a.p.ID, Request: r})
}

// mintReturned takes what the gateway made of a mint. What failed without a doubt may fall back to
// a link; what may have come to be is asked for once, and never asked for again as a mint.
func (s *step) mintReturned(ev MintReturned) {
	a, ok, err := s.load(ev.Payment)
	if err != nil || !ok {
		s.then(Note{Warn: true, Text: "a code came for a payment that cannot be read",
			Args: []any{"payment", ev.Payment, "error", err}})
		return
	}
	answer := ev.Answer
	switch {
	case a.p.Minted:
	case answer.Failure == "":
		s.odd(a.p.ID, answer.Odd)
		s.minted(a, answer.Minted, answer.ValidFor)
	case a.p.Final:
	case answer.NeverSent && s.m.cfg.FallbackLink && a.p.EndedBy == "":
		s.fallBack(a, answer.Failure)
	case answer.NeverSent:
		s.mintFailed(a, answer.Failure)
	default:
		s.doubtMint(a, answer.Failure)
	}
}

// odd reports, once for each thing, how the gateway's answer differs from what its pages say.
func (s *step) odd(id, what string) {
	if what == "" || s.m.odd[what] {
		return
	}
	if s.m.odd == nil || len(s.m.odd) >= maxOdd {
		s.m.odd = map[string]bool{}
	}
	s.m.odd[what] = true
	s.then(
		Note{Warn: true, Text: "what the gateway made is not as its pages say; it is shown all " +
			"the same", Args: []any{"payment", id, "reason", what}})
}

// maxOdd bounds what odd remembers.
const maxOdd = 16

// minted books what the customer scans. The gateway's own validity can only shorten the customer's
// time: it is counted on our clock from the moment at which the mint was sent.
func (s *step) minted(a *account, m payment.Minted, validFor time.Duration) {
	if sent := newestOf(a.facts, payment.KindMintSent); validFor > 0 && sent.Boot == s.now.Boot {
		m.DeadlineUp = payment.ToMillis(sent.Up + validFor)
	}
	ended := a.p.EndedBy != "" || a.p.Final
	s.fact(a.p.ID, m)
	a.mintBy, a.doubtful = 0, false
	a.dark = a.dark || s.m.doubt // the journal may say that it has ended: nobody may pay it
	if ended || s.m.doubt {
		s.closeCode(a, m.ProviderRef)
	}
	if ended {
		return
	}
	if err := s.displayable(a.p.Till, m.Payload); err != nil {
		s.end(a, payment.DisplayLost{Reason: err.Message})
		return
	}
	if s.m.cfg.RequireScreen || s.m.showsItself(a.p.Till) {
		a.showBy = s.now.Up + s.m.cfg.ShowWithin
	}
}

// fallBack makes a link in place of a code that provably never was.
func (s *step) fallBack(a *account, why string) {
	m, err := s.m.gateway.Mint(payment.MintRequest{
		MerchantRef: a.p.MerchantRef, Money: a.p.Money, Schemes: a.p.Schemes,
		Timeout: max(0, a.p.Deadline-s.now.Up).Truncate(time.Second),
	})
	if err != nil {
		s.mintFailed(a, why+"; and the link could not be made")
		return
	}
	s.then(Note{Warn: true, Text: "the gateway was not reached: the link is shown instead",
		Args: []any{"payment", a.p.ID, "reason", why}})
	m.Link = true
	s.minted(a, m, 0)
}

func (s *step) mintFailed(a *account, why string) {
	a.mintBy, a.doubtful = 0, false
	s.fact(a.p.ID, payment.MintFailed{Reason: "mint_failed",
		Message: "the gateway made no code: " + why})
}

// doubtMint asks once what became of a mint whose answer was lost.
func (s *step) doubtMint(a *account, why string) {
	if _, askable := s.m.inquiries.at(a.p); !askable || !a.p.Policy.Query {
		s.mintFailed(a, why)
		return
	}
	a.doubtful, a.doubt = true, why
	a.mintBy = s.now.Up + a.p.Policy.AnswerWithin.Duration()
	id := a.p.ID
	s.out.onDone = append(s.out.onDone, func() { s.m.inquiries.askNow(id, s.now.Up) })
}

// tickMint ends the wait for a mint, and for the one question about it.
func (s *step) tickMint(a *account) {
	if s.m.doubt { // the journal may hold the code
		a.mintBy = s.now.Up + retryAfter
		return
	}
	if a.doubtful {
		s.mintFailed(a, a.doubt)
		return
	}
	s.doubtMint(a, "no answer within "+mintWithin.String())
}

// closeCode asks the gateway to let nobody pay any more. It is a courtesy: a payment that is made
// all the same is found. The name comes with the code: a payment that has ended does not take it
// over.
func (s *step) closeCode(a *account, providerRef string) {
	if at, ok := s.m.inquiries.accounts.Of(a.p); ok && providerRef != "" {
		s.then(CloseCode{MerchantRef: a.p.MerchantRef, ProviderRef: providerRef, Account: at})
	}
}
