package ecr

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
}

// asks says which kind of function an outcome answers, where it is not a sale.
var asks = map[Outcome]Kind{
	Ready: KindStatus, CancelDone: KindCancel, CancelRefused: KindCancel, VoidRefused: KindVoid,
	LastNone: KindLast, LastRunning: KindLast, LogonDone: KindLogon, SettlementDone: KindSettlement,
}

// asked is the request whose answer o is; what the dialect has no function for is asked with one
// that it does not list.
func asked(t *testing.T, d *Dialect, o Outcome) Request {
	k, special := asks[o]
	if !special && o != BadFunction {
		return sale(t, d, 1023)
	}
	f, ok := functionFor(d, k)
	if !ok || o == BadFunction {
		f.Code = strings.Repeat("?", d.s.Header.Function)
	}
	return d.NewRequest(ecn(d), f.Code)
}

// dump is a frame as hex and as text.
func dump(d *Dialect, b []byte, m Message) string {
	var s strings.Builder
	for i := 0; i < len(b); i += 32 {
		fmt.Fprintf(&s, "% x\n", b[i:min(i+32, len(b))])
	}
	fmt.Fprintf(&s, "ECN %s  function %s  code %s\n", m.ECN, m.Function, m.Code)
	for _, f := range m.Fields {
		source := ""
		for _, r := range d.s.Response.Fields {
			if r.Code == string(f.Code) {
				source = r.Source
			}
		}
		fmt.Fprintf(&s, "  %-3s %-15s %q\n", f.Code, source, f.Data)
	}
	return s.String()
}

// Every outcome in every dialect, byte for byte. What a payment has is given only where there was
// one.
func TestGoldenResponses(t *testing.T) {
	for _, d := range all(t) {
		var s strings.Builder
		fmt.Fprintf(&s, "# The response for each outcome in the dialect %s: hex, then what it "+
			"says. go test ./device/ecr -update\n", d.Name())
		for _, o := range Outcomes() {
			req := asked(t, d, o)
			data := paid(req)
			if c, _ := classOf(o); o != Approved && c != uncertain {
				data.TransactionRef, data.Scheme, data.ResponseCode = "", "", ""
			}
			b := d.Respond(req.Message, o, data)
			ev, rest := d.NewResponseScanner().Next(b)
			if ev.Kind != Frame || ev.Err != nil || len(rest) > 0 {
				t.Fatalf("%s %s: %+v", d.Name(), o, ev)
			}
			if c, _ := classOf(o); ev.Response.Approved() != (c == good) {
				t.Errorf("%s %s: approved %t", d.Name(), o, ev.Response.Approved())
			}
			fmt.Fprintf(&s, "\n%s\n%s", o, dump(d, b, ev.Response.Message))
		}
		golden(t, filepath.Join("testdata", d.Name()+".golden"), s.String())
	}
}

func TestGoldenRequests(t *testing.T) {
	var s strings.Builder
	s.WriteString("# A request for each function of each dialect. go test ./device/ecr -update\n")
	for _, d := range all(t) {
		for _, f := range d.Functions() {
			req := d.NewRequest(ecn(d), f.Code)
			if f.Kind == KindSale {
				req = sale(t, d, 1023)
				req.Function = []byte(f.Code)
			}
			fmt.Fprintf(&s, "\n%s %s %s %v\n%s", d.Name(), f.Code, f.Kind, f.Schemes,
				dump(d, frameOf(t, d, req.Message), req.Message))
		}
	}
	golden(t, "testdata/requests.golden", s.String())
}

// Each testdata/explain/NAME.txt is a capture; its first line names the dialect behind "#".
func TestGoldenExplain(t *testing.T) {
	captures, err := filepath.Glob("testdata/explain/*.txt")
	if err != nil || len(captures) < 12 {
		t.Fatalf("%d captures: %v", len(captures), err)
	}
	for _, path := range captures {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(b), "\n")
		name := strings.Fields(first)[1]
		d := other(t)
		if name != "other" {
			d = dialect(t, name)
		}
		r := Explain(d, b)
		golden(t, strings.TrimSuffix(path, ".txt")+".golden", r.String())
		if ok := strings.Contains(path, "/good-"); ok != r.OK() {
			t.Errorf("%s: OK %t", path, r.OK())
		}
	}
}
