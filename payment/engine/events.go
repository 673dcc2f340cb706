package engine

import (
	"time"

	"kiosk-agent/payment"
)

// Ticket names a caller that waits for an answer; 0 = nobody does.
type Ticket uint64

// Event is something that happened. The set is closed: every type of this group.
//
//sumtype:decl
type Event interface{ event() }

type (
	// StartAsked: a till asks for a payment.
	StartAsked struct {
		Till    string
		Request payment.Request
		To      Ticket
	}
	// CancelAsked: a till asks to cancel; the answer comes when the payment is final.
	CancelAsked struct {
		Till string
		Key  payment.Key
		To   Ticket
	}
	// GetAsked: a till asks for one payment; Newest asks for the one that it started last.
	GetAsked struct {
		Till   string
		Key    payment.Key
		Newest bool
		To     Ticket
	}
	// ListAsked: a till asks for a page of its payments. Later: what comes after it may pass it.
	ListAsked struct {
		Till  string
		Query payment.ListQuery
		Later bool
		To    Ticket
	}
	// SoldAsked: a till asks what it has sold in [From, Until) by the wall clock.
	SoldAsked struct {
		Till        string
		From, Until time.Time
		To          Ticket
	}
	// Acknowledged: a till has stored this revision.
	Acknowledged struct {
		Till, ID string
		Revision int64
		To       Ticket
	}
	// Offering: a session on a line is about to send this revision as frame.
	Offering struct {
		Till, ID string
		Revision int64
		Frame    []byte
		To       Ticket
	}
	// Superseding: the till on a line has asked for another sale while the response to this payment
	// was due.
	Superseding struct {
		Till string
		Key  payment.Key
		To   Ticket
	}
	// TillShows: a till with a display of its own shows the code.
	TillShows struct {
		Till, ID string
		To       Ticket
	}
	// Attached and Detached: a connection of a till came or went.
	Attached struct {
		Till    string
		Session Ticket
	}
	Detached struct{ Till string }
	// Delivered: the relay delivered a request of the gateway. Mark moves the position and says
	// nothing else.
	Delivered struct {
		Envelope payment.Envelope
		Position payment.Position
		Mark     bool
		To       Ticket
	}
	// GapFound: the relay may have lost or skipped deliveries.
	GapFound struct {
		Reason string
		To     Ticket
	}
	// Resuming: the relay's client is about to say hello, has no connection, and waits for no
	// delivery to be taken. The answer's Position is where the relay is to go on.
	Resuming struct{ To Ticket }
	// RelayChanged: the connection to the relay came or went.
	RelayChanged struct {
		Connected bool
		Retention time.Duration // how long the relay holds what it has stored; 0 = it has not said
		Cause     string        // of a lost connection; safe to show
	}
	// CanaryReturned: a canary sent at SentUp (boot clock of this boot) has travelled the whole
	// path.
	CanaryReturned struct{ SentUp time.Duration }
	// CaughtUp: the relay has sent everything that it held when the connection began, and all of it
	// is booked.
	CaughtUp struct{}
	// RelayRemembered: the relay has said which head of this terminal's journal it remembers; the
	// zero Head is none. It is answered when what follows from it is committed.
	RelayRemembered struct {
		Known payment.Head
		To    Ticket
	}
	// ClockLearned: the relay's clock minus this machine's.
	ClockLearned struct{ Offset, Uncertainty time.Duration }
	// GatewayTime: the gateway's clock minus this machine's.
	GatewayTime struct{ Offset, Uncertainty time.Duration }
	// Queried: a transaction query has ended; it answers SendQuery.
	Queried struct {
		Payment string
		Account payment.Account // SendQuery's
		Round   uint64
		Answer  payment.QueryAnswer
	}
	// MintReturned: a mint at the gateway has ended; it answers SendMint.
	MintReturned struct {
		Payment string
		Answer  payment.MintAnswer
	}
	// Resolving: staff say what became of a payment (ID), or of an unmatched or parked fact
	// (Entry).
	Resolving struct {
		ID      string
		Entry   int64
		Outcome string          // "" = what the finding leads to
		Finding payment.Finding // "" = the only one that fits the outcome
		// the payments that were given back; what the portal or the till's book calls it
		Refs       []string
		PortalRef  string
		Seen       int64 // newest fact of the payment that they had before them; 0 = all
		By, Reason string
		User, Role string // the account that they are signed in with
		To         Ticket
	}
	// Confirming: staff confirm that a word of the gateway's notifications means a payment, by one
	// that its query has reported. Words of the answer has them.
	Confirming struct {
		ID string
		By string
		To Ticket
	}
	// Claiming: staff note that a customer says he has paid.
	Claiming struct {
		ID    string
		Claim payment.Claimed
		To    Ticket
	}
	// Recovering: staff accept this journal although the relay remembers a newer one.
	Recovering struct {
		By, Reason string
		To         Ticket
	}
	// DisplayChanged: the customer display came, went or lost its heartbeat.
	DisplayChanged struct {
		Connected bool
		Touch     bool // the customer can choose on it
		Cause     string
	}
	// WalletChosen: the customer has touched a wallet of this payment's choice.
	WalletChosen struct{ Payment, Wallet string }
	// DisplayShows: the display confirmed that it has painted this view.
	DisplayShows struct {
		Kind     payment.Screen
		Payment  string
		Revision int64
	}
	// DisplayRefused: the display cannot draw this payment's code.
	DisplayRefused struct{ Payment, Reason string }
	// Inspected: somebody asks for the terminal's state.
	Inspected struct{ To Ticket }
	// Ticked: the time that NextWake named has come, or any other moment.
	Ticked struct{}
)

func (StartAsked) event()      {}
func (CancelAsked) event()     {}
func (GetAsked) event()        {}
func (ListAsked) event()       {}
func (SoldAsked) event()       {}
func (Acknowledged) event()    {}
func (Offering) event()        {}
func (Superseding) event()     {}
func (TillShows) event()       {}
func (Attached) event()        {}
func (Detached) event()        {}
func (Delivered) event()       {}
func (GapFound) event()        {}
func (Resuming) event()        {}
func (RelayChanged) event()    {}
func (CanaryReturned) event()  {}
func (CaughtUp) event()        {}
func (RelayRemembered) event() {}
func (ClockLearned) event()    {}
func (GatewayTime) event()     {}
func (Queried) event()         {}
func (MintReturned) event()    {}
func (Resolving) event()       {}
func (Claiming) event()        {}
func (Confirming) event()      {}
func (Recovering) event()      {}
func (DisplayChanged) event()  {}
func (WalletChosen) event()    {}
func (DisplayShows) event()    {}
func (DisplayRefused) event()  {}
func (Inspected) event()       {}
func (Ticked) event()          {}

// Effect is something to do once the facts of its step are committed (or, from Output.Else, once
// they could not be). The set is closed: every type of this group.
//
//sumtype:decl
type Effect interface{ effect() }

type (
	// Answer goes to the caller that holds the ticket. Which field is set depends on the event
	// asked.
	Answer struct {
		To      Ticket
		Payment payment.Payment
		Page    payment.Page
		Sold    payment.Sold
		State   Snapshot
		Said    payment.Resolved // to Resolving: as it was booked
		Words   []string         // to Confirming: what is confirmed now
		// to Resuming; the zero Position: at the start
		Position payment.Position
		Err      error // *payment.Error, or nil
	}
	// Changed tells every attached session about a payment.
	Changed struct{ Payment payment.Payment }
	// Owed tells one session, just attached, about an outcome that its till has not acknowledged.
	Owed struct {
		Session Ticket
		Payment payment.Payment
	}
	// TerminalChanged tells every attached session that the readiness changed.
	TerminalChanged struct{}
	// Show puts a view on the customer display.
	Show struct{ View View }
	// SendCanary asks for a canary now.
	SendCanary struct{}
	// SendQuery asks a gateway account what became of a payment. It is answered by one Queried with
	// the same Account and Round.
	SendQuery struct {
		Payment, MerchantRef string
		Account              payment.Account
		Round                uint64
	}
	// SendMint asks the gateway for a code. It is answered by one MintReturned.
	SendMint struct {
		Payment string
		Request payment.MintRequest
	}
	// CloseCode asks the gateway account that made a code to take no payment for it any more;
	// nobody waits for an answer.
	CloseCode struct {
		MerchantRef, ProviderRef string
		Account                  payment.Account
	}
	// AdoptJournal tells the relay that this journal replaces the one of this head.
	AdoptJournal struct{ Lost payment.Head }
	// CarryHead asks that the relay be told the journal's head soon, within a second.
	CarryHead struct{}
	// Anchored tells the journal that it contains what the relay remembers of it.
	Anchored struct{}
	// ReadAgain has the relay's client say hello anew: there is room for what was left at the
	// relay.
	ReadAgain struct{}
	// Note is a line for the log: constant text and pairs of key and value, all safe.
	Note struct {
		Warn bool
		Text string
		Args []any
	}
)

func (Answer) effect()          {}
func (Changed) effect()         {}
func (Owed) effect()            {}
func (TerminalChanged) effect() {}
func (Show) effect()            {}
func (SendCanary) effect()      {}
func (SendQuery) effect()       {}
func (SendMint) effect()        {}
func (CloseCode) effect()       {}
func (AdoptJournal) effect()    {}
func (CarryHead) effect()       {}
func (Anchored) effect()        {}
func (ReadAgain) effect()       {}
func (Note) effect()            {}

// Snapshot is the terminal's state for terminal.status.
type Snapshot struct {
	Ready     bool
	Reasons   []payment.Reason
	Active    *payment.Payment
	Relay     bool
	Display   bool
	CanaryAge time.Duration // since the newest returned canary was sent; -1 = none has returned
	Attached  map[string]int
	Clock     Clockwork
	Watch     Watch
	CaughtUp  bool // the relay holds nothing that is not in the journal
	// the journal was compared with what the relay remembers of it; before that the relay is told
	// nothing that it would remember
	Judged bool
	// with journal_rollback: what was found, and the head that the relay remembers now
	RolledBack *payment.RolledBack
	Lost       payment.Head
	Gone       []Gone // accounts that nobody can ask any more though money may come there
}

// Clockwork is what is known of this machine's wall clock.
type Clockwork struct {
	Plausible bool
	Known     bool          // it was compared with the relay's
	Offset    time.Duration // the relay's clock minus this machine's, now
	// the gateway has told its own, and that minus this machine's
	GatewayKnown  bool
	GatewayOffset time.Duration
}

// Output is what one step decided.
type Output struct {
	Facts    []payment.Fact
	Position *payment.Position
	Then     []Effect // once Facts and Position are committed, or at once when there are none
	Else     []Effect // instead of Then, when the commit failed
	at       time.Duration
	staged   []*account
	onDone   []func() // volatile state to take over with the commit
	onFail   []func() // or with its failure
}

// Durable reports whether the output has something to commit.
func (o Output) Durable() bool { return len(o.Facts) > 0 || o.Position != nil }
