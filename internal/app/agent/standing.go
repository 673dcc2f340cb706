package agent

import (
	"fmt"
	"sync"

	"kiosk-agent/payment"
)

// Questions is how the gateway has answered this process's questions about payments.
type Questions struct {
	Asked  int `json:"asked"`
	Failed int `json:"failed"`
	// since the newest answer that could be used, and why the newest of them failed
	FailedInARow int    `json:"failed_in_a_row"`
	LastFailure  string `json:"last_failure,omitempty"`
	// what it costs that no query is configured; "" = one is
	None string `json:"none,omitempty"`
}

// Silent reports whether the gateway's answers cannot be used at all, as far as is known: nobody
// learns whether a customer has paid but from webhooks.
func (q Questions) Silent() bool {
	return q.FailedInARow >= 3 || q.FailedInARow == q.Asked && q.Asked > 1
}

// asked keeps Questions for any number of goroutines.
type asked struct {
	mu sync.Mutex
	q  Questions
}

func (a *asked) note(answer payment.QueryAnswer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.q.Asked++
	if answer.Failure == "" || answer.NotFound {
		a.q.FailedInARow, a.q.LastFailure = 0, ""
		return
	}
	a.q.Failed++
	a.q.FailedInARow++
	a.q.LastFailure = answer.Failure
}

func (a *asked) questions() Questions {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.q
}

// worklist is how many entries staff must look at; gone are those about accounts, which are not in
// the journal. -1 = it cannot be read.
func (a *Agent) worklist(gone int) int {
	if a.journal == nil {
		return -1
	}
	work, err := a.journal.Work()
	if err != nil {
		return -1
	}
	return len(work) + gone
}

// workRow is bad where somebody has to look.
func workRow(entries int) statusRow {
	row := statusRow{Name: "Worklist", Value: "nothing to do", Bad: entries != 0}
	switch {
	case entries < 0:
		row.Value = "cannot be read"
	case entries > 0:
		row.Value = fmt.Sprintf("%d to look at: kiosk-agent worklist", entries)
	}
	return row
}

// questions is how the gateway answers about payments, or what it costs that nobody asks.
func (a *Agent) questions() Questions {
	q := a.asked.questions()
	q.None = a.chosen.Unasked()
	return q
}

// questionsRow is bad where no answer can be used.
func questionsRow(q Questions) statusRow {
	row := statusRow{Name: "Questions", Bad: q.Silent(),
		Value: fmt.Sprintf("%d asked of the gateway, %d failed", q.Asked, q.Failed)}
	if q.None != "" {
		row.Value = q.None
		return row
	}
	if q.FailedInARow > 0 {
		row.Value += fmt.Sprintf(", the last %d in a row: %s", q.FailedInARow, q.LastFailure)
	}
	return row
}
