package singapay

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"kiosk-agent/sandbox"
	"kiosk-agent/sandbox/simkit"
)

// maxQueue bounds webhooks that wait to be sent; further ones are logged as dropped.
const maxQueue = 4096

// job is something that Run does when it falls due.
type job struct {
	hook    *Webhook // send it
	link    *link    // tell that it, or its attempt, has expired
	attempt *Attempt
	code    *code       // the same
	sweep   *Credential // send its batch
}

func (j job) sends() bool { return j.hook != nil }

// Deliver does what Run does, in the caller's goroutine and only for what is due now, and returns
// how much it did. A simulation with its own scheduler calls it instead of Run, never beside it.
func (s *Server) Deliver(ctx context.Context) int { return s.queue.Deliver(ctx) }

// NextDue is when Deliver will have something to do; ok is false when nothing waits.
func (s *Server) NextDue() (at time.Time, ok bool) { return s.queue.NextDue() }

// Run sends webhooks until ctx ends, and returns nil once the last exchange is over. It must run at
// most once at a time.
func (s *Server) Run(ctx context.Context) error {
	s.queue.Run(ctx)
	return nil
}

func (s *Server) perform(ctx context.Context, todo simkit.Job[job]) {
	j := todo.What
	if j.hook != nil {
		s.deliver(ctx, todo)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	switch {
	case s.book.Err() != nil:
	case j.sweep != nil:
		s.sweep(j.sweep, now)
	case j.attempt != nil:
		if j.attempt.late(now) && todo.Due.Equal(j.attempt.ExpiresAt) {
			s.expireAttempt(j.link, j.attempt, now)
		}
	case j.code != nil:
		if j.code.late(now) && todo.Due.Equal(j.code.ExpiresAt) {
			s.scheduleSweep(s.accounts[j.code.Account].owner, now)
		}
	default:
		if !j.link.Deleted && j.link.computed(now) == expired && todo.Due.Equal(j.link.ExpiresAt) {
			s.productExpired(j.link, now)
		}
	}
}

// Quiet waits until no webhook is queued or on its way (held ones do not count), or returns ctx's
// error. Retries are queued.
func (s *Server) Quiet(ctx context.Context) error { return s.queue.Quiet(ctx) }

// deliver sends one webhook and writes down what came of it.
func (s *Server) deliver(ctx context.Context, j simkit.Job[job]) {
	w := j.What.hook
	status, answer, err := s.send(ctx, w)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.Sent(j)
	w.Tries++
	w.SentAt, w.HTTPStatus, w.Answer, w.Error = s.clock.Now(), status, answer, ""
	switch {
	case err != nil:
		w.State, w.Error = sandbox.HookFailed, err.Error()
	case status/100 == 2:
		w.State = sandbox.HookDelivered
		if w.pays {
			s.told[w.ReffNo] = true
			s.keep(line{Told: w.ReffNo, Faults: w.Faults})
		}
	default:
		w.State = sandbox.HookRefused
	}
	s.log.Info("webhook sent", "event", string(w.Event), "reff_no", w.MerchantRef, "seq", w.Seq,
		"state", string(w.State), "http_status", status)
	if w.State != sandbox.HookDelivered && w.Tries <= s.retries(status) && ctx.Err() == nil {
		w.State = sandbox.HookQueued
		s.queue.Add(w.SentAt.Add(s.cfg.RetryPause), job{hook: w})
	}
}

// retries is SingaPay's documented schedule: how often an answer is followed by another try. 0 = no
// answer came.
func (s *Server) retries(status int) int {
	switch status {
	case 0, http.StatusInternalServerError:
		return 1
	case http.StatusServiceUnavailable:
		return 4
	case http.StatusBadRequest, http.StatusNotFound:
		return 2
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return 0
	case http.StatusUnauthorized:
		return s.cfg.Retries401
	default:
		return 5
	}
}

// redirects follows 307 and 308, up to five, and nothing else.
func redirects(next *http.Request, via []*http.Request) error {
	status := next.Response.StatusCode
	if (status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect) &&
		len(via) <= 5 {
		return nil
	}
	return http.ErrUseLastResponse
}

// send makes one HTTP exchange. Its errors never contain the URL.
func (s *Server) send(ctx context.Context, w *Webhook) (status int, answer string, err error) {
	req, err := s.request(ctx, w)
	if err != nil {
		return 0, "", errors.New("the webhook URL makes no request")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return 0, "", err
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 200))
	return resp.StatusCode, string(body), nil
}

// request builds one try. The body is the same in each; timestamp and signature are too, unless
// they are to be fresh.
func (s *Server) request(ctx context.Context, w *Webhook) (*http.Request, error) {
	stamp := strconv.FormatInt(s.stamped(w).Unix(), 10)
	body := w.body
	switch {
	case w.strikes[FaultTampered] != nil:
		body = tampered(body)
	case w.strikes[FaultTruncated] != nil:
		body = body[:len(body)*2/3]
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, http.NoBody)
	if err != nil {
		return nil, err
	}
	h := req.Header
	h.Set("Content-Type", "application/json")
	h.Set("Accept", "application/json")
	h.Set("User-Agent", "GuzzleHttp/7")
	if w.Event != EventTest && w.strikes[FaultUnsigned] == nil {
		s.signed(req, w, stamp)
		if s.bend.carry != nil {
			s.bend.carry(req, &body)
		}
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	return req, nil
}

// signed signs a try.
func (s *Server) signed(req *http.Request, w *Webhook, stamp string) {
	n := signing{method: http.MethodPost, endpoint: w.endpoint(req.URL), token: w.token,
		stamp: stamp, hashed: s.hashed(w.body), key: w.key(), mac: macHex}
	if s.bend.sign != nil {
		s.bend.sign(&n)
	}
	h := req.Header
	h.Set("X-PARTNER-ID", w.owner.APIKey)
	h.Set("Authorization", "Bearer "+n.token)
	h.Set("X-Timestamp", n.stamp)
	h.Set("X-Signature", n.mac(n.key, hookText(n)))
}

// stamped is the time that a try is signed for.
func (s *Server) stamped(w *Webhook) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.stamp.IsZero() || s.cfg.ResignRetries {
		w.stamp = s.clock.Now()
		for kind, sign := range map[FaultKind]time.Duration{FaultStale: -1, FaultFuture: 1} {
			if f := w.strikes[kind]; f != nil {
				w.stamp = w.stamp.Add(sign * cmp.Or(time.Duration(f.Delay), 10*time.Minute))
			}
		}
	}
	return w.stamp
}

func (s *Server) hashed(body []byte) []byte {
	if normal, err := normalise(body, s.cfg.Hash); err == nil {
		return normal
	}
	return body // garbage
}

func (w *Webhook) key() []byte {
	if w.strikes[FaultForged] != nil {
		return []byte("somebody else's key " + w.token)
	}
	if f := w.strikes[FaultWrongSecret]; f != nil {
		return []byte(cmp.Or(f.Value, w.owner.APIKey))
	}
	return w.owner.Secret.Reveal()
}

func (w *Webhook) endpoint(u *url.URL) string {
	if f := w.strikes[FaultWrongEndpoint]; f != nil {
		return cmp.Or(f.Value, "/elsewhere")
	}
	return u.RequestURI()
}

// tampered changes the body's last digit.
func tampered(body []byte) []byte {
	body = bytes.Clone(body)
	if i := bytes.LastIndexAny(body, "0123456789"); i >= 0 {
		body[i] = '0' + (body[i]-'0'+1)%10
	}
	return body
}
