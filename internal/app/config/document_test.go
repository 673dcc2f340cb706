package config

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/app/relayconf"
	"kiosk-agent/internal/conf"
	"kiosk-agent/payment/engine"
	"kiosk-agent/test/docpage"
)

var update = flag.Bool("update", false, "write what docs/CONFIGURATION.md has of the code anew")

const documentPath = "../../../docs/CONFIGURATION.md"

// TestDocument: what docs/CONFIGURATION.md has of the code is what the code says.
func TestDocument(t *testing.T) {
	for name, want := range map[string]string{
		"keys of kiosk-agent": allKeys().Reference(defaultTables(), 3),
		"least answer_within": answerTable(),
		"complete example":    "```toml\n" + fullText(t) + "```\n",
		"keys of kiosk-relay": relayconf.Keys().Reference(relayconf.Default(), 3),
	} {
		docpage.Compare(t, documentPath, name, "\n"+strings.TrimSuffix(want, "\n")+"\n\n", *update)
	}
}

// answerTable is the least answer_within for some values of settle.
func answerTable() string {
	var b strings.Builder
	b.WriteString("| settle | the gateway is asked | it is not |\n|---|---|---|\n")
	for _, settle := range []time.Duration{time.Second, 5 * time.Second, 20 * time.Second,
		time.Minute} {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", conf.Duration(settle),
			conf.Duration(engine.LeastAnswerWithin(settle, true)),
			conf.Duration(engine.LeastAnswerWithin(settle, false)))
	}
	return b.String()
}
