package ecrtill

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden frames")

// The values of the golden frames: what the tests in test/e2e configure and ask for.
const (
	goldenTerminal = "KIOSK001"
	goldenHD       = "INV-1"
	secondECN      = "251210091402"
)

// part is one field of a golden frame; any > 0 stands for that many bytes of any content.
type part struct {
	code, data string
	any        int
	what       string
}

type golden struct {
	name, comment string
	head          Message // without fields
	parts         []part
}

var (
	text       = part{"02", "", 40, "text: not fixed by the document"}
	date       = part{"03", "", 6, "YYMMDD, Singapore"}
	clock      = part{"04", "", 6, "HHMMSS, Singapore"}
	terminalID = part{"16", goldenTerminal, 0, "terminal id"}
	amount     = part{"40", "000000001023", 0, "10.23"}
	tail12     = part{"D3", "", 12,
		"the tail of transactionRef: compared with the gateway's by the test"}
	whole19 = part{"A1", "", 19, "transactionRef: compared with the gateway's by the test"}
	echoHD  = part{"HD", goldenHD, 0, "the till's own reference"}
)

func head(ecn, function, code string) Message {
	return Message{ECN: ecn, Function: function, Code: code}
}

func literal(m Message) []part {
	var parts []part
	for _, f := range m.Fields {
		parts = append(parts, part{f.Code, f.Data, 0, ""})
	}
	return parts
}

func goldens() []golden {
	told := []part{text} // a till was seen that crashes without it
	plain := []part{text, date, clock, terminalID}
	asked := []part{text, date, clock, terminalID, amount}
	paid := []part{text, date, clock, terminalID, amount, tail12, whole19}
	all := []golden{
		{"status-ready", "A1, ready", head(exampleECN, "A1", "00"), told},
		{"status-not-ready", "A1, for example without a display", head(exampleECN, "A1", "E2"),
			told},
		{"status-path-down", "A1, the confirmation path has not proved itself",
			head(exampleECN, "A1", "E3"), told},
		{"status-during-sale", "A1 while a sale runs", head(secondECN, "A1", "E6"), told},
		{"qr-approved", "Q1 of 10.23", head(exampleECN, "Q1", "00"), paid},
		{"qr-declined", "Q1 of 10.23, the last word is DECLINED", head(exampleECN, "Q1", "51"),
			asked},
		{"qr-expired", "Q1 of 10.23, nobody paid", head(exampleECN, "Q1", "51"), asked},
		{"card-declined", "C1 of 10.23, the last word is DECLINED", head(exampleECN, "C1", "51"),
			asked},
		{"qr-cancelled", "Q1 of 10.23, ended by A5; a query found no payment",
			head(exampleECN, "Q1", "51"), asked},
		{"qr-unknown", "Q1 of 10.23, the truth cannot be read; also any negative outcome that " +
			"no query confirmed", head(exampleECN, "Q1", "TO"), asked},
		{"cancel-done", "A5 that ended the sale; follows qr-cancelled", head(secondECN, "A5", "00"),
			told},
		{"cancel-idle", "A5 when nothing runs", head(exampleECN, "A5", "00"), told},
		{"cancel-too-late", "A5 when the customer has paid, or when it is not known; follows " +
			"the sale's own response", head(secondECN, "A5", "E6"), told},
		{"card-approved", "C1 of 10.23", head(exampleECN, "C1", "00"), paid},
		{"void-refused", "C2: the document gives no code; XX, other error, is what the product " +
			"chose (ecr blueprint)", head(exampleECN, "C2", "XX"), plain},
		{"busy", "Q1 of 5.00 while 10.23 is awaited", head(secondECN, "Q1", "E6"), plain},
		{"last-running", "56 while Q1 of 10.23 runs: the sale's own ECN",
			head(exampleECN, "56", "E6"), asked},
		{"last-approved", "56 after Q1 of 10.23 was approved", head(exampleECN, "56", "00"), paid},
		{"last-declined", "56 after C1 of 10.23 was declined", head(exampleECN, "56", "51"), asked},
		{"bad-field", "Q1 with amount 0", head(exampleECN, "Q1", "02"), plain},
		{"bad-function", "a function that is not there", head(exampleECN, "Z9", "01"), plain},
		{"path-down", "Q1 of 10.23, the confirmation path has not proved itself: nothing was " +
			"started, so there is no amount", head(exampleECN, "Q1", "E3"), plain},
		{"not-ready", "Q1 of 10.23, for example without a display", head(exampleECN, "Q1", "E2"),
			plain},
	}
	for i := range all {
		all[i].name = "paycube-" + all[i].name
	}
	for _, r := range []struct {
		name, comment string
		m             Message
	}{
		{"paycube-request-status", "A1: the document's example", Request(exampleECN, "A1")},
		{"paycube-request-cancel", "A5", Request(exampleECN, "A5")},
		{"paycube-request-last", "56", Request(exampleECN, "56")},
		{"paycube-request-void", "C2: no field is documented", Request(exampleECN, "C2")},
		{"paycube-request-card", "C1 of 10.23: the document's example",
			Paycube().Sale(exampleECN, "C1", 1023, "")},
		{"paycube-request-qr", "Q1 of 10.23", Paycube().Sale(exampleECN, "Q1", 1023, "")},
		{"nets-request-status", "55", Request(exampleECN, "55")},
		{"nets-request-logon", "80", Request(exampleECN, "80")},
		{"nets-request-settlement", "81", Request(exampleECN, "81")},
		{"nets-request-last", "56", Request(exampleECN, "56")},
		{"nets-request-qr", "30 of 10.23, type 04", Nets().Sale(exampleECN, "30", 1023, goldenHD)},
		{"nets-request-card", "I0 of 10.23", Nets().Sale(exampleECN, "I0", 1023, goldenHD)},
	} {
		h := r.m
		h.Fields = nil
		all = append(all, golden{r.name, r.comment, h, literal(r.m)})
	}
	return append(all, netsGoldens()...)
}

func netsGoldens() []golden {
	told := []part{text} // a till was seen that crashes without it
	merchant := part{"D0", "World" + strings.Repeat(" ", 64), 0, "merchant name and address"}
	message := part{"R0", "", 20, "message"}
	asked := []part{text, merchant, date, clock, terminalID, amount, message, echoHD}
	missing := []part{text, merchant, date, clock, terminalID, message, echoHD}
	paid := []part{
		text, merchant, date, clock, terminalID, {"65", "", 6, "STAN"},
		{"01", "", 6, "approval code"}, tail12, {"L7", "", 20, "the scheme"}, amount, message,
		echoHD,
	}
	all := []golden{
		{"status-ready", "55, ready", head(exampleECN, "55", "00"), told},
		{"status-not-ready", "55, not ready or the path is down", head(exampleECN, "55", "HS"),
			told},
		{"logon", "80", head(exampleECN, "80", "00"), told},
		{"settlement", "81: no totals", head(exampleECN, "81", "00"), told},
		{"qr-approved", "30 of 10.23", head(exampleECN, "30", "00"), paid},
		{"card-declined", "I0 of 10.23", head(exampleECN, "I0", "51"),
			asked},
		{"qr-expired", "30 of 10.23: expired, or cancelled by staff", head(exampleECN, "30", "US"),
			asked},
		{"qr-unknown", "30 of 10.23", head(exampleECN, "30", "TO"), asked},
		{"card-approved", "I0 of 10.23", head(exampleECN, "I0", "00"), paid},
		{"busy", "30 of 5.00 while another sale is awaited: HS is the default of a setting",
			head(secondECN, "30", "HS"), missing},
		{"last-approved", "56 after 30 of 10.23 was approved", head(exampleECN, "56", "00"), paid},
		{"bad-field", "30 without an amount", head(exampleECN, "30", "20"), missing},
		{"bad-function", "a function that is not there", head(exampleECN, "Z9", "01"),
			[]part{text}},
	}
	for i := range all {
		all[i].name = "nets-" + all[i].name
	}
	return all
}

// frame is the golden as the encoder makes it, with '?' for every free byte, and whether there are
// free bytes.
func (g golden) frame(t *testing.T) (frame []byte, free bool) {
	m := g.head
	for _, p := range g.parts {
		data := p.data
		if p.any > 0 {
			data, free = strings.Repeat("?", p.any), true
		}
		m.Fields = append(m.Fields, Field{p.code, data})
	}
	return encode(t, m), free
}

// text writes the golden's file from the encoder's bytes.
func (g golden) text(t *testing.T) string {
	frame, free := g.frame(t)
	var s strings.Builder
	fmt.Fprintf(&s, "# %s\n", g.comment)
	line := func(n int, wildAt, wild int, what string) {
		words := fmt.Sprintf("%x", frame[:n])
		if wild > 0 {
			words = fmt.Sprintf("%x ??*%d %x", frame[:wildAt], wild, frame[wildAt+wild:n])
		}
		fmt.Fprintf(&s, "%-64s # %s\n", words, what)
		frame = frame[n:]
	}
	line(1, 0, 0, "STX")
	line(2, 0, 0, "LEN: header and fields")
	line(headerLen, 0, 0, fmt.Sprintf("ECN %s, %s, %s", g.head.ECN, g.head.Function, g.head.Code))
	for _, p := range g.parts {
		line(4+max(len(p.data), p.any)+1, 4, p.any, strings.TrimSpace("field "+p.code+" "+p.what))
	}
	line(1, 0, 0, "ETX")
	if free {
		return s.String() + "LRC\n"
	}
	line(1, 0, 0, "LRC")
	return s.String()
}

// TestGolden: the files are what the encoder makes, and a file refuses every other frame.
func TestGolden(t *testing.T) {
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, g := range goldens() {
		path := filepath.Join("testdata", g.name+".hex")
		if *update {
			if err := os.WriteFile(path, []byte(g.text(t)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		stored, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(stored) != g.text(t) {
			t.Errorf("%s differs from the encoder; go test -update writes it", path)
		}
		want, err := ParseGolden(string(stored))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		refusesFlips(t, path, want, g)
	}
	files, err := filepath.Glob("testdata/*.hex")
	if err != nil || len(files) != len(goldens()) {
		t.Errorf("%d files for %d frames, %v", len(files), len(goldens()), err)
	}
}

func refusesFlips(t *testing.T, path string, want Golden, g golden) {
	t.Helper()
	frame, _ := g.frame(t)
	if err := want.Match(frame); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	for at := range frame {
		spoiled := bytes.Clone(frame)
		spoiled[at] ^= 0x10
		if want.Match(spoiled) == nil {
			t.Errorf("%s: byte %d may be anything", path, at)
		}
	}
	if want.Match(frame[1:]) == nil {
		t.Errorf("%s: a byte less is taken", path)
	}
}

func TestGoldenWords(t *testing.T) {
	for _, bad := range []string{"", "0", "zz", "??*0", "??x", "LRC 03", "# only"} {
		if g, err := ParseGolden(bad); err == nil {
			t.Errorf("%q: %s", bad, g)
		}
	}
}
