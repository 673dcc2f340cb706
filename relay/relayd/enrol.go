package relayd

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"kiosk-agent/internal/secret"
	"kiosk-agent/internal/strangers"
	"kiosk-agent/relay/relayd/rules"
)

// Enrolment requests of all senders together that bring no code of ours. No guess hits 128 bits;
// this bounds the load. One that brings a code is not counted, so that strangers cannot keep a
// kiosk from enrolling.
const (
	enrolRate  = 5
	enrolBurst = 50
)

const (
	codeBytes    = 16
	codeGroup    = 4 // digits between hyphens
	maxEnrolBody = 1 << 10
)

// TerminalCode is a code that a kiosk turns into its token and hook URL, once.
type TerminalCode struct {
	ID    string
	Code  secret.Value
	Until time.Time
}

// CodeTerminal makes a code with which a kiosk enrols as this terminal, once, within 24 h. An
// earlier code ends. Errors: ErrTerminalUnknown, ErrTerminalRevoked, ErrChanged.
func (s *Server) CodeTerminal(ctx context.Context, id string) (TerminalCode, error) {
	code, until, err := s.terminals.code(ctx, id, s.cfg.Now())
	return TerminalCode{id, code, until}, err
}

// Enrol uses up a code and returns the terminal's new credentials. The token that the terminal had
// stays good until the new one is first used, 15 minutes at most; the hook URL that it had stays
// good for 24 h. Where id is not "", the code must be that terminal's; another's is not used up.
// Errors: ErrCode, ErrOtherTerminal, ErrChanged.
func (s *Server) Enrol(ctx context.Context, code, id string) (Credentials, error) {
	h, ok := codeHash(code)
	if !ok {
		return Credentials{}, ErrCode
	}
	of, token, route, err := s.terminals.enrol(ctx, h, id, s.cfg.Now())
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{ID: of.ID, Token: token, HookURL: s.hookURL(route), Merchant: of.Merchant},
		nil
}

// serveEnrol answers POST /v1/enrol. Whether a code was never made, is used or has expired cannot
// be told from the answer.
func (s *Server) serveEnrol(w http.ResponseWriter, r *http.Request) {
	if s.stopping.Load() {
		unavailable(w, http.StatusServiceUnavailable, "the relay is shutting down", rules.RetryDown)
		return
	}
	strangers.Hear(r, maxEnrolBody)
	code, id, err := readEnrol(http.MaxBytesReader(w, r.Body, maxEnrolBody))
	if !s.holdsCode(code) && !s.enrolments.AllowN(s.cfg.Now(), 1) {
		unavailable(w, http.StatusTooManyRequests, "too many requests", rules.RetryRate)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeTimeout)
	defer cancel()
	c, err := s.Enrol(ctx, code, id)
	switch {
	case errors.Is(err, ErrOtherTerminal):
		http.Error(w, ErrOtherTerminal.Error(), http.StatusConflict)
	case errors.Is(err, ErrCode):
		http.Error(w, ErrCode.Error(), http.StatusNotFound)
	case err != nil:
		s.log.Error("enrolment failed", "error", err)
		unavailable(w, http.StatusServiceUnavailable, "the store does not answer", rules.RetryDown)
	default:
		s.log.Info("terminal enrolled", "terminal", c.ID)
		writeJSON(w, http.StatusOK, secretsOf(c))
	}
}

// holdsCode is whether some terminal waits for this code: a look into memory.
func (s *Server) holdsCode(code string) bool {
	h, ok := codeHash(code)
	return ok && s.terminals.byCode(h) != nil
}

// readEnrol reads exactly one JSON object with a code. Its errors quote nothing.
func readEnrol(r io.Reader) (code, id string, err error) {
	var req struct {
		Code string `json:"code"`
		ID   string `json:"id"` // "" = whosever code it is
	}
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if dec.Decode(&req) != nil || req.Code == "" {
		return "", "", errors.New(`the request must be the JSON object {"code": "…"}`)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return "", "", errors.New("trailing bytes after the JSON object")
	}
	return req.Code, req.ID, nil
}

// newCode makes a code as people are shown it: 32 hexadecimal digits in groups of four.
func newCode() secret.Value {
	var b [codeBytes]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program rather than returning weak bytes
	digits := hex.EncodeToString(b[:])
	var groups []string
	for i := 0; i < len(digits); i += codeGroup {
		groups = append(groups, digits[i:i+codeGroup])
	}
	return secret.New([]byte(strings.Join(groups, "-")))
}

// codeHash is what is stored of a code. Hyphens, spaces and capitals make no difference: people
// type it.
func codeHash(code string) (hash, bool) {
	digits := strings.NewReplacer("-", "", " ", "").Replace(code)
	if len(digits) != hex.EncodedLen(codeBytes) {
		return hash{}, false
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return hash{}, false
	}
	return sha256.Sum256(b), true
}
