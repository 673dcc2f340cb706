package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/user"
	"strconv"
	"time"

	"kiosk-agent/payment"
	"kiosk-agent/payment/engine"
)

// maxAdminBody bounds what an operator command may send.
const maxAdminBody = 16 << 10

// ResolveRequest is the body of POST /v1/resolve on the admin socket: exactly one of ID and Entry.
type ResolveRequest struct {
	ID    string `json:"id,omitempty"`
	Entry int64  `json:"entry,omitempty"` // seq of an unmatched or parked fact
	// "" = what the finding leads to
	Outcome string `json:"outcome,omitempty"`
	// "" = the only one that fits the outcome
	Finding   payment.Finding `json:"finding,omitempty"`
	GivenBack []string        `json:"given_back,omitempty"` // transactions
	PortalRef string          `json:"portal_ref,omitempty"`
	Seen      int64           `json:"seen,omitempty"` // newest fact of the payment that was read
	Reason    string          `json:"reason"`
	By        string          `json:"by,omitempty"` // "" = the peer's user
}

// ClaimRequest is the body of POST /v1/claim on the admin socket: what staff saw on the customer's
// phone. Nothing in it is evidence.
type ClaimRequest struct {
	ID     string    `json:"id"`
	Amount int64     `json:"amount,omitempty"` // minor units; 0 = not seen
	PaidAt time.Time `json:"paid_at,omitzero"`
	Number string    `json:"number,omitempty"`
	By     string    `json:"by,omitempty"` // "" = the peer's user
}

// RecoverRequest is the body of POST /v1/recover on the admin socket.
type RecoverRequest struct {
	Reason string `json:"reason"`
	By     string `json:"by,omitempty"`
}

// Recovered answers POST /v1/recover: what was given up, and what therefore nobody on this machine
// can know.
type Recovered struct {
	Here payment.Head `json:"here"` // the journal before the recovery
	Lost payment.Head `json:"lost"` // what the relay remembered
	// the newest fact here that was recorded before the loss, and when; what is lost came after
	Last  int64     `json:"last,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// verified records that name payments which are not here
	Unmatched int `json:"unmatched"`
	Watched   int `json:"watched"` // payments that are being asked for anew
}

// AdminError is how the admin socket refuses.
type AdminError struct {
	Code    payment.Code `json:"code"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
}

func (e *AdminError) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + " (" + e.Hint + ")"
}

func (a *Agent) resolve(r *http.Request) (any, error) {
	var q ResolveRequest
	if err := readAdmin(r, &q); err != nil {
		return nil, err
	}
	if (q.ID == "") == (q.Entry == 0) {
		return nil, &AdminError{Code: payment.CodeInvalid, Message: "name one payment or one entry",
			Hint: "kiosk-agent worklist lists them"}
	}
	q.By = signature(q.By, peerUID(r))
	said, err := a.core.Resolve(r.Context(), engine.Resolving{ID: q.ID, Entry: q.Entry,
		Outcome: q.Outcome, Finding: q.Finding, Refs: q.GivenBack, PortalRef: q.PortalRef,
		Seen: q.Seen, Reason: q.Reason, By: q.By})
	q.Outcome, q.Finding, q.GivenBack = said.Outcome, said.Finding, said.Refs
	return q, err
}

func (a *Agent) claim(r *http.Request) (any, error) {
	var q ClaimRequest
	if err := readAdmin(r, &q); err != nil {
		return nil, err
	}
	q.By = signature(q.By, peerUID(r))
	return q, a.core.Claim(r.Context(), q.ID,
		payment.Claimed{Amount: q.Amount, PaidAt: q.PaidAt, Number: q.Number, By: q.By})
}

func (a *Agent) recover(r *http.Request) (any, error) {
	var q RecoverRequest
	if err := readAdmin(r, &q); err != nil {
		return nil, err
	}
	if a.journal == nil {
		return nil, a.core.Recover(r.Context(), q.By, q.Reason) // which says why not
	}
	before, err := a.recovered(r.Context())
	if err != nil {
		return nil, err
	}
	if err := a.core.Recover(r.Context(), signature(q.By, peerUID(r)), q.Reason); err != nil {
		return nil, err
	}
	return before, nil
}

// recovered is what a recovery now would give up.
func (a *Agent) recovered(ctx context.Context) (Recovered, error) {
	snap, err := a.core.Inspect(ctx)
	if err != nil {
		return Recovered{}, err
	}
	here, err := a.journal.Head()
	if err != nil {
		return Recovered{}, err
	}
	r := Recovered{Here: here, Lost: snap.Lost, Watched: snap.Watch.Asked}
	if found := snap.RolledBack; found != nil {
		r.Last, r.Since = found.Last, found.Since
	}
	work, err := a.journal.Work()
	if err != nil {
		return Recovered{}, err
	}
	for _, w := range work {
		if w.Entry != nil && w.Entry.Kind() == payment.KindUnmatched {
			r.Unmatched++
		}
	}
	return r, nil
}

// signature is who did something: the name given, and always the user of the process at the other
// end of the socket.
func signature(by string, uid int) string {
	peer := "uid " + strconv.Itoa(uid)
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		peer = u.Username
	}
	if by == "" || by == peer {
		return peer
	}
	return by + " (" + peer + ")"
}

func readAdmin(r *http.Request, into any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, maxAdminBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return &AdminError{Code: payment.CodeInvalid,
			Message: "the request cannot be read: " + err.Error()}
	}
	return nil
}

// answering serves one operator command: its result or its refusal as JSON.
func (a *Agent) answering(do func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		body, err := do(r)
		if err != nil {
			status, body = refusal(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(body); err != nil {
			a.log.Debug("admin answer not delivered", "error", err)
		}
	}
}

func refusal(err error) (int, *AdminError) {
	if e, ok := errors.AsType[*AdminError](err); ok {
		return http.StatusBadRequest, e
	}
	e, ok := errors.AsType[*payment.Error](err)
	if !ok {
		return http.StatusInternalServerError,
			&AdminError{Code: payment.CodeInternal, Message: err.Error()}
	}
	status := http.StatusConflict
	if e.Code == payment.CodeJournalUnavailable || e.Code == payment.CodeInternal {
		status = http.StatusServiceUnavailable
	}
	return status, &AdminError{Code: e.Code, Message: fmt.Sprint(e.Op, ": ", e.Message),
		Hint: e.Hint}
}
