package sim_test

// mutantsOnLines breaks what a till on a line means by a receipt number, and what tells its words
// from what else comes in.
func mutantsOnLines() []mutant {
	receipt := "device/till/receipt.go"
	return []mutant{
		one("the next customer with the receipt number of before hears an old approval", receipt,
			"		!s.onlyOnce() || s.line.TillWaits == 0", "		s.line.TillWaits == 0"),
		one("a second try with the old receipt number is a new sale", "device/till/request.go",
			"	case meant != nil:\n", "	case meant != nil && s == nil:\n"),
		one("a receipt number is forgotten after ten seconds", receipt,
			"	receiptWindow = 10 * time.Minute\n", "	receiptWindow = 10 * time.Second\n"),
		one("the receipt number of an acknowledged sale means it still", receipt,
			`s.line.Receipt != "" && !s.acked && `, `s.line.Receipt != "" && `),
		one("a second try while the sale runs is refused", "device/till/request.go",
			"	if thisBoot && s.sameSale(o) {\n",
			"	if thisBoot && s.sameSale(o) && s.told {\n"),
		one("a second try while the sale runs is answered under the first one's ECN", receipt,
			"	m.readdress(s, o, r)\n	s.askedUp", "	s.askedUp"),
		one("a sale that nobody can pay any more is another customer's", receipt,
			" || s.timeIsOver(m.now) && !s.onlyOnce() {", " {"),
		one("the time to answer is not taken from what the till waits", "device/ecr/dialect.go",
			"(t.TillWaits - answerWithin - 3*t.ACK)", "(t.TillWaits - 3*t.ACK)"),
		one("a terminal's answer on the line starts a sale", "device/ecr/scan.go",
			"		case s.d.isResponse(m):\n", "		case s.d.isResponse(m) && m == nil:\n"),
		one("an answer is no answer by its fields", "device/ecr/direction.go",
			"return d.only[string(f.Code)] })", "return false && d.only[string(f.Code)] })"),
		one("an ACK that came back acknowledges an outcome", "device/till/echo.go",
			"	return m.isEcho([]byte{b}) || m.now.Up <= m.crowded\n",
			"	return m.isEcho([]byte{b}) && m.clean\n"),
	}
}

// mutantsOfDirection are of the same, where the simulation has no till that would show it.
func mutantsOfDirection() []trial {
	till, ecr := in("device/till"), in("device/ecr")
	return []trial{
		till("TestTheReceiptOfASaleWhoseTimeIsOverUnheard",
			"a sale's time is over when the engine has said so", "receipt.go",
			"now.Up >= s.p.Deadline", "false && now.Up >= s.p.Deadline"),
		till("TestTheAgentsOwnACKAcknowledgesNothing",
			"what comes back within two seconds is no echo", "echo.go",
			"	return m.timers.ACK + time.Duration(len(b))*2*time.Millisecond\n",
			"	return time.Duration(len(b)) * 2 * time.Millisecond\n"),
		till("TestNoAnswerAfterARequestThatCouldNotBeRead",
			"an outcome goes out before a request that could not be read comes again", "link.go",
			" || m.now.Up < l.againUntil {", " {"),
		till("TestTheSameReceipt", "who may have heard an answer in time hears it by receipt",
			"receipt.go", " && (!s.told || s.toldUp >= gaveUp)", ""),
		till("TestAnOlderSalesReceipt", "an older sale's receipt number tells of it",
			"receipt.go", "	if s != m.sale || s.line.Function", "	if s.line.Function"),
		ecr("TestEachSignOfAnAnswer", "an answer is no answer by its code",
			"direction.go", "		d.codeOnly[string(m.Code)] || ", "		"),
		ecr("TestEachSignOfAnAnswer", "an answer is no answer by its ECN", "direction.go",
			` || d.s.Header.ResponseECN != "" && d.hasOverlay(m.ECN)`, ""),
	}
}
