package sim_test

// mutantsBetweenTills breaks what keeps several tills apart, and what a till on a line is told.
func mutantsBetweenTills() []mutant {
	return []mutant{
		// Each till's own payments.
		one("a till may read another till's payment", "payment/engine/till.go",
			"	case a == nil || a.p.Till != ev.Till:\n", "	case a == nil:\n"),
		one("a till may cancel another till's payment", "payment/engine/till.go",
			"	if a.p.Till != till {\n", "	if a.p.Till != till && op != \"cancel\" {\n"),
		one("a till may acknowledge another till's payment", "payment/engine/till.go",
			"	if a.p.Till != till {\n", "	if a.p.Till != till && op != \"acknowledge\" {\n"),
		one("a reference of another till's open sale is one's own",
			"payment/engine/till.go",
			"		if a.p.Till == till && a.p.Reference == reference {",
			"		if a.p.Reference == reference {"),
		one("a reference of any till is one's own", "offline/read.go",
			"WHERE till = ? AND reference = ? ORDER BY",
			"WHERE ? <> '' AND reference = ? ORDER BY"),
		one("the last payment is that of any till", "offline/read.go",
			"FROM payments WHERE till = ? ORDER BY first_seq DESC LIMIT 1",
			"FROM payments WHERE till >= '' OR till = ? ORDER BY first_seq DESC LIMIT 1"),
		one("a till is told what every till is owed", "offline/read.go",
			"WHERE till = ? AND owed = 1", "WHERE ? <> '' AND owed = 1"),
		one("a list is of all tills", "offline/read.go",
			`r.list("till = ? AND ", `, `r.list("? <> '' AND ", `),
		one("a list has one page", "offline/read.go",
			"	more := len(seqs) > limit\n", "	more := len(seqs) > 1<<30\n"),
		one("another till's payment is told in full", "device/payment.go",
			"	if p.Till == till {\n		return NewPayment(p)",
			"	if true {\n		return NewPayment(p)"),
		one("who is busy is told in full", "device/errors.go",
			"ViewFor(*e.Payment, till)", "NewPayment(*e.Payment)"),
		one("an acknowledgement is of the newest revision", "payment/engine/till.go",
			"payment.Acknowledged{Revision: ev.Revision}",
			"payment.Acknowledged{Revision: a.p.Revision}"),

		// What a till on a line is told.
		one("a line is told of an outcome that was not committed", "payment/engine/till.go",
			"	s.fact(a.p.ID, payment.Offered{Revision: ev.Revision, Status: status, "+
				"Frame: ev.Frame})\n",
			"	_ = status\n"),
		one("another amount under the same number is a repeat", "device/till/sale.go",
			" && s.line.Digest == l.Digest", ""),
		one("what is not known is approved on a line", "device/ecr/outcome.go",
			"	default:\n		return Unknown\n", "	default:\n		return Approved\n"),
	}
}

// mutantsOfLines are rare in the simulation: each has a test of its own.
func mutantsOfLines() []trial {
	return []trial{
		by("device/till", "TestNoAckBeforeTheMoveIsOnRecord",
			"a request gets its ACK before the move is on record", "device/till/request.go",
			"			m.link.ackTo = s.supersedeTo\n", ""),
		by("device/till", "TestNoAnswerIntoARequest",
			"an answer begins while a request is coming in", "device/till/link.go",
			"l.ackTo != 0 || m.scan.Pending()", "l.ackTo != 0"),
		by("payment/engine", "TestACodeIsNotGivenInDoubt",
			"a code is given that the journal may hold the end of", "payment/engine/till.go",
			"	case s.m.doubt && !a.p.Final:\n", "	case false:\n"),
		by("device/till", "TestTheSameReceipt", "a till that numbers no receipts hears an "+
			"old approval", "device/till/receipt.go",
			"		!s.numbered() || s.line.TillWaits == 0", "		s.line.TillWaits == 0"),
		by("device/till", "TestTheSameReceipt", "a cashier's second try is a second charge",
			"device/till/request.go", "	case meant != nil:\n", "	case false:\n"),
		by("device/till", "TestTheReceiptOfARunningSale",
			"after a crash the older request of a sale is answered", "device/till/receipt.go",
			"	if !s.p.Superseded {\n", "	if false {\n"),
		by("device/till", "TestTheTillsWaitCutsTheCustomersTime",
			"the customer has more time than the till", "device/till/request.go",
			"		Timeout: m.timers.CustomersTime(m.cfg.AnswerWithin),\n", ""),
		by("device/till", "TestASaleOnALineThatEchoes",
			"an echo of the agent's ACK is the till's", "device/till/request.go",
			"		if !m.echoedControl(m.dialect.ACK()) {\n", "		if true {\n"),
		by("device/till", "TestALineThatEchoes", "an echo is a request",
			"device/till/request.go", "		if m.echoed(ev.Raw) {\n", "		if false {\n"),
		by("device/ecr", "TestNoResponseIsARequest", "a terminal's answer is a request",
			"device/ecr/scan.go", "		case s.d.isResponse(m):\n", "		case false:\n"),
		by("device/serial", "TestAStrangerTakesNothingOver",
			"a stranger has the line during a sale", "device/serial/takeover.go",
			" && busy() {", " && false {"),
	}
}
