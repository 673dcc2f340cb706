package reports

import (
	"cmp"
	"io"
	"time"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

const (
	// goneKnown is how many unpaid payments are looked at, the newest first.
	goneKnown = 10_000
	// goneOver is how many whose watch is over end the look: a journal has them in the order of
	// their beginning.
	goneOver = 64
)

// ConfiguredAccounts says where the terminal of a configuration sells, and which accounts and
// credentials of before it still knows.
func ConfiguredAccounts(out io.Writer, c *config.Config) error {
	g, err := c.Gateway()
	if err != nil {
		return err
	}
	text := "sells at " + g.Account() + "\n"
	for _, p := range g.Past() {
		what := p.Account()
		if what == g.Account() {
			what = "it by other credentials"
		}
		text += "also hears of " + what + " (" + p.Key + ")\n"
	}
	_, err = io.WriteString(out, text)
	return err
}

// gone has an entry for each account that is not among the known ones, and where money may still
// come for a payment that ended unpaid. How old a payment is, the wall clock tells.
func gone(j *offline.Reader, known payment.Accounts, now time.Time) ([]workEntry, error) {
	ids, err := j.Watched(true, goneKnown)
	if err != nil {
		return nil, err
	}
	names, todo := []string{}, []workEntry{}
	refs, newest := make(map[string][]string), make(map[string]time.Time)
	over := 0
	for _, id := range ids {
		p, ok, err := j.Payment(id)
		if err != nil {
			return nil, err
		}
		if now.Sub(p.DeadlineAt) > p.Policy.Watch.Duration() {
			if over++; over >= goneOver {
				break
			}
			continue
		}
		over = 0
		if _, here := known.Of(p); !ok || here || !p.Minted && !p.MintSent {
			continue
		}
		name := cmp.Or(p.Account, p.Provider)
		if refs[name] == nil {
			names, newest[name] = append(names, name), p.CreatedAt
		}
		refs[name] = append(refs[name], p.MerchantRef)
	}
	for _, name := range names {
		todo = append(todo, workEntry{ID: name, Status: "account_gone", At: stamp(newest[name]),
			Tasks: []payment.Task{payment.GoneWork(name, refs[name])},
			at:    newest[name], word: "a gateway account that nobody asks"})
	}
	return todo, nil
}
