package sim

import "time"

// fault names something that can go wrong.
type fault int

const (
	crashBeforeCommit fault = iota
	crashAfterCommit
	crashBetweenEffects
	crashIdle
	powerCut
	appendRefused
	appendLies
	diskBadForLong
	readsFail
	clockJumps
	clockJumpsYears
	suspended
	journalRestored
	journalLost
	journalCloned
	webhookLost
	webhookTwice
	webhookLate
	webhookHours
	webhookForged
	webhookBent
	secretRotated
	accountSwitched
	reconfigured
	hookRefused
	queryTimeout
	queryError
	queryNonsense
	queryOther
	queryLost
	querySlow
	queryNotFoundLie
	queryUnknownWord
	relayCut
	relayDeaf
	relayRestart
	relayRestored
	relayMadeAnew
	relayFlood
	relayRubbish
	relayStoreDown
	relayStoreLies
	dialFails
	displayLate
	displayLost
	displaySmall
	displayFrozen
	mintFails
	mintNeverLeaves
	mintLost
	mintUnanswered
	mintRefused
	mintGarbled
	mintSlow
	mintShort
	closeFails
	tillForgets
	tillLeaves
	tillMute
	tillCancels
	tillAgain
	tillUsesReferenceAgain
	tillConflict
	tillMeddles
	tillRushes
	payAtCancel
	lineLoses
	lineGarbles
	lineDropsACK
	linePulled
	lineMissesAnswer
	lineEchoes
	lineAnswers
	numFaults
)

// faultSpec is a fault's name and how likely it is at each occasion in a terrible run.
type faultSpec struct {
	name string
	rate float64
}

var faultSpecs = [numFaults]faultSpec{
	crashBeforeCommit:      {"crash before a commit", 0.05},
	crashAfterCommit:       {"crash after a commit", 0.05},
	crashBetweenEffects:    {"crash between two effects", 0.04},
	crashIdle:              {"crash while idle", 0.6},
	powerCut:               {"power cut", 0.35},
	appendRefused:          {"append refused", 0.06},
	appendLies:             {"append committed, reported failed", 0.06},
	diskBadForLong:         {"disk bad for long", 0.012},
	readsFail:              {"reads fail", 0.004},
	clockJumps:             {"wall clock jumps by seconds to hours", 0.7},
	clockJumpsYears:        {"wall clock jumps by years", 0.5},
	suspended:              {"suspend", 0.7},
	journalRestored:        {"journal restored from an old backup", 0.25},
	journalLost:            {"journal lost", 0.1},
	journalCloned:          {"journal cloned", 0.4},
	webhookLost:            {"webhook lost", 0.3},
	webhookTwice:           {"webhook duplicated", 0.2},
	webhookLate:            {"webhook delayed by minutes", 0.2},
	webhookHours:           {"webhook delayed by hours", 0.08},
	webhookForged:          {"webhook forged", 0.2},
	webhookBent:            {"webhook states another amount, and later the true one", 0.12},
	secretRotated:          {"secret rotated at the gateway only", 0.6},
	accountSwitched:        {"another gateway account configured", 0.3},
	reconfigured:           {"restarted with another configuration", 0.3},
	hookRefused:            {"hook refused by the relay", 0.08},
	queryTimeout:           {"query times out", 0.25},
	queryError:             {"query answers 500", 0.2},
	queryNonsense:          {"query answers nonsense", 0.08},
	queryOther:             {"query answers about another reference", 0.06},
	queryLost:              {"query answered too late", 0.04},
	querySlow:              {"query answered slowly", 0.25},
	queryNotFoundLie:       {"query answers 404 to everything", 0.3},
	queryUnknownWord:       {"query answers an unknown word", 0.06},
	relayCut:               {"relay connection cut", 0.03},
	relayDeaf:              {"relay connection deaf", 0.006},
	relayRestart:           {"relay restarts", 0.7},
	relayRestored:          {"relay's store restored", 0.5},
	relayMadeAnew:          {"relay's store made anew", 0.4},
	relayFlood:             {"flood of other deliveries", 0.4},
	relayRubbish:           {"flood of forged notifications", 0.8},
	relayStoreDown:         {"relay's store does not answer", 0.01},
	relayStoreLies:         {"relay's store holds what it denies", 0.02},
	dialFails:              {"relay cannot be reached", 0.15},
	displayLate:            {"display late", 0.12},
	displayLost:            {"display lost", 0.6},
	displaySmall:           {"display too small", 0.1},
	displayFrozen:          {"display frozen", 0.1},
	mintFails:              {"link cannot be made", 0.12},
	mintNeverLeaves:        {"mint never leaves", 0.3},
	mintLost:               {"mint lost on its way", 0.2},
	mintUnanswered:         {"mint's answer lost", 0.3},
	mintRefused:            {"mint refused", 0.2},
	mintGarbled:            {"mint answered with nonsense", 0.2},
	mintSlow:               {"mint answered late", 0.4},
	mintShort:              {"code valid for less than asked", 0.35},
	closeFails:             {"code cannot be closed", 0.8},
	tillForgets:            {"till restarts", 0.4},
	tillLeaves:             {"till's connection ends", 0.12},
	tillMute:               {"till acknowledges late", 0.2},
	tillCancels:            {"till cancels", 0.35},
	tillAgain:              {"till repeats its request", 0.25},
	tillUsesReferenceAgain: {"till uses a reference again", 0.25},
	tillConflict:           {"till uses a reference for another amount", 0.1},
	tillMeddles:            {"till touches another till's payment", 0.7},
	tillRushes:             {"till begins anew as an answer goes out", 0.6},
	payAtCancel:            {"cancel and pay at the same instant", 0.7},
	lineLoses:              {"line loses bytes", 0.06},
	lineGarbles:            {"line garbles bytes", 0.04},
	lineDropsACK:           {"line loses an ACK", 0.08},
	linePulled:             {"cable pulled", 0.6},
	lineMissesAnswer:       {"cable pulled until the till has given up", 0.5},
	lineEchoes:             {"line echoes", 0.5},
	lineAnswers:            {"a terminal's answers come in on a line", 0.25},
}

// profile is what a seed has drawn for its run.
type profile struct {
	name    string
	level   float64         // of every fault's rate: 0 = calm
	enabled [numFaults]bool // faults that this run knows
	settings
	ownShow bool // till-2 shows the code itself
	retains bool // old bodies are dropped from the journal
	sales   int
	// how the gateway's query answers about what it does not know: 0 = 404, 1 = empty, 2 = SENT
	unknown int
	// what tills do at the end to hear what they are owed
	habit  habit
	crowd  bool        // many sales at one till, which acknowledges none of them before the end
	styles [2]ecnStyle // of the tills on a line
	// of the tills on a line, too
	cashiers [2]cashier
	trade    trade

	stranger bool // a previous account is configured whose secret somebody else knows
	remember bool // at the end the configuration names every account that was sold at

	touch  bool // the customer chooses on the display, where there are several
	closes bool // the gateway can close a code
	opens  bool // and tells that a customer has opened it

	naming naming // of transactions, in the gateway's records
	relay  relayProfile
}

func (w *World) drawProfile() {
	p := &w.prof
	kinds := []struct {
		name  string
		level float64
		some  float64 // share of the faults that are known
	}{{"calm", 0, 0}, {"rough", 0.5, 0.4}, {"rough", 0.5, 0.4}, {"single", 1.5, 0.08},
		{"terrible", 1, 0.75}}
	k := kinds[w.rng.IntN(len(kinds))]
	p.name, p.level = k.name, k.level
	for i := range p.enabled {
		p.enabled[i] = w.rng.Float64() < k.some
	}
	p.settings = w.drawSettings()
	p.ownShow = w.rng.IntN(4) == 0
	p.retains = w.chance(0.5)
	p.sales = 2 + w.rng.IntN(6)
	p.unknown = w.rng.IntN(3)
	p.habit = pick(w, asks, asks, connects, lists)
	for i := range p.styles {
		p.styles[i] = pick(w, counting, counting, constant, restarting)
		p.cashiers[i] = w.drawCashier()
	}
	p.trade = w.drawTrade()
	if p.crowd = w.chance(0.03); p.crowd {
		p.sales, p.trade = 90+w.rng.IntN(12), trade{"a crowd", []string{"till-1"}}
		p.habit = pick(w, connects, connects, lists)
	}
	p.stranger, p.remember = w.chance(0.3), w.chance(0.5)
	p.enabled[accountSwitched] = w.chance(0.4) // what follows from it is rare enough
	p.enabled[reconfigured] = w.chance(0.3)    // too
	p.enabled[secretRotated] = w.chance(0.4)
	p.enabled[mintSlow], p.enabled[tillCancels] = w.chance(0.5), w.chance(0.5)
	p.touch, p.closes, p.opens = w.chance(0.6), w.chance(0.7), w.chance(0.5)
	p.naming = pick(w, namedAlways, namedAlways, namedAlways, namedAlways, namedByQuery,
		namedByWebhook, namedNowhere, namedSometimes, namedSometimes, namedAlike,
		namedAlike)
	p.relay = w.drawRelay()
}

// hit decides whether this fault happens now, and counts it.
func (w *World) hit(f fault) bool {
	if w.healed || !w.prof.enabled[f] || w.rng.Float64() >= faultSpecs[f].rate*w.prof.level {
		return false
	}
	w.cov.Faults[f]++
	return true
}

// FaultNames are the names of everything that can go wrong, in the order of Coverage.Faults.
func FaultNames() []string {
	names := make([]string, numFaults)
	for i, s := range faultSpecs {
		names[i] = s.name
	}
	return names
}

func pick[T any](w *World, of ...T) T { return of[w.rng.IntN(len(of))] }

// between is a time in [a, b).
func (w *World) between(a, b time.Duration) time.Duration {
	if b <= a {
		return a
	}
	return a + time.Duration(w.rng.Int64N(int64(b-a)))
}

func (w *World) chance(p float64) bool { return w.rng.Float64() < p }
