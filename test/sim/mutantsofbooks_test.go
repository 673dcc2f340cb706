package sim_test

// mutantsOfBooks are more of the simulation's: who may ask for what, which word ends what, and what
// is remembered.
func mutantsOfBooks() []mutant {
	return []mutant{
		// Whose payment, and which sale.
		one("another amount is the same sale", "payment/engine/till.go",
			"	case p.Money != ev.Request.Money:\n", "	case false:\n"),
		one("any till may cancel", "payment/engine/till.go",
			"	if a.p.Till != till {\n", "	if false {\n"),
		one("any till may read", "payment/engine/till.go",
			"	case a == nil || a.p.Till != ev.Till:\n", "	case a == nil:\n"),
		one("a reference is good again after its acknowledgement", "payment/engine/till.go",
			"	case !p.Final, p.AckedRev == 0 && p.FinalBoot", "	case !p.Final, p.FinalBoot"),

		// Which word ends what.
		one("an acknowledged revision ends every correction", "payment/fold.go",
			"f.p.Final && f.p.AckedRev == f.p.Revision", "f.p.Final && f.p.AckedRev > 0"),
		one("a refused reversal reverses", "payment/record.go",
			"		if r.Status == RecordDeclined || r.Status == RecordExpired {\n",
			"		if r.Status == RecordSent {\n"),

		// What is remembered.
		one("a delivery that could not be committed is acknowledged", "relay/machine.go",
			"		m.drop(now, fmt.Errorf(\"not committed: %w\", ev.Err))\n		return\n",
			"		m.refusals++\n"),
		one("a parked delivery that opened keeps its place", "payment/engine/time.go",
			`source{payment.SourceWebhook, d.Delivery, f.Seq}`,
			`source{payment.SourceWebhook, d.Delivery, 0}`),
		one("a watch ends with its next question", "payment/engine/watch.go",
			"return x.final && now >= x.until })",
			"return x.final && now >= x.due+time.Minute })"),
	}
}
