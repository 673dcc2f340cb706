package sandbox

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"kiosk-agent/internal/strictjson"
)

// maintenance is the page that a nonsense fault answers with by default.
const maintenance = "<!doctype html><title>Maintenance</title><p>Back soon."

// transaction is one record of the query's answer, in the document's types.
type transaction struct {
	Amount          string `json:"amount"` // dollars: "10.23"
	Currency        string `json:"currency"`
	TransactionRef  string `json:"transactionRef"`
	MerchantRef     string `json:"merchantRef"`
	TerminalID      string `json:"terminalId"`
	Status          string `json:"status"`
	TransactionType string `json:"transactionType"`
	ResponseCode    string `json:"responseCode,omitempty"`
	PaymentScheme   string `json:"paymentScheme"`
	PaymentDateTime string `json:"paymentDateTime"`
}

// serveQuery answers GET /api/hpp/v2/transaction/{merchantLinkId}?data={JWE {"merchantRef"}}.
func (s *Server) serveQuery(w http.ResponseWriter, r *http.Request) {
	in, status, problems := s.receive(r, r.URL.RawQuery)
	if len(problems) == 0 {
		var ref string
		ref, problems = parseQuery(in.plaintext)
		if len(problems) == 0 {
			s.answerQuery(w, r, in, ref)
			return
		}
		status = http.StatusBadRequest
	}
	s.log.Info("query refused", "problem", problems[0].String())
	writeJSON(w, status, map[string]any{"error": "sandbox: the query was refused",
		"problems": problems})
}

// parseQuery checks the payload {"merchantRef": "..."}.
func parseQuery(plaintext []byte) (string, []problem) {
	fields, err := strictjson.Object(plaintext, maxDepth)
	if err != nil {
		return "", []problem{{"payload", err.Error()}}
	}
	r := &linkReader{fields: fields}
	ref := r.text("merchantRef", true)
	if len(fields) > 1 {
		r.bad("payload", "must hold merchantRef and nothing else")
	}
	return ref, r.problems
}

func (s *Server) answerQuery(w http.ResponseWriter, r *http.Request, in incoming, ref string) {
	records, strikes := s.transactions(in, ref)
	switch {
	case strikes[FaultQueryTimeout] != nil:
		s.stall(w, r, time.Duration(strikes[FaultQueryTimeout].Delay))
	case strikes[FaultQuery500] != nil:
		writeJSON(w, http.StatusInternalServerError,
			map[string]string{"error": "sandbox: internal error (scripted)"})
	case strikes[FaultQuery404] != nil:
		writeJSON(w, http.StatusNotFound,
			map[string]string{"error": "sandbox: not found (scripted)"})
	case strikes[FaultQueryNonsense] != nil:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, cmp.Or(strikes[FaultQueryNonsense].Value, maintenance))
	case len(records) == 0 && s.cfg.Unknown == Unknown404 && strikes[FaultQueryEmpty] == nil:
		writeJSON(w, http.StatusNotFound,
			map[string]string{"error": "sandbox: no transaction with this reference"})
	default:
		s.writeAnswer(w, in.merchant, records, s.bend.listed)
	}
}

// transactions collects what is on record, bent by the faults in force. Only payments of this very
// link id are seen.
func (s *Server) transactions(in incoming, ref string) ([]transaction, faultSet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.byRef[refKey{in.merchant.ClientID, ref}]
	records := []transaction{}
	if p == nil || p.linkID != in.linkID {
		return records, s.struckBy(ref, 0, ofQueries)
	}
	strikes := s.struckBy(ref, p.link.Amount, ofQueries)
	if strikes[FaultQueryEmpty] != nil {
		return records, strikes
	}
	for _, r := range p.records {
		t := transaction{
			Amount: dollars(r.Amount), Currency: r.Currency, TransactionRef: r.TransactionRef,
			MerchantRef: ref, TerminalID: p.link.TerminalID, Status: string(r.Status),
			TransactionType: r.Type, ResponseCode: r.ResponseCode, PaymentScheme: string(r.Scheme),
			PaymentDateTime: dateTime(r.At),
		}
		if f := strikes[FaultQueryAmount]; f != nil {
			t.Amount = f.otherAmount(r.Amount)
		}
		if f := strikes[FaultQueryCurrency]; f != nil {
			t.Currency = f.otherCurrency()
		}
		if f := strikes[FaultQueryOtherRef]; f != nil {
			t.MerchantRef = f.otherRef(ref)
		}
		records = append(records, t)
	}
	return records, strikes
}

// stall keeps the caller waiting, then answers 504; it ends early when the caller leaves.
func (s *Server) stall(w http.ResponseWriter, r *http.Request, d time.Duration) {
	if d == 0 {
		d = 30 * time.Second
	}
	select {
	case <-s.clock.At(s.clock.Now().Add(d)):
		writeJSON(w, http.StatusGatewayTimeout,
			map[string]string{"error": "sandbox: timed out (scripted)"})
	case <-r.Context().Done():
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil { // our own types always encode
		status, body = http.StatusInternalServerError,
			[]byte(`{"error": "sandbox: the answer could not be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
