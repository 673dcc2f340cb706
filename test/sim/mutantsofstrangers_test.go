package sim_test

// mutantsOfStrangers break what bounds those who have shown nothing.
func mutantsOfStrangers() []trial {
	strangers, relayd := in("internal/strangers"), in("relay/relayd")
	return []trial{
		strangers("TestHeads", "a head's lines are not counted", "conn.go",
			"		if h.lines > h.head.Lines {", "		if false {"),
		strangers("TestHeads", "a head's bytes are not counted", "conn.go",
			"h.bytes++; h.bytes > h.head.Bytes {", "h.bytes++; false {"),
		strangers("TestBodies", "a stranger's body is read", "strangers.go",
			"		c.body.Store(noBody)", "		c.body.Store(r.ContentLength)"),
		strangers("TestBodies", "a stranger's connection is kept", "strangers.go",
			"	w.Header().Set(\"Connection\", \"close\")\n", ""),
		strangers("TestKeptHaveTheirOwnRoom", "strangers push out who is known", "strangers.go",
			"	c.s.enter(c, kept)\n", "	c.s.enter(c, speaking)\n"),
		strangers("TestShare", "one address may have all places", "crowd.go",
			"shared && p.of[addr].Len() > w.share", "false"),
		by("internal/refusals", "TestThrottle", "each refusal is a line of the log",
			"internal/refusals/refusals.go", "	if !k.limit.AllowN(t.now(), 1) {",
			"	if false {"),
		relayd("TestRubbishHasItsOwnQuota", "rubbish lies among the notifications",
			"rules/messages.go", "	case e.Rest:\n", "	case false:\n"),
		relayd("TestRubbishTakesNothing", "rubbish uses up the notifications' rate",
			"rules/intake.go", "cmp.Or(r.Rest, r.Limiter)", "cmp.Or(r.Limiter, r.Rest)"),
		relayd("TestGatewaysAddresses", "any proxy's word counts", "gateways.go",
			"i >= 0 && within(s.cfg.Proxies, addr)", "i >= 0"),
	}
}
