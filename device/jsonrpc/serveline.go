package jsonrpc

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

const (
	// maxLineResponse bounds an answer on a line, in bytes with its newline.
	maxLineResponse = 12<<10 - 1
	// maxLineBatch bounds the calls of one batch on a line; with the two bounds below its answer
	// stays within maxLineResponse.
	maxLineBatch = 8
	// maxLineBatchAnswer is how large a batch's answer may be for another call to be carried out:
	// the rest is for that call's answer and the refusals of those after it.
	maxLineBatchAnswer = 5 << 10
	// maxLineBatchPage bounds the answer of a payment.list in a batch.
	maxLineBatchPage = 4 << 10
	// lineAuthWithin is how long a TCP connection may take for its first message.
	lineAuthWithin = 10 * time.Second
	// authenticate is the first message on TCP.
	authenticate = "terminal.authenticate"
)

// LineError says why a line ended.
type LineError struct {
	Why    string // "token", "malformed", "limit", or why the session ended
	detail string
}

func (e *LineError) Error() string { return "till API on a line: " + e.detail }

// Hostile is Why if the peer is no till of this API, and "" otherwise. The owner of the line counts
// those.
func (e *LineError) Hostile() string {
	if e.Why == whyToken || e.Why == whyMalformed {
		return e.Why
	}
	return ""
}

const (
	whyToken     = "token"
	whyMalformed = "malformed"
)

// ServeLine serves one till on an open line until the line ends, ctx does or Run does. On TCP the
// till must authenticate with its token first, and the first malformed line closes. On a serial
// line no token is needed, and a malformed line is answered -32700. The line is closed when
// ServeLine returns. It returns nil when ctx or Run ended, and a *LineError otherwise.
//
// What differs from WebSocket: owed outcomes are sent when the till calls terminal.info, not on
// connecting, since the opening of a serial line does not mean that a till listens; answers stay
// below 12 KiB; batches have at most 8 calls; messages that look like answers are dropped, because
// a line that echoes would otherwise be answered for ever.
func (s *Server) ServeLine(ctx context.Context, till Till, l Line, tcp bool) error {
	defer l.Close()
	if till.Name == "" || tcp && till.Token.IsZero() {
		return errors.New("till API on a line: a till has a name, and on TCP a token")
	}
	p, err := s.enter(till.Name, false)
	if err != nil {
		return &LineError{Why: "limit", detail: err.Error()}
	}
	defer s.exit(p)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()

	c := newLineConn(l, tcp)
	if tcp {
		if err := s.admit(ctx, till, c); err != nil || ctx.Err() != nil {
			return err
		}
	}
	gauge := s.metrics.connections.WithLabelValues(till.Name)
	gauge.Inc()
	defer gauge.Dec()
	s.log.Info("till connected", "till", till.Name, "tcp", tcp)
	why := newSession(s, till, c, sessionOptions{
		maxResponse: maxLineResponse, maxBatchAnswer: maxLineBatchAnswer, resendOnInfo: true,
		decode: decodeLine,
	}).run(ctx)
	s.metrics.ends.WithLabelValues(string(why)).Inc()
	s.log.Info("till disconnected", "till", till.Name, "reason", string(why))
	switch why {
	case EndShutdown:
		return nil
	case EndNotJSON, EndTooLarge:
		return &LineError{Why: whyMalformed, detail: "ended: " + string(why)}
	default:
		return &LineError{Why: string(why), detail: "ended: " + string(why)}
	}
}

// admit reads the first message of a TCP connection, which must bring the till's token. Nothing
// else is read, carried out or told before.
func (s *Server) admit(ctx context.Context, till Till, c *lineConn) error {
	late := time.AfterFunc(lineAuthWithin, func() { _ = c.line.Close() })
	defer late.Stop()
	defer context.AfterFunc(ctx, func() { _ = c.line.Close() })()
	raw, err := c.Read()
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrNotJSON):
		c.Close(endingOf(err))
		return &LineError{Why: whyMalformed, detail: err.Error()}
	case err != nil:
		return &LineError{Why: string(EndPeer), detail: "it ended before " + authenticate}
	}
	id, token, err := readToken(raw)
	why := whyMalformed
	if err == nil && !till.Token.Matches([]byte(token)) {
		err, why = errors.New("not this till's token"), whyToken
	}
	if err == nil {
		return c.Write(answer(id, empty{}, nil))
	}
	s.refusals.Warn(till.Name+" "+why, "till connection refused", "till", till.Name, "reason", why,
		"detail", err.Error())
	_ = c.Write(answer(id, nil, standardError(codeInvalidRequest, "unauthenticated", err.Error(),
		"send "+authenticate+" with the till's token first; the connection is closed")))
	close(c.dead) // there is no reader any more
	c.Close(EndPeer)
	return &LineError{Why: why, detail: err.Error()}
}

// readToken reads terminal.authenticate as strictly as any request. It must have an id: who does
// not hear the answer sends on blindly.
func readToken(raw []byte) (id json.RawMessage, token string, err error) {
	first := errors.New("the first message must be " + authenticate + " with an id")
	m, err := members(raw)
	if err != nil {
		return nullID, "", first
	}
	id = m["id"]
	if id == nil || !validID(id) {
		return nullID, "", first
	}
	if name, err := envelope(m); err != nil || name != authenticate {
		return id, "", first
	}
	a := newArgs(&method{name: authenticate, params: []param{{"token", true}}}, m["params"])
	token = a.text("token")
	if a.err != nil {
		return id, "", a.err
	}
	return id, token, nil
}

// decodeLine reads a message of a line. It leaves answers alone: on a line that echoes they are our
// own.
func decodeLine(raw []byte) (message, bool) {
	if raw == nil {
		return refused(standardError(codeParse, "parse_error", "a line is at most 16 KiB",
			"send one JSON-RPC message on each line")), true
	}
	if isAnswer(raw) {
		return message{}, false
	}
	m := decode(raw)
	if !m.batch {
		return m, true
	}
	if len(m.calls) > maxLineBatch {
		return refused(invalidRequest(
			"on a line a batch has at most 8 entries; nothing of it was carried out")), true
	}
	for _, c := range m.calls {
		if c.run != nil {
			c.run = withPage(c.run, maxLineBatchPage)
		}
	}
	return m, true
}

// isAnswer reports whether raw is a response, or a batch that begins with one.
func isAnswer(raw []byte) bool {
	var entries []json.RawMessage
	if json.Unmarshal(raw, &entries) == nil && len(entries) > 0 {
		raw = entries[0]
	}
	m, err := members(raw)
	if err != nil || m["method"] != nil {
		return false
	}
	return m["result"] != nil || m["error"] != nil
}

// withPage is an action whose answer has a tighter bound.
func withPage(run action, most int) action {
	return func(e *env, done func(outcome)) {
		tight := *e
		tight.maxResponse = min(e.maxResponse, most)
		run(&tight, func(o outcome) {
			if o.again != nil {
				o.again = withPage(o.again, most)
			}
			done(o)
		})
	}
}
