package service

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"kiosk-agent/internal/app/agent"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// TestDamageFoundBesideTheAgent: an agent that works says so when its journal's file is found to be
// broken, and takes no sale from then on.
func TestDamageFoundBesideTheAgent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(path, []byte(kiosk(t, dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	breakJournal(t, filepath.Join(dir, "journal.db"))
	told, ended, stop := serving(t, path, dir)
	told.until(t, ended, [][]string{{"msg=ready "},
		{`msg="no sale is possible"`, "code=journal_unavailable", "payments_by_reference"},
		{`msg="readiness changed"`, "journal_unavailable"}})
	stop()
	<-ended // closing a broken file may fail
}

// serving runs a service, and what it logs.
func serving(t *testing.T, path, dir string) (told lines, ended chan error, stop func()) {
	t.Helper()
	told = lines{make(chan string, 1024)}
	ctx, stop := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() {
		ended <- New(Config{Path: path, State: dir, Display: "127.0.0.1:0", Metrics: "127.0.0.1:0",
			Options: agent.Options{Log: slog.New(slog.NewTextHandler(told, nil))},
			Manager: Manager{tell: func(string) {}}}).Run(ctx)
	}()
	return told, ended, stop
}

// TestCollectorIsAsUsual: the collector that waits while an agent starts does not from then on.
func TestCollectorIsAsUsual(t *testing.T) {
	const usual = 77
	defer debug.SetGCPercent(debug.SetGCPercent(usual))
	dir := t.TempDir()
	path := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(path, []byte(kiosk(t, dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	told, ended, stop := serving(t, path, dir)
	told.until(t, ended, [][]string{{"msg=ready "}})
	if now := debug.SetGCPercent(usual); now != usual {
		t.Errorf("GOGC is %d", now)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// lines is a log that is read line by line.
type lines struct{ told chan string }

func (l lines) Write(p []byte) (int, error) {
	l.told <- string(p)
	return len(p), nil
}

// until waits for lines, in any order, each with all of what is wanted of it.
func (l lines) until(t *testing.T, ended <-chan error, wanted [][]string) {
	t.Helper()
	for len(wanted) > 0 {
		select {
		case line := <-l.told:
			wanted = slices.DeleteFunc(wanted, func(all []string) bool {
				return !slices.ContainsFunc(all, func(w string) bool {
					return !strings.Contains(line, w)
				})
			})
		case err := <-ended:
			t.Fatalf("run ended with %v and has not said %q", err, wanted)
		case <-time.After(time.Minute):
			t.Fatalf("never said: %q", wanted)
		}
	}
}

// breakJournal makes a journal that is not small, and alters a reference in an index of it.
func breakJournal(t *testing.T, path string) {
	t.Helper()
	j, err := offline.Open(offline.Config{Path: path, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	var facts []payment.Fact
	for i := range 1000 {
		id := fmt.Sprintf("P%04d", i)
		for _, d := range []payment.Data{
			payment.Requested{Till: "till-1", Reference: "REF" + id, MerchantRef: "B1" + id,
				Money: payment.Money{Amount: 1, Currency: payment.SGD}},
			payment.Notified{Record: payment.Record{MerchantRef: "B1" + id, TransactionRef: id,
				Type: payment.TypePay, Status: payment.RecordSuccess, Amount: 1, Currency: "SGD"}},
			payment.Offered{Revision: 2, Status: payment.StatusApproved},
			payment.Acknowledged{Revision: 2},
		} {
			facts = append(facts, payment.Fact{Payment: id, Boot: "b", Data: d})
		}
	}
	if err := j.Append(facts, nil); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const row = "till-1REFP0700"
	for rest, at := content, 0; ; {
		i := bytes.Index(rest, []byte(row))
		if i < 0 {
			t.Fatal("the index is not found in the file")
		}
		at += i + len(row)
		if rest = content[at:]; !bytes.HasPrefix(rest, []byte("B1")) {
			content[at-1] = 'x'
			break
		}
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
