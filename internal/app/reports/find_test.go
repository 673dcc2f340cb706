package reports

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// A payment is found by each of its names; a name that two have finds none, and names both.
func TestFind(t *testing.T) {
	at := time.Date(2026, 11, 28, 13, 0, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := offline.Open(offline.Config{Path: path, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	sale := func(id, ecn, receipt string) {
		t.Helper()
		f := []payment.Fact{{Payment: id, At: at, Boot: "b", Up: time.Hour, Data: payment.Requested{
			Till: "till-3", Reference: ecn + "/" + id, MerchantRef: "K001TEST-" + id,
			Money: payment.Money{Amount: 500, Currency: payment.SGD},
			Line:  &payment.Line{ECN: ecn, Function: "30", Receipt: receipt},
		}}}
		if err := j.Append(f, nil); err != nil {
			t.Fatal(err)
		}
		f[0].Data = payment.MintFailed{}
		if err := j.Append(f, nil); err != nil {
			t.Fatal(err)
		}
	}
	sale("P1", "000000000001", "R000000000020")
	sale("P2", "000000000002", "R000000000021")
	sale("P3", "000000000003", "R000000000021")
	for name, want := range map[string]string{
		"P1": "P1", "K001TEST-P1": "P1", "R000000000020": "P1", "000000000001/P1": "P1",
		"000000000002": "P2", "nobody": "", "": "",
	} {
		if id, err := Find(&j.Reader, name); id != want || err != nil {
			t.Errorf("%q: %q, %v", name, id, err)
		}
	}
	id, err := Find(&j.Reader, "R000000000021")
	if id != "" || err == nil || !strings.Contains(err.Error(), "P2  "+dated(at)) ||
		!strings.Contains(err.Error(), "P3  ") {
		t.Errorf("%q, %v", id, err)
	}
	var out bytes.Buffer
	if err := Payments(&out, &j.Reader, 0); err != nil ||
		!strings.Contains(out.String(), "R000000000020") {
		t.Errorf("%v\n%s", err, &out)
	}
	out.Reset()
	if err := CSV(&out, &j.Reader); err != nil ||
		!strings.Contains(out.String(), ",P1,R000000000020\n") {
		t.Errorf("%v\n%s", err, &out)
	}
	out.Reset()
	if err := Payment(&out, &j.Reader, "R000000000020"); err != nil ||
		!strings.Contains(out.String(), "P1") {
		t.Errorf("%v\n%s", err, &out)
	}
	out.Reset()
	if err := Worklist(&out, &j.Reader, nil, at, "R000000000020"); err != nil ||
		strings.Contains(out.String(), "P2") || !strings.Contains(out.String(), "P1  ") {
		t.Errorf("%v\n%s", err, &out)
	}
}
