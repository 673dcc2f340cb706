package simkit

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Clock is the time that a queue goes by.
type Clock interface {
	Now() time.Time
	// At returns a channel that delivers once the time t has come. An absolute time leaves a fake
	// clock that is moved between Now and At no gap.
	At(t time.Time) <-chan time.Time
}

// SystemClock is the machine's.
type SystemClock struct{}

// Now is the wall clock.
func (SystemClock) Now() time.Time { return time.Now() }

// At returns a channel that delivers once the time t has come.
func (SystemClock) At(t time.Time) <-chan time.Time { return time.After(time.Until(t)) }

// Job is something that is done when it falls due.
type Job[J any] struct {
	Due  time.Time
	What J

	seq int // order among jobs that fall due together
}

// Queue is what a simulated gateway has still to do: webhooks to send, and whatever else happens by
// itself. It is guarded by the gateway's own lock: Add, Sent, Sending and Any are called with it,
// the other methods without.
type Queue[J any] struct {
	lock    sync.Locker
	clock   Clock
	sends   func(J) bool
	perform func(context.Context, Job[J])
	jobs    []Job[J]
	seq     int
	wake    chan struct{} // one token: Run looks at its jobs again
	changed chan struct{} // closed and replaced when something was sent
}

// NewQueue makes an empty queue. perform is called without the lock. A job for which sends is true
// stays in the queue while it is performed, until Sent takes it off: Quiet waits for it.
func NewQueue[J any](lock sync.Locker, clock Clock, sends func(J) bool,
	perform func(context.Context, Job[J])) *Queue[J] {
	return &Queue[J]{lock: lock, clock: clock, sends: sends, perform: perform,
		wake: make(chan struct{}, 1), changed: make(chan struct{})}
}

// Add puts in what is to be done at due.
func (q *Queue[J]) Add(due time.Time, what J) {
	q.seq++
	q.jobs = append(q.jobs, Job[J]{Due: due, What: what, seq: q.seq})
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Any reports whether a job meets what is asked for.
func (q *Queue[J]) Any(meets func(Job[J]) bool) bool { return slices.ContainsFunc(q.jobs, meets) }

// Sending counts what waits to be sent or is on its way.
func (q *Queue[J]) Sending() int {
	n := 0
	for _, j := range q.jobs {
		if q.sends(j.What) {
			n++
		}
	}
	return n
}

// Sent takes off what has been sent.
func (q *Queue[J]) Sent(j Job[J]) {
	q.remove(j)
	close(q.changed)
	q.changed = make(chan struct{})
}

func (q *Queue[J]) remove(gone Job[J]) {
	q.jobs = slices.DeleteFunc(q.jobs, func(j Job[J]) bool { return j.seq == gone.seq })
}

// next takes the earliest job that is due. Otherwise at says when to look again; zero = when
// something new comes.
func (q *Queue[J]) next() (j Job[J], at time.Time, ok bool) {
	q.lock.Lock()
	defer q.lock.Unlock()
	if len(q.jobs) == 0 {
		return j, at, false
	}
	first := slices.MinFunc(q.jobs,
		func(a, b Job[J]) int { return cmp.Or(a.Due.Compare(b.Due), a.seq-b.seq) })
	if first.Due.After(q.clock.Now()) {
		return j, first.Due, false
	}
	if !q.sends(first.What) {
		q.remove(first)
	}
	return first, at, true
}

// NextDue is when Deliver will have something to do; ok is false when nothing waits.
func (q *Queue[J]) NextDue() (at time.Time, ok bool) {
	q.lock.Lock()
	defer q.lock.Unlock()
	for _, j := range q.jobs {
		if !ok || j.Due.Before(at) {
			at, ok = j.Due, true
		}
	}
	return at, ok
}

// Deliver does what is due now, in the caller's goroutine, and returns how much it was.
func (q *Queue[J]) Deliver(ctx context.Context) int {
	for n := 0; ; n++ {
		j, _, ok := q.next()
		if !ok || ctx.Err() != nil {
			return n
		}
		q.perform(ctx, j)
	}
}

// Run does what is due until ctx ends, and returns once the last of it is done. It must run at most
// once at a time.
func (q *Queue[J]) Run(ctx context.Context) {
	for ctx.Err() == nil {
		j, at, ok := q.next()
		if ok {
			q.perform(ctx, j)
			continue
		}
		var due <-chan time.Time
		if !at.IsZero() {
			due = q.clock.At(at)
		}
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-due:
		}
	}
}

// Quiet waits until nothing waits to be sent or is on its way, or returns ctx's error.
func (q *Queue[J]) Quiet(ctx context.Context) error {
	for {
		q.lock.Lock()
		n, changed := q.Sending(), q.changed
		q.lock.Unlock()
		if n == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
