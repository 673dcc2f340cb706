package bundle

import (
	"bytes"
	"encoding/json"
	"regexp"
	"time"

	"kiosk-agent/offline"
	"kiosk-agent/payment"
)

// Journal is the head and what a verification of the whole journal says.
func Journal(j *offline.Reader) ([]byte, error) {
	r, err := j.Verify(nil)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(map[string]any{
		"journal_id": r.Head.JournalID, "head_seq": r.Head.Seq, "head_hash": r.Head.Hash,
		"facts": r.Facts, "payments": r.Payments, "problems": r.Problems,
	}, "", "  ")
}

// fact is what is told about one: never its content, only what is named here.
type fact struct {
	Seq     int64          `json:"seq"`
	At      string         `json:"at"`
	Boot    string         `json:"boot"`
	UpMS    int64          `json:"up_ms"`
	Kind    payment.Kind   `json:"kind"`
	Payment string         `json:"payment,omitempty"`
	Says    map[string]any `json:"says,omitempty"`
	Hash    string         `json:"hash"`
}

// Facts are the newest facts of the journal, one to a line.
func Facts(j *offline.Reader, newest int64) ([]byte, error) {
	head, err := j.Head()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	err = j.Each(max(1, head.Seq-newest+1), func(f payment.Fact, hash string) error {
		return enc.Encode(fact{
			f.Seq, f.At.UTC().Format(time.RFC3339Nano), f.Boot, f.Up.Milliseconds(), f.Kind(),
			f.Payment, says(f.Data), hash,
		})
	})
	return out.Bytes(), err
}

// says is what of a fact helps and harms nobody. A kind that is not here says nothing.
func says(d payment.Data) map[string]any {
	switch d := d.(type) {
	case payment.Requested:
		return map[string]any{"till": d.Till, "provider": d.Provider, "mode": d.Mode}
	case payment.Minted:
		return map[string]any{"length": len(d.Payload)}
	case payment.MintFailed:
		return map[string]any{"reason": d.Reason}
	case payment.DisplayLost:
		return map[string]any{"reason": d.Reason}
	case payment.DeadlinePassed:
		return map[string]any{"reason": d.Reason}
	case payment.Notified:
		return map[string]any{"status": word(d.Record.Status), "source": d.Source}
	case payment.Unmatched:
		return map[string]any{"status": word(d.Record.Status), "source": d.Source}
	case payment.QueryEmpty:
		return map[string]any{"http_status": d.HTTPStatus, "records": d.Records}
	case payment.QueryFailed:
		return map[string]any{"reason": d.Reason}
	case payment.Offered:
		return map[string]any{"revision": d.Revision, "status": d.Status,
			"frame_length": len(d.Frame)}
	case payment.Acknowledged:
		return map[string]any{"revision": d.Revision}
	case payment.Resolved:
		return map[string]any{"outcome": d.Outcome, "entry": d.Entry}
	case payment.Parked:
		return map[string]any{"reason": d.Reason, "length": len(d.Envelope.Body), "cut": d.Cut}
	case payment.Left:
		return map[string]any{"count": d.Count, "reason": d.Reason, "read": d.Read, "lost": d.Lost}
	case payment.Junk:
		return map[string]any{"count": d.Count, "reason": d.Reason}
	case payment.Gap:
		return map[string]any{"reason": d.Reason}
	case payment.ClockOffset:
		return map[string]any{"offset_ms": d.Offset}
	default:
		return nil
	}
}

var plainWord = regexp.MustCompile(`^[A-Z_]{1,24}$`)

// word is a word of the gateway's that looks like one.
func word(s string) string {
	if !plainWord.MatchString(s) {
		return redacted
	}
	return s
}

// Worklist is what staff must do, without the tills' references.
func Worklist(j *offline.Reader) ([]byte, error) {
	items, err := j.Work()
	if err != nil {
		return nil, err
	}
	type entry struct {
		Payment string   `json:"payment,omitempty"`
		Entry   int64    `json:"entry,omitempty"` // the fact's number
		Kind    string   `json:"kind"`            // the payment's status, or the fact's kind
		Tasks   []string `json:"tasks"`
	}
	todo := make([]entry, len(items))
	for i, item := range items {
		if p := item.Payment; p != nil {
			todo[i].Payment, todo[i].Kind = p.ID, string(p.Status)
		} else {
			todo[i].Entry, todo[i].Kind = item.Entry.Seq, string(item.Entry.Kind())
		}
		for _, t := range item.Tasks {
			todo[i].Tasks = append(todo[i].Tasks, t.Code)
		}
	}
	return json.MarshalIndent(todo, "", "  ")
}
