package agent

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"kiosk-agent/payment"
)

// TestStandingIsSaid: what staff have to look at, and questions that the gateway does not answer,
// stand in the status and on the page.
func TestStandingIsSaid(t *testing.T) {
	a := newTestAgent(t)
	defer a.close()
	for range 27 {
		a.asked.note(payment.QueryAnswer{Failure: "HTTP 503"})
	}
	st := Status{Worklist: 29, Questions: a.asked.questions()}
	text, err := json.Marshal(st)
	if want := `"worklist":29,"questions":{"asked":27,"failed":27,"failed_in_a_row":27,` +
		`"last_failure":"HTTP 503"}`; err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%s (%v), want %s", text, err, want)
	}
	rows := a.statusPage(st).Rows
	for _, want := range []statusRow{
		{"Worklist", "29 to look at: kiosk-agent worklist", true},
		{"Questions", "27 asked of the gateway, 27 failed, the last 27 in a row: HTTP 503", true},
	} {
		if !slices.Contains(rows, want) {
			t.Errorf("%+v has no %+v", rows, want)
		}
	}
	if q := a.questions(); !strings.Contains(q.None, "axs.query_url") ||
		questionsRow(q).Value == questionsRow(a.asked.questions()).Value {
		t.Errorf("what it costs that no query is configured is not said: %+v", q)
	}
	a.asked.note(payment.QueryAnswer{NotFound: true}) // an answer
	if q := a.asked.questions(); q.Silent() || q.FailedInARow != 0 || q.Failed != 27 ||
		q.Asked != 28 {
		t.Errorf("%+v", q)
	}
	if row := questionsRow(a.asked.questions()); row.Bad {
		t.Errorf("%+v", row)
	}
	if row := workRow(a.worklist(0)); row != (statusRow{"Worklist", "nothing to do", false}) {
		t.Errorf("%+v", row)
	}
	if row := workRow(a.worklist(2)); !row.Bad {
		t.Errorf("%+v", row)
	}
}
