package engine

import (
	"errors"
	"fmt"
	"slices"

	"kiosk-agent/payment"
)

// maxReference is the longest reference that a till may use.
const maxReference = 40

// maxOwed is how many owed outcomes a till is told at once when it attaches.
const maxOwed = 50

// start answers payment.start: an earlier request with the same reference first, then whether a
// sale is possible at all, and only then does anything come to be.
func (s *step) start(ev StartAsked) {
	if err := s.m.validate(ev.Request); err != nil {
		s.refuse(ev.To, err)
		return
	}
	if s.repeated(ev) {
		return
	}
	if err := s.m.allowed(ev.Request); err != nil {
		s.refuse(ev.To, err)
		return
	}
	if err := s.admissible(ev.Till); err != nil {
		s.refuse(ev.To, err)
		return
	}
	timeout := orDefault(ev.Request.Timeout, s.m.cfg.Timeout)
	if ev.Request.Line != nil { // such a till asks for no time, it only waits no longer
		timeout = min(timeout, s.m.cfg.Timeout)
	}
	id := s.m.ids.NewID(s.now.Wall)
	ref := s.m.cfg.Tag + "-" + id
	requested := payment.Requested{
		Till: ev.Till, Reference: ev.Request.Reference, MerchantRef: ref, Money: ev.Request.Money,
		Schemes: ev.Request.Schemes, Description: ev.Request.Description,
		Provider: s.m.cfg.Provider, Mode: s.m.cfg.Mode,
		Account: s.m.cfg.Account, Line: ev.Request.Line,
		DeadlineUp: payment.ToMillis(s.now.Up + timeout),
		DeadlineAt: s.now.Wall.UTC().Add(timeout).Truncate(1e6), Policy: s.m.cfg.Policy,
	}
	if s.m.cfg.Remote {
		s.openRemote(ev, id, requested, timeout)
		return
	}
	minted, err := s.m.gateway.Mint(payment.MintRequest{
		MerchantRef: ref, Money: ev.Request.Money, Schemes: ev.Request.Schemes, Timeout: timeout,
	})
	if err != nil {
		s.refuse(ev.To, &payment.Error{
			Code: payment.CodeInternal, Op: "start", Message: "the payment link could not be made",
			Hint: "run kiosk-agent doctor", Cause: err,
		})
		return
	}
	if err := s.displayable(ev.Till, minted.Payload); err != nil {
		s.refuse(ev.To, err)
		return
	}
	s.fact(id, requested)
	s.fact(id, minted)
	a := s.stage(id)
	if s.m.cfg.RequireScreen || s.m.showsItself(ev.Till) {
		a.showBy = s.now.Up + s.m.cfg.ShowWithin
	}
	s.answer(Answer{To: ev.To, Payment: a.p})
}

// validate refuses what is a request under no configuration.
func (m *Machine) validate(r payment.Request) *payment.Error {
	if !printable(r.Reference) || len(r.Reference) > maxReference {
		return badStart(payment.CodeReferenceInvalid, "send the till's own number for this sale",
			"reference must be 1 to %d printable ASCII characters", maxReference)
	}
	if r.Money.Amount <= 0 {
		return m.badAmount(r.Money)
	}
	return nil
}

// allowed refuses what this configuration does not take. A repeated request is answered before:
// its sale may have begun under another configuration, and who is refused charges in another way.
func (m *Machine) allowed(r payment.Request) *payment.Error {
	if r.Money.Currency != m.cfg.Currency {
		return badStart(payment.CodeAmountInvalid,
			"leave currency out, or send "+string(m.cfg.Currency),
			"currency %.8q is not this terminal's", string(r.Money.Currency))
	}
	if r.Money.Amount > m.cfg.MaxAmount {
		return m.badAmount(r.Money)
	}
	if r.Timeout != 0 && (r.Timeout < m.cfg.MinTimeout || r.Timeout > m.cfg.MaxTimeout) {
		return badStart(payment.CodeInvalid, "leave timeout_s out for the configured time",
			"timeout_s must be between %d and %d", int(m.cfg.MinTimeout.Seconds()),
			int(m.cfg.MaxTimeout.Seconds()))
	}
	for i, scheme := range r.Schemes {
		if !slices.Contains(m.cfg.Schemes, scheme) || slices.Contains(r.Schemes[:i], scheme) {
			return badStart(payment.CodeInvalid, "terminal.info lists the schemes",
				"schemes: %.40q is unknown here or named twice", scheme)
		}
	}
	return nil
}

func (m *Machine) badAmount(x payment.Money) *payment.Error {
	return badStart(payment.CodeAmountInvalid, "send minor units: 1023 is "+
		payment.Money{Amount: 1023, Currency: m.cfg.Currency}.String(),
		"amount %d is not between 1 and %d", x.Amount, m.cfg.MaxAmount)
}

func badStart(code payment.Code, hint, format string, args ...any) *payment.Error {
	return &payment.Error{Code: code, Op: "start", Message: fmt.Sprintf(format, args...),
		Hint: hint}
}

// printable reports whether s is one or more printable ASCII characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return s != ""
}

// repeated answers a request whose reference this till has used before, and reports whether it did.
// Guarantee 3 lives here: a till that has acknowledged any revision has finished with that sale, so
// a correction that is owed does not answer its next request.
func (s *step) repeated(ev StartAsked) bool {
	id, err := s.m.byReference(ev.Till, ev.Request.Reference)
	var a *account
	if err == nil && id != "" {
		a, _, err = s.load(id)
	}
	if err != nil {
		s.refuse(ev.To, journalUnreadable("start", err))
		return true
	}
	if a == nil {
		return false
	}
	p := a.p
	switch {
	case p.Money != ev.Request.Money:
		s.refuse(ev.To, &payment.Error{
			Code: payment.CodeReferenceConflict, Op: "start",
			Message: "this reference was used for another amount",
			Hint:    "use a new reference for a new sale", Payment: &p,
		})
	case s.m.doubt && !p.Final:
		s.refuse(ev.To, journalUnreadable("start", errDoubt))
	case !p.Final, p.AckedRev == 0 && p.FinalBoot == s.now.Boot &&
		s.now.Up-p.FinalUp < s.m.cfg.ReuseWindow:
		s.show(a, answerTo(ev.To))
	default:
		s.refuse(ev.To, &payment.Error{
			Code: payment.CodeReferenceReused, Op: "start",
			Message: "this reference was used up by an earlier sale",
			Hint: "use a new reference for a new sale; payment.get tells how the earlier one " +
				"ended",
			Payment: &p,
		})
	}
	return true
}

func (m *Machine) byReference(till, reference string) (string, error) {
	for _, a := range slices.Backward(m.open) {
		if a.p.Till == till && a.p.Reference == reference {
			return a.p.ID, nil
		}
	}
	return m.journal.ByReference(till, reference)
}

// admissible reports why no sale can start now: another one, the journal, or guarantee 4.
func (s *step) admissible(till string) *payment.Error {
	if len(s.m.open) > 0 {
		p := s.m.open[0].p
		return &payment.Error{
			Code: payment.CodeBusy, Op: "start", Message: "another payment is awaiting",
			Retryable: true, Hint: "wait for it to end, or cancel it", Payment: &p,
		}
	}
	if err := s.m.journal.Writable(); err != nil {
		e := errJournal()
		e.Cause = err
		return e
	}
	reasons := slices.DeleteFunc(s.m.reasons(s.now, till), func(r payment.Reason) bool {
		// whether an entry can be made now, the commit itself will tell
		return r.Is(payment.NotReadyJournal)
	})
	if len(reasons) > 0 {
		return &payment.Error{
			Code: payment.CodeNotReady, Op: "start", Message: reasons[0].Message,
			Hint: reasons[0].Hint, Retryable: true, Reasons: reasons,
		}
	}
	return nil
}

// displayable refuses a sale whose code the display could not draw large enough to scan.
func (s *step) displayable(till, payload string) *payment.Error {
	if s.m.showsItself(till) || !s.m.cfg.RequireScreen {
		return nil
	}
	err := s.m.display.Fits(payload)
	if err == nil {
		return nil
	}
	reason := payment.NotReadyTooSmall.Reason(err.Error())
	return &payment.Error{
		Code: payment.CodeNotReady, Op: "start", Message: reason.Message, Hint: reason.Hint,
		Reasons: []payment.Reason{reason}, Cause: err,
	}
}

func (m *Machine) showsItself(till string) bool { return slices.Contains(m.cfg.DisplayTills, till) }

// cancel withdraws the code; the answer waits until the payment is final.
func (s *step) cancel(ev CancelAsked) {
	a, err := s.own("cancel", ev.Till, ev.Key)
	if err != nil {
		s.refuse(ev.To, err)
		return
	}
	if a.p.Final {
		p := a.p
		s.refuse(ev.To, &payment.Error{
			Code: payment.CodeNotCancellable, Op: "cancel",
			Message: "the payment is already " + string(p.Status),
			Hint:    "acknowledge it; a new sale needs a new reference", Payment: &p,
		})
		return
	}
	if ev.To != 0 {
		a.waiters = append(a.waiters, ev.To)
		s.out.Else = append(s.out.Else, Answer{To: ev.To, Err: errJournal()})
	}
	if a.p.EndedBy == "" {
		s.end(a, payment.CancelRequested{By: ev.Till})
	}
}

// own finds a payment and checks that it is this till's.
func (s *step) own(op, till string, key payment.Key) (*account, *payment.Error) {
	a, err := s.find(till, key)
	if err != nil {
		return nil, journalUnreadable(op, err)
	}
	if a == nil {
		return nil, notFound(op)
	}
	if a.p.Till != till {
		return nil, &payment.Error{
			Code: payment.CodeNotOwner, Op: op, Message: "this payment belongs to another till",
			Hint: "only the till that asked may do this",
		}
	}
	return a, nil
}

func (s *step) find(till string, key payment.Key) (*account, error) {
	id := key.ID
	if id == "" {
		var err error
		if id, err = s.m.byReference(till, key.Reference); err != nil || id == "" {
			return nil, err
		}
	}
	a, _, err := s.load(id)
	return a, err
}

// errDoubt: the journal may hold the end of a payment that is open here, and cannot be asked. Its
// code is given to nobody until it can.
var errDoubt = errors.New("whether the newest entry is in it is not known")

// get reads one payment of the till. A final one counts as told, so that is committed first.
func (s *step) get(ev GetAsked) {
	key := ev.Key
	if ev.Newest {
		id, err := s.m.journal.Newest(ev.Till)
		if err != nil {
			s.refuse(ev.To, journalUnreadable("last", err))
			return
		}
		key = payment.Key{ID: id}
	}
	var a *account
	var err error
	if key != (payment.Key{}) {
		a, err = s.find(ev.Till, key)
	}
	switch {
	case err != nil:
		s.refuse(ev.To, journalUnreadable("get", err))
	case a == nil || a.p.Till != ev.Till:
		s.refuse(ev.To, notFound("get"))
	case s.m.doubt && !a.p.Final:
		s.refuse(ev.To, journalUnreadable("get", errDoubt))
	default:
		s.show(a, answerTo(ev.To))
	}
}

func (s *step) sold(ev SoldAsked) {
	sold, err := s.m.journal.Sold(ev.Till, ev.From, ev.Until)
	if err != nil {
		s.refuse(ev.To, journalUnreadable("sold", err))
		return
	}
	s.read(Answer{To: ev.To, Sold: sold})
}

func (s *step) list(ev ListAsked) {
	page, err := s.m.journal.List(ev.Till, ev.Query)
	if err != nil {
		s.refuse(ev.To, journalUnreadable("list", err))
		return
	}
	anyway := true
	for _, p := range page.Payments {
		if p.Final && p.OfferedRev < p.Revision {
			a, ok, err := s.load(p.ID)
			if err != nil {
				s.refuse(ev.To, journalUnreadable("list", err))
				return
			}
			if ok && !s.tell(a) {
				anyway = false
			}
		}
	}
	if !anyway {
		s.answer(Answer{To: ev.To, Page: page})
		return
	}
	s.read(Answer{To: ev.To, Page: page})
}

func (s *step) acknowledge(ev Acknowledged) {
	a, err := s.own("acknowledge", ev.Till, payment.Key{ID: ev.ID})
	if err != nil {
		s.refuse(ev.To, err)
		return
	}
	if !a.p.Final || ev.Revision < 1 || ev.Revision > a.p.Revision {
		s.refuse(ev.To, &payment.Error{
			Code: payment.CodeInvalid, Op: "acknowledge",
			Hint: "acknowledge a final payment with the revision that you stored",
			Message: fmt.Sprintf("revision %d: the payment is %s at revision %d", ev.Revision,
				a.p.Status, a.p.Revision),
		})
		return
	}
	if ev.Revision > a.p.AckedRev {
		s.fact(a.p.ID, payment.Acknowledged{Revision: ev.Revision})
	}
	s.answer(Answer{To: ev.To})
}

// offering books one transmission of an outcome on a line, before its first byte goes out.
func (s *step) offering(ev Offering) {
	a, err := s.own("offer", ev.Till, payment.Key{ID: ev.ID})
	if err != nil {
		s.refuse(ev.To, err)
		return
	}
	status, known := statusAt(a.p, ev.Revision)
	if !known || len(ev.Frame) == 0 {
		s.refuse(ev.To, &payment.Error{
			Code: payment.CodeInvalid, Op: "offer",
			Hint: "offer a final payment with a revision that there was, and with its bytes",
			Message: fmt.Sprintf("revision %d: the payment is %s at revision %d", ev.Revision,
				a.p.Status, a.p.Revision),
		})
		return
	}
	s.fact(a.p.ID, payment.Offered{Revision: ev.Revision, Status: status, Frame: ev.Frame})
	s.answer(Answer{To: ev.To})
}

// superseding books that the response to a payment is not given unasked any more.
func (s *step) superseding(ev Superseding) {
	a, err := s.own("supersede", ev.Till, ev.Key)
	switch {
	case err != nil:
		s.refuse(ev.To, err)
		return
	case a.p.Line != nil && !a.p.Superseded:
		s.fact(a.p.ID, payment.Superseded{})
	}
	s.answer(Answer{To: ev.To})
}

// statusAt is what a payment was at its present revision, or at one that has been sent before.
func statusAt(p payment.Payment, revision int64) (payment.Status, bool) {
	if p.Final && revision == p.Revision {
		return p.Status, true
	}
	for _, t := range p.Sent {
		if t.Revision == revision {
			return t.Status, true
		}
	}
	return "", false
}

// tillShows takes the word of a till that shows the code itself.
func (s *step) tillShows(ev TillShows) {
	a, err := s.own("shown", ev.Till, payment.Key{ID: ev.ID})
	switch {
	case err != nil:
		s.refuse(ev.To, err)
	case !s.m.showsItself(ev.Till):
		s.refuse(ev.To, &payment.Error{
			Code: payment.CodeInvalid, Op: "shown", Message: "this till shows no code",
			Hint: "set display = true for it in the configuration",
		})
	default:
		s.confirmShown(a, "till", a.p.Revision)
		s.answer(Answer{To: ev.To})
	}
}

// confirmShown books the first confirmation of an open payment's code.
func (s *step) confirmShown(a *account, by string, revision int64) {
	if a.p.Shown || a.p.Final || a.p.EndedBy != "" {
		return
	}
	a.showBy = 0
	s.fact(a.p.ID, payment.Shown{By: by, Revision: revision})
}

// attach counts a connection and tells it what its till is owed.
func (s *step) attach(ev Attached) {
	s.m.attached[ev.Till]++
	ids, err := s.m.journal.Owed(ev.Till)
	if err != nil {
		s.then(Note{Warn: true, Text: "owed outcomes could not be read",
			Args: []any{"till", ev.Till, "error", err}})
		return
	}
	for _, id := range ids[:min(len(ids), maxOwed)] {
		a, ok, err := s.load(id)
		if err != nil || !ok {
			s.then(Note{Warn: true, Text: "an owed outcome could not be read",
				Args: []any{"till", ev.Till, "payment", id, "error", err}})
			continue
		}
		s.show(a, func(p payment.Payment) Effect { return Owed{Session: ev.Session, Payment: p} })
	}
}

func answerTo(to Ticket) func(payment.Payment) Effect {
	return func(p payment.Payment) Effect { return Answer{To: to, Payment: p} }
}

func notFound(op string) *payment.Error {
	return &payment.Error{Code: payment.CodeNotFound, Op: op,
		Message: "this till has no such payment", Hint: "check the reference or id"}
}

func errJournal() *payment.Error {
	return &payment.Error{
		Code: payment.CodeJournalUnavailable, Op: "commit",
		Message: "the journal takes no entries now; nothing was changed",
		Hint:    "check the disk: kiosk-agent doctor", Retryable: true,
	}
}

func journalUnreadable(op string, err error) *payment.Error {
	return &payment.Error{
		Code: payment.CodeJournalUnavailable, Op: op,
		Message: "the journal cannot be read now; nothing was started",
		Hint:    "check the disk: kiosk-agent doctor", Retryable: true, Cause: err,
	}
}
