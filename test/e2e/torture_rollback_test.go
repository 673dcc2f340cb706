package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/relay"
	"kiosk-agent/test/programs"
)

// saved is what staff do with the journal: copies of it, and what is lost when one is put in place.
type saved struct {
	due     int             // the agent's deaths after which a copy is put in place
	made    int             // copies that were begun
	backups []string        // those that are whole and of the journal's own history, oldest first
	gone    *missing        // what no journal knows any more
	told    map[string]bool // payments that are here, of which a till was told what is not
	said    string          // what recover said last
}

// missing are payments that were lost with a journal, as they were then, by id.
type missing struct {
	mu   sync.Mutex
	gone map[string]payment.Payment
}

func (m *missing) add(p payment.Payment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone[p.ID] = p
}

func (m *missing) has(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, gone := m.gone[id]
	return gone
}

func (m *missing) all() map[string]payment.Payment {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.gone)
}

// loss is what the copy in place of the journal lacks.
type loss struct {
	head payment.Head // the copy's
	from time.Time    // of the first fact that it lacks
}

// backUp makes a copy of the journal beside the agent, as docs/OPERATIONS.md says, in one of three
// lives; it may be killed, too. The function that it returns waits for its end.
func (x *torture) backUp(s step) (done func()) {
	x.t.Helper()
	_, err := os.Stat(filepath.Join(x.dir, "journal.db"))
	if s.rolledBack || err != nil || x.rng.IntN(3) > 0 { // not there: no agent lived to make it
		return func() {}
	}
	x.save.made++
	path := filepath.Join(x.dir, fmt.Sprintf("copy-%d", x.save.made))
	wait, limit := x.moment(2*time.Second), x.cutOff("backups killed", 200*time.Millisecond)
	var killed bool
	var running sync.WaitGroup
	running.Go(func() {
		if err = pause(x.t.Context(), wait, nil); err == nil {
			killed, _, err = x.cut(limit, "backup", path)
		}
	})
	return func() {
		x.t.Helper()
		running.Wait()
		switch {
		case killed:
			x.toll.count("backups killed", 1)
			if err := errors.Join(os.RemoveAll(path), os.RemoveAll(path+".part")); err != nil {
				x.t.Fatal(err)
			}
		case err != nil:
			x.t.Fatalf("backup: %v", err)
		default:
			x.toll.count("backups", 1)
			x.save.backups = append(x.save.backups, path)
		}
	}
}

// cutOff is after how long a command is killed; 0 = never. Until one was it is tried each time.
func (x *torture) cutOff(what string, most time.Duration) time.Duration {
	if x.toll.counts[what] > 0 && x.rng.IntN(3) > 0 {
		return 0
	}
	return 1 + x.moment(most)
}

// cut runs a command of the agent's, and kills it with -9 after limit; 0 = never.
func (x *torture) cut(limit time.Duration, args ...string) (killed bool, out string, err error) {
	var text bytes.Buffer
	cmd := exec.Command(programs.Path(x.t, "kiosk-agent"), append(args, "--config", x.config())...)
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Start(); err != nil {
		return false, "", err
	}
	if limit > 0 {
		timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() }) // or it has ended
		defer timer.Stop()
	}
	if err = cmd.Wait(); err != nil {
		killed = cmd.ProcessState.ExitCode() < 0
		err = fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, &text)
	}
	return killed, text.String(), err
}

// loseJournal puts an older copy in the place of the journal, lives until staff have recovered it,
// and checks that meanwhile nothing was sold and that the time to compare has all that is lost. It
// does nothing where the relay would not see the loss: docs/PROOFS.md says when that is.
func (x *torture) loseJournal(whole string, broken <-chan error) (done bool) {
	x.t.Helper()
	n := len(x.save.backups) - 1
	if n < 0 {
		return false
	}
	if x.rng.IntN(4) == 0 || x.toll.counts["payments lost"] < 5 {
		n = max(0, n-1-x.rng.IntN(2))
	}
	what, seen := x.lose(x.save.backups[n])
	if !seen {
		return false
	}
	x.restoreJournal(x.save.backups[n])
	x.save.backups = x.save.backups[:n+1]
	for lives := 0; !x.recovered(what); lives++ {
		if lives == 60 {
			x.t.Fatal("staff cannot recover the journal")
		}
		s := step{rolledBack: true, lazy: x.rng.IntN(3) == 0}
		if lives == 0 && x.rng.IntN(2) == 0 {
			s.kind = payment.KindRolledBack
		} else if !s.lazy && x.rng.IntN(2) == 0 {
			s.kind = payment.KindRecovered
		}
		before := x.toll.kills()
		x.life(whole, s, broken)
		if !x.recovered(what) {
			x.toll.count("kills while rolled back", x.toll.kills()-before)
		}
	}
	x.toll.count("recoveries", 1)
	return true
}

// lose works out what is lost with this copy in place of the journal; the agent is dead. seen is
// false where the relay has not heard of anything of that.
func (x *torture) lose(backup string) (what loss, seen bool) {
	x.t.Helper()
	journal, copied := x.reader("journal.db"), x.reader(filepath.Base(backup))
	defer journal.Close()
	defer copied.Close()
	head, err := copied.Head()
	if err != nil {
		x.t.Fatal(err)
	}
	known := x.anchor()
	hash, ok, err := journal.HashAt(known.Seq)
	if err != nil {
		x.t.Fatal(err)
	}
	if known.Seq <= head.Seq || !ok || hash != known.Hash {
		return loss{}, false
	}
	what.head = head
	touched, told := map[string]*payment.Folder{}, map[string]bool{}
	err = journal.Each(1, func(f payment.Fact, _ string) error {
		switch {
		case f.Payment != "" && touched[f.Payment] == nil:
			touched[f.Payment] = new(payment.Folder)
			fallthrough
		case f.Payment != "":
			touched[f.Payment].Add(f)
		}
		if f.Seq <= head.Seq {
			return nil
		}
		if what.from.IsZero() || f.At.Before(what.from) {
			what.from = f.At
		}
		told[f.Payment] = told[f.Payment] || f.Kind() == payment.KindOffered
		return nil
	})
	for id, fold := range touched {
		_, here, perr := copied.Payment(id)
		err = errors.Join(err, perr)
		if !here {
			x.save.gone.add(fold.Payment())
			x.toll.count("payments lost", 1)
		} else if told[id] {
			x.save.told[id] = true
		}
	}
	if err != nil {
		x.t.Fatal(err)
	}
	x.note("fact %d of %s takes the place of what the relay knows as fact %d", head.Seq, backup,
		known.Seq)
	return what, true
}

func (x *torture) reader(name string) *offline.Reader {
	x.t.Helper()
	j, err := offline.OpenReadOnly(filepath.Join(x.dir, name))
	if err != nil {
		x.t.Fatal(err)
	}
	return j
}

// anchor is the head that the relay remembers.
func (x *torture) anchor() payment.Head {
	x.t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+x.relayPublic+"/v1/head", nil)
	if err != nil {
		x.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+readFile(x.t, x.dir, "relay.token"))
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		x.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer relay.HeadAnswer
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		x.t.Fatalf("the relay answers %s: %v", resp.Status, err)
	}
	if answer.Head == nil {
		return payment.Head{}
	}
	return payment.Head{JournalID: answer.Head.JournalID, Seq: int64(answer.Head.Seq),
		Hash: answer.Head.Hash}
}

// restoreJournal puts the copy in place with the product's own command, which may be killed and is
// then run again. Tills and gateway have heard what they have heard.
func (x *torture) restoreJournal(backup string) {
	x.t.Helper()
	for _, c := range x.counters {
		if err := c.lose(x.t.Context()); err != nil {
			x.t.Fatal(err)
		}
	}
	for {
		limit := x.cutOff("restores killed", 200*time.Millisecond)
		killed, _, err := x.cut(limit, "restore", backup)
		if err == nil {
			break
		}
		if !killed {
			x.t.Fatal(err)
		}
		x.toll.count("restores killed", 1)
	}
	x.toll.count("restores", 1)
	s := &scene{}
	if err := s.readJournal(filepath.Join(x.dir, "journal.db")); err != nil {
		x.t.Fatal(err)
	}
	for h := range x.unheld {
		if !s.stated[h] {
			x.gone[h] = true
		}
	}
}

// recoverers are the staff of a life in which the journal is not the newest; the function that it
// returns waits until they have left.
func (x *torture) recoverers(s step) (left func()) {
	x.t.Helper()
	limit := x.cutOff("recovers killed", 50*time.Millisecond)
	ctx, stop := context.WithCancel(x.t.Context())
	var staff sync.WaitGroup
	seen := 0
	staff.Go(func() {
		for ctx.Err() == nil {
			// not ready: it ends with 1
			_, said, _ := x.cut(0, "status")
			if strings.Contains(said, "journal_rollback") && seen == 0 {
				seen = 1
			}
			if seen > 0 && !s.lazy {
				// refused as long as the relay has more to send, or killed
				killed, said, err := x.cut(limit, "recover", "--reason", "restored by torture")
				if limit = 0; err == nil {
					x.save.said = said
					return
				} else if killed {
					seen++
				}
			}
			_ = pause(ctx, 100*time.Millisecond, nil) // its end is the loop's
		}
	})
	return func() {
		stop()
		staff.Wait()
		x.toll.count("found not ready", min(seen, 1))
		x.toll.count("recovers killed", max(seen-1, 0))
	}
}

// recovered looks at what was booked since the loss: a sale only after staff have recovered, and
// the time to compare begins before all that is lost. The agent is dead.
func (x *torture) recovered(what loss) bool {
	x.t.Helper()
	j := x.reader("journal.db")
	defer j.Close()
	var found *payment.RolledBack
	var done *payment.Recovered
	err := j.Each(what.head.Seq+1, func(f payment.Fact, _ string) error {
		switch d := f.Data.(type) {
		case payment.Requested:
			if done == nil {
				return fmt.Errorf("fact %d: a sale began in a journal that is not the newest",
					f.Seq)
			}
		case payment.RolledBack:
			if found != nil && done == nil {
				return fmt.Errorf("fact %d: it is rolled back already", f.Seq)
			}
			if found == nil {
				found = &d
			}
		case payment.Recovered:
			if done == nil {
				done = &d
			}
		}
		return nil
	})
	switch {
	case err != nil:
	case done != nil && found == nil:
		err = errors.New("recovered, and it was never rolled back")
	case found != nil && (found.Since.After(what.from) || found.Since.IsZero() ||
		found.Last > what.head.Seq):
		err = fmt.Errorf("the loss began at %s, and the journal says %s, after fact %d", what.from,
			found.Since, found.Last)
	case done != nil && !done.Since.Equal(found.Since):
		err = fmt.Errorf("rolled back since %s, recovered since %s", found.Since, done.Since)
	case done != nil && x.save.said != "" &&
		!strings.Contains(x.save.said, "from "+done.Since.UTC().Format(time.RFC3339)):
		err = fmt.Errorf("staff are to compare from %s, and recover says:\n%s", done.Since,
			x.save.said)
	}
	if err != nil {
		x.t.Fatalf("a copy that ends with fact %d is in place: %v", what.head.Seq, err)
	}
	if done != nil {
		x.save.said = ""
	}
	return done != nil
}
