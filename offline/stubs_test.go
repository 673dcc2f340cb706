package offline

func appender(string) {}
func hold(string)     {}
