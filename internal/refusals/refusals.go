// Package refusals is the log of those who are sent away: one throttle for all of them.
//
// Whoever reaches a port can be refused as often as he likes. He must not be able to fill the log,
// or to push everything else out of it. What is left out is counted and said with the next line of
// its kind; metrics count each. It keeps nothing that would have to survive a crash. A [Log] may be
// used by any goroutine.
package refusals

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many lines there are of one kind.
const (
	burst, every = 10, time.Second
	maxKinds     = 256 // those above it are one kind
)

// Throttle is what all parts of a program that refuse somebody have in common.
type Throttle struct {
	now func() time.Time

	mu    sync.Mutex
	kinds map[string]*kind
}

type kind struct {
	limit *rate.Limiter
	left  int // out, since the last line
}

// New makes a throttle; a program has one.
func New() *Throttle {
	return &Throttle{now: time.Now, kinds: make(map[string]*kind)}
}

// Log writes a part's lines through the throttle. A nil Throttle is one of the part's own.
func (t *Throttle) Log(to *slog.Logger) *Log {
	if t == nil {
		t = New()
	}
	return &Log{throttle: t, log: to}
}

// Log is where a part tells of refusals.
type Log struct {
	throttle *Throttle
	log      *slog.Logger
}

// Warn writes a line, or counts it. Which lines are of one kind its key says, which holds nothing
// that a stranger has sent.
func (l *Log) Warn(key, msg string, args ...any) { l.write(slog.LevelWarn, key, msg, args) }

// Info is Warn for what is no refusal, but comes as often as a stranger likes.
func (l *Log) Info(key, msg string, args ...any) { l.write(slog.LevelInfo, key, msg, args) }

func (l *Log) write(level slog.Level, key, msg string, args []any) {
	left, ok := l.throttle.pass(msg + " " + key)
	if !ok {
		return
	}
	log := l.log
	if left > 0 {
		log = log.With("left_out", left)
	}
	log.Log(context.Background(), level, msg, args...)
}

// pass is whether a line of the kind may be written, and how many of it were not since the last.
func (t *Throttle) pass(name string) (left int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.kinds[name]
	if k == nil && len(t.kinds) >= maxKinds {
		name = ""
		k = t.kinds[name]
	}
	if k == nil {
		k = &kind{limit: rate.NewLimiter(rate.Every(every), burst)}
		t.kinds[name] = k
	}
	if !k.limit.AllowN(t.now(), 1) {
		k.left++
		return 0, false
	}
	left, k.left = k.left, 0
	return left, true
}
