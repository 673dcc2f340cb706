package sim

// situation is a meeting of events that no single fault brings about.
type situation int

const (
	codeAfterCancel situation = iota
	codeAfterDeadline
	codeAfterFailure
	diedMinting
	linkForCode
	sooner
	codeClosed
	codePaidLate
	walletChosen
	neverChosen
	hookTooMany
	neighbourPaid
	rollbackFound
	rollbackForgotten
	rollbackOvertaken
	backupInSale
	backupRestored
	lostInWindow
	linkDropped
	deliveryDropped
	agedAtRelay
	reconfiguredInSale
	policyChanged
	queryChanged
	providerChanged
	currencyChanged
	dialectChanged
	limitLowered
	overTheLimit
	siblingPaid
	siblingProved
	siblingRestored
	siblingUnmatched
	switchedWithCode
	switchedBack
	paidAfterSwitch
	previousAsked
	accountGone
	leftBehind
	leftOpened
	leftLost
	roomAgain
	outlineHeard
	meddledRunning
	meddledFinal
	meddledOnLine
	nextPage
	owedPages
	takenUnderWay
	paidThreeTimes
	paidFourTimes
	reversedAgain
	reversedInPart
	reversedTooMuch
	reversalRefused
	movedAfterSettled
	refShared
	refNowhere
	refByQuery
	refByWebhook
	answerRepeats
	answerOvertaken
	answerOverEnd
	answerTooLate
	askedTogether
	diedAsking
	askedAgainRunning
	askedAgainOver
	heardAgain
	chargedAgain
	doubtedAgain
	receiptOfAnother
	amountOfAnother
	comesBack
	ownControlBack
	terminalHeard
	numSituations
)

var situationNames = [numSituations]string{
	codeAfterCancel:    "a code comes after the cancel",
	codeAfterDeadline:  "a code comes after the deadline",
	codeAfterFailure:   "a code comes after mint_failed",
	diedMinting:        "the agent dies while a code is made",
	linkForCode:        "a link takes a code's place",
	sooner:             "the gateway's validity shortens a sale",
	codeClosed:         "a code is closed at the gateway",
	codePaidLate:       "a code is paid after its withdrawal",
	walletChosen:       "a customer chooses a wallet",
	neverChosen:        "nobody chooses a wallet in time",
	hookTooMany:        "the hook URL answers 429",
	neighbourPaid:      "a neighbour of the merchant is paid",
	rollbackFound:      "the relay remembers what the journal lacks",
	rollbackForgotten:  "the relay forgets a rolled-back journal",
	rollbackOvertaken:  "a rolled-back journal has what the relay remembers",
	backupInSale:       "a backup is taken during a sale",
	backupRestored:     "a backup of during a sale is restored",
	lostInWindow:       "a lost sale lies in the time that recover names",
	linkDropped:        "retention drops a link",
	deliveryDropped:    "retention drops a delivery",
	agedAtRelay:        "the relay drops what it has held for its retention",
	reconfiguredInSale: "another configuration during a sale",
	policyChanged:      "another policy during a sale",
	queryChanged:       "a query, or none any more, during a sale",
	providerChanged:    "links in place of codes, or codes, during a sale",
	currencyChanged:    "another currency during a sale",
	dialectChanged:     "a till of another dialect comes during a sale",
	limitLowered:       "a lower max_amount during a sale",
	overTheLimit:       "a sale is over max_amount",
	siblingPaid:        "another kiosk of the merchant's is paid",
	siblingProved:      "another kiosk's test message comes back",
	siblingRestored:    "another kiosk's journal is restored",
	siblingUnmatched:   "another kiosk finds money of a sale that it lost",
	switchedWithCode:   "the gateway account is changed while a code is up",
	switchedBack:       "the gateway account is changed back",
	paidAfterSwitch:    "a sale is paid at the account before",
	previousAsked:      "a previous account is asked and reports a payment",
	accountGone:        "money came at an account that is not configured any more",
	leftBehind:         "a notification finds no place",
	leftOpened:         "what found no place opens",
	leftLost:           "the relay loses what found no place",
	roomAgain:          "there is room again",
	outlineHeard:       "a till hears of another's sale, in outline",
	meddledRunning:     "a till wants to end another till's sale",
	meddledFinal:       "a till acknowledges another till's outcome",
	meddledOnLine:      "a till touches the sale of a line",
	nextPage:           "a till reads a second page",
	owedPages:          "a till is owed more than it is told at once",
	takenUnderWay:      "a line takes what was under way for its answer",
	paidThreeTimes:     "one code is paid three times",
	paidFourTimes:      "one code is paid four times",
	reversedAgain:      "a payment is given back a second time",
	reversedInPart:     "a part of a payment is given back",
	reversedTooMuch:    "more than was paid is given back",
	reversalRefused:    "a reversal is refused",
	movedAfterSettled:  "money moves after staff have settled a sale",
	refShared:          "two payments have one reference",
	refNowhere:         "a payment has no reference",
	refByQuery:         "a payment has a reference by query only",
	refByWebhook:       "a payment has a reference by webhook only",
	answerRepeats:      "an answer states one payment twice",
	answerOvertaken:    "a payment overtakes an answer without it",
	answerOverEnd:      "a code is withdrawn while an answer is on its way",
	answerTooLate:      "an answer comes after the time to answer",
	askedTogether:      "three questions are on their way",
	diedAsking:         "the agent dies while a question is on its way",
	askedAgainRunning:  "a cashier tries again while the sale runs",
	askedAgainOver:     "a cashier tries again after the sale's end",
	heardAgain:         "a second try hears what became of the sale",
	chargedAgain:       "a second try gets a second code, as it may",
	doubtedAgain:       "a request with an old receipt number is told TO",
	receiptOfAnother:   "the next customer has the receipt number and amount of before",
	amountOfAnother:    "the next customer has another receipt number and the same amount",
	comesBack:          "what the agent sent comes back on a line",
	ownControlBack:     "its own ACK comes back while its answer waits for one",
	terminalHeard:      "a terminal's answer comes in on a line",
}

func (w *World) met(s situation) { w.cov.Situations[s]++ }
