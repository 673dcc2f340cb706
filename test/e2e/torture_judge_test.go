package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/sandbox"
	"kiosk-agent/test/ecrtill"
	"kiosk-agent/test/programs"
)

// settleWithin bounds how long everything may take to come to rest after the last kill.
const settleWithin = 10 * time.Minute

// settle waits until nothing is on its way any more. The gateway stops misbehaving and delivers
// what is still due. Then it tells everything once more, as a gateway does whose support was
// called: now every outcome must be the true one.
func (x *torture) settle() {
	x.t.Helper()
	x.gateway.kill()
	x.startGateway()
	x.delivered()
	within(x.t, settleWithin, "what the relay answered 200 for is in the journal", x.lost)
	x.redeliver()
	x.delivered()
	within(x.t, settleWithin, "everything comes to rest", func() error {
		s, err := x.collectScene()
		if err != nil {
			return err
		}
		return s.unrest()
	})
	within(x.t, settleWithin, "the terminal takes sales", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		r, err := x.lane.f.Status(ctx)
		if err == nil && r.Code != "00" {
			err = errors.New(r.Code + " " + r.Text)
		}
		return err
	})
	for _, args := range [][]string{{"journal", "verify"}, {"journal", "verify", "--relay"}} {
		out, err := exec.Command(programs.Path(x.t, "kiosk-agent"),
			append(args, "--config", x.config())...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "ok: nothing is altered") {
			x.t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	x.agent.stop()
}

// delivered waits until the gateway has an answer for each webhook.
func (x *torture) delivered() {
	x.t.Helper()
	within(x.t, settleWithin, "every webhook is delivered", func() error {
		var hooks []sandbox.Webhook
		if err := x.bank.get(soon(x.t), "/sandbox/webhooks", &hooks); err != nil {
			return err
		}
		waiting := len(slices.DeleteFunc(hooks,
			func(h sandbox.Webhook) bool { return h.State == sandbox.HookDelivered }))
		if waiting > 0 {
			return fmt.Errorf("%d are not", waiting)
		}
		return nil
	})
}

// lost says which webhook was answered 200 and is not in the journal; those that went with a
// replaced store are not counted.
func (x *torture) lost() error {
	s := &scene{}
	if err := s.readJournal(filepath.Join(x.dir, "journal.db")); err != nil {
		return err
	}
	for h := range x.toldHooks() {
		if !s.stated[h] && !x.gone[h] {
			return fmt.Errorf("LOST: %+v was answered 200", h)
		}
	}
	return nil
}

// scene is everything that the judge looks at: the journal, the gateway's book and the tills'.
type scene struct {
	payments  []payment.Payment // oldest first
	entries   []payment.Fact    // unmatched and parked
	stated    map[toldHook]bool // what the journal knows of the gateway's words
	problems  []offline.Problem // of the chain
	collected map[string]sandbox.Collected
	opened    []string                    // merchantRefs that the gateway knows
	taken     map[string][]sandbox.Record // each payment that was made, by merchantRef
	late      int                         // payments at the account before, after it was switched
	counters  map[string]map[string]belief
	asked     map[string]map[string]int64
	wrong     []string
	line      []ecrtill.Entry
	gone      map[string]payment.Payment // lost with a journal
	told      map[string]bool            // a till was told of them what was lost with a journal
	listed    map[int64]bool             // entries that are on the worklist, or were resolved
	bent      bool                       // webhooks with another reference were scripted
	junk      bool                       // webhooks that do not open, or not at once, were scripted
}

func (x *torture) collectScene() (*scene, error) {
	s := &scene{
		counters: map[string]map[string]belief{}, asked: map[string]map[string]int64{},
		taken: map[string][]sandbox.Record{},
		line:  x.lane.f.Book().Entries(), gone: x.save.gone.all(), told: x.save.told,
		bent: x.public.scripted(sandbox.FaultUnknownRef, sandbox.FaultQueryOtherRef),
		junk: x.toll.counts["switches without the account before"] > 0 || x.public.scripted(
			sandbox.FaultForged, sandbox.FaultGarbage, sandbox.FaultTruncated,
			sandbox.FaultLinkEcho, sandbox.FaultWrongAmount, sandbox.FaultWrongCurrency,
			sandbox.FaultWrongStatus, sandbox.FaultSuccessCode05),
	}
	for _, c := range x.counters {
		c.change(func() {
			book := map[string]belief{}
			for id, b := range c.book {
				book[id] = *b
			}
			s.counters[c.name], s.asked[c.name] = book, maps.Clone(c.asked)
			s.wrong = append(s.wrong, c.wrong...)
		})
	}
	var opened []sandbox.Payment
	if err := errors.Join(x.bank.get(soon(x.t), "/sandbox/collected", &s.collected),
		x.bank.get(soon(x.t), "/sandbox/payments", &opened)); err != nil {
		return nil, err
	}
	for _, p := range opened {
		s.opened = append(s.opened, p.MerchantRef)
		for _, r := range p.Records {
			if r.Type == "PAY" && r.Status == sandbox.StatusSuccess {
				s.taken[p.MerchantRef] = append(s.taken[p.MerchantRef], r)
			}
		}
	}
	s.late = x.paidLate(opened)
	return s, s.readJournal(filepath.Join(x.dir, "journal.db"))
}

func (s *scene) readJournal(path string) error {
	j, err := offline.OpenReadOnly(path)
	if err != nil {
		return err
	}
	defer j.Close()
	s.stated, s.listed = map[toldHook]bool{}, map[int64]bool{}
	work, err := j.Work()
	if err != nil {
		return err
	}
	for _, w := range work {
		if w.Entry != nil {
			s.listed[w.Entry.Seq] = true
		}
	}
	folds := map[string]*payment.Folder{}
	var order []string
	err = j.Each(1, func(f payment.Fact, _ string) error {
		switch d := f.Data.(type) {
		case payment.Notified:
			s.stated[toldHook{d.Record.TransactionRef, d.Record.Status}] = true
		case payment.Unmatched:
			s.stated[toldHook{d.Record.TransactionRef, d.Record.Status}] = true
		case payment.Resolved:
			s.listed[d.Entry] = true
		}
		switch {
		case f.Kind() == payment.KindUnmatched || f.Kind() == payment.KindParked:
			s.entries = append(s.entries, f)
		case f.Payment == "":
		default:
			if folds[f.Payment] == nil {
				folds[f.Payment] = new(payment.Folder)
				order = append(order, f.Payment)
			}
			folds[f.Payment].Add(f)
		}
		return nil
	})
	for _, id := range order {
		s.payments = append(s.payments, folds[id].Payment())
	}
	return err
}

// unrest says what is still on its way.
func (s *scene) unrest() error {
	for _, p := range s.payments {
		b, jsonTill := s.counters[p.Till]
		switch {
		case !p.Final:
			return fmt.Errorf("%s is %s", p.ID, p.Status)
		case s.collected[p.MerchantRef].Payments > 0 && p.Status != payment.StatusApproved:
			return fmt.Errorf("%s is paid and %s", p.ID, p.Status)
		case s.collected[p.MerchantRef].Payments > 1 &&
			!slices.Contains(p.Flags, payment.FlagDuplicate):
			return fmt.Errorf("%s is paid twice, and its flags are %v", p.ID, p.Flags)
		case jsonTill && (!p.Acknowledged || b[p.ID].acked < p.Revision):
			return fmt.Errorf("%s is %s, revision %d, and %s has acknowledged %d", p.ID, p.Status,
				p.Revision, p.Till, b[p.ID].acked)
		}
	}
	return nil
}

// judge compares the books. It returns what it has seen, its verdict last; everything that is wrong
// fails the test.
func (x *torture) judge() string {
	x.t.Helper()
	s, err := x.collectScene()
	if err != nil {
		x.t.Fatal(err)
	}
	j, err := offline.OpenReadOnly(filepath.Join(x.dir, "journal.db"))
	if err != nil {
		x.t.Fatal(err)
	}
	defer j.Close()
	report, err := j.Verify(nil)
	if err != nil {
		x.t.Fatal(err)
	}
	s.problems = report.Problems
	x.toll.counts["paid late at the account before"] = s.late
	for _, p := range s.gone {
		if s.collected[p.MerchantRef].Payments > 0 {
			x.toll.count("payments lost that were paid", 1)
		}
	}
	wrong := s.verdict()
	for _, w := range wrong {
		x.t.Error(w)
	}
	verdict := "the books are EQUAL"
	if len(wrong) > 0 || x.t.Failed() {
		verdict = fmt.Sprintf("the books are DIFFERENT: %d differences", len(wrong))
	}
	return fmt.Sprintf("customers %v, faults %v\n%s\ntorture: %s", x.public.tally, x.public.struck,
		s.sums(), verdict)
}

// sums is the scene in numbers.
func (s *scene) sums() string {
	statuses, tasks := map[string]int{}, map[string]int{}
	var journal, gateway, tills int64
	for _, p := range s.payments {
		statuses[string(p.Status)]++
		for _, t := range p.Tasks() {
			tasks[t.Code]++
		}
		if p.Status == payment.StatusApproved {
			journal += p.Money.Amount
		}
	}
	for _, c := range s.collected {
		gateway += c.Paid
	}
	for _, book := range s.counters {
		for _, b := range book {
			if b.Status == payment.StatusApproved {
				tills += b.Amount
			}
		}
	}
	for _, e := range s.line {
		if e.Verdict == ecrtill.Approved {
			tills += e.Amount
		}
	}
	for _, f := range s.entries {
		tasks[string(f.Kind())]++
	}
	return fmt.Sprintf("journal: %d payments %v, %d cents; gateway: %d cents (with second "+
		"payments); tills: %d cents; worklist %v",
		len(s.payments), sorted(statuses), journal, gateway, tills, sorted(tasks))
}
