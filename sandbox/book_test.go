package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// booked is a world with a book; a second one on the same book is the first after a crash.
func booked(t *testing.T, book string) *world {
	t.Helper()
	return newWorld(t, func(cfg *Config) { cfg.Book = book })
}

func TestBookOutlivesTheProcess(t *testing.T) {
	book := filepath.Join(t.TempDir(), "book")
	w := booked(t, book)
	token := w.openLink(fields("R-PAID"))
	w.openLink(fields("R-OPEN"))
	w.openLink(fields("R-LOST"))
	w.openLink(fields("R-CODE"))
	w.act("R-PAID", Action{Do: Decline, Scheme: Visa})
	w.act("R-PAID", Action{Do: ShowCode, Scheme: PayNow})
	w.act("R-PAID", Action{Do: Pay, Scheme: PayNow})
	w.act("R-PAID", Action{Do: Refund})
	w.act("R-CODE", Action{Do: ShowCode, Scheme: Alipay})
	w.quiet()
	w.fault(Fault{Kind: FaultLost, MerchantRef: "R-LOST"})
	w.act("R-LOST", Action{Do: Pay, Scheme: Visa})
	w.quiet()

	again := booked(t, book)
	if d := cmp.Diff(w.Payments(), again.Payments(), cmpopts.EquateApproxTime(0)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(w.Collected(), again.Collected()); d != "" {
		t.Error(d)
	}
	again.quiet()
	told := func() (refs []string) {
		for _, h := range again.Webhooks() {
			refs = append(refs, h.MerchantRef+" "+h.Claims.Status)
		}
		return refs
	}
	if got := told(); !slices.Equal(got, []string{"R-LOST SUCCESS"}) {
		t.Errorf("webhooks after the crash: %v", got)
	}
	if status, _ := again.get(again.pageURL(token)); status != 200 {
		t.Errorf("the same link again: %d", status)
	}
	if _, err := again.Act("R-PAID", Action{Do: Pay}); err != ErrPaid {
		t.Error(err)
	}
	// the code on the customer's screen lapses in this process
	again.clock.advance(11 * time.Minute)
	again.waitFor(func() bool { return slices.Contains(told(), "R-CODE EXPIRED") })
	again.quiet()

	third := booked(t, book)
	third.quiet()
	if hooks := third.Webhooks(); len(hooks) > 0 {
		t.Errorf("everything was delivered, and %d webhooks go out again", len(hooks))
	}
}

func TestBookWithATornLine(t *testing.T) {
	book := filepath.Join(t.TempDir(), "book")
	w := booked(t, book)
	w.openLink(fields("R-1"))
	text, err := os.ReadFile(book)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		text string
		bad  string
	}{
		"torn":      {string(text) + `{"at":"2026-01-16T`, ""},
		"damaged":   {"{\n" + string(text), "line 1"},
		"empty":     {string(text) + "{}\n", "line 2: it says nothing"},
		"stranger":  {strings.Replace(string(text), testLink, "lnk-9", 1), "no merchant"},
		"not ours":  {strings.Replace(string(text), `"token":"ey`, `"token":"eY`, 1), "the link"},
		"no record": {`{"record":{"clientId":"x","merchantRef":"R-2"}}` + "\n", "not opened"},
	} {
		if err := os.WriteFile(book, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := New(Config{Merchants: []Merchant{testMerchant}, Book: book}, nil)
		if tc.bad != "" {
			if err == nil || !strings.Contains(err.Error(), tc.bad) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || len(s.Payments()) != 1 {
			t.Fatal(name, err)
		}
		if kept, err := os.ReadFile(book); err != nil || string(kept) != string(text) {
			t.Errorf("%s: the book is now %q, %v", name, kept, err)
		}
	}
}

// TestBookThatTakesNothing: what cannot be written did not happen.
func TestBookThatTakesNothing(t *testing.T) {
	dir := t.TempDir()
	w := booked(t, filepath.Join(dir, "book"))
	w.openLink(fields("R-1"))
	if err := os.Remove(filepath.Join(dir, "book")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Act("R-1", Action{Do: Pay}); err == nil || len(w.Collected()) > 0 {
		t.Errorf("%v, collected %v", err, w.Collected())
	}
	if status, page := w.get(w.pageURL(mint(t, fields("R-2")))); status != 500 ||
		len(w.Payments()) != 1 {
		t.Errorf("%d %s", status, page)
	}
	w.none()
	if _, err := New(Config{Merchants: []Merchant{testMerchant},
		Book: filepath.Join(dir, "missing", "book")}, nil); err == nil {
		t.Error("a book in a folder that is not there")
	}
}
