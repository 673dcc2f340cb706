package sim_test

// by is a mutant in a room that the simulation does not reach, and the test that must fail with it.
// The test must pass without.
func by(dir, test, name, file, old, new string) trial {
	return trial{one(name, file, old, new), dir, test}
}

// mutantsOfTests breaks what stands between the machines that the simulation plays and the world.
func mutantsOfTests() []trial {
	return []trial{
		// What a canary proves.
		by("payment/engine", "TestWhatWasNotHeardIsNoSilence",
			"silence counts though something could not be read", "payment/engine/evidence.go",
			" && !s.unheard(o) {", " {"),

		by("payment/engine", "TestNotPaidIsToldOnceThatIsOnRecord",
			"not paid is told without a record of it", "payment/engine/offer.go",
			"		return false\n	}\n	m, d", "		return true\n	}\n	m, d"),
		by("payment/engine", "TestTheQueryOfAPreviousAccount",
			"a previous account's query speaks of every sale", "payment/engine/query.go",
			"if err == nil && !vouched {", "if false && !vouched {"),

		// AXS.
		by("payment/axs", "TestAnswerElements", "AXS: an answer's record needs no type",
			"payment/axs/answer.go", `!ok || s == "" {`, `!ok && s != "" {`),
		by("payment/axs", "TestAnswerElements", "AXS: what cannot be read is left out of an answer",
			"payment/axs/answer.go",
			"			return unread(fmt.Sprintf(\"record %d", "			continue\n"+
				"			return unread(fmt.Sprintf(\"record %d"),

		// SingaPay.
		by("payment/singapay", "TestWords", "SingaPay: what is pending is paid",
			"payment/singapay/words.go", `{fromAttempt, "pending", payment.RecordSent}`,
			`{fromAttempt, "pending", payment.RecordSuccess}`),
	}
}
