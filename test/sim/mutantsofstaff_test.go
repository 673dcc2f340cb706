package sim_test

// mutantsOfStaff breaks what must hold whatever staff and the machines around the agent do: other
// configurations, backups, retention.
func mutantsOfStaff() []mutant {
	return []mutant{
		// Another configuration.
		one("a sale is over max_amount", "payment/engine/till.go",
			"	if r.Money.Amount > m.cfg.MaxAmount {\n", "	if false {\n"),
		one("a payment does not keep its policy", "payment/fold.go",
			"Mode: r.Mode, Policy: r.Policy,",
			"Mode: r.Mode, Policy: Policy{Query: r.Policy.Query},"),
		one("a canary proves the path of a payment that was to be asked for",
			"payment/engine/evidence.go", "!a.p.Final && !a.p.Policy.Query &&",
			"!a.p.Final && m.cfg.QueryEndpoint == \"\" &&"),

		// Retention.
		one("retention drops what a till is owed", "offline/retain.go",
			"final = 1 AND owed = 0 AND", "final = 1 AND"),
		one("retention drops what staff have to do", "offline/retain.go",
			"owed = 0 AND needs_staff = 0)", "owed = 0)"),
		one("retention drops a delivery that nobody has closed", "offline/retain.go",
			"seq = f.seq AND (opened_by IS NOT NULL OR closed_by IS NOT NULL)) END",
			"seq = f.seq) END"),
		one("the relay does not say what it holds no more", "relay/relayd/rules/position.go",
			"		return relay.GapOutOfRange, nil\n", "		return \"\", nil\n"),

		// Two kiosks on one route.
		one("another kiosk's payment is booked", "payment/engine/evidence.go",
			"		case s.m.tagged(r.MerchantRef) != \"\", from.parked != 0:\n",
			"		case true:\n"),
		one("a terminal does not read its merchant's messages", "relay/relayd/rules/session.go",
			"sources: t.Sources()", "sources: t.Sources()[:1]"),

		// Backup and restore.
		one("a backup lacks what lies in the write-ahead log", "offline/backup.go",
			"mode=ro&_busy_timeout=5000", "mode=ro&immutable=1&_busy_timeout=5000"),
		one("where a loss may begin is not written down", "offline/anchor.go",
			"	if j.sure.written == j.sure.seq {\n", "	if true {\n"),
		one("where a loss may begin is forgotten at a restart", "offline/anchor.go",
			"		j.sure.written = j.sure.seq\n",
			"		j.sure.seq, j.sure.written = j.head.seq, j.head.seq\n"),
		one("what was given up is given up for good", "offline/anchor.go",
			"			if named || d.Lost == h {\n", "			if true {\n"),
	}
}
