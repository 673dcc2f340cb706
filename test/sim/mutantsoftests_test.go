package sim_test

import "slices"

// by is a mutant in a room that the simulation does not reach, and the test that must fail with it.
// The test must pass without.
func by(dir, test, name, file, old, new string) trial {
	return trial{one(name, file, old, new), dir, test}
}

// mutantsOfTests breaks what stands between the machines that the simulation plays and the world:
// the gateways' adapters, the till API on its connections, the relay on its real store, the
// journal's file, and what ties them together.
func mutantsOfTests() []trial {
	return slices.Concat(mutantsOfEngine(), mutantsOfGateways(), mutantsOfSettings(),
		mutantsOfTills(), mutantsOfRelayd(), mutantsOfJournal(), mutantsOfWiring(),
		mutantsOfStrangers())
}

// in makes the mutants of one room, whose tests are there, too.
func in(dir string) func(test, name, file, old, new string) trial {
	return func(test, name, file, old, new string) trial {
		return by(dir, test, name, dir+"/"+file, old, new)
	}
}

// mutantsOfEngine are those of the engine that the simulation meets too rarely.
func mutantsOfEngine() []trial {
	return []trial{
		// What a canary proves.
		by("payment/engine", "TestWhatWasNotHeardIsNoSilence",
			"silence counts though something could not be read", "payment/engine/evidence.go",
			" && !s.unheard(o) {", " {"),
		by("payment/engine", "TestSilenceIsNoneInDoubt",
			"silence counts while the journal is in doubt", "payment/engine/query.go",
			"case s.m.doubt || !x.withdrawn ||", "case !x.withdrawn ||"),
		by("payment/engine", "TestTheRelayForgetsBeforeItIsCompared",
			"what the relay told and could not be compared is forgotten",
			"payment/engine/rollback.go", "	if len(m.unjudged) > 0 && !slices.Equal",
			"	if false && !slices.Equal"),
		by("payment/engine", "TestTheRelayForgetsTheSecondThing",
			"what the relay told second and could not be compared is forgotten",
			"payment/engine/rollback.go", "		m.keepUnjudged(ev.Known) // judgeAgain",
			"		// judgeAgain"),
		by("payment/engine", "TestWhatCannotBeReadIsAskedAbout",
			"our reference in another case is nobody's", "payment/engine/evidence.go",
			"	if ours := s.m.tagged(ref); ours != \"\" {\n		ref = ours\n	}\n", ""),
		by("device/till", "TestTheLastResultAfterAFault",
			"a doubt that was acknowledged is forgotten, and the sale before is told",
			"device/till/last.go", "!doubtful(r.outcome) && m.now.Up", "m.now.Up"),
		by("device/till", "TestARetransmissionHasTheAnswerOfTheFirst",
			"a request that was refused is judged anew when it comes again",
			"device/till/again.go", "	case n.answer != nil:", "	case false:"),
		by("device/till", "TestTheNextCustomerAfterARepeat",
			"the next customer hears what the till has acknowledged", "device/till/again.go",
			" && !s.acked:", ":"),
		by("payment", "TestUnreadable", "money that cannot be read is no doubt",
			"payment/movement.go", "		if what := r.unread(); what != \"\" {",
			"		if what := \"\"; what != \"\" {"),
		by("payment", "TestUnreadable", "silence counts though money came that nobody can read",
			"payment/fold.go", " && f.p.doubtful() || f.unread() {", " && false {"),

		// What staff are told, and a till, after something has changed.
		by("payment/engine", "TestTheWindowAfterALateComparison",
			"a head that is compared late is an anchor", "payment/engine/rollback.go",
			"		s.compare(known, 0)\n",
			"		if s.compare(known, 0) {\n			s.then(Anchored{})\n		}\n"),
		by("payment/engine", "TestARepeatUnderAnotherConfiguration",
			"a repeat is refused by the limits of now", "payment/engine/till.go",
			"	if s.repeated(ev) {\n		return\n	}\n	if err := s.m.allowed(ev.Request)",
			"	if err := s.m.allowed(ev.Request); err == nil && s.repeated(ev) {\n"+
				"		return\n	}\n	if err := s.m.allowed(ev.Request)"),
		by("payment/engine", "TestNotPaidIsToldOnceThatIsOnRecord",
			"not paid is told without a record of it", "payment/engine/offer.go",
			"		return false\n	}\n	m, d", "		return true\n	}\n	m, d"),
		by("payment/engine", "TestTheQueryOfAPreviousAccount",
			"a previous account's query speaks of every sale", "payment/engine/query.go",
			"if err == nil && !vouched {", "if false && !vouched {"),
		by("offline", "TestList", "a page leaves one out", "offline/read.go",
			"		page.Next = seqs[limit-1]\n", "		page.Next = seqs[limit]\n"),
		by("relay/relayd/rules", "TestJudge", "the relay looks at a position's number alone",
			"relay/relayd/rules/position.go", "if m.ID != p.ID || ", "if "),
		by("internal/app/agent", "TestWhatTheRelayIsTold",
			"the relay is told a head that was not compared", "internal/app/agent/parts.go",
			" || !snap.Judged {", " {"),
	}
}

func mutantsOfGateways() []trial {
	axs, singapay := in("payment/axs"), in("payment/singapay")
	return []trial{
		// AXS.
		axs("TestAnswerElements", "AXS: an answer's record needs no type", "answer.go",
			`!ok || s == "" {`, `!ok && s != "" {`),
		axs("TestAnswerElements", "AXS: what cannot be read is left out of an answer",
			"answer.go", "			return unread(fmt.Sprintf(\"record %d", "			continue\n"+
				"			return unread(fmt.Sprintf(\"record %d"),
		axs("TestOwnLinkEchoed", "AXS: a link of our own opens as a notification", "open.go",
			`if _, has := m["clientId"]; has {`, `if _, has := m["clientId"]; has && len(m) < 2 {`),
		axs("TestOpenRefusesHeaders", "AXS: a token of no client in particular opens",
			"jwe.go", "if id, ok := text(kid); !ok || ", "if id, ok := text(kid); ok && "),
		axs("TestOpenRefusesPayloads", "AXS: a response code that cannot be read is none",
			"open.go", "		s, ok := scalar(m[field.name])\n		if !ok {\n",
			"		s, ok := scalar(m[field.name])\n"+
				"		if !ok && field.name != \"responseCode\" {\n"),
		axs("TestRotation", "AXS: the secret before a rotation opens nothing", "jwe.go",
			"		if plaintext, err := g.unseal(token, key()); err == nil {\n"+
				"			return plaintext, nil\n		}\n",
			"		plaintext, err := g.unseal(token, key())\n		if err != nil {\n"+
				"			return nil, refuse(ReasonKey)\n		}\n		return plaintext, nil\n"),
		axs("TestQueryStatus", "AXS: any refusal of a question is a 404", "query.go",
			"	case status == http.StatusNotFound:", "	case status >= 400 && status < 500:"),
		axs("TestQueryTimeouts", "AXS: an answer that broke off is whole", "query.go",
			"	case err != nil:\n		// the body",
			"	case err != nil && len(body) == 0:\n		// the body"),
		axs("TestEndpoint", "AXS: two clients' endpoints are one", "query.go",
			"g.linkID(), g.cfg.ClientID}", "g.linkID()}"),
		axs("TestEveryCodeHasItsConnection", "AXS: a lost request for a code goes out twice",
			"axs.go", "newClient(cfg.QueryTimeout, false)", "newClient(cfg.QueryTimeout, true)"),
		axs("TestFetchCodeAnswers", "AXS: a code for another sale is shown", "codeanswer.go",
			"	case g.read(ref) != merchantRef:", `	case ref == "":`),
		axs("TestMembersAreRead", "AXS: of two names for one value the first counts", "members.go",
			"		if len(there) > 1 {", "		if len(there) > 1 && there[0] == \"\" {"),
		axs("TestQueryLists", "AXS: one page of a list is the whole list", "list.go",
			"			if !whole(strings.ToLower(name), unquoted(v), n) {",
			"			if n < 0 && !whole(strings.ToLower(name), unquoted(v), n) {"),
		axs("TestQueryLists", "AXS: a refusal with an empty list says that nobody paid", "list.go",
			"		case n == 0 && !harmlessMember(", "		case n < 0 && !harmlessMember("),
		axs("TestReadingIsChecked", "AXS: declined can be made a word for paid", "settings.go",
			"			if strings.EqualFold(strings.TrimSpace(word), w) {",
			"			if w == \"SUCCESS\" && strings.EqualFold(strings.TrimSpace(word), w) {"),
		axs("TestPlainAsksForBoth", "AXS: a sale of before the dash was left out is not found",
			"query.go", "	if sent == other || answer.Failure",
			"	if sent != \"\" || sent == other || answer.Failure"),
		axs("TestReferenceForms", "AXS: a stranger's reference is read as ours", "reference.go",
			"`^([0-9A-Za-z]{8})-?([0-7]", "`([0-9A-Za-z]{8})-?([0-7]"),
		axs("TestTypeThatIsNotStated", "AXS: a type that cannot be read is PAY", "answer.go",
			`_, has := m["transactionType"]; !has && g.cfg`,
			`has := m["transactionType"]; len(has) < 9 && g.cfg`),
		axs("TestDescribeTellsNoCustomer", "AXS: a stranger's kid is shown", "describe.go",
			"	case opens && words ==", "	case words =="),

		// SingaPay.
		singapay("TestWords", "SingaPay: what is pending is paid", "words.go",
			`{fromAttempt, "pending", payment.RecordSent}`,
			`{fromAttempt, "pending", payment.RecordSuccess}`),
		singapay("TestComputedStatus", "SingaPay: a payment is undone by its link's end",
			"words.go", "	case first == second, first == payment.RecordSuccess && second == "+
				"payment.RecordExpired:\n		return first",
			"	case first == second:\n		return first\n	case "+
				"first == payment.RecordSuccess && second == payment.RecordExpired:\n"+
				"		return second"),
		singapay("TestOpenTolerance", "SingaPay: a notification may be replayed", "open.go",
			".Abs() > g.cfg.ReplayWindow", " > g.cfg.ReplayWindow"),
		singapay("TestOpenOtherLink", "SingaPay: another link's payment counts", "open.go",
			"	return stated != \"\" && known != \"\" && stated != known",
			"	return stated != \"\" && known == stated+\"?\""),
		singapay("TestTransactions", "SingaPay: what calls itself no success is one",
			"notice.go", `m["success"] != true ||`, `m["success"] == false ||`),
		singapay("TestTransactions", "SingaPay: a tip is not counted", "notice.go",
			"		r.Amount += tip\n", ""),
		singapay("TestQueryLink", "SingaPay: a link that was used is no doubt", "query.go",
			"	case found && l.usage > 0:", "	case found && l.usage > 1:"),
		singapay("TestQueryBothWays", "SingaPay: one list is enough for not found", "query.go",
			"	if !a.NotFound {\n", "	if g.cfg.Mode != ModeQR || !a.NotFound {\n"),
		singapay("TestPages", "SingaPay: a short page ends a list", "pages.go",
			"	case len(elements) == 0 ||", "	case len(elements) < perPage ||"),
		singapay("TestMintEcho", "SingaPay: a link that was paid before is shown", "mint.go",
			"	case l.usage > 0:", "	case l.usage > 1:"),
		singapay("TestAWrongEndIsNotShown", "SingaPay: a code may outlive its sale", "clock.go",
			"	if off.Abs() <= ", "	if off <= "),
		singapay("TestTheWaitForATokenDoesNotMoveTheEnd",
			"SingaPay: the wait for a token moves the end", "clock.go",
			"o.lasts - time.Since(o.began) + time.Second", "o.lasts + time.Second"),
	}
}

// mutantsOfSettings break what a site has set about SingaPay, where it is otherwise than its pages.
func mutantsOfSettings() []trial {
	singapay := in("payment/singapay")
	return []trial{
		singapay("TestConfiguredWords", "SingaPay: a configured word is not told from its own",
			"words.go", "		r.Said.Status = own(s.word())", "		_ = s.word()"),
		singapay("TestConfiguredWords", "SingaPay: SUCCESS as it came is a payment", "words.go",
			"		return unknownPrefix + said\n", "		return said\n"),
		singapay("TestConfiguredWords", "SingaPay: a transaction of any type is a payment",
			"notice.go", `g.setType(&r, t["type"])`, `g.setType(&r, nil)`),
		singapay("TestFurtherNames", "SingaPay: one of two names is believed", "settings.go",
			"				return nil, true\n", "				continue\n"),
		singapay("TestWhoseCode", "SingaPay: a code that says nothing of us is nobody's",
			"notice.go", "		if o, ok := at(m, parts[:last]...).(object); ok {",
			"		if o, ok := at(m, parts[:last]...).(object); !ok {\n			return true\n"+
				"		} else if len(o) > 0 {\n			return true"),
		singapay("TestUnpagedProves", "SingaPay: the same page again is an end", "pages.go",
			"		(w.count < fewest ||", "		(w.count < fewest*10 ||"),
		singapay("TestAnswerShapes", "SingaPay: a list that was cut is whole", "pages.go",
			"		if w.total > w.count {",
			"		if w.total > w.count && !w.unpaged && number > 1 {"),
		singapay("TestAttemptsWithoutAName", "SingaPay: an attempt without a status is no doubt",
			"query.go", `	case said.stored == "":`, `	case said.stored == "?":`),
		singapay("TestOpenHeaders", "SingaPay: any token will do", "open.go",
			"	} else if !h.BareToken {", "	} else if h.BareToken && false {"),
		singapay("TestPlainReference", "SingaPay: a reference has a dash all the same",
			"settings.go", `	return strings.ReplaceAll(ref, "-", "")`, "	return ref"),
		singapay("TestDescribeTellsNoValue", "SingaPay: an amount is described by its digits",
			"sheet.go", "			return '9'", "			return r"),
		by("test/deviation", "TestSingaPayDeviates", "a gateway's own SUCCESS is never confirmed",
			"payment/words.go", "		status = r.Status // a", "		_ = r.Status // a"),
	}
}

func mutantsOfTills() []trial {
	jsonrpc := in("device/jsonrpc")
	return []trial{
		jsonrpc("TestNoSaleForATillThatHasGone", "a sale begins for a till that has gone",
			"machine.go", "		m.gone = true\n", ""),
		jsonrpc("TestAnswerPrecedesEarlyChanges", "a till hears of a payment it cannot know",
			"machine.go", "		m.early = &p\n		return\n", "		m.early = &p\n"),
		jsonrpc("TestAnswerPrecedesEarlyChanges", "the newest change of a sale is kept back",
			"machine.go", "o.tells <= m.early.Revision {", "o.tells < m.early.Revision {"),
		jsonrpc("TestLargeBatchIsCutShortNotCarriedOut",
			"a sale begins whose answer has no room", "machine.go",
			"m.size > m.maxBatchAnswer {", "m.size > 1<<30 {"),
		jsonrpc("TestNotificationsAreCarriedOutSilently", "a sale begins that nobody hears of",
			"methods.go", `{name: "payment.start", answerer: true, `, `{name: "payment.start", `),
		jsonrpc("TestAcknowledgeAndLeave", "a till's last acknowledgement is dropped",
			"session.go", "		s.settle(ctx)\n", ""),
		jsonrpc("TestShutdownWaitsForASlowTill", "outcomes on their way are lost at shutdown",
			"session.go", "	if why == EndShutdown {\n", "	if false {\n"),
		jsonrpc("TestOutboxIsBounded", "a slow till misses an outcome and stays connected",
			"outbox.go", "		o.full = true\n", ""),
		jsonrpc("TestLineOwedOutcomes", "a line hears of what is owed before a till listens",
			"session.go", "	if !s.options.resendOnInfo {\n", "	if true {\n"),
	}
}

func mutantsOfRelayd() []trial {
	relayd := in("relay/relayd")
	return []trial{
		relayd("TestEmbeddedStoreSyncs", "the relay answers 200 before the disk has it",
			"store.go", "SyncAlways: !s.cfg.syncLater,", "SyncAlways: s.cfg.syncLater,"),
		relayd("TestQuotaIsPerRoute", "a full route drops its oldest hooks", "store.go",
			"Discard: jetstream.DiscardNew, DiscardNewPerSubject: true,",
			"Discard: jetstream.DiscardOld,"),
		relayd("TestHookStatus", "a long hook is cut and answered with 200", "intake.go",
			"io.ReadAll(http.MaxBytesReader(w, r.Body, relay.MaxHookBody))",
			"io.ReadAll(io.LimitReader(r.Body, relay.MaxHookBody))"),
		relayd("TestAHookOutlivesItsSender", "a hook is dropped when its sender hangs up",
			"intake.go", "context.WithoutCancel(r.Context())", "r.Context()"),
		relayd("TestDiskNearlyFull", "hooks are taken until the disk is full", "messages.go",
			"	if s.low.Load() {\n", "	if false {\n"),
		relayd("TestAStoreThatDoesNotAnswerIsNotEmpty", "a store that is down is empty",
			"messages.go", "	case errors.Is(err, jetstream.ErrMsgNotFound):\n",
			"	case err != nil:\n"),
		relayd("TestStoreRestoredFromCopy", "a restored store tells of no gap", "store.go",
			`	if epoch == "" || s.cfg.NewEpoch {`, `	if epoch == "" {`),
		relayd("TestReopenHalfDescribed", "each start of the relay forgets the positions",
			"store.go", "	epoch := cfg.Metadata[epochKey]\n",
			"	epoch := want.Metadata[epochKey]\n"),
		relayd("TestStores", "an older journal head replaces a newer one", "heads.go",
			"h.kv.Update(ctx, rules.Handle(terminal), value, revision)",
			"h.kv.Put(ctx, rules.Handle(terminal), value)"),
		relayd("TestEnrol", "links under way lose their hook URL", "changes.go",
			"		r.OldRoute = newPassing(r.Route, now.Add(routeGrace))\n", ""),
		relayd("TestEnrolOnce", "a code enrols a second machine", "changes.go",
			"		r.Route, r.Code = sum([]byte(route)), nil\n",
			"		r.Route = sum([]byte(route))\n"),
		relayd("TestReplacedRevokedRotatedShutdown", "a revoked terminal hears hooks",
			"record.go", "	return r.RevokedAt == nil && (hash", "	return (hash"),
		relayd("TestOlderNewsOfATerminal", "a revoked token comes back", "terminals.go",
			"	if old != nil && old.revision >= revision {\n", "	if old == next {\n"),
		relayd("TestMerchantCanary", "a canary proves another merchant's path",
			"terminals.go", " && e.Merchant == merchant {", " {"),
	}
}

func mutantsOfJournal() []trial {
	offline := in("offline")
	return []trial{
		{mutant{"a commit need not be on the disk", []edit{
			{"offline/sqlite.go", "_synchronous=FULL", "_synchronous=NORMAL"},
			{"offline/sqlite.go", `"synchronous": "2"`, `"synchronous": "1"`},
		}}, "offline", "TestDurabilitySettings"},
		offline("TestPragmasAreReadBack", "a pragma that did nothing is not noticed",
			"sqlite.go", "		if err == nil && got != want {\n",
			"		if err == nil && got == \"\" {\n"),
		offline("TestVerifyFindsEveryAlteration", "removed facts are not noticed", "walk.go",
			"	case r.seq > w.next:\n", "	case r.seq > w.next+1000:\n"),
		offline("TestMisleadingIndexOpensNoPayment",
			"a payment is opened before the file is checked",
			"journal.go", "	<-j.checking.first\n", ""),
		offline("TestWholeFileIsChecked", "what an append does not wait for is not checked",
			"structure.go", "structure(c.ctx, db, j.path, checkAll)", "error(nil)"),
		offline("TestIndexOfTheNewestFacts", "an index that leads to no facts is believed",
			"tail.go",
			"	if t.unindexed != \"\" {\n", "	if t.unindexed == \"-\" {\n"),
		offline("TestVerifyBoundsWhatItFolds", "a row is not compared at its last fact",
			"compare.go", "		c.compare(fl.want, &fl.live, fl.money, fl.err)\n", ""),
		offline("TestOnlyTheAnchorShowsTheEnd", "an older copy passes for the journal",
			"verify.go", "	case !ok:\n		report.Problems", "	case !ok && hash == known.Hash:\n"+
				"		report.Problems"),
		offline("TestBackupOfWhatIsNoWholeJournal", "a damaged journal is a good backup",
			"backup.go", "err == nil && n > 0 {", "err == nil && n > 100 {"),
		offline("TestBackupPowerCut", "a backup's name is not on the disk", "backup.go",
			`failure(dst, "sync the directory", disk.SyncDir(filepath.Dir(dst)))`,
			`failure(dst, "sync the directory", disk.SyncDir(os.TempDir()+filepath.Ext("")))`),
		offline("TestRestore", "a restored journal meets the log of another", "restore.go",
			"	for i := 0; err == nil && i < len(old); i++ {\n",
			"	for i := 0; err == nil && i < min(1, len(old)); i++ {\n"),
		offline("TestADamagedJournalIsNeverReplaced", "a journal that is gone is begun anew",
			"open.go", `[]string{"-wal", ".id"} {`, `[]string{"-wal"} {`),
		offline("TestAFailedAppendDoesNotComeBack", "what was not committed counts",
			"append.go", "	if j.settle() == nil && j.head == b.head {\n",
			"	if j.settle() == nil {\n"),
		offline("TestRetain", "the link of an outcome that is owed is dropped", "retain.go",
			"final = 1 AND owed = 0 AND", "final = 1 AND"),
	}
}

func mutantsOfWiring() []trial {
	gateways, agent := in("internal/app/gateways"), in("internal/app/agent")
	return []trial{
		gateways("TestPreviousAccountsWork", "every delivery is vouched for by the present account",
			"accounts.go", "records, at = opened, []payment.Account{o.accounts[i]}",
			"records, at = opened, []payment.Account{o.accounts[0]}"),
		gateways("TestPreviousAccountsWork", "another account is asked about a payment",
			"accounts.go", "		if a == b {\n", "		if a.Provider == b.Provider {\n"),
		gateways("TestOnlyThePresentServiceTellsTheTime", "codes end by another service's clock",
			"accounts.go", "p.open(credDir, Clock{Now: clock.Now})", "p.open(credDir, clock)"),
		gateways("TestJunkIsOfNoService", "another service's notification is junk", "accounts.go",
			"	if errors.Is(err, payment.ErrJunk) && slices", "	if err == nil && slices"),
		agent("TestTheClockThatGatewaysAreSpokenToBy", "codes end by the relay's clock", "clock.go",
			"[]reading{c.gateway, c.relay}", "[]reading{c.relay, c.gateway}"),
		by("internal/app/config", "TestAnswerWithin", "every cancel may end as unknown",
			"internal/app/config/check.go", "p.AnswerWithin.Of() >= least",
			"p.AnswerWithin.Of() >= least/2"),
		by("internal/app/config", "TestEveryNumber", "a number beyond its bounds is taken",
			"internal/conf/decode.go", "	if v.CanInt() && !d.f.wrong[key] {\n",
			"	if v.CanInt() && d.f.wrong[key] {\n"),
	}
}
