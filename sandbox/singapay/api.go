package singapay

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds every request body, bytes.
const maxBody = 64 << 10

// Op names an API operation, for faults.
type Op string

// The operations.
const (
	OpToken     Op = "token"
	OpCreate    Op = "create"
	OpOne       Op = "one"
	OpList      Op = "list"
	OpUpdate    Op = "update"
	OpDelete    Op = "delete"
	OpMethods   Op = "methods"
	OpHistories Op = "histories"
	OpHistory   Op = "history"
	OpQRCreate  Op = "qris_create"
	OpQROne     Op = "qris_one"
	OpQRList    Op = "qris_list"
)

// Ops lists every operation.
func Ops() []Op {
	return []Op{OpToken, OpCreate, OpOne, OpList, OpUpdate, OpDelete, OpMethods, OpHistories,
		OpHistory, OpQRCreate, OpQROne, OpQRList}
}

// call is one request to the API.
type call struct {
	r      *http.Request
	op     Op
	owner  *Credential
	fields *fields
	now    time.Time
	// each page of a list is all of it
	unpaged bool
	host    string // scheme and host that payment_url begins with
}

// api serves one operation: who calls, who may, the faults of before, the operation itself, the
// faults of after.
func (s *Server) api(op Op, e Envelope, do func(*call) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		if !s.cfg.NoDate {
			w.Header().Set("Date", s.clock.Now().UTC().Format(http.TimeFormat))
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			http.Error(w, "the body is too long", http.StatusRequestEntityTooLarge)
			return
		}
		c := &call{r: r, op: op, unpaged: s.cfg.Unpaged, host: cmp.Or(s.cfg.PublicURL,
			"http://"+r.Host)}
		a, strikes := s.do(c, body, do)
		switch {
		case strikes[FaultAPITimeout] != nil:
			s.stall(w, r, time.Duration(strikes[FaultAPITimeout].Delay))
			return
		case strikes[FaultAPITimeoutAfter] != nil:
			s.stall(w, r, time.Duration(strikes[FaultAPITimeoutAfter].Delay))
			return
		}
		for _, kind := range []FaultKind{FaultAPINonsense, FaultAPINonsenseAfter} {
			if f := strikes[kind]; f != nil {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = io.WriteString(w, cmp.Or(f.Value,
					"<!doctype html><title>Maintenance</title><p>Back soon."))
				return
			}
		}
		status, out := a.body(e, s.cfg.ErrorsAs200)
		if s.bend.answer != nil && !a.failed() {
			status, out = s.bend.answer(op, status, plain(out))
		}
		if a.failed() {
			s.log.Info("call refused", "op", string(op), "http_status", status, "code", a.code)
		}
		writeJSON(w, status, out)
	}
}

func (s *Server) do(c *call, body []byte, do func(*call) answer) (answer, faultSet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.now = s.clock.Now()
	raw, wellFormed := readObject(body)
	c.fields = newFields(raw)
	if a, in := s.admit(c); !in {
		return a, nil
	}
	if !wellFormed {
		return refused(http.StatusBadRequest, "SP012",
			"Bad request: the body is not a JSON object"), nil
	}
	ref, amount := s.subject(c)
	strikes := s.faults.Strike(ref, amount,
		func(f Fault) bool { return f.Kind.ofAPI() && (f.Op == "" || f.Op == c.op) })
	if a, struck := s.before(c, strikes); struck {
		return a, strikes
	}
	if s.bend.refuse != nil {
		s.bend.refuse(c.op, c.fields)
		if len(c.fields.errors) > 0 {
			return invalid(c.fields.errors), strikes
		}
	}
	a := do(c)
	if s.book.Err() != nil {
		return refused(http.StatusInternalServerError, "SP019", s.book.Err().Error()), nil
	}
	if strikes[FaultAPI500After] != nil {
		a = refused(http.StatusInternalServerError, "SP019", "Internal server error (scripted)")
	}
	a.bend(strikes)
	return a, strikes
}

// readObject reads a body that is empty or one JSON object.
func readObject(body []byte) (map[string]json.RawMessage, bool) {
	raw := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(body)) == 0 {
		return raw, true
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	err := dec.Decode(&raw)
	_, behind := dec.Token()
	return raw, err == nil && raw != nil && errors.Is(behind, io.EOF)
}

// admit checks address, headers and token. The caller holds s.mu.
func (s *Server) admit(c *call) (answer, bool) {
	if from, refuse := s.stranger(c.r); refuse {
		return s.notRegistered(c.op, from), false
	}
	if !strings.Contains(c.r.Header.Get("Accept"), "application/json") {
		return refused(http.StatusBadRequest, "SP012",
			"Bad request: Accept must be application/json"), false
	}
	if c.r.ContentLength != 0 && !strings.HasPrefix(c.r.Header.Get("Content-Type"),
		"application/json") {
		return refused(http.StatusBadRequest, "SP012",
			"Bad request: Content-Type must be application/json"), false
	}
	if c.op == OpToken {
		return answer{}, true
	}
	return s.authorize(c)
}

func (s *Server) notRegistered(op Op, from string) answer {
	message := "Your IP address (" + from + ") is not registered"
	if op == OpToken {
		return refused(http.StatusForbidden, "SP017", message)
	}
	return coded(http.StatusForbidden, "SP017", message)
}

// stranger reports whether the caller's address is not registered.
func (s *Server) stranger(r *http.Request) (from string, refuse bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr, len(s.cfg.Addresses) > 0
	}
	for _, p := range s.cfg.Addresses {
		if p.Contains(at.Addr().Unmap()) {
			return "", false
		}
	}
	return at.Addr().Unmap().String(), len(s.cfg.Addresses) > 0
}

// subject says whose call it is, for faults: the reference and the amount in minor units. The
// caller holds s.mu.
func (s *Server) subject(c *call) (ref string, amount int64) {
	id, _ := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	switch c.op {
	case OpCreate:
		quiet := newFields(c.fields.raw)
		return quiet.text("reff_no", false, 255),
			minor(quiet.whole("total_amount", 0, 0, maxRupiah))
	case OpQRCreate:
		quiet := newFields(c.fields.raw)
		return quiet.text("merchant_reff_no", false, 255),
			minor(quiet.whole("amount", 0, 0, maxRupiah))
	case OpOne, OpUpdate, OpDelete:
		if l := s.linkByID(id); l != nil {
			return l.Reff, minor(l.Amount)
		}
	case OpQROne:
		if q := s.codeByID(id); q != nil {
			return q.MerchantReff, minor(q.Amount)
		}
	case OpHistory:
		if l, _ := s.attemptByID(id); l != nil {
			return l.Reff, minor(l.Amount)
		}
	}
	return "", 0
}

// before lets the faults strike that keep the operation from being done. The caller holds s.mu.
func (s *Server) before(c *call, strikes faultSet) (answer, bool) {
	switch {
	case strikes[FaultAPITimeout] != nil, strikes[FaultAPINonsense] != nil:
		return answer{}, true
	case strikes[FaultAPI500] != nil:
		return refused(http.StatusInternalServerError, "SP002", "General failure (scripted)"), true
	case strikes[FaultAPI429] != nil:
		return refused(http.StatusTooManyRequests, "SP002", "Too many requests (scripted)"), true
	case strikes[FaultAPICode] != nil:
		return coded(http.StatusBadRequest, cmp.Or(strikes[FaultAPICode].Value, "SP005"),
			"Scripted failure"), true
	case strikes[FaultAPITokenExpired] != nil:
		delete(s.tokens, bearer(c.r))
		return unauthorized("Unauthorized or expired token"), true
	case strikes[FaultAPIAddress] != nil:
		return s.notRegistered(c.op, cmp.Or(strikes[FaultAPIAddress].Value, "203.0.113.7")), true
	}
	return answer{}, false
}

// stall keeps the caller waiting, then answers 504; it ends early when the caller leaves.
func (s *Server) stall(w http.ResponseWriter, r *http.Request, d time.Duration) {
	select {
	case <-s.clock.At(s.clock.Now().Add(cmp.Or(d, 30*time.Second))):
		writeJSON(w, http.StatusGatewayTimeout, object{"message": "Gateway timeout (scripted)"})
	case <-r.Context().Done():
	}
}
