package agent

import (
	"context"

	"kiosk-agent/internal/app/config"
	"kiosk-agent/offline"
	"kiosk-agent/payment/engine"
)

func (a *Agent) openJournal() (err error) {
	if a.journal, err = offline.Open(journalConfig(a.cfg)); err != nil {
		return err
	}
	if why := a.journal.Rebuilt(); why != "" {
		a.log.Info("the journal's look-up tables were made anew", "reason", why)
	}
	return nil
}

func journalConfig(c *config.Config) offline.Config {
	return offline.Config{Path: c.Journal.Path, Create: true, MinFree: int64(c.Journal.MinFree)}
}

// checkJournal lets the structure of the journal's file be checked, and tells what is wrong with
// it. The engine asks by itself whether the journal takes entries: it is woken for the screen.
func (a *Agent) checkJournal(ctx context.Context) error {
	if err := a.journal.Checked(ctx); err != nil {
		r := reason(a.cfg, err)
		a.log.Error("no sale is possible", "code", r.Code, "reason", r.Message, "hint", r.Hint)
		a.core.Post(engine.Ticked{})
	}
	return nil
}
