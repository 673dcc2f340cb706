package payment

import "slices"

// NotReady names a reason why no sale can start: the Code of a Reason that a till, the status page
// and the metric kiosk_not_ready tell. The set is closed, and a code is part of the till API: add
// rows, never rename one. A new one is a constant and a row here, and its section in
// docs/OPERATIONS.md.
type NotReady string

// The reasons, as they are told when there are several.
const (
	NotReadyRollback  NotReady = "journal_rollback"
	NotReadyJournal   NotReady = "journal_unavailable"
	NotReadyConfig    NotReady = "config_invalid"
	NotReadySecret    NotReady = "secret_invalid"
	NotReadyClock     NotReady = "clock_implausible"
	NotReadyCodeClock NotReady = "code_clock"
	NotReadyRelay     NotReady = "relay_down"
	NotReadyPath      NotReady = "path_unproven"
	NotReadyDisplay   NotReady = "no_display"
	NotReadyTooSmall  NotReady = "display_too_small"
)

// What a till on an ECR line hears of a terminal that is not ready, by the names that the outcomes
// of device/ecr have: the journal goes before everything, the path is told where it is all.
const (
	HeardNotReady = "not_ready"
	HeardPath     = "path_down"
	HeardJournal  = "journal_unavailable_before"
)

// Unready is what there is to say about one reason.
type Unready struct {
	Code NotReady
	Text string // what it means: a Reason's message, up to what is particular
	Hint string // what to do, where nobody knows better
	// seconds after which asking again may help; 0 = unknown
	RetryAfter int
	Heard      string // on an ECR line: one of the Heard constants
	// what stands small on the customer display, for staff: Code, others where the display found
	// it out by itself, or none where no customer is told
	Screen []string
}

// unready has one row for each NotReady; it is never written after its creation.
var unready = []Unready{
	{NotReadyRollback, "the relay knew a newer journal than this one",
		"the journal was restored, lost or cloned: run kiosk-agent recover --reason TEXT", 0,
		HeardNotReady, []string{string(NotReadyRollback)}},
	{NotReadyJournal, "the journal takes no entry", "check the disk: kiosk-agent doctor", 30,
		HeardJournal, []string{string(NotReadyJournal)}},
	{NotReadyConfig, "the configuration does not pass", "mend it: kiosk-agent check-config", 0,
		HeardNotReady, []string{string(NotReadyConfig)}},
	{NotReadySecret, "a secret cannot be had, or does not fit", "put the secret there, readable " +
		"for the agent's user only: chmod 0600; then kiosk-agent check-config", 0,
		HeardNotReady, []string{string(NotReadySecret)}},
	{NotReadyClock, "this machine's clock cannot be right",
		"set the clock that is wrong; check NTP on both machines", 0,
		HeardNotReady, []string{string(NotReadyClock)}},
	{NotReadyCodeClock, "nobody knows the clock that the gateway's codes end by",
		"set the clock that is wrong, or let the gateway be reached, which tells its own", 0,
		HeardNotReady, []string{string(NotReadyCodeClock)}},
	{NotReadyRelay, "there is no connection to the relay", "check the network and relay.url", 5,
		HeardPath, []string{string(NotReadyRelay)}},
	{NotReadyPath, "no test message has come back through the relay yet",
		"check that relay.hook_url can be reached from here", 5,
		HeardPath, []string{string(NotReadyPath)}},
	{NotReadyDisplay, "no customer display shows what it is told", "open the display's page in " +
		"its browser: display.listen, the first time with ?token= and the content of " +
		"display.token", 5, HeardNotReady, nil},
	{NotReadyTooSmall, "the customer display is too small for this code",
		"use a larger display, or shorten the link (leave out success_url, fail_url)", 0,
		HeardNotReady, []string{"code_too_small", "code_too_long"}},
}

// NotReadyReasons lists what there is to say about every NotReady.
func NotReadyReasons() []Unready { return slices.Clone(unready) }

// UnreadyOf is the row of a Reason's code; ok is false for a code of something else.
func UnreadyOf(code string) (row Unready, ok bool) {
	i := slices.IndexFunc(unready, func(u Unready) bool { return string(u.Code) == code })
	if i < 0 {
		return Unready{}, false
	}
	return unready[i], true
}

// Reason is the reason in the words of its row, with what is particular about it after them; "" =
// nothing is.
func (n NotReady) Reason(particular string) Reason {
	row, _ := UnreadyOf(string(n))
	message := row.Text
	if particular != "" {
		message += ": " + particular
	}
	return Reason{Code: string(n), Message: message, Hint: row.Hint, RetryAfter: row.RetryAfter}
}

// Is reports whether the reason is this one.
func (r Reason) Is(n NotReady) bool { return r.Code == string(n) }
