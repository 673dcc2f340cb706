package sim_test

// edit is one change of a source file. Its old text must stand there exactly once.
type edit struct{ file, old, new string }

// mutant is a deliberately broken agent. The simulation must find each of them: a check that never
// fails checks nothing.
type mutant struct {
	name  string
	edits []edit
}

func one(name, file, old, new string) mutant { return mutant{name, []edit{{file, old, new}}} }

// mutants breaks every guarantee in several ways.
func mutants() []mutant {
	return []mutant{
		// No invented approval.
		one("a wrong amount is accepted", "payment/record.go",
			"if r.Amount != m.Amount || r.Currency != string(m.Currency) {",
			"if r.Currency != string(m.Currency) {"),
		one("a wrong currency is accepted", "payment/record.go",
			"if r.Amount != m.Amount || r.Currency != string(m.Currency) {",
			"if r.Amount != m.Amount {"),
		one("the response code is not looked at", "payment/record.go",
			`if r.ResponseCode != "" && r.ResponseCode != "00" {`, "if false {"),
		one("a decline beats a SUCCESS", "payment/status.go",
			"	case e.Paid && e.Reversed:\n",
			"	case ended && e.Searched && e.Declined, e.Paid && e.Declined:\n		return "+
				"StatusDeclined\n	case e.Paid && e.Reversed:\n"),
		one("an approval with a reversal stays approved and unflagged", "payment/fold.go",
			"		f.anyReversal = true\n", ""),
		one("a second payment is no duplicate", "payment/fold.go",
			"{len(f.p.Transactions) > 1, FlagDuplicate}", "{false, FlagDuplicate}"),
		one("a late payment is not flagged", "payment/fold.go", "f.late = f.toldNotPaid",
			"f.late = false"),
		one("what staff settled stays settled", "payment/fold.go",
			"	if len(news) == 0 {\n		return\n	}\n	c :=",
			"	if true {\n		return\n	}\n	c :="),
		one("a sale goes out on the line without its commit", "device/till/link.go",
			"	if !a.tell {\n		m.link.phase = ready",
			"	if true {\n		m.link.phase = ready"),

		// No lost approval.
		one("a delivery is acknowledged although nothing was committed",
			"payment/engine/evidence.go",
			"	s.out.Position = &ev.Position\n	s.answer(Answer{To: ev.To})",
			"	s.out.Position = &ev.Position\n	s.read(Answer{To: ev.To})"),
		one("the relay's client acknowledges before the engine has it", "relay/machine.go",
			"		m.do(Handle{Message: msg})\n", `		if d, ok := msg.(Delivery); ok {
			head := Head{JournalID: "x"}
			m.do(Send{Conn: m.conn, Message: Ack{Position: d.Position, Journal: head}})
		}
		m.do(Handle{Message: msg})
`),
		one("the query is dropped", "payment/engine/query.go",
			"	s.then(ask)\n	s.out.Else = append(s.out.Else, ask)\n", "	_ = ask\n"),
		one("owed outcomes are forgotten when a till attaches", "payment/engine/till.go",
			"ids[:min(len(ids), maxOwed)]", "ids[:0]"),
		one("final payments are not watched", "payment/engine/watch.go",
			`if known && account.Endpoint == "" || unsent || until <= 0 {`,
			"if unsent || true {"),
		one("the position is not in the journal", "offline/append.go",
			"	if b.pos == nil {\n		return nil\n	}\n",
			"	if true {\n		return nil\n	}\n"),
		one("the relay does not look back", "relay/relayd/rules/messages.go",
			"			best, asked = m, 0\n", "			best = m\n"),
		one("the relay reads on behind what it has read", "relay/relayd/rules/session.go",
			"		s.cursor = m.Seq\n", "		s.cursor = m.Seq + 1\n"),
		one("the relay answers 200 for what it could not store", "relay/relayd/rules/intake.go",
			"		return fmt.Errorf(\"%w: %w\", ErrUnavailable, err)\n	}\n}",
			"		return nil\n	}\n}"),
		one("a canary is taken where hooks are not", "relay/relayd/rules/intake.go",
			"	if a.To != a.On.To {", "	if false {"),
		one("parked deliveries are not tried again", "payment/engine/time.go",
			"	m.retry = true\n", ""),
		one("what finds no place is acknowledged and forgotten", "payment/engine/parking.go",
			"	s.fact(\"\", l)\n	p.more.told(s.now)\n", "	p.more.told(s.now)\n"),
		one("what found no place is not read again with another secret",
			"payment/engine/parking.go", "!roomy && s.m.parking.resumed {", "!roomy {"),
		one("reading again begins behind what found no place", "payment/engine/parking.go",
			"Position.ID, Before: before}", "Position.ID, Before: ev.Position}"),
		one("what was left is ended, and the position does not go back",
			"payment/engine/parking.go", "	s.out.Position = &pos\n	return pos, nil",
			"	return pos, nil"),
		one("what may yet open is junk", "payment/engine/parking.go",
			"if errors.Is(cause, payment.ErrJunk) {", "if errors.Is(cause, payment.ErrUnopened) {"),
		one("rubbish makes a fact each", "payment/engine/parking.go",
			"*t = tally{tellUp: now.Up + tellEvery}", "*t = tally{tellUp: now.Up}"),
		one("there is always a place", "payment/engine/parking.go",
			"	case n >= s.m.cfg.ParkedCap:\n", "	case n >= 1<<30:\n"),
		one("a place is held for ever", "offline/work.go",
			"		WHERE opened_by IS NULL AND closed_by IS NULL AND received_ms > ?`,",
			"		WHERE received_ms > ?`,"),
		one("nobody is told of what found no place", "offline/work.go",
			"\n		UNION SELECT min(seq) FROM left_behind WHERE ended_by IS NULL AND lost = 0\n"+
				"			HAVING count(*) > 0", ""),
		one("the relay's client does not say hello anew when there is room", "relay/machine.go",
			"			m.drop(now, ErrResuming)\n", "			_ = ErrResuming\n"),
		one("a statement that comes again is booked again", "payment/engine/evidence.go",
			"case from.parked == 0 && (again ||",
			"case from.parked == 0 && (false && again ||"),
		one("an acknowledgement is answered and not committed", "payment/engine/till.go",
			"	if ev.Revision > a.p.AckedRev {\n", "	if false {\n"),
		one("a till is told before that is committed", "payment/engine/offer.go",
			"if !a.p.Final || a.p.OfferedRev >= a.p.Revision || a.p.Line != nil {", "if true {"),
		one("a failed entry is not looked at again", "payment/engine/machine.go",
			"	m.doubt = true\n", ""),

		// The evidence rule.
		one("a 404 counts as proof", "payment/engine/query.go",
			"if a.NotFound && !q.hasProved(from) {",
			"if false {"),
		one("a query from before the withdrawal counts", "payment/engine/query.go",
			"case s.m.doubt || !x.withdrawn || !a.p.Policy.Query:",
			"case s.m.doubt || !a.p.Policy.Query:"),
		{"settle is ignored", []edit{
			{"payment/fold.go", "	if asked >= f.p.Policy.Settle.Duration() {\n",
				"	if true {\n"},
			{"payment/engine/query.go", "x.notBefore = s.now.Up + a.p.Policy.Settle.Duration()",
				"x.notBefore = 0"},
		}},
		{"settle is measured between answers", []edit{
			{"payment/fold.go", "	if asked == 0 {\n", "	if true {\n"},
			{"payment/engine/query.go", "	at := max(x.due, x.notBefore)\n", "	at := x.due\n"},
		}},
		one("a failed query counts as silence", "payment/engine/query.go", `	case failure != "":
		s.fact(ev.Payment, payment.QueryFailed{Reason: failure})
`, ""),
		one("an answer about another reference counts as silence", "payment/engine/query.go",
			"		if r.MerchantRef != ref {\n", "		if false {\n"),
		one("undecided is expired", "payment/status.go",
			"	case ended && e.Undecided:\n		return StatusUnknown",
			"	case ended && e.Undecided:\n		return StatusExpired"),
		one("any canary proves the path", "payment/engine/evidence.go",
			"ev.SentUp >= proofFrom(o, s.now) &&", "true &&"),
		one("nobody is answered in time", "payment/engine/time.go",
			"	if s.now.Up >= s.latest(o).answerBy {\n", "	if false {\n"),

		// One request, one charge.
		one("an old final payment answers a used reference", "payment/engine/till.go",
			"	case !p.Final, p.AckedRev == 0 && p.FinalBoot == s.now.Boot &&\n"+
				"		s.now.Up-p.FinalUp < s.m.cfg.ReuseWindow:\n", "	case true:\n"),
		one("a reference is looked for among open payments only", "payment/engine/till.go",
			"	return m.journal.ByReference(till, reference)\n", "	return \"\", nil\n"),
		{"the line's session answers a new sale with an old approval", []edit{
			{"device/till/sale.go", "	case s.acked:\n		return false\n",
				"	case s.acked:\n		return true\n"},
			{"device/till/sale.go", "return !m.tellsApart(s) && (s.superseded || s.told)",
				"return false"},
		}},

		// One code for one payment, where the gateway makes it.
		one("a lost answer is minted again", "payment/engine/mint.go",
			"	a.doubtful, a.doubt = true, why\n", `	a.doubtful, a.doubt = true, why
	s.then(SendMint{Payment: a.p.ID, Request: payment.MintRequest{MerchantRef: a.p.MerchantRef,
		Money: a.p.Money, Timeout: 30 * time.Second}})
`),
		one("an ambiguous failure falls back to a link", "payment/engine/mint.go",
			`case answer.NeverSent && s.m.cfg.FallbackLink && a.p.EndedBy == "":`,
			`case s.m.cfg.FallbackLink && a.p.EndedBy == "":`),
		one("a restart mints again", "payment/engine/time.go",
			`		s.doubtMint(a, "the agent stopped before the gateway answered")`,
			`		s.mintFor(a, "", 30*time.Second)`),
		one("a mint goes out that was not committed", "payment/engine/mint.go",
			"	s.fact(a.p.ID, payment.MintSent{Scheme: wallet})\n", ""),
		one("the gateway's validity is ignored", "payment/engine/mint.go",
			"validFor > 0 && sent.Boot == s.now.Boot {",
			"validFor < 0 && sent.Boot == s.now.Boot {"),
		one("a validity counts from the answer", "payment/engine/mint.go",
			"payment.ToMillis(sent.Up + validFor)", "payment.ToMillis(s.now.Up + validFor)"),
		one("a code that comes after the end is not closed", "payment/engine/mint.go",
			"	if ended || s.m.doubt {\n", "	if s.m.doubt {\n"),
		one("a second finger mints again", "payment/engine/display.go",
			"!a.dark && s.m.choosing(a) && ", "!a.p.Final && "),
		one("what the customer chose is not what is made", "payment/engine/mint.go",
			"s.mintFor(a, wallet, (", "s.mintFor(a, s.m.wallet(a.p.Schemes), ("),
		one("a till waits for a code that nobody makes", "payment/engine/machine.go",
			"	if a.p.Final || a.p.Minted {\n		for _, w := range a.starters {",
			"	if a.p.Minted {\n		for _, w := range a.starters {"),

		// Each payment at its own gateway account.
		one("the old account's code is shown again after a switch", "payment/engine/time.go",
			`	case p.EndedBy == "" && !s.m.inquiries.accounts.Present(p):`, "	case false:"),
		one("another account's silence counts", "payment/engine/query.go",
			"	a, ok = q.accounts.Of(p)\n", "	a, ok = q.accounts[0], true\n"),
		one("another account's proof counts", "payment/engine/query.go",
			"return p.Endpoint == a.Endpoint && (", "return true || ("),
		one("a canary proves the path of another account", "payment/engine/evidence.go",
			"!a.p.Policy.Query &&\n		m.inquiries.accounts.Present(a.p)", "!a.p.Policy.Query"),
		one("a payment does not say its account", "payment/engine/till.go",
			"		Account: s.m.cfg.Account, Line: ev.Request.Line,\n",
			"		Line: ev.Request.Line,\n"),
		one("late money of a previous account is not asked for", "payment/engine/watch.go",
			`if known && account.Endpoint == "" ||`,
			`if known && (account.Endpoint == "" || !q.accounts.Present(p)) ||`),
		one("nobody says that an account is gone", "payment/engine/ready.go",
			"m.inquiries.goneFrom(now.Up)", "m.inquiries.goneFrom(now.Up)[:0]"),
		one("a code is closed at the account of now", "payment/engine/mint.go",
			"Account: at})", "Account: s.m.inquiries.accounts[min(0, len(at.Name))]})"),
		one("the secret of an account before approves any sale", "payment/engine/vouch.go",
			"s.vouched(records, at...); {", "s.vouched(nil, at...); {"),

		// Nothing payable after the end, no sale that could not be confirmed.
		one("the code stays on the screen when its end cannot be committed",
			"payment/engine/view.go", "			s.withdrawAnyway()\n", ""),
		one("a code of an earlier boot is shown again", "payment/engine/time.go",
			`	case p.EndedBy == "" && p.Boot != s.now.Boot:`, "	case false:"),
		one("the code is shown after the end", "payment/engine/view.go",
			`	if a.p.EndedBy != "" || a.dark || !a.p.Minted {`, "	if a.dark || !a.p.Minted {"),
		one("the canary's gate is off", "payment/engine/ready.go",
			"	if m.cfg.RequireCanary > 0 {\n", "	if false {\n"),
		one("the display's gate is off", "payment/engine/ready.go",
			"	if m.cfg.RequireScreen && !m.showsItself(till) && (!m.displayUp || "+
				"!m.displayProved) {", "	if false {"),
		one("a journal that was rolled back sells", "payment/engine/ready.go",
			"	if m.rollback != nil {\n		rs =", "	if false {\n		rs ="),
		one("a journal is accepted before the backlog was read", "payment/engine/rollback.go",
			"	case !m.caughtUp:\n", "	case false:\n"),
		one("a head with another hash is accepted", "payment/engine/rollback.go",
			"	case hash != h.Hash:\n", "	case hash == \"\":\n"),
		one("a rollback is lifted by a relay", "payment/engine/rollback.go",
			"		if reason != \"\" {\n			r.now = known\n		}\n",
			"		if reason == \"\" {\n			m.rollback = nil\n		}\n"),
		one("a restart lifts a rollback", "payment/engine/rollback.go", "	case ok:\n",
			"	case false:\n"),
		one("a hello is said before the rollback is committed", "payment/engine/rollback.go",
			"	s.answer(Answer{To: to})\n	return false\n}\n\n// judgeAgain",
			"	s.read(Answer{To: to})\n	return false\n}\n\n// judgeAgain"),
		one("the relay is not asked before the hello", "relay/machine.go",
			"		m.phase = asking\n		m.conn++\n		m.do(ReadHead{Conn: m.conn})\n",
			"		m.phase = reading\n		m.conn++\n		m.do(ReadJournal{Conn: m.conn})\n"),
		one("a sale begins before the relay was asked what it remembers",
			"payment/engine/ready.go", "	if m.judged {\n", "	if true {\n"),
		one("what staff have given up is a rollback again", "payment/engine/rollback.go",
			"	givenUp, err = m.journal.GivenUp(h)\n", ""),
		one("recover's window begins at recover", "payment/engine/rollback.go",
			"Lost: r.now, Since: r.Since}", "Lost: r.now, Since: s.now.Wall}"),
		one("the loss is said to come after what was recorded since", "offline/anchor.go",
			"	seq = j.sure.seq\n", "	seq = j.head.seq\n"),
		one("the till hears of no withdrawal", "payment/engine/evidence.go",
			"	s.fact(a.p.ID, payment.Withdrawn{})\n	a.showBy = 0\n", "	a.showBy = 0\n"),
	}
}
