package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// TestAccountsThatAreGone: an account that is not configured any more is an entry of the worklist,
// with the sales for which money may still come there, until their watch is over.
func TestAccountsThatAreGone(t *testing.T) {
	now := time.Date(2026, 11, 28, 13, 0, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := offline.Open(offline.Config{Path: path, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	n := 0
	sale := func(account, provider string, age time.Duration, more ...payment.Data) (ref string) {
		n++
		id, at := fmt.Sprintf("01JTESTTESTTESTTESTTEST%03d", n), now.Add(-age)
		ref = "K001TEST-" + id
		data := append([]payment.Data{payment.Requested{Till: "till-1", Reference: id,
			MerchantRef: ref, Money: payment.Money{Amount: 500, Currency: payment.SGD},
			Account: account, Provider: provider, DeadlineAt: at,
			Policy: payment.Policy{Watch: payment.ToMillis(24 * time.Hour)}}}, more...)
		for _, d := range data {
			f := []payment.Fact{{Payment: id, At: at, Boot: "b", Up: time.Hour, Data: d}}
			if err := j.Append(f, nil); err != nil {
				t.Fatal(err)
			}
		}
		return ref
	}
	unpaid := []payment.Data{payment.Minted{Payload: "x"}, payment.CancelRequested{},
		payment.Withdrawn{}, payment.Undecided{}}
	sale("axs:one/A", "axs", 25*time.Hour, unpaid...)
	sale("axs:here/B", "axs", 3*time.Hour, unpaid...)
	first := sale("axs:one/A", "axs", 2*time.Hour, unpaid...)
	sale("axs:one/A", "axs", 2*time.Hour, payment.MintFailed{})
	sale("", "axs", time.Hour, unpaid...) // before schema 3: it counts as this terminal's
	old := sale("", "singapay", time.Hour, unpaid...)
	second := sale("axs:one/A", "axs", time.Hour, unpaid...)

	known := payment.Accounts{{Name: "axs:here/B", Provider: "axs"}}
	var out bytes.Buffer
	if err := WorklistJSON(&out, &j.Reader, known, now, ""); err != nil {
		t.Fatal(err)
	}
	var got []struct {
		ID, Status string
		Tasks      []payment.Task
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	var about []string
	for _, e := range got {
		if e.Status != "account_gone" {
			continue
		}
		if len(e.Tasks) != 1 || e.Tasks[0].Code != e.Status {
			t.Errorf("%+v", e)
			continue
		}
		_, refs, _ := strings.Cut(e.Tasks[0].Text, "portal: ")
		about = append(about, e.ID+": "+refs)
	}
	want := []string{"axs:one/A: " + second + ", " + first + ".", "singapay: " + old + "."}
	if d := cmp.Diff(want, about); d != "" {
		t.Errorf("the accounts that are gone (-want +got)\n%s", d)
	}
	for _, all := range []payment.Accounts{
		append(known, payment.Account{Name: "axs:one/A", Provider: "axs"},
			payment.Account{Name: "singapay:s/C", Provider: "singapay"}), known} {
		out.Reset()
		at := now
		if len(all) == len(known) {
			at = now.Add(24 * time.Hour)
		}
		err := Worklist(&out, &j.Reader, all, at, "")
		if err != nil || strings.Contains(out.String(), "account_gone") {
			t.Errorf("%d accounts: %s %v", len(all), out.String(), err)
		}
	}
}

// TestGoneWork names the newest of many.
func TestGoneWork(t *testing.T) {
	var refs []string
	for i := range 25 {
		refs = append(refs, fmt.Sprintf("R%d", i))
	}
	if text := payment.GoneWork("axs:one/A", refs).Text; !strings.Contains(text,
		"25 sales that ended unpaid were made at axs:one/A") ||
		!strings.HasSuffix(text, "R18, R19 and 5 older ones.") {
		t.Error(text)
	}
	if text := payment.GoneWork("axs:one/A", refs[:1]).Text; !strings.HasPrefix(text, "1 sale ") {
		t.Error(text)
	}
}
