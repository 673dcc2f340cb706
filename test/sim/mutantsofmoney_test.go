package sim_test

// mutantsOfMoney breaks what becomes of the gateway's word: how money is counted, asked for and
// settled.
func mutantsOfMoney() []mutant {
	return []mutant{
		// How money is counted.
		one("a refused VOID reverses", "payment/record.go",
			"		if r.Status == RecordDeclined || r.Status == RecordExpired {\n",
			"		if r.Status == RecordSent {\n"),
		one("a reversal that was known is forgotten when approved is told", "payment/fold.go",
			"		f.e.Reversed = f.e.Reversed || !f.toldApproved\n", ""),
		one("a second reversal is no news", "payment/movement.go",
			`	key := "BACK|" + r.Content()`+"\n", `	key := "BACK|" + r.MerchantRef`+"\n"),
		one("whatever is given back was foreseen", "payment/fold.go",
			"m.Currency == w.currency && -m.Amount <= w.back:", "m.Currency != \"\":"),
		one("a third payment is no news", "payment/movement.go",
			"	key := payKey(d.Record)\n", "	if class != ClassOtherAmount && alike > 1 {\n"+
				"		return\n	}\n	key := payKey(d.Record)\n"),
		one("a wrong amount is no task", "payment/fold.go",
			"{f.mismatch, FlagAmountMismatch}", "{false, FlagAmountMismatch}"),
		one("what was first reported with another amount is no payment of the sale",
			"payment/movement.go", "			f.restate(other, is)\n", ""),
		one("all payments without transactionRef are one", "payment/movement.go",
			"		least = max(least, d.Payments)\n", ""),
		one("two payments under one reference are one", "payment/movement.go",
			`	return r.TransactionRef == "" || p.PaymentsIn(alike) > 1`,
			`	return r.TransactionRef == "" && len(alike) > 1`),
		one("a payment with a reference does not join the one without", "payment/movement.go",
			"	case enough && nameless >= 0:\n", "	case nameless >= len(f.p.Movements):\n"),
		one("a payment without a reference does not join the one with", "payment/movement.go",
			`		enough && r.TransactionRef == "":`, `		false && r.TransactionRef == "":`),
		one("a transaction that an answer names twice is two payments", "payment/record.go",
			`	return r.TransactionRef != "" && r.Content()`, `	return false && r.Content()`),

		// approve_needs_query.
		one("a notification alone approves where the query must", "payment/fold.go",
			"		if !f.e.Paid && !f.waits(d) {\n", "		if !f.e.Paid {\n"),
		one("the query's word is dropped as a repetition", "payment/engine/evidence.go",
			" && !a.p.Confirms(r)\n", "\n"),
		one("silence counts after a notification that waits", "payment/movement.go",
			"		} else if f.waits(d) {\n", "		} else if f.waits(d) && f.p.Final {\n"),

		// The evidence rule.
		one("superseded is never committed", "payment/engine/till.go",
			"		s.fact(a.p.ID, payment.Superseded{})\n", ""),
		one("an unknown word is silence", "payment/engine/query.go",
			"		if !payment.Known(r) {\n", "		if false {\n"),
	}
}
