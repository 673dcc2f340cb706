package foreign_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
	"kiosk-agent/test/foreign"
)

// reads reads from the journal.
func (r *rig) reads(f func(j *offline.Reader) error) {
	r.t.Helper()
	j, err := offline.OpenReadOnly(filepath.Join(r.dir, "journal.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer j.Close()
	if err := f(j); err != nil {
		r.t.Fatal(err)
	}
}

// becomes waits until a payment has this status.
func (r *rig) becomes(id string, want payment.Status) {
	r.t.Helper()
	r.eventually("it is "+string(want), func() error {
		if p := r.whole(id); p.Status != want {
			return fmt.Errorf("it is %s", p.Status)
		}
		return nil
	})
}

// owes waits until these are exactly the outcomes that the till has not acknowledged: staff have
// them on their list.
func (r *rig) owes(want ...string) {
	r.t.Helper()
	r.eventually("staff have it on their list", func() (err error) {
		var ids []string
		r.reads(func(j *offline.Reader) (err error) {
			ids, err = j.Owed("line-1")
			return err
		})
		if fmt.Sprint(ids) != fmt.Sprint(want) {
			return fmt.Errorf("owed are %v, want %v", ids, want)
		}
		return nil
	})
}

// payments are all payments of the line, oldest first.
func (r *rig) payments() (all []payment.Payment) {
	r.t.Helper()
	folds := map[string]*payment.Folder{}
	var order []*payment.Folder
	r.reads(func(j *offline.Reader) error {
		return j.Each(1, func(f payment.Fact, _ string) error {
			if f.Payment == "" {
				return nil
			}
			if folds[f.Payment] == nil {
				folds[f.Payment] = new(payment.Folder)
				order = append(order, folds[f.Payment])
			}
			folds[f.Payment].Add(f)
			return nil
		})
	})
	for _, f := range order {
		if p := f.Payment(); p.Till == "line-1" {
			all = append(all, p)
		}
	}
	return all
}

// balanced holds the till's book against the gateway's: the money is the same, sale by sale.
func (r *rig) balanced(till *foreign.Till) {
	r.t.Helper()
	if err := r.balance(till); err != nil {
		r.t.Error(err)
	}
}

func (r *rig) balance(till *foreign.Till) error {
	var (
		taken    = map[string]int64{} // by the transaction's reference
		received int64
		errs     []error
	)
	for _, p := range r.h.Sandbox().Payments() {
		for _, rec := range p.Records {
			if rec.Type == "PAY" && rec.Status == "SUCCESS" {
				taken[rec.TransactionRef] = rec.Amount
				received += rec.Amount
			}
		}
	}
	for _, s := range till.Sales() {
		if s.Belief != foreign.Paid {
			continue
		}
		if err := spend(taken, s); err != nil {
			errs = append(errs, err)
		}
	}
	if got := till.Taken(); got != received {
		errs = append(errs, fmt.Errorf("the till believes to have taken %d cents, the gateway "+
			"has %d: %v", got, received, till.Sales()))
	}
	return errors.Join(errs...)
}

// spend finds the gateway's record of a sale that the till believes paid, and takes it away: no
// other sale has it.
func spend(taken map[string]int64, s foreign.Sale) error {
	for ref, cents := range taken {
		if s.Ref == "" || !strings.HasSuffix(ref, s.Ref) {
			continue
		}
		delete(taken, ref)
		if cents != s.Cents {
			return fmt.Errorf("%v, and the gateway took %d", s, cents)
		}
		return nil
	}
	return fmt.Errorf("%v, and the gateway has no payment for it", s)
}
